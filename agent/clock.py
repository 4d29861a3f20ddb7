"""The recorder's time: the system's own, or the system's with an offset that is kept.

All times of the companion come from here, so that journal and dock are told the same. Times
are in microseconds since 1970, UTC; where summer time ends or a zone changes, nothing happens.
"""

import fcntl
import json
import os
import struct
import time
from pathlib import Path
from typing import Final, Protocol

from agent import durable
from agent.errors import ClockNotKeptError, ClockNotSetError, StateUnusableError

_US: Final = 1_000_000
_MAX_OFFSET_US: Final = 200 * 366 * 86_400 * _US

# <linux/rtc.h>: RTC_SET_TIME is _IOW('p', 0x0a, struct rtc_time), nine ints, as struct tm has
# them: seconds first, months from 0, years from 1900; the last three are not looked at.
_RTC_SET_TIME: Final = 0x4024700A
_RTC_TIME: Final = struct.Struct("9i")


class Clock(Protocol):
    """The recorder's time."""

    def now_us(self) -> int:
        """Return the time."""

    def set(self, now_us: int) -> None:
        """Take `now_us` for the time from now on, power cut or not; raise ClockNotSetError."""


class SystemClock:
    """The system's clock, and the battery-backed one beside it if there is one."""

    def __init__(self, rtc: Path | None) -> None:
        self._rtc = rtc

    def now_us(self) -> int:
        """Return the time."""
        return time.time_ns() // 1000

    def set(self, now_us: int) -> None:
        """Set the system's clock, then the battery-backed one; raise ClockNotSetError.

        When only the second fails, that is a ClockNotKeptError.
        """
        try:
            time.clock_settime_ns(time.CLOCK_REALTIME, now_us * 1000)
        except OSError as error:
            raise ClockNotSetError(error.strerror or "?") from error
        if self._rtc is not None:
            self._set_rtc(self._rtc)

    def _set_rtc(self, rtc: Path) -> None:
        # It counts whole seconds: rounded, it is at most half of one off.
        now = time.gmtime((time.time_ns() + 500_000_000) // 1_000_000_000)
        told = _RTC_TIME.pack(
            now.tm_sec, now.tm_min, now.tm_hour, now.tm_mday, now.tm_mon - 1, now.tm_year - 1900,
            0, 0, 0,
        )  # fmt: skip
        try:
            handle = os.open(rtc, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(handle, _RTC_SET_TIME, told)
            finally:
                os.close(handle)
        except OSError as error:
            raise ClockNotKeptError(f"{rtc}: {error.strerror or '?'}") from error


class KeptClock:
    """The system's clock with an offset, kept in a file: for who may not set the system's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset_us = _read_offset(file)

    def now_us(self) -> int:
        """Return the time."""
        return time.time_ns() // 1000 + self._offset_us

    def set(self, now_us: int) -> None:
        """Keep what the system's clock is off by; raise ClockNotSetError."""
        system_us = time.time_ns() // 1000
        offset_us = now_us - system_us
        if abs(offset_us) > _MAX_OFFSET_US:
            raise ClockNotSetError("two hundred years off")
        try:
            durable.replace(self._file, json.dumps({"offset_us": offset_us}).encode() + b"\n")
        except OSError as error:
            raise ClockNotSetError(f"{self._file}: {error.strerror or '?'}") from error
        self._offset_us = offset_us


def _read_offset(file: Path) -> int:
    """Return the offset that was kept; 0 where none ever was. Raises StateUnusableError."""
    try:
        told: object = json.loads(durable.read(file))
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StateUnusableError(path=str(file), reason=error.strerror or "?") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise StateUnusableError(path=str(file), reason="not JSON") from error
    offset = told.get("offset_us") if isinstance(told, dict) else None
    if type(offset) is not int or abs(offset) > _MAX_OFFSET_US:
        raise StateUnusableError(path=str(file), reason='not {"offset_us": a number}')
    return offset
