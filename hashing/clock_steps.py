"""Where the dock's clock jumped between two entries: docs/formats/entry.md section 5.5.

Each entry states the wall clock and the time since boot. Within one boot both run at one
rate, but for what a time service may slew; across a boot the wall clock must not go back.
"""

from dataclasses import dataclass
from typing import Final

from hashing.entry import At

# What is no jump: reading two clocks takes a moment, and they drift apart by at most
# 0.1 per cent (adjtime slews by half of that).
SLACK_MS: Final = 2_000
DRIFT_PER_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set: by so many ms, forward if positive."""

    by_ms: int
    rebooted: bool
    """The time between could not be told: only a step back of at least `by_ms` is certain."""


def step_between(before: At, now: At) -> Step | None:
    """Return the jump of the wall clock between two entries, or None if it just ran."""
    wall = now.utc_ms - before.utc_ms
    if before.boot != now.boot:
        return Step(wall, rebooted=True) if wall < -SLACK_MS else None
    ran = now.boot_ms - before.boot_ms
    off = wall - ran
    return Step(off, rebooted=False) if abs(off) > SLACK_MS + abs(ran) // DRIFT_PER_MS else None
