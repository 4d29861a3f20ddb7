"""How far a recorder's clock is off, and how sure that is (R-CLOCK). Pure.

A question leaves the dock at `sent`, and its answer is back `round trip` later; the recorder
read its clock at some moment in between, and told it truncated to its resolution. So its true
reading lies in [told, told + resolution), its moment in [sent, sent + round trip], and the
middle of both is the best that can be said. However lopsided the way there and back, the error
of that middle is at most half the round trip and half the resolution; what is stated is half the
round trip and the whole resolution, which leaves room for the dock's own rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_bridge.capabilities import ClockExchange


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMeasured:
    """A recorder's clock against the dock's. Times in microseconds.

    `offset_us` is positive where the recorder is ahead; the true difference between the two
    clocks lies within `uncertainty_us` of it. `sync` (one of hashing.entry.SYNC) and `source`
    say what the dock's own clock followed, `dock_uncertainty_us` how far that may be from UTC,
    None where nothing vouches for it.
    """

    offset_us: int
    uncertainty_us: int
    sync: str
    source: str
    dock_uncertainty_us: int | None

    @property
    def offset_ms(self) -> int:
        """The offset in milliseconds, rounded to the nearest."""
        return (self.offset_us + 500) // 1000

    @property
    def uncertainty_ms(self) -> int:
        """The uncertainty in milliseconds, rounded up, and half of one for the offset's rounding.

        So that what is written down in milliseconds still holds.
        """
        return -(-(self.uncertainty_us + 500) // 1000)

    @property
    def from_utc_us(self) -> int | None:
        """How far the dock itself may be from UTC; None where nothing vouches for it."""
        return self.dock_uncertainty_us if self.sync == "synchronized" else None

    @property
    def least_off_us(self) -> int:
        """How far off the recorder is at the least; 0 where it may be right."""
        return max(0, abs(self.offset_us) - self.uncertainty_us)

    @property
    def most_off_us(self) -> int:
        """How far off the recorder is at the most."""
        return abs(self.offset_us) + self.uncertainty_us


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """A recorder's clock was set; what it showed before and after, None where it shows none."""

    before: ClockMeasured | None
    after: ClockMeasured | None


def measured(
    exchange: ClockExchange, *, sync: str, source: str, dock_uncertainty_us: int | None
) -> ClockMeasured:
    """Return what one exchange says."""
    middle_us = exchange.sent_us + exchange.round_trip_us // 2
    return ClockMeasured(
        offset_us=exchange.recorder_us + exchange.resolution_us // 2 - middle_us,
        uncertainty_us=-(-exchange.round_trip_us // 2) + exchange.resolution_us,
        sync=sync,
        source=source,
        dock_uncertainty_us=dock_uncertainty_us,
    )


def best(
    exchanges: Sequence[ClockExchange],
    *,
    sync: str,
    source: str,
    dock_uncertainty_us: int | None,
) -> ClockMeasured:
    """Return what the surest of several exchanges says; of equals, the last one.

    Each exchange bounds the error by itself, so the others can be thrown away. Raises
    ValueError where there is none.
    """
    found = [
        measured(one, sync=sync, source=source, dock_uncertainty_us=dock_uncertainty_us)
        for one in reversed(exchanges)
    ]
    return min(found, key=lambda one: one.uncertainty_us)
