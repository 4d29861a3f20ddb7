"""Hashing one closed clip, a chunk at a time, so that the dock is answered in between."""

import errno
import fcntl
import hashlib
import os
import signal
import stat
from typing import Final

CHUNK: Final = 1 << 20


class ClipHash:
    """The content of one file while it is read. It is opened at once, and never through a link."""

    def __init__(self, handle: int, before: os.stat_result) -> None:
        self._handle = handle
        self._digest = hashlib.sha256()
        self._before = before
        self.size = 0

    @classmethod
    def open(cls, path: bytes) -> "ClipHash":
        """Open the file; raises OSError, FileNotFoundError for what is no regular file, too."""
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise FileNotFoundError(errno.ENOENT, "no regular file", os.fsdecode(path))
        return cls(handle, status)

    def is_written(self) -> bool:
        """Tell whether somebody has it open for writing now: then a lease is not to be had.

        Where the file system has no leases, or it is another user's file, nothing can be told.
        """
        try:
            # If it is opened for writing just now we are told: by a signal that is ignored.
            fcntl.fcntl(self._handle, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self._handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(self._handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def stamp_ms(self) -> int:
        """When the file was last written, as its volume has it."""
        return self._before.st_mtime_ns // 1_000_000

    def step(self) -> bool:
        """Hash the next chunk; return whether there is more; raises OSError."""
        chunk = os.read(self._handle, CHUNK)
        self._digest.update(chunk)
        self.size += len(chunk)
        return bool(chunk)

    def is_unchanged(self) -> bool:
        """Tell whether the file stayed as it was while it was read."""
        now = os.fstat(self._handle)
        was = self._before
        return (
            (now.st_size, now.st_mtime_ns)
            == (was.st_size, was.st_mtime_ns)
            == (
                self.size,
                was.st_mtime_ns,
            )
        )

    def sha256(self) -> str:
        """Return the digest of what was read."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
