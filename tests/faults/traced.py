"""`sealdock pull`, or another module, as a process of its own, disturbed by strace."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docks import ORIGIN, DockIn
from tests.require import need

ROOT = Path(__file__).resolve().parents[2]
# Everything by which the dock changes what is on its disk.
CHANGES = (
    "openat", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "linkat", "rename",
    "unlink", "ftruncate",
)  # fmt: skip
_CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)$")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of a trace: who made it, what it was, with its arguments as text."""

    thread: int
    name: str
    text: str
    # How many calls of this name the thread has made up to here.
    nth: int


@dataclass(slots=True)
class Pulled:
    """How a traced pull ended, and what it told until then."""

    code: int
    lines: list[dict[str, Any]]
    errors: str
    calls: list[Call] = field(default_factory=list)

    def sealed(self) -> list[dict[str, Any]]:
        """Return the clips that were acknowledged."""
        return [line for line in self.lines if line.get("state") == "sealed"]


def pull(dock: DockIn, card: Path, *strace: str) -> Pulled:
    """Run `sealdock pull CARD` on the dock's state under strace with these options.

    A trace goes to a file and comes back as `calls` when "-o" is not among them.
    """
    command = [
        "dock_daemon.commands.root", "pull", str(card), "--state", str(dock.root),
        "--config", str(dock.config), "--json",
    ]  # fmt: skip
    return run(dock.folder, command, *strace)


def run_plain(dock: DockIn, card: Path) -> Pulled:
    """Run `sealdock pull CARD` on the dock's state as a process of its own, undisturbed."""
    done = subprocess.run(
        [
            sys.executable, "-B", "-m", "dock_daemon.commands.root", "pull", str(card),
            "--state", str(dock.root), "--config", str(dock.config), "--json",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SEALDOCK_DOCK_ORIGIN": ORIGIN, "SEALDOCK_LANG": "en"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return Pulled(done.returncode, lines, done.stderr)


def run(folder: Path, module: Sequence[str], *strace: str) -> Pulled:
    """Run a module of ours, with its arguments, under strace; the trace goes into `folder`."""
    program = shutil.which("strace")
    need(program is not None, "strace")
    trace = folder / "trace"
    output = [] if "-o" in strace else ["-o", str(trace)]
    done = subprocess.run(
        [str(program), "-f", "-s", "300", *output, *strace, sys.executable, "-B", "-m", *module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SEALDOCK_DOCK_ORIGIN": ORIGIN, "SEALDOCK_LANG": "en"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Pulled(
        code=done.returncode,
        # A line that was cut off by the kill was never said.
        lines=[
            json.loads(line) for line in done.stdout.splitlines(keepends=True) if line[-1] == "\n"
        ],
        errors=done.stderr,
        calls=calls(trace.read_text(errors="replace")) if output else [],
    )


def calls(trace: str) -> list[Call]:
    """Return the calls of a trace in the order in which they began."""
    counts: Counter[tuple[int, str]] = Counter()
    found: list[Call] = []
    for line in trace.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        thread, name = int(match[1]), match[2]
        counts[thread, name] += 1
        found.append(Call(thread, name, match[3], counts[thread, name]))
    return found


def moments(found: Sequence[Call], state: Path) -> dict[str, list[int]]:
    """Return for each call name the counts at which strace's `when=` hits the dock itself.

    strace counts for each thread; the first thread to reach a count is hit. The reader
    is a process of its own and touches nothing, so what hits it is left out; so is what
    comes before the dock has its state's lock.
    """
    locked = next(at for at, call in enumerate(found) if f"{state}/lock" in call.text)
    ours = {call.thread for call in found[locked:] if str(state) in call.text}
    hit: dict[tuple[str, int], tuple[int, Call]] = {}
    for at, call in enumerate(found):
        hit.setdefault((call.name, call.nth), (at, call))
    chosen: dict[str, list[int]] = {}
    for (name, nth), (at, call) in sorted(hit.items(), key=lambda item: item[1][0]):
        if at >= locked and call.thread in ours:
            chosen.setdefault(name, []).append(nth)
    return chosen
