"""What this recorder finds wrong with itself: the kernel's news, and what is looked at when asked.

docs/agent.md lists the codes. Nothing here judges: the dock's checklist does.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent import settings
from agent.identity import plain
from agent.kernel_log import Trouble, Troubles
from firmware_bridge.wire.companion import MAX_FAULT_DETAIL, MAX_FAULTS, Fault, Faults

_PERCENT: Final = 100
_MOST_RECORD: Final = 8192  # longer ones the kernel cuts itself


@dataclass(slots=True)
class Known:
    """What went wrong in this life of the companion, by code: the newest of each."""

    faults: dict[str, Fault] = field(default_factory=dict)

    def remember(self, code: str, detail: str, at_ms: int) -> None:
        """Take a fault that only its happening tells of."""
        self.faults[code] = fault(code, detail, at_ms)

    def forget(self, code: str) -> None:
        """Drop a fault that is over."""
        self.faults.pop(code, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the file system of the clips tells of itself."""

    total: int
    free: int
    read_only: bool
    free_inodes_percent: int | None


def room(folder: Path) -> Room:
    """Return the room below `folder`; raises OSError."""
    told = os.statvfs(folder)
    return Room(
        total=told.f_blocks * told.f_frsize,
        free=told.f_bavail * told.f_frsize,
        read_only=bool(told.f_flag & os.ST_RDONLY),
        # FAT has no inodes, and says 0.
        free_inodes_percent=told.f_favail * _PERCENT // told.f_files if told.f_files else None,
    )


def fault(code: str, detail: str = "", at_ms: int | None = None) -> Fault:
    """Return a fault as it fits on the wire."""
    return Fault(code=code, detail=plain(detail, MAX_FAULT_DETAIL), at_ms=at_ms)


def gathered(
    told: settings.Settings, known: Known, troubles: Troubles, *, out: bool, now_us: int
) -> Faults:
    """Return all that is wrong, what is wrong now first.

    `out` says that the volume is shown to the dock, `now_us` is the recorder's time.
    """
    booted_us = now_us - time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    looked = () if out else tuple(_looked_at(told))
    logged = (_of_trouble(trouble, booted_us) for trouble in troubles.all())
    return Faults((*looked, *known.faults.values(), *logged)[:MAX_FAULTS])


def _looked_at(told: settings.Settings) -> Iterator[Fault]:
    """Yield what is wrong with the clips' volume, which should be here."""
    folder = Path(told.clips.folder)
    if told.export.mode == "volume" and not os.path.ismount(folder):
        yield fault("volume-missing", f"{folder} is not mounted")
        return
    try:
        there = room(folder)
    except OSError as error:
        yield fault("volume-missing", f"{folder}: {error.strerror}")
        return
    if there.read_only:
        yield fault("volume-read-only", str(folder))
    free = there.free_inodes_percent
    if free is not None and free < told.faults.inodes_percent:
        yield fault("inodes-low", f"{free} %")


def _of_trouble(trouble: Trouble, booted_us: int) -> Fault:
    times = f"{trouble.times}x " if trouble.times > 1 else ""
    return fault(trouble.code, times + trouble.detail, max(booted_us + trouble.last_us, 0) // 1000)


class KernelLog:
    """The kernel's log, read as it grows; each record by one read."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def open(cls, path: Path) -> "KernelLog":
        """Open it at its beginning; raises OSError."""
        return cls(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._handle

    def drain(self, troubles: Troubles) -> bool:
        """Take what it has; False where nothing more will ever come."""
        while True:
            try:
                record = os.read(self._handle, _MOST_RECORD)
            except BlockingIOError:
                return True
            except BrokenPipeError:
                continue  # records were overwritten before we came: the next read goes on behind
            except OSError:
                return False
            if not record:
                return False
            for line in record.split(b"\n"):  # of a record the first line, of a file each
                troubles.take(line)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)


def open_kernel_log(path: str, known: Known, troubles: Troubles, now_ms: int) -> KernelLog | None:
    """Take what the kernel's log holds, and return it if more may come.

    A log that may not be read is itself a fault: else silence would pass for health.
    """
    if not path:
        return None
    try:
        log = KernelLog.open(Path(path))
    except OSError as error:
        known.remember("kernel-log-closed", f"{path}: {error.strerror}", now_ms)
        return None
    if log.drain(troubles):
        return log
    log.close()
    return None
