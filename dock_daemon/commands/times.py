"""Times as people type them: "17:50", "2026-11-22 17:50", "2026-11-22". Pure.

Local times of the office; with an offset ("2026-11-22T17:50+08:00") they say it themselves.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def parse(given: str, *, now_ms: int, zone: tzinfo, towards: Literal["past", "future"]) -> int:
    """Return the time that was typed, in ms UTC.

    A time of day is the nearest one `towards` there from now; a day alone is its end, or its
    beginning towards the past. Raises ValueError where it is no time.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    given = given.strip()
    if clock := _CLOCK.fullmatch(given):
        at = time(int(clock[1]), int(clock[2]))
        return _nearest(at, now, zone, towards)
    if _DAY.fullmatch(given):
        day = date.fromisoformat(given)
        day += timedelta(days=1) if towards == "future" else timedelta()
        return _ms(datetime.combine(day, time(), zone))
    found = datetime.fromisoformat(given)
    return _ms(found if found.tzinfo else found.replace(tzinfo=zone))


def _nearest(at: time, now: datetime, zone: tzinfo, towards: str) -> int:
    """Return the first such time of day from now on, or the last one up to now."""
    step = timedelta(days=1) if towards == "future" else timedelta(days=-1)
    found = datetime.combine(now.date(), at, zone)
    while (found <= now) if towards == "future" else (found > now):
        found = datetime.combine(found.date() + step, at, zone)
    return _ms(found)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // _MS
