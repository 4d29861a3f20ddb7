"""How fast the store is read again: as the throttle says, and not at all amid a docking."""

import threading
import time
from collections.abc import Callable
from typing import Final

from dock_daemon.errors import StoppedError

_LOOK_AGAIN_S: Final = 0.25
OPENING: Final = 16 << 10
"""What opening a file counts for, in bytes: a disk seeks for it."""


class Throttle:
    """Told of each piece that was read, it returns when the next one may be. One thread's."""

    def __init__(
        self,
        bytes_per_s: int,
        *,
        hindered: Callable[[], bool],
        stop: threading.Event,
        now_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`hindered` tells whether something else goes first; `pause` waits for so many seconds."""
        self._bytes_per_s = bytes_per_s
        self._hindered = hindered
        self._stop = stop
        self._now_s = now_s
        self._pause = pause or stop.wait
        self._free_at_s = now_s()
        self.waiting = False
        """Whether it is held up now by what goes first."""

    def __call__(self, count: int) -> None:
        """Wait until what comes after `count` bytes may be read; raise StoppedError at the end."""
        now_s = self._now_s()
        self._free_at_s = max(self._free_at_s, now_s) + count / self._bytes_per_s
        if self._free_at_s > now_s:
            self._pause(self._free_at_s - now_s)
        try:
            while not self._stop.is_set() and self._hindered():
                self.waiting = True
                self._pause(_LOOK_AGAIN_S)
        finally:
            self.waiting = False
        if self._stop.is_set():
            raise StoppedError
