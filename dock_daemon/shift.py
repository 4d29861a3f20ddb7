"""When all docked recorders are looked at again: local times of the office, every day.

The wall clock is looked at anew at least once a minute, so that neither a step of it nor a
sleep of the machine makes a check drift; each time of day comes once a day, whatever the
clock does in between.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_LOOK_AGAIN_S: Final = 60.0


def next_check(after: datetime, times: Sequence[str], zone: ZoneInfo) -> datetime | None:
    """Return the first of the local `times` ("07:30") after a moment, in UTC; None without any.

    A time that summer time skips is taken as much later as was skipped; of one that comes
    twice, the first counts.
    """
    today = after.astimezone(zone).date()
    days = (today + timedelta(days=ahead) for ahead in (-1, 0, 1, 2))
    coming = (_moment(day, one, zone) for day in days for one in times)
    return min((at for at in coming if at > after), default=None)


def _moment(day: date, text: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), zone).astimezone(UTC)


class ShiftChecks:
    """Calls `check` at each of the times, until cancelled."""

    def __init__(
        self,
        times: Sequence[str],
        zone: ZoneInfo,
        check: Callable[[], None],
        *,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._times = times
        self._zone = zone
        self._check = check
        self._now = now
        self._pause = pause

    async def run(self) -> None:
        """Serve; return at once where no time is set."""
        done = self._now()
        while (due := next_check(done, self._times, self._zone)) is not None:
            while (left_s := (due - self._now()).total_seconds()) > 0:
                await self._pause(min(left_s, _LOOK_AGAIN_S))
            self._check()
            # A clock that was set back does not make a check come twice; one that was set
            # ahead over several makes them one.
            done = max(due, self._now())
