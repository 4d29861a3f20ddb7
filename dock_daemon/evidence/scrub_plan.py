"""What of the store is read again next, so that all of it is within a period. Pure.

The store is cut into **units**, the directories that hold a 256th of a room each, and the ledger
as one more. Always the unit is next whose last reading began longest ago, so each waits for all
others once at the most. A unit is *ripe* once three quarters of the period have passed, or sooner
where reading everything takes longer than the rest of it. Units that were read in one go drift
apart: one is begun each time that a ripe time, divided by the number of units, has passed since
the last. So the work is spread evenly, and a dock that was off for a week still keeps the period.

New clips come first: each is read again once, some hours after it was sealed, or as soon as the
dock was started anew: what a disk's own cache pretended shows only then.

Times are milliseconds, sizes bytes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

_RIPE: Final = 0.75
_PERIODS: Final = 1000  # a second has so many milliseconds; rates are bytes a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the settings ask for."""

    period_ms: int
    new_after_ms: int
    new_within_ms: int
    bytes_per_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One part of the store. `read_ms`: when the last whole reading of it began.

    `since_ms`: when the reading began that is under way; None where none is. `size` is what
    it held when it was read last, or what it is believed to hold.
    """

    room: str
    fan: str
    read_ms: int
    since_ms: int | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """The oldest clip that was not read again yet.

    `age_ms` is how long ago it was sealed; None where nobody can tell, because the dock was
    started since.
    """

    age_ms: int | None


@dataclass(frozen=True, slots=True)
class ReadNew:
    """Read the oldest new clip again."""


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """Begin a unit, or go on with it."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is due for so long."""

    for_ms: int


Step: TypeAlias = ReadNew | ReadUnit | Rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Whether the period can be kept. `keeps` is a promise only while the dock may read.

    `pass_ms` is how long one reading of everything takes at the throttle, `needed` the bytes a
    second that would keep the period, `oldest_ms` how long the unit waits that waits longest.
    """

    keeps: bool
    needed: int
    pass_ms: int
    oldest_ms: int
    behind: bool


def next_step(
    units: Sequence[Unit], new: New | None, terms: Terms, *, now_ms: int, asked_ms: int = 0
) -> Step:
    """Return what is due now. `asked_ms`: a person wanted all of it read, at that time."""
    if new is not None and (new.age_ms is None or new.age_ms >= terms.new_after_ms):
        return ReadNew()
    if not units:
        return Rest(_new_due(new, terms))
    under_way = next((one for one in units if one.since_ms is not None), None)
    if under_way is not None:
        return ReadUnit(under_way)
    oldest = min(units, key=lambda one: (_began(one, now_ms), one.room, one.fan))
    wait = _wait(units, oldest, terms, now_ms)
    if oldest.read_ms < asked_ms or wait <= 0:
        return ReadUnit(oldest)
    return Rest(min(wait, _new_due(new, terms)))


def outlook(
    units: Sequence[Unit], terms: Terms, *, now_ms: int, new_bytes_per_day: int = 0
) -> Outlook:
    """Tell whether everything is read within the period at this throttle.

    A unit's readings lie no further apart than one reading of everything and of the largest unit.
    What comes in within a period is read once more than that.
    """
    total = sum(one.size for one in units)
    largest = max((one.size for one in units), default=0)
    period_s = terms.period_ms / _PERIODS
    new = new_bytes_per_day * terms.period_ms / 86_400_000
    needed = math.ceil((total + largest + new) / period_s)
    oldest_ms = max((now_ms - _began(one, now_ms) for one in units), default=0)
    return Outlook(
        keeps=needed <= terms.bytes_per_s,
        needed=needed,
        pass_ms=_takes(total, terms),
        oldest_ms=oldest_ms,
        behind=oldest_ms > terms.period_ms,
    )


def ripe_ms(units: Sequence[Unit], terms: Terms) -> int:
    """Return after how long a unit is read again where nothing hinders it.

    All others may be ripe at the same moment, and be read before it.
    """
    largest = max((one.size for one in units), default=0)
    all_of_them = _takes(sum(one.size for one in units) + largest, terms)
    return max(0, min(int(terms.period_ms * _RIPE), terms.period_ms - all_of_them))


def _wait(units: Sequence[Unit], oldest: Unit, terms: Terms, now_ms: int) -> int:
    """Return how long the oldest unit may still wait."""
    ripe = ripe_ms(units, terms)
    newest = max(_began(one, now_ms) for one in units)
    by_age = _began(oldest, now_ms) + ripe - now_ms
    by_beat = newest + ripe // len(units) - now_ms
    return min(by_age, by_beat)


def _began(unit: Unit, now_ms: int) -> int:
    """Return when a unit was read; a time to come tells of a clock that was set: never."""
    return unit.read_ms if unit.read_ms <= now_ms else -1


def _new_due(new: New | None, terms: Terms) -> int:
    if new is None or new.age_ms is None:
        return terms.new_after_ms
    return max(0, terms.new_after_ms - new.age_ms)


def _takes(size: int, terms: Terms) -> int:
    """Return how long so many bytes take at the throttle, in ms."""
    return -(-size * _PERIODS // terms.bytes_per_s)
