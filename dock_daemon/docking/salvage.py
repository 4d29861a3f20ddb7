"""A clip that cannot be read whole, read as far as it can be (ADR 25).

What does not answer is read once more, then in ever smaller pieces; the smallest that still does
not answer is a hole. Zeros stand in for it, so that all the rest lies where it belongs.
"""

import threading
from collections.abc import Iterator
from typing import Final

from dock_daemon.docking import plan
from dock_daemon.docking.sources import Source
from dock_daemon.errors import ContentLengthError, StoppedError
from dock_daemon.evidence.holes import Hole, Holes, joined
from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry

# Flash fails by pages, and none is smaller than the last of these.
_PIECES: Final = (64 << 10, 4 << 10)
# Each read that fails may take a reader seconds. After so many, what fails is a hole as it is.
_PATIENCE: Final = 256
_ZEROS: Final = bytes(1 << 20)


class Salvage:
    """One clip's content, holes filled with zeros. What is in `holes` is known at the end."""

    def __init__(self, source: Source, *, chunk_bytes: int) -> None:
        self._source = source
        self._chunk_bytes = chunk_bytes
        self._lost: list[Hole] = []
        self._refusals = 0
        self._first: MediumReadError | None = None

    @property
    def holes(self) -> Holes:
        """What did not come over so far."""
        return joined(self._lost)

    @property
    def reason(self) -> str:
        """Why, and where on the medium it began; empty without a hole."""
        return "" if self._first is None else f"read-error at {self._first.offset}"

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes]:
        """Yield the content; raise MediumGoneError, StoppedError and ContentLengthError."""
        whole, valid = plan.content_size(entry), plan.valid_size(entry)
        for at in range(0, valid, self._chunk_bytes):
            length = min(self._chunk_bytes, valid - at)
            yield from self._read(entry, at, length, _PIECES, stop)
        for at in range(valid, whole, len(_ZEROS)):
            if stop.is_set():
                raise StoppedError
            yield _ZEROS[: whole - at]

    def _read(
        self, entry: Entry, at: int, length: int, pieces: tuple[int, ...], stop: threading.Event
    ) -> Iterator[bytes]:
        if stop.is_set():
            raise StoppedError
        try:
            data = self._source.sample(entry, at, length)
        except MediumReadError as error:
            self._first = self._first or error
            self._refusals += 1
        else:
            if len(data) != length:  # a file in a folder that became shorter
                raise ContentLengthError(expected=plan.content_size(entry), copied=at + len(data))
            yield data
            return
        smaller = tuple(size for size in pieces if size < length)
        if smaller and self._refusals < _PATIENCE:
            for start in range(at, at + length, smaller[0]):
                piece = min(smaller[0], at + length - start)
                yield from self._read(entry, start, piece, smaller[1:], stop)
            return
        self._lost.append(Hole(at, length))
        yield bytes(length)
