"""The core's end of a reader: ask for a listing, believe none of it unchecked.

The reader parsed hostile bytes, so it counts as taken over: what it sends is held
to docs/formats/reader-wire.md, to bounds in time and number, and to the medium's
size; the descriptor it hands over must be read-only and of the very device or file
that was asked for.
"""

import array
import fcntl
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from firmware_bridge.errors import (
    NotOpenedError,
    ReaderFailedError,
    UnknownFilesystemError,
)
from firmware_bridge.volume import wire
from firmware_bridge.volume.listing import Entry, Extent, Medium, Volume
from firmware_bridge.volume.spawn import Connector, Worker, child
from firmware_bridge.volume.strict import broken

_RECEIVE: Final = 1 << 18
_WAKE_MS: Final = 100
# The kernel hands over what fits; more than one descriptor is a broken promise, and
# room for a few makes sure that it is seen and closed, not cut off.
_DESCRIPTOR_ROOM: Final = socket.CMSG_SPACE(4 * array.array("i").itemsize)

DEADLINE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A block device's number, as udev told it."""

    major: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a reader may send before it counts as broken."""

    received_bytes: int = 1 << 30
    volumes: int = 128
    entries: int = 120_000
    extents: int = 2_000_000


Volumes: TypeAlias = tuple[tuple[Volume, tuple[Entry, ...]], ...]


class Reading:
    """A medium that is open and listed. Close it, or use it as a context manager."""

    def __init__(
        self,
        *,
        descriptor: int,
        medium: Medium,
        volumes: Volumes,
        present: bool,
    ) -> None:
        self.descriptor = descriptor
        self.medium = medium
        self.volumes = volumes
        self.present = present
        self._open = True

    @property
    def size(self) -> int:
        """Bytes on the medium."""
        return self.medium.size

    def close(self) -> None:
        """Let go of the medium. May be called twice."""
        if self._open:
            self._open = False
            os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_medium(  # noqa: PLR0913  each one is the caller's to choose; all but two have defaults
    path: str | bytes,
    *,
    stop: threading.Event,
    connector: Connector = child,
    expected: DeviceIdentity | None = None,
    bounds: Bounds = Bounds(),
    deadline_s: float = DEADLINE_S,
) -> Reading:
    """Open and list a block device or card image; the caller closes the Reading.

    `expected` is the device that udev named; without it the medium must be what
    `path` leads to now. Blocks until done, `stop` is set or `deadline_s` is over.
    Raises NotOpenedError, MediumGoneError, MediumReadError, UnknownFilesystemError
    where nothing on the medium can be read, and ReaderFailedError for all else; then
    the worker has ended and no descriptor is left.
    """
    until = time.monotonic() + deadline_s
    identity = _Identity.of(path, expected)
    worker = connector()
    try:
        stream = _Stream(worker, stop=stop, until=until, most_bytes=bounds.received_bytes)
        with stream:
            stream.send(wire.encode(wire.Open(os.fsencode(path))))
            reading = _Listing(identity, stream, bounds).collect()
    finally:
        worker.end()
    if not reading.volumes:
        reading.close()
        found = ", ".join(part.found for part in reading.medium.refused)
        raise UnknownFilesystemError(found=found or "none")
    return reading


@dataclass(frozen=True, slots=True)
class _Identity:
    """What the descriptor must be of: a device number, or a file's device and inode."""

    device: int | None
    file: tuple[int, int] | None

    @classmethod
    def of(cls, path: str | bytes, expected: DeviceIdentity | None) -> Self:
        """Return the identity of `expected`, else of what `path` leads to now."""
        if expected is not None:
            return cls(os.makedev(expected.major, expected.minor), None)
        try:
            found = Path(os.fsdecode(path)).stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotOpenedError(path=os.fsdecode(path), reason=reason) from error
        if stat.S_ISBLK(found.st_mode):
            return cls(found.st_rdev, None)
        return cls(None, (found.st_dev, found.st_ino))

    def check(self, descriptor: int, opened: wire.Opened) -> None:
        """Raise ReaderFailedError unless `descriptor` is this, read-only and of that size."""
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_ACCMODE | os.O_PATH) != os.O_RDONLY:
            raise broken("the descriptor is not open for reading only")
        found = os.fstat(descriptor)
        if self.device is not None:
            if not stat.S_ISBLK(found.st_mode) or found.st_rdev != self.device:
                raise broken("the descriptor is of another device")
        elif not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) != self.file:
            raise broken("the descriptor is of another file")
        # lseek tells a block device's size too, and asks no ioctl of it.
        if opened.size == 0 or os.lseek(descriptor, 0, os.SEEK_END) != opened.size:
            raise broken("the medium is not as large as the reader says")


