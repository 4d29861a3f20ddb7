"""Where the dock's clock was set: docs/formats/entry.md section 5, 5 to 7.

Each entry states the wall clock and the time since boot. Within one boot the two differ by
one number: whatever slews the one slews the other, and only setting the wall clock changes
it. Across a boot the wall clock must not go back. So every boot has an anchor, its first
entry or the last one that told of a step, and each later entry is held against that: many
small steps add up to a large one.
"""

from dataclasses import dataclass
from typing import Final

from hashing.entry import At

# What is no step: two clocks are not read at one instant, and a leap second is one second.
SLACK_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set: by so many ms, forward if positive."""

    by_ms: int
    rebooted: bool
    """The time between could not be told: only a step back of at least `by_ms` is certain."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the entries so far say of the clock."""

    anchor: At
    last: At

    def step_to(self, now: At) -> Step | None:
        """Return how the wall clock was set before `now`, or None if it just ran."""
        if now.boot == self.anchor.boot:
            by_ms = (now.utc_ms - now.boot_ms) - (self.anchor.utc_ms - self.anchor.boot_ms)
            return Step(by_ms, rebooted=False) if abs(by_ms) > SLACK_MS else None
        by_ms = now.utc_ms - self.last.utc_ms
        return Step(by_ms, rebooted=True) if by_ms < -SLACK_MS else None

    def after(self, now: At, *, told: bool) -> "Watch":
        """Return what is so once an entry of `now` stands; `told`: it tells of a step."""
        return Watch(now if told or now.boot != self.anchor.boot else self.anchor, now)


def begin(first: At) -> Watch:
    """Return what the first entry says."""
    return Watch(first, first)
