"""When the disk will be full, from what came in during the last weeks. Pure.

The rate is the mean of all whole days that are looked at, days without any docking among them,
or that of the last week, whichever is higher: an office that got twice the recorders is not
told by a month.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

DAY_MS: Final = 86_400_000
DAYS: Final = 28
"""So many whole days are looked at, at the most."""
_WEEK: Final = 7
_FAR: Final = 3650  # days; beyond that nobody plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """In how many days the disk is full, and by what that was reckoned.

    `full_in_days` is None where `why` says: `too-new` (no whole day yet), `nothing-came`,
    `far` (more than ten years). `over_days` is on how many whole days the rate rests.
    """

    full_in_days: int | None
    why: Literal["", "too-new", "nothing-came", "far"]
    bytes_per_day: int
    over_days: int
    free_bytes: int


def forecast(
    intake: Iterable[tuple[int, int]], *, first_ms: int | None, now_ms: int, free_bytes: int
) -> Forecast:
    """Tell when `free_bytes` are used up.

    `intake` is day (days since 1970, UTC) and bytes that came in; `first_ms` when this dock began
    to take over, None if it has not.
    """
    over = _whole_days(first_ms, now_ms)
    rate = per_day(intake, now_ms=now_ms, over_days=over) if over else 0
    if not over:
        return Forecast(
            full_in_days=None, why="too-new", bytes_per_day=0, over_days=0, free_bytes=free_bytes
        )
    days = free_bytes // rate if rate else None
    why: Literal["", "nothing-came", "far"] = ""
    if days is None:
        why = "nothing-came"
    elif days > _FAR:
        days, why = None, "far"
    return Forecast(
        full_in_days=days, why=why, bytes_per_day=rate, over_days=over, free_bytes=free_bytes
    )


def per_day(intake: Iterable[tuple[int, int]], *, now_ms: int, over_days: int = DAYS) -> int:
    """Return how many bytes come in on a day: on all of `over_days`, or in the last week."""
    today = now_ms // DAY_MS
    whole = {day: count for day, count in intake if day < today}
    spans = {over_days, min(_WEEK, over_days)}
    return max(
        sum(count for day, count in whole.items() if day >= today - span) // span for span in spans
    )


def _whole_days(first_ms: int | None, now_ms: int) -> int:
    """Return on how many whole days this dock has worked, DAYS at the most."""
    if first_ms is None:
        return 0
    # Of the first day only a part was seen.
    return min(DAYS, max(0, now_ms // DAY_MS - first_ms // DAY_MS - 1))