class _Stream:
    """The worker's answers, within the time and the amount that they may take."""

    def __init__(
        self, worker: Worker, *, stop: threading.Event, until: float, most_bytes: int
    ) -> None:
        self._link = worker.link
        self._link.settimeout(0)
        self._stop = stop
        self._until = until
        self._left_bytes = most_bytes
        self._descriptors: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        while data:
            self._wait(select.POLLOUT)
            try:
                data = data[self._link.send(data) :]
            except OSError as error:
                raise ReaderFailedError(f"it hung up: {error.strerror}") from error

    def answers(self) -> Iterator[wire.Answer]:
        """Yield answers as they come; raise ReaderFailedError when they stop."""
        decoder = wire.Decoder()
        while True:
            yield from decoder.feed(self._receive())

    def descriptor(self) -> int:
        """Return the one descriptor received; it is the caller's to close now."""
        if len(self._descriptors) != 1:
            raise broken(f"{len(self._descriptors)} descriptors instead of one")
        return self._descriptors.pop()

    def finish(self) -> None:
        """Refuse descriptors that nobody asked for."""
        if self._descriptors:
            raise broken("a descriptor that nobody asked for")

    def _receive(self) -> bytes:
        self._wait(select.POLLIN)
        try:
            data, ancillary, flags, _address = self._link.recvmsg(
                _RECEIVE, _DESCRIPTOR_ROOM, socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise ReaderFailedError(f"it hung up: {error.strerror}") from error
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._descriptors += _integers(payload)
        if flags & socket.MSG_CTRUNC:
            raise broken("more descriptors than one")
        if not data:
            raise ReaderFailedError("it ended before the listing did")
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise broken("more bytes than a listing may have")
        return data

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._link, event)
        while True:
            if self._stop.is_set():
                raise ReaderFailedError("stopped on request")
            if time.monotonic() > self._until:
                raise ReaderFailedError("it did not finish in time")
            if poll.poll(_WAKE_MS):
                return


class _Listing:
    """Puts answers together in the one order that they may come in (section 3)."""

    def __init__(self, identity: _Identity, stream: _Stream, bounds: Bounds) -> None:
        self._identity = identity
        self._stream = stream
        self._left = bounds
        self._size = 0
        self._ahead: list[Extent] = []
        self._entries: list[Entry] = []
        self._volumes: list[tuple[Volume, tuple[Entry, ...]]] = []

    def collect(self) -> Reading:
        """Return the whole listing with its descriptor, or raise and keep neither."""
        answers = self._stream.answers()
        match next(answers):
            case wire.Opened() as opened:
                descriptor = self._stream.descriptor()
            case wire.Failed(error):
                raise error
            case _:
                raise broken("it begins in the middle")
        try:
            self._identity.check(descriptor, opened)
            self._size = opened.size
            medium = self._medium(next(answers), opened)
            return self._rest(answers, descriptor, medium)
        except BaseException:
            os.close(descriptor)
            raise

    def _medium(self, answer: wire.Answer, opened: wire.Opened) -> Medium:
        match answer:
            case wire.MediumFound(medium):
                if (medium.size, medium.sector_size) != (opened.size, opened.sector_size):
                    raise broken("the medium changes its size")
                return medium
            case wire.Failed(error):
                raise error
            case _:
                raise broken("entries before the medium")

    def _rest(self, answers: Iterator[wire.Answer], descriptor: int, medium: Medium) -> Reading:
        for answer in answers:
            match answer:
                case wire.ExtentsAhead(extents):
                    self._take_ahead(extents)
                case wire.Entries(entries):
                    self._take_entries(entries)
                case wire.VolumeRead(volume):
                    self._take_volume(volume)
                case wire.End(present):
                    return self._close(descriptor, medium, present=present)
                case wire.Failed(error):
                    raise error
                case _:
                    raise broken("it begins again")
        raise broken("no end")

    def _take_ahead(self, extents: tuple[Extent, ...]) -> None:
        self._left = replace(self._left, extents=self._left.extents - len(extents))
        self._check_bounds()
        self._ahead += extents

    def _take_entries(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            whole = entry
            if self._ahead:
                whole = replace(entry, extents=(*self._ahead, *entry.extents))
                self._ahead = []
            self._check_extents(whole)
            self._entries.append(whole)
        self._left = replace(
            self._left,
            entries=self._left.entries - len(entries),
            extents=self._left.extents - sum(len(entry.extents) for entry in entries),
        )
        self._check_bounds()

    def _check_extents(self, entry: Entry) -> None:
        """Refuse bytes beyond the medium, and more bytes than the entry says it has."""
        if any(one.offset + one.length > self._size for one in entry.extents):
            raise broken("an extent beyond the medium")
        total = sum(one.length for one in entry.extents)
        if total > (entry.size or self._size):
            raise broken("extents of more bytes than the entry has")

    def _take_volume(self, volume: Volume) -> None:
        self._left = replace(self._left, volumes=self._left.volumes - 1)
        self._check_bounds()
        self._volumes.append((volume, tuple(self._entries)))
        self._entries = []

    def _check_bounds(self) -> None:
        if min(self._left.volumes, self._left.entries, self._left.extents) < 0:
            raise broken("more than a listing may hold")

    def _close(self, descriptor: int, medium: Medium, *, present: bool) -> Reading:
        self._stream.finish()
        if self._ahead or self._entries:
            raise broken("entries of no volume")
        # A medium that left while it was listed proves nothing missing.
        volumes = tuple(
            (replace(volume, sound=volume.sound and present), entries)
            for volume, entries in self._volumes
        )
        return Reading(descriptor=descriptor, medium=medium, volumes=volumes, present=present)


def _integers(payload: bytes) -> list[int]:
    numbers = array.array("i")
    numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
    return list(numbers)
