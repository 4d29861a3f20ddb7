"""What time the dock says it is, and how far that can be believed.

Order comes from the chain, never from this clock; the clock is a claim that each entry
carries together with its source. Who keeps the clock (systemd-timesyncd, chrony, another)
tells the kernel whether it is synchronised and how far it may be off, and the kernel lets that
bound grow and gives the state up when nobody renews it: so the kernel is asked
(docs/adr/0022-clocks-and-working-days.md).
"""

import ctypes
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hashing.entry import At

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD: Final = Path("systemd/timesync/synchronized")
_CHRONY_PIDS: Final = (Path("chrony/chronyd.pid"), Path("chronyd.pid"))
_RUN: Final = Path("/run")
_STA_UNSYNC: Final = 0x0040  # linux/timex.h

SYNCHRONIZED: Final = "synchronized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far the dock's clock can be believed: one of hashing.entry.SYNC, and by whom it is kept.

    `uncertainty_us` is how far it may be from UTC; None where nothing vouches for it.
    """

    sync: str
    source: str
    uncertainty_us: int | None


class Clock(Protocol):
    """Tells the time for entries and deadlines."""

    def at(self) -> At:
        """Return the time, with its source and state."""

    def trust(self) -> Trust:
        """Return how far it can be believed now."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel says of its clock (adjtimex): whether it is kept, and its largest error."""

    synchronized: bool
    max_error_us: int


class SystemClock:
    """The dock's own clock.

    `kernel` asks the kernel, which answers None where it does not tell; below `run` the keepers
    of clocks leave their marks.
    """

    def __init__(
        self, *, kernel: Callable[[], Kernel | None] | None = None, run: Path = _RUN
    ) -> None:
        self._kernel = kernel or read_kernel
        self._run = run

    def at(self) -> At:
        """Return UTC in ms, whether it is synchronised, and the time since boot."""
        trust = self.trust()
        return At(
            utc_ms=time.time_ns() // 1_000_000,
            sync=trust.sync,
            source=trust.source,
            boot=_boot_id(),
            boot_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )

    def trust(self) -> Trust:
        """Return how far it can be believed; where the kernel is silent, by its keeper's word."""
        timesyncd = (self._run / _TIMESYNCD).exists()
        chrony = any((self._run / pid).exists() for pid in _CHRONY_PIDS)
        source = "systemd-timesyncd" if timesyncd else "chrony" if chrony else "kernel"
        told = self._kernel()
        if told is None:
            # timesyncd's mark is left while it follows a server; asking chrony needs the
            # network, which the core does not have.
            sync = SYNCHRONIZED if timesyncd else "unknown" if chrony else "unsynchronized"
            return Trust(sync=sync, source=source, uncertainty_us=None)
        if not told.synchronized:
            return Trust(sync="unsynchronized", source=source, uncertainty_us=None)
        return Trust(sync=SYNCHRONIZED, source=source, uncertainty_us=told.max_error_us)


class _Timex(ctypes.Structure):
    """The members of `struct timex` that are read, and room for the others (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("others", ctypes.c_long * 32),
    )


def read_kernel() -> Kernel | None:
    """Ask the kernel for its clock's state; it is never set (`modes` is 0)."""
    timex = _Timex()
    if _libc().adjtimex(ctypes.byref(timex)) < 0:
        return None
    return Kernel(
        synchronized=not timex.status & _STA_UNSYNC, max_error_us=max(0, int(timex.maxerror))
    )


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "unknown"
