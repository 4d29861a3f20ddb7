"""Runs commands of the dock that are to suffer: `python -m tests.faults.injected.forker`.

Everything is imported once, then each order is a fork: a docking costs what the dock costs, and a
table of some hundred faults is a matter of a minute. An order is a line of JSON on standard input,
its answer one on standard output:

    {"sealdock": [ARGUMENT, …], "fault": {…} | null, "limits": {"AS": BYTES, "NOFILE": N}}
    → {"status": WAIT STATUS, "out": TEXT, "err": TEXT, "tape": TEXT}
"""

import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from dock_daemon.commands import root
from tests.faults.injected.library import Calls, Fault
from tests.power.saying import say

ROOT: Final = Path(__file__).resolve().parents[3]
# A docking of these tests takes a tenth of one; what runs for ever is ended, and told.
_CPU_S: Final = 30


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: `code` is its exit code, or minus the signal that ended it."""

    code: int
    lines: list[dict[str, Any]]
    errors: str
    calls: list[str]

    def sealed(self) -> list[dict[str, Any]]:
        """Return the clips that were acknowledged."""
        return [line for line in self.lines if line.get("state") == "sealed"]


class Forker:
    """Such a process, seen from outside."""

    def __init__(self, library: Path, environment: Mapping[str, str]) -> None:
        """Begin one, with the fault library loaded."""
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.faults.injected.forker"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LD_PRELOAD": str(library), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(
        self,
        *arguments: str,
        fault: Fault | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> Ran:
        """Run `sealdock ARGUMENTS`, suffering as told."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "sealdock": arguments,
            "fault": None if fault is None else fault.as_json(),
            "limits": limits or {},
        }
        print(json.dumps(order), file=self._process.stdin, flush=True)
        told = json.loads(self._process.stdout.readline())
        # What was cut off by the end was never said.
        whole = [line for line in told["out"].splitlines(keepends=True) if line[-1] == "\n"]
        return Ran(
            code=os.waitstatus_to_exitcode(told["status"]),
            lines=[json.loads(line) for line in whole],
            errors=told["err"],
            calls=told["tape"].splitlines(),
        )


def main() -> None:
    """Serve until there are no more orders."""
    os.environ.pop("LD_PRELOAD")  # what the dock starts is no concern of ours
    calls = Calls()
    with tempfile.TemporaryDirectory() as folder:
        # What is imported late is imported now, once for all.
        card = Path(folder, "card")
        card.mkdir()
        (card / "A.MP4").write_bytes(b"a clip")
        warm = ["pull", str(card), "--state", f"{folder}/state", "--config", folder, "--json"]
        _forked(calls, {"sealdock": warm, "fault": None, "limits": {}})
        _imported(warm)
    gc.freeze()
    for line in sys.stdin:
        say(json.dumps(_forked(calls, json.loads(line))))


def _imported(arguments: Sequence[str]) -> None:
    """Run a command in this very process, for the sake of what it imports."""
    kept = os.dup(1)
    with Path(os.devnull).open("w", encoding="ascii") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        sys.argv = ["sealdock", *arguments]
        with contextlib.suppress(SystemExit):
            root.main()
    sys.stdout.flush()
    os.dup2(kept, 1)
    os.close(kept)


def _forked(calls: Calls, order: Mapping[str, Any]) -> dict[str, Any]:
    calls.clear()
    out, err = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        os.dup2(out, 1)
        os.dup2(err, 2)
        _suffer(calls, order)
    _, status = os.waitpid(child, 0)
    told = {"status": status, "out": _text(out), "err": _text(err), "tape": calls.tape()}
    os.close(out)
    os.close(err)
    return told


def _suffer(calls: Calls, order: Mapping[str, Any]) -> None:
    """Carry the order out, and end."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
        for name, most in order["limits"].items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        if order["fault"] is not None:
            calls.arm(order["fault"])
        sys.argv = ["sealdock", *order["sealdock"]]
        root.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  a command lets nothing out: this is a fault of its own
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        os._exit(code)


def _text(handle: int) -> str:
    return os.pread(handle, os.fstat(handle).st_size, 0).decode("utf-8", "replace")


if __name__ == "__main__":
    main()
