"""The dock's commands, run in this process on a dock in a folder."""

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from dock_daemon.commands.root import sealdock
from tests.docks import ORIGIN, DockIn


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        told: dict[str, Any] = json.loads(self.out)
        return told

    @property
    def error(self) -> dict[str, Any]:
        """The one object on stderr."""
        told: dict[str, Any] = json.loads(self.err)
        return told


def command(dock: DockIn, *arguments: str, lang: str = "en") -> Ended:
    """Run a command on the dock's state, with the settings that were written last."""
    where = ["--state", str(dock.root), "--config", str(dock.config), "--lang", lang]
    env = {"SEALDOCK_DOCK_ORIGIN": ORIGIN}
    done = CliRunner().invoke(sealdock, [*arguments, *where], env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(done.exit_code, done.stdout, done.stderr)


def verify(*arguments: str) -> Ended:
    """Run `sealdock verify`, which needs no dock."""
    done = CliRunner().invoke(sealdock, ["verify", *arguments, "--lang", "en"])
    return Ended(done.exit_code, done.stdout, done.stderr)
