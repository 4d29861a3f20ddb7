"""What time the dock says it is, and how far that can be believed.

Order comes from the chain, never from this clock; the clock is a claim that
each entry carries together with its source.
"""

import functools
import time
from pathlib import Path
from typing import Final, Protocol

from hashing.entry import At

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
_CHRONY_PID: Final = Path("/run/chrony/chronyd.pid")


class Clock(Protocol):
    """Tells the time for entries and deadlines."""

    def at(self) -> At:
        """Return the time, with its source and state."""


class SystemClock:
    """The dock's own clock."""

    def at(self) -> At:
        """Return UTC in ms, whether it is synchronised, and the time since boot."""
        sync, source = _state()
        return At(
            utc_ms=time.time_ns() // 1_000_000,
            sync=sync,
            source=source,
            boot=_boot_id(),
            boot_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )


@functools.cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "unknown"


def _state() -> tuple[str, str]:
    # systemd-timesyncd leaves this file while it follows a server. chrony has no
    # such file, and asking it needs the network, which the core does not have.
    if _TIMESYNCD.exists():
        return "synchronized", "systemd-timesyncd"
    if _CHRONY_PID.exists():
        return "unknown", "chrony"
    return "unsynchronized", "system"
