"""Bounded reads from a medium that may be failing, gone, or made to do harm.

Everything the volume reader learns comes through one `Source`. It counts what
is read and found, so that a hostile card ends the reading and not the reader:
each bound that is met raises BoundReachedError, which never leaves this folder.
All offsets and lengths are bytes from the start of the medium.
"""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import BridgeError, MediumGoneError, MediumReadError

PRead = Callable[[int, int], bytes]

# The finest grain in which a range with a bad sector is tried again.
_GRAIN: Final = 512
_CHUNK: Final = 1 << 20
# What a block device says once nothing is behind it any more.
_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN})


class BoundReachedError(BridgeError):
    """One of the reader's own limits was met; what is read so far still stands."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"more than {limit} {what}")
        self.what = what
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one medium may make the reader do, all its volumes together."""

    partitions: int = 128
    entries: int = 100_000
    extents: int = 1_000_000
    # Folders inside one another; and one folder's own records.
    depth: int = 64
    directory_bytes: int = 32 << 20
    # Steps along chains, and through tables and bitmaps (256 links in a row are one).
    chain_steps: int = 10_000_000
    read_bytes: int = 2 << 30
    # Each failing read costs the kernel's retries, often seconds.
    read_errors: int = 256
    # What is said about the medium and about each volume, besides the entries.
    problems: int = 1_000


class Source:
    """The medium, and what may still be asked of it."""

    def __init__(self, pread: PRead, size: int, limits: Limits) -> None:
        self._pread = pread
        self._left = {
            "entries": limits.entries,
            "extents": limits.extents,
            "chain_steps": limits.chain_steps,
            "read_bytes": limits.read_bytes,
            "read_errors": limits.read_errors,
        }
        self.size = size
        self.limits = limits

    def spend(self, what: str, count: int = 1) -> None:
        """Take `count` off the bound `what`, or raise BoundReachedError."""
        self._left[what] -= count
        if self._left[what] < 0:
            raise BoundReachedError(what, getattr(self.limits, what))

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes.

        Raises MediumGoneError when the medium answers with less than it holds,
        MediumReadError for a range that is unreadable or outside the medium.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise MediumReadError(offset=offset, length=length, reason="outside the medium")
        self.spend("read_bytes", length)
        try:
            data = self._pread(offset, length)
        except OSError as error:
            if error.errno in _GONE:
                raise MediumGoneError(offset=offset, wanted=length, got=0) from error
            self.spend("read_errors")
            raise MediumReadError(offset=offset, length=length, reason=str(error)) from error
        if len(data) < length:
            # After an unplug Linux answers reads with 0 bytes and no error.
            raise MediumGoneError(offset=offset, wanted=length, got=len(data))
        return data[:length]

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, bytes]]:
        """Yield the range in order as (offset, bytes); an unreadable sector comes as b""."""
        end = offset + length
        while offset < end:
            step = min(_CHUNK, end - offset)
            try:
                yield offset, self.read(offset, step)
            except MediumReadError:
                yield from self._sectors(offset, step)
            offset += step

    def _sectors(self, offset: int, length: int) -> Iterator[tuple[int, bytes]]:
        for at in range(offset, offset + length, _GRAIN):
            try:
                yield at, self.read(at, min(_GRAIN, offset + length - at))
            except MediumReadError:
                yield at, b""
