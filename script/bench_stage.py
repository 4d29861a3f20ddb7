"""The stage of script/bench: the log that all work on, whoever else is installed, and the turns."""

import hashlib
import importlib
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

from hashing import growth, note
from hashing.canonical import JSON
from hashing.checkpoint import Checkpoint
from hashing.entry import GENESIS_PREV, At, Entry, leaf_hash
from hashing.keys import SignerKey
from hashing.merkle import Frontier

ROOT: Final = Path(__file__).resolve().parent.parent
ORIGIN: Final = "bench.example/0001"
KEY: Final = SignerKey.generate(ORIGIN, hashlib.sha256(b"no secret: a benchmark's key").digest())
AT: Final = At(
    utc_ms=1_767_225_600_000, sync="synchronized", source="ntp", boot="b" * 32, boot_ms=1
)
GO_PATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go sources
CLIPS: Final = 40  # of one docking
PROOFS: Final = 2_000  # of each kind and round

Work = Callable[[], object]

_MEASURE: Final = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class Log:
    """The log that all parties work on."""

    entries: list[bytes]
    leaves: list[bytes]
    roots: dict[int, bytes]
    directory: Path

    @property
    def size(self) -> int:
        """How many entries it has."""
        return len(self.entries)

    def read(self, path: str) -> bytes:
        """Return a file of the published log."""
        return (self.directory / path).read_bytes()


@dataclass(slots=True)
class Result:
    """What a contest came to."""

    name: str
    goal: float | None
    rates: dict[str, float]
    notes: list[str] = field(default_factory=list)


class Bench:
    """Runs contests and keeps what they came to."""

    def __init__(self, rounds: int, *, quiet: bool) -> None:
        self.results: list[Result] = []
        self._rounds = rounds
        self._quiet = quiet

    def contest(
        self, name: str, units: int, parties: dict[str, Work], goal: float | None = None
    ) -> Result:
        """Run each party once a round, in turns; the first is ours. Units are done by each run."""
        took: dict[str, list[float]] = {party: [] for party in parties}
        for turn in range(self._rounds):
            order = list(parties) if turn % 2 == 0 else list(reversed(parties))
            for party in order:
                began = time.perf_counter()
                parties[party]()
                took[party].append(time.perf_counter() - began)
        rates = {party: units / statistics.median(times) for party, times in took.items()}
        result = Result(name, goal, rates)
        self.results.append(result)
        self.say(self.line(result))
        return result

    def say(self, text: str) -> None:
        """Print a line, unless only the figures are wanted."""
        if not self._quiet:
            print(text, flush=True)

    def note(self, result: Result, text: str) -> None:
        """Add a fact to a result."""
        result.notes.append(text)
        self.say(f"    {text}")

    @staticmethod
    def line(result: Result) -> str:
        """Return a result as a person reads it."""
        (ours, rate), *others = result.rates.items()
        goal = "" if result.goal is None else f"  (goal {result.goal:,.0f}/s)"
        lines = [f"{result.name}\n    {ours:<42}{rate:>14,.0f}/s{goal}"]
        lines += [
            f"    {party:<42}{other:>14,.0f}/s   ours x {rate / other:.2f}"
            for party, other in others
        ]
        return "\n".join(lines)


def bodies() -> Iterator[tuple[str, dict[str, JSON]]]:
    """Yield kind and body of what a dock would write, docking after docking, without end."""
    yield (
        "genesis",
        {"origin": ORIGIN, "vkey": str(KEY.verifier()), "profile": 1, "software": "bench"},
    )
    number = 0
    while True:
        common: dict[str, JSON] = {"docking": number}
        paper = hashlib.sha256(b"document %d" % number).hexdigest()
        yield "docked", {**common, "bay": "1", "source": "device", "document": paper}
        yield "checked", {**common, "verdict": "good", "document": paper}
        for at in range(CLIPS):
            yield "clip", {**common, **clip(number * CLIPS + at), "document": paper}
        number += 1


