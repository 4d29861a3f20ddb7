"""Starts the dock, again and again, each time as a fresh process: `python -m tests.power.starter`.

It has everything imported and forks for each order, so that a start costs what the dock costs and
not what Python's imports do. An order is a line of JSON on standard input, its answer one on
standard output:

    {"start": STATE, "config": DIR}                → {"error": ""}    recovery: opened, and closed
    {"sealdock": ["pull", CARD, …]}                → {"error": ""}    a command, whole
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Self

from config.loader import load
from dock_daemon.clock import SystemClock
from dock_daemon.commands.root import main as sealdock
from dock_daemon.evidence.state import open_state
from tests.power.saying import say


class Starter:
    """Such a process, seen from outside."""

    def __init__(self, root: Path) -> None:
        """Begin one that runs in the checkout at `root`."""
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.power.starter"],
            cwd=root,
            env={"PATH": os.environ["PATH"], "SEALDOCK_LANG": "en"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, state: Path, config: Path) -> str:
        """Start the dock and stop it; return what went wrong, if anything did."""
        return self._order({"start": str(state), "config": str(config)})

    def pull(self, card: Path, state: Path, config: Path, *, reread: bool = False) -> str:
        """Dock a card; return what went wrong, if anything did."""
        where = ["--state", str(state), "--config", str(config), "--json"]
        return self._order({"sealdock": ["pull", str(card), *where, *["--reread"] * reread]})

    def verify(self, state: Path) -> str:
        """Verify log and store; return what the verifier says unless it is that all holds."""
        log = state / "log"
        command = ["verify", str(log), "--key", str(log / "vkey"), "--store", str(state / "store")]
        return self._order({"sealdock": [*command, "--json"]})

    def _order(self, order: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return str(answer["error"])


def main() -> None:
    """Serve until there are no more orders."""
    with tempfile.TemporaryDirectory() as folder:
        # What is imported late is imported now, once for all.
        _carried_out({"start": f"{folder}/state", "config": folder})
    gc.freeze()
    for line in sys.stdin:
        inward, outward = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(outward, _carried_out(json.loads(line)).encode("utf-8", "replace")[:60_000])
            os._exit(0)
        os.close(outward)
        with os.fdopen(inward, "rb") as answer:
            error = answer.read().decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
        if status:
            error = error or f"the dock died of {status}"
        say(json.dumps({"error": error}))


def _carried_out(order: dict[str, Any]) -> str:
    """Do it, in the child; return what went wrong."""
    try:
        if "sealdock" in order:
            return _command(order["sealdock"])
        overrides = {"storage.state": order["start"]}
        loaded = load(Path(order["config"]), env={}, overrides=overrides, host="test")
        open_state(loaded, SystemClock(), can_ask=False).close()
    except BaseException as error:  # noqa: BLE001  whatever it was, it is the answer
        return "".join(traceback.format_exception(error))
    return ""


def _command(arguments: list[str]) -> str:
    """Run a command; return what it said, unless it ended well."""
    told = os.memfd_create("told")
    os.dup2(told, 1)
    sys.argv = ["sealdock", *arguments]
    try:
        sealdock()
    except SystemExit as end:
        if end.code not in {0, None}:
            said = os.pread(told, 4096, max(0, os.fstat(told).st_size - 4096)).decode()
            return f"{arguments[0]} ended with {end.code}: {said}"
    return ""


if __name__ == "__main__":
    main()
