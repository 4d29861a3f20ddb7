"""Until when each clip must be stored, and from what that follows (R-24H, R-2WD).

Pure. The base of a deadline is the registered return, else the end of the day's last clip
by corrected time; where it is unsure, the earlier of what is possible, and it is marked
unsure. A time that the recorder can't have meant is no base at all: then the docking is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

from config.presets import DeadlineRule, RulePreset
from dock_daemon.custody.standing import Standing
from dock_daemon.docking.working_days import WorkingDays

Base = Literal["last-clip-of-day", "return", "docking"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a clip is due, and why. `sure` is False where the base is the best of guesses.

    `unknown_year` is a year of which nobody knows yet which days are worked: the due time is
    then the earliest that is possible.
    """

    rule: str
    base: Base
    base_ms: int
    sure: bool
    due_ms: int
    unknown_year: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due (ms UTC); `unknown_year` as in a Deadline."""

    due_ms: int
    unknown_year: int | None = None


def deadline_of(
    clip_end: datetime | None,
    day_last_end: datetime | None,
    *,
    corrected: bool,
    docked_at_utc_ms: int,
    returned_utc_ms: int | None,
    preset: RulePreset,
    tz: tzinfo,
    days: WorkingDays,
) -> Deadline:
    """Return the deadline of one clip.

    `clip_end` is the clip's end, local and naive, or with its own zone; None if the recorder
    stored no usable one. `corrected` tells whether it is by a clock whose error was measured:
    else the base is unsure. `day_last_end` is that day's last end, from `day_ends`.
    `returned_utc_ms` is the registered return that counts for the clip (`return_of`), if any.
    """
    base, base_ms, sure = _base(
        usable_ms(clip_end, preset, tz),
        usable_ms(day_last_end, preset, tz),
        docked_at_utc_ms,
        returned_utc_ms,
    )
    # An agency that counts from the return leaves a clip without one to the earlier time.
    if base == "last-clip-of-day" and preset.deadline.base == "return":
        sure = False
    due = due_after(base_ms, preset.deadline, tz, days)
    return Deadline(
        rule=preset.deadline.rule,
        base=base,
        base_ms=base_ms,
        sure=sure and corrected and due.unknown_year is None,
        due_ms=due.due_ms,
        unknown_year=due.unknown_year,
    )


def due_after(base_ms: int, rule: DeadlineRule, tz: tzinfo, days: WorkingDays) -> Due:
    """Return when something is due whose time runs from `base_ms`.

    Hours are counted to the millisecond. Of working days the day of the base is none, and the
    last one counts to its end (24:00 local). In a year that was not announced every day counts
    as worked: the earliest due time that is possible, and marked so.
    """
    if rule.hours is not None:
        return Due(base_ms + rule.hours * _HOUR_MS)
    day = datetime.fromtimestamp(base_ms / 1000, UTC).astimezone(tz).date()
    left, unknown = rule.working_days or 0, None
    while left > 0:
        day += timedelta(days=1)
        worked = days.worked(day)
        if worked is None and unknown is None:
            unknown = day.year
        left -= worked is not False
    midnight = datetime.combine(day + timedelta(days=1), time(), tz)
    return Due((midnight - _EPOCH) // timedelta(milliseconds=1), unknown)


def return_of(end_ms: int | None, standing: Standing, preset: RulePreset, tz: tzinfo) -> int | None:
    """Return the registered return from which the clip's time runs (ms UTC), if there is one.

    The return from a trip counts where the agency lets trips move the base; any other return
    where the agency counts from it, or where it was on the day of the clip: nobody is back before
    the day's work has ended.
    """
    returned_ms = standing.returned_ms
    if end_ms is None:
        return returned_ms
    trip = standing.trip_at(end_ms) if preset.trips.move_base else None
    if trip is not None and trip.ended_ms is not None:
        return trip.ended_ms
    if returned_ms is None or returned_ms < end_ms:
        return None
    same_day = _day(returned_ms, tz) == _day(end_ms, tz)
    return returned_ms if preset.deadline.base == "return" or same_day else None


def _day(at_ms: int, tz: tzinfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(tz).date()


def late(due_ms: int, done_ms: int) -> bool:
    """Tell whether a clip that was stored at `done_ms` had been due before (ms UTC)."""
    return done_ms > due_ms


def day_ends(ends: Iterable[datetime | None], tz: tzinfo) -> dict[date, datetime]:
    """Return each local calendar day's last end, naive and local; None counts for nothing."""
    last: dict[date, datetime] = {}
    for end in ends:
        if end is not None:
            local = local_of(end, tz)
            last[local.date()] = max(last.get(local.date(), local), local)
    return last


def local_of(stored: datetime, tz: tzinfo) -> datetime:
    """Return a stored time as the office's local time, naive; its own zone, if any, counts."""
    return stored if stored.tzinfo is None else stored.astimezone(tz).replace(tzinfo=None)


def _base(
    end_ms: int | None, day_ms: int | None, docked_ms: int, returned_ms: int | None
) -> tuple[Base, int, bool]:
    # (1) A return counts for what was recorded before it, and not for a later outing.
    if returned_ms is not None and returned_ms <= docked_ms and (end_ms or 0) <= returned_ms:
        return "return", returned_ms, end_ms is not None
    # (2) No usable time, or one that lies in the future: all we know is the docking.
    if end_ms is None or end_ms > docked_ms:
        return "docking", docked_ms, False
    # (3) The day's last clip; one beyond the docking can't have been recorded by then.
    last_ms = max(end_ms, day_ms if day_ms is not None else end_ms)
    if last_ms > docked_ms:
        return "last-clip-of-day", end_ms, False
    return "last-clip-of-day", last_ms, True


def usable_ms(stored: datetime | None, preset: RulePreset, tz: tzinfo) -> int | None:
    """Return a stored time as ms UTC; None where it only says that the clock was lost.

    A local time that came twice (clocks put back) counts as the earlier one.
    """
    if stored is None:
        return None
    local = local_of(stored, tz)
    if local.date() < preset.times.usable_from:
        return None
    return (local.replace(tzinfo=tz, fold=0) - _EPOCH) // timedelta(milliseconds=1)
