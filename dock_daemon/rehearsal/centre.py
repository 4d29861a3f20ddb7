"""A centre for the demo: the real program, as a process of its own on a loopback port."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dock_daemon.rehearsal import children
from dock_daemon.rehearsal.card import ToolError

ORIGIN: Final = "demo.invalid/centre"
_STOP_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre that runs."""

    folder: Path
    url: str
    witness: str
    """The vkey of its witness."""
    mirror: str
    """The vkey of its mirror."""

    def call(self, *arguments: str) -> list[dict[str, Any]]:
        """Run one of the centre's commands; return its lines of JSON, or raise ToolError."""
        return _call(self.folder, *arguments)

    def cosigners(self) -> str:
        """Return the part of a dock's configuration that names this centre."""
        return "".join(
            f'\n[[cosigners]]\nname = "centre-{role}"\nrole = "{role}"\nkeys = ["{key}"]\n'
            f'url = "{self.url}/{role}"\n'
            for role, key in (("witness", self.witness), ("mirror", self.mirror))
        )


def installed() -> bool:
    """Tell whether the centre's program and its database are there: a dock needs neither."""
    return all(importlib.util.find_spec(name) for name in ("central", "sqlalchemy"))


@contextmanager
def running(folder: Path) -> Iterator[Centre]:
    """Give a centre that runs below `folder` until the block ends; raise ToolError."""
    _configure(folder)
    keys = {row["role"]: row["keys"][0] for row in _call(folder, "key", "show")}
    process = children.start(
        _command("run", "--json"), errors=subprocess.DEVNULL, env=_environment(folder)
    )
    try:
        yield Centre(folder, _address(process), keys["witness"], keys["mirror"])
    finally:
        children.end(process, within_s=_STOP_WITHIN_S)


def _address(process: "subprocess.Popen[bytes]") -> str:
    """Wait until the centre says where it listens; raise ToolError if it never does."""
    line = b"" if process.stdout is None else process.stdout.readline()
    try:
        return f"http://{json.loads(line)['address']}"
    except (ValueError, KeyError):
        raise ToolError("sealdock-central", "it does not say where it listens") from None


def _configure(folder: Path) -> None:
    etc = folder / "etc"
    etc.mkdir(parents=True)
    etc.joinpath("central.toml").write_text(
        f'[centre]\norigin = "{ORIGIN}"\nname = "DEMO"\n\n[storage]\nstate = "{folder}/state"\n\n'
        '[web]\nlisten = "127.0.0.1:0"\n\n[inventory]\nat = ""\n',
        encoding="utf-8",
    )


def _call(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        _command(*arguments, "--json"), env=_environment(folder), capture_output=True, check=False
    )
    try:
        return [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError:
        raise ToolError("sealdock-central", done.stderr.decode("utf-8", "replace")) from None


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "central.commands.root", *arguments]


def _environment(folder: Path) -> dict[str, str]:
    mine = {
        name: value
        for name, value in children.environment().items()
        if not name.startswith("SEALDOCK_CENTRAL")
    }
    return {**mine, "SEALDOCK_CENTRAL_CONFIG": str(folder / "etc")}
