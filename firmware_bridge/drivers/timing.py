"""The dock's time as a recorder is to be told it, and how long a question took. Pure.

Times are in microseconds; a recorder's own time is local and without a zone.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from firmware_bridge.capabilities import HostClock

SECOND_US: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def local_time(utc_us: int, zone: tzinfo) -> datetime:
    """Return the wall clock of `zone` at `utc_us`."""
    return (_EPOCH + timedelta(microseconds=utc_us)).astimezone(zone)


def utc_of(shown: datetime, zone: tzinfo) -> int:
    """Return the UTC at which `zone` shows `shown`; the first, where it does so twice."""
    return (shown.replace(tzinfo=zone) - _EPOCH) // _MICROSECOND


class Stopwatch:
    """One exchange: when it left, by the dock's UTC, and how long it took so far."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock
        self._began_us = clock.monotonic_us()
        self.sent_us = clock.utc_us()

    @property
    def elapsed_us(self) -> int:
        """How long ago it left."""
        return self._clock.monotonic_us() - self._began_us

    def left_ms(self, within_ms: int) -> int:
        """Return what is left of `within_ms`; zero or less when it is over."""
        return within_ms - self.elapsed_us // 1000