def clip(number: int) -> dict[str, JSON]:
    """Return the rest of a clip's body."""
    return {
        "sha256": hashlib.sha256(b"clip %d" % number).hexdigest(),
        "size": 100_000_000 + number,
        "class": "media",
        "verified": "direct",
        "marks": [],
        "quarantine": False,
        "deadline": {
            "rule": "upload-24h",
            "base": "docked",
            "due_ms": AT.utc_ms + number,
            "late": False,
        },
    }


def make(size: int, directory: Path) -> Log:
    """Write a log of `size` entries; return it."""
    entries: list[bytes] = []
    leaves: list[bytes] = []
    prev = GENESIS_PREV
    for seq, (kind, body) in zip(range(size), bodies(), strict=False):
        entries.append(Entry(seq=seq, prev=prev, kind=kind, at=AT, body=body).encode())
        prev = leaf_hash(entries[-1])
        leaves.append(prev)
    frontier = Frontier()
    roots = {0: frontier.root()}
    wanted = set(old_sizes(size)) | {size}
    for leaf in leaves:
        frontier.append(leaf)
        if frontier.size in wanted:
            roots[frontier.size] = frontier.root()
    log = Log(entries, leaves, roots, directory)
    for path, data in growth.grow(0, entries, log.read):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    head = Checkpoint(ORIGIN, size, frontier.root())
    (directory / "checkpoint").write_bytes(note.sign(head.encode(), [KEY]))
    (directory / "vkey").write_text(f"{KEY.verifier()}\n", encoding="ascii")
    return log


def places(size: int) -> list[int]:
    """Return the indexes that proofs are made of: by chance, always the same."""
    chance = random.Random(1)  # noqa: S311  no secret
    return [chance.randrange(size) for _ in range(PROOFS)]


def old_sizes(size: int) -> list[int]:
    """Return the earlier sizes that proofs are made of."""
    return [index + 1 for index in places(size)]


@dataclass(frozen=True, slots=True)
class Peers:
    """Who else can do it, of those that are installed."""

    metamorphic: ModuleType | None
    bundle: ModuleType | None
    go: Path | None

    @classmethod
    def found(cls, folder: Path) -> "Peers":
        """Return those that are here."""
        metamorphic = optional("metamorphic_log")
        return cls(metamorphic, optional("proofbundle.merkle"), built(folder))

    @property
    def missing(self) -> list[str]:
        """The names of those that are not."""
        here = {
            "metamorphic-log": self.metamorphic,
            "proofbundle": self.bundle,
            "Go x/mod": self.go,
        }
        return [name for name, peer in here.items() if peer is None]

    def ask(self, log: Log, questions: str) -> None:
        """Put questions to Go; every one must have an answer that is not no."""
        command = [str(self.go), "proofs", str(KEY.verifier()), str(log.directory)]
        done = subprocess.run(command, input=questions, capture_output=True, text=True, check=True)
        if "no:" in done.stdout or done.stdout.count("\n") != questions.count("\n"):
            raise SystemExit("Go could not answer")


def optional(name: str) -> ModuleType | None:
    """Return a module if it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def built(folder: Path) -> Path | None:
    """Return the Go judge of the tests, built from Debian's sources, if that can be done here."""
    go = shutil.which("go")
    if go is None or not (GO_PATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        return None
    program = folder / "foreign"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOPATH": str(GO_PATH),
        "GO111MODULE": "off",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    source = ROOT / "tests" / "contract" / "foreign_go" / "main.go"
    subprocess.run([go, "build", "-o", str(program), str(source)], env=environment, check=True)
    return program


def machine() -> str:
    """Return what this was measured on."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(("model name", "Model")):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def peak_of(command: Sequence[str]) -> int:
    """Run a command that must succeed; return its peak memory in KiB.

    A small process stands between, since a child's peak counts what its parent
    held when it was started, and we hold a whole log.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-c", _MEASURE, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
