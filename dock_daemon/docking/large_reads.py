"""Large reads from a recorder, into memory that is used again and again.

A clip of 4 GB must cost no more memory than one of 4 MB, and a fresh buffer for each read costs
more time than the reading. So there are two, each filled while the other one is on its way to
the disk: what is yielded holds until the piece after the next one is asked for.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from dock_daemon.errors import StoppedError
from dock_daemon.evidence.pages import pages

# Smaller ones are read into memory of their own: that costs nothing then.
LARGE: Final = 1 << 20
_ROOMS: Final = 2

Run: TypeAlias = tuple[int, int]  # where on the medium, and how many bytes


class LargeReads:
    """The memory of one source, and how it is filled. One thread uses it."""

    def __init__(self, chunk_bytes: int) -> None:
        self._chunk_bytes = chunk_bytes
        self._rooms: tuple[memoryview, ...] = ()

    def fits(self, size: int) -> bool:
        """Tell whether a content of `size` bytes is read in large pieces."""
        return min(size, self._chunk_bytes) >= LARGE

    def of_runs(
        self,
        runs: Iterable[Run],
        stop: threading.Event,
        *,
        read: Callable[[memoryview, int], None],
        ahead: Callable[[int, int], None],
    ) -> Iterator[memoryview]:
        """Yield what lies in `runs`, in pieces that are all full but the last.

        `read` fills a view from a place, or raises; `ahead` hears which bytes will be wanted
        next. Raises StoppedError.
        """
        turn, filled = 0, 0
        for start, length in runs:
            at, end = start, start + length
            while at < end:
                if stop.is_set():
                    raise StoppedError
                room = self._room(turn)
                wanted = min(len(room) - filled, end - at)
                read(room[filled : filled + wanted], at)
                at, filled = at + wanted, filled + wanted
                ahead(at, min(len(room), end - at))
                if filled == len(room):
                    yield room
                    turn, filled = turn + 1, 0
        if filled:
            yield self._room(turn)[:filled]

    def of_file(
        self, stop: threading.Event, *, read: Callable[[memoryview, int], int]
    ) -> Iterator[memoryview]:
        """Yield a file to its end; `read` fills a view from a place and returns how far."""
        turn, at = 0, 0
        while count := read(self._room(turn), at):
            if stop.is_set():
                raise StoppedError
            yield self._room(turn)[:count]
            turn, at = turn + 1, at + count

    def _room(self, turn: int) -> memoryview:
        if not self._rooms:
            self._rooms = tuple(pages(self._chunk_bytes) for _ in range(_ROOMS))
        return self._rooms[turn % _ROOMS]
