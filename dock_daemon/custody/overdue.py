"""Whether a recorder that is out should be back by now: an alarm names it (R-24H, R-LIAB).

Pure. Nobody knows what a recorder that is out has recorded, so its deadline follows from when
it should come back: the registered end of the shift, else the end of the day on which it was
issued; where the agency lets a trip move the base, the end of the trip. How long after that its
clips must be stored is for the agency's preset to say, which comes in as a function.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, TypeAlias

from dock_daemon.custody.standing import Issue, Standing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Until when clips must be stored (ms UTC), and by which rule."""

    rule: str
    due_ms: int


DueFrom: TypeAlias = Callable[[int], Due]
"""Returns the deadline of what was recorded up to a base (ms UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What decides when a recorder that is out is due: the preset's rule, and local time."""

    due_from: DueFrom
    zone: tzinfo
    trips: bool
    """Whether a registered trip moves the base to the return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """A recorder that is out, with its deadline."""

    recorder: str
    issue: Issue
    due: Due
    away_until_ms: int | None

    def overdue(self, now_ms: int) -> bool:
        """Tell whether the deadline has passed."""
        return now_ms > self.due.due_ms


def base_of(standing: Standing, issue: Issue, terms: Terms) -> int:
    """Return when the recorder should be back, or should have been (ms UTC)."""
    base_ms = issue.shift_end_ms
    if base_ms is None:
        base_ms = _end_of_day(issue.issued_ms, terms.zone)
    if terms.trips:
        ends = (
            trip.until_ms if trip.over_ms is None else trip.over_ms
            for trip in standing.trips
            if trip.began_ms >= issue.issued_ms
        )
        base_ms = max((base_ms, *ends))
    return base_ms


def outs(standings: Mapping[str, Standing], terms: Terms) -> list[Out]:
    """Return every recorder that is out, the one that is due first before the others."""
    found = [
        Out(
            recorder=recorder,
            issue=standing.out,
            due=terms.due_from(base_of(standing, standing.out, terms)),
            away_until_ms=None if standing.away is None else standing.away.until_ms,
        )
        for recorder, standing in standings.items()
        if standing.out is not None
    ]
    return sorted(found, key=lambda out: (out.due.due_ms, out.recorder))


def next_due(found: Iterable[Out], now_ms: int) -> int | None:
    """Return the next deadline that is still to pass (ms UTC); None if there is none."""
    return min((out.due.due_ms for out in found if not out.overdue(now_ms)), default=None)


def _end_of_day(at_ms: int, zone: tzinfo) -> int:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    # Its last moment, not the next day's first: a deadline in days counts from this day.
    return (midnight - _EPOCH) // timedelta(milliseconds=1) - 1
