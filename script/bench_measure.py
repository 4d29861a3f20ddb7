"""What a command costs, and contests between commands: run in turns, medians kept."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

# A small process stands between: the kernel adds up what its children cost, and what they read
# and wrote, once they have ended, and their peak memory does not count ours.
_MEASURE: Final = """
import json, resource, subprocess, sys, time
def io():
    rows = (line.split(": ") for line in open("/proc/self/io"))
    return {name: int(count) for name, count in rows}
before, began = io(), time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
wall, after, used = time.perf_counter() - began, io(), resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "rss_mib": used.ru_maxrss / 1024,
    "read_mb": (after["rchar"] - before["rchar"]) / 1e6,
    "written_mb": (after["wchar"] - before["wchar"]) / 1e6,
    "disk_read_mb": (after["read_bytes"] - before["read_bytes"]) / 1e6,
    "disk_written_mb": (after["write_bytes"] - before["write_bytes"]) / 1e6,
}))
sys.exit(code)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run cost, or the medians of several. Read and written: by system calls; on disk."""

    wall_s: float
    cpu_s: float = 0.0
    rss_mib: float = 0.0
    read_mb: float = 0.0
    written_mb: float = 0.0
    disk_read_mb: float = 0.0
    disk_written_mb: float = 0.0


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command that must succeed, and all that it starts; return what it cost."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _MEASURE, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Cost(**json.loads(done.stdout))


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    rows = [asdict(cost) for cost in costs]
    return Cost(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure of ours that must not pass a bound: a ratio to a peer's wall time, or itself."""

    what: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.found <= self.most

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.what}: {self.found:.2f}, goal {self.most:g}{'' if self.met else '  MISSED'}"


@dataclass(slots=True, kw_only=True)
class Result:
    """What a contest came to: medians by party, ours first."""

    name: str
    costs: Mapping[str, Cost]
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ratio(self, peer: str) -> float:
        """Return our wall time divided by a peer's."""
        return next(iter(self.costs.values())).wall_s / self.costs[peer].wall_s

    def lines(self) -> list[str]:
        """Return it as a person reads it."""
        ours, *_ = self.costs
        head = f"{self.name}\n    {'':<34}{'wall s':>8}{'CPU s':>8}{'MB read':>9}{'written':>9}"
        lines = [f"{head}{'MiB':>6}   ours x wall"]
        for party, cost in self.costs.items():
            ratio = "" if party == ours else f"{self.ratio(party):>12.2f}"
            figures = f"{cost.wall_s:>8.2f}{cost.cpu_s:>8.2f}{cost.read_mb:>9,.0f}"
            lines.append(
                f"    {party:<34}{figures}{cost.written_mb:>9,.0f}{cost.rss_mib:>6.0f}{ratio}"
            )
        return [*lines, *(f"    {goal}" for goal in self.goals), *(f"    {n}" for n in self.notes)]


def contest(name: str, parties: Mapping[str, Callable[[], Cost]], *, rounds: int) -> Result:
    """Run each party once a round, in turns and in changing order; the first is ours."""
    costs: dict[str, list[Cost]] = {party: [] for party in parties}
    for turn in range(rounds):
        order = list(parties)[:: 1 if turn % 2 == 0 else -1]
        for party in order:
            costs[party].append(parties[party]())
    return Result(name=name, costs={party: median(found) for party, found in costs.items()})


def load() -> tuple[float, bool]:
    """Return how busy the machine is (runnable processes in the last minute), and if too busy."""
    busy = os.getloadavg()[0]
    return busy, busy > (os.cpu_count() or 1) / 2


def file_system(place: Path) -> str:
    """Return kind and device of the file system that holds `place`."""
    found = subprocess.run(
        ["stat", "-f", "-c", "%T", str(place)],  # noqa: S607  that of whoever measures
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()
