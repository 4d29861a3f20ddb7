"""Room that is kept taken, and given up where the disk is full: for what the ledger must still say.

STATE/reserve    a preallocated file; nothing is ever read from it
"""

import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

NAME: Final = "reserve"


class Reserve:
    """A file of some bytes that takes room. The sealer's thread alone calls it, once it runs."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.held = False
        """Whether the room is taken, as far as we know."""

    def take(self) -> None:
        """Take the room, if there is twice as much: else it would come and go."""
        if self.held or not self._size:
            return
        try:
            if self._path.is_file() and self._path.stat().st_blocks * 512 >= self._size:
                self.held = True
                return
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._size:
                return
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
            self.held = True
        except OSError as error:
            log.warning("%s: no room is kept for the ledger: %s", self._path, error.strerror)

    def give_up(self) -> bool:
        """Give the room back; return whether there was any."""
        if not self.held:
            return False
        self.held = False
        try:
            self._path.unlink()
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)
            return False
        log.warning("the disk is full: the room kept for the ledger is given up")
        return True
