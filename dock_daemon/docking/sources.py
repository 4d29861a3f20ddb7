"""Where a docking's clips come from: a medium read by its extents, or a folder.

A source never writes, and never believes: what a reader process says about a
medium is checked against the descriptor that the core holds itself.
"""

import os
import stat
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from config.settings import Reader
from dock_daemon.docking.folder_source import FolderSource, clean
from dock_daemon.docking.large_reads import LargeReads, Run
from dock_daemon.docking.plan import content_size, valid_size
from dock_daemon.errors import SourceNotFoundError, StoppedError
from firmware_bridge.errors import BridgeError, MediumGoneError, MediumReadError
from firmware_bridge.volume import spawn
from firmware_bridge.volume.client import (
    Bounds,
    DeviceIdentity,
    Reading,
    Volumes,
    open_medium,
)
from firmware_bridge.volume.listing import (
    Entry,
    Medium,
    Volume,
)

_ZEROS: Final = bytes(1 << 20)
# A directory record of FAT or exFAT is made of lines of so many bytes, and a long name's UTF-16
# units take so many lines of their own.
_RECORD_LINE: Final = 32
_FAT_NAME_UNITS: Final = 13
_EXFAT_NAME_UNITS: Final = 15
# The smallest medium that anybody sells as a larger one.
_SMALLEST_LIE: Final = 1 << 20


class Content(Protocol):
    """Where a file's content comes from."""

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes | memoryview]:
        """Yield the content in order; raise MediumGoneError, MediumReadError or StoppedError.

        A view holds until the piece after the next one is asked for (large_reads.py).
        """


class Source(Content, Protocol):
    """Files on their way into the store. Blocks; one thread uses it."""

    kind: str  # "device" | "image" | "folder"
    place: str
    problem: str  # why there is no listing at all; empty when there is one
    medium: Medium | None
    volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...]

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return `length` bytes of the content from `offset`, within the valid size.

        Raises MediumGoneError and MediumReadError.
        """

    def records(self, entries: Sequence[Entry], *, again: bool) -> list[bytes | None]:
        """Return what the medium says of each file: other bytes mean that it was written to.

        `again` asks the medium itself, past what is remembered of it. None: it cannot be told.
        """

    def repeats_at(self) -> int | None:
        """Return the byte from which on the medium only repeats its beginning, if it does."""

    def still_there(self) -> bool:
        """Tell whether the medium that was listed is still the one that answers."""

    def close(self) -> None:
        """Let go of the recorder."""


class MediumSource:
    """A block device or card image, read by extents through the reader's descriptor."""

    def __init__(self, reading: Reading, *, kind: str, place: str, chunk_bytes: int) -> None:
        self.kind = kind
        self.place = clean(place)
        self.problem = ""
        self.medium: Medium | None = reading.medium
        self.volumes = _told_apart(reading.volumes)
        self._reading = reading
        self._chunk_bytes = chunk_bytes
        self._large = LargeReads(chunk_bytes)
        self._first = b""
        if not reading.present:
            raise MediumGoneError(offset=0, wanted=reading.size, got=0)
        self._first = self._read(0, min(4096, reading.size))

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes | memoryview]:
        """Yield the content: extents up to the valid size, zeros from there on."""
        runs = _runs(entry)
        whole = sum(length for _, length in runs)
        if self._large.fits(whole):
            yield from self._large.of_runs(runs, stop, read=self._fill, ahead=self._expect)
        else:
            yield from self._small_chunks(runs, stop)
        left = content_size(entry) - whole
        while left > 0:
            if stop.is_set():
                raise StoppedError
            yield _ZEROS[:left] if left < len(_ZEROS) else _ZEROS
            left -= min(left, len(_ZEROS))

    def _small_chunks(self, runs: Sequence[Run], stop: threading.Event) -> Iterator[bytes]:
        for start, length in runs:
            for at in range(start, start + length, self._chunk_bytes):
                if stop.is_set():
                    raise StoppedError
                yield self._read(at, min(self._chunk_bytes, start + length - at))

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return a piece of the content by walking the extents."""
        found = bytearray()
        for extent in entry.extents:
            if offset >= extent.length:
                offset -= extent.length
                continue
            take = min(extent.length - offset, length - len(found))
            found += self._read(extent.offset + offset, take)
            offset = 0
            if len(found) == length:
                break
        return bytes(found)

    def records(self, entries: Sequence[Entry], *, again: bool) -> list[bytes | None]:
        """Return the bytes where each directory record lies; they are compared, never parsed."""
        places = [(entry.record_offset, _record_length(entry)) for entry in entries]
        if again:
            for offset, length in places:
                os.posix_fadvise(self._reading.descriptor, offset, length, os.POSIX_FADV_DONTNEED)
        return [self._record(offset, length) for offset, length in places]

    def _record(self, offset: int, length: int) -> bytes | None:
        try:
            return os.pread(self._reading.descriptor, length, offset) or None
        except OSError:
            return None

    def repeats_at(self) -> int | None:
        """Look for the first sectors at each power of two: there a card of less would wrap."""
        if len(set(self._first)) == 1:  # all alike: nothing to know it by
            return None
        at = _SMALLEST_LIE
        while at < self._reading.size:
            try:
                if self._first and self._pread(at, len(self._first)) == self._first:
                    return at
            except OSError:  # a bad place is no answer
                pass
            at *= 2
        return None

    def still_there(self) -> bool:
        """Read the first sectors again, from the medium itself: the page cache outlives it.

        After an unplug Linux answers with an error at first, then with 0 bytes.
        """
        os.posix_fadvise(self._reading.descriptor, 0, len(self._first), os.POSIX_FADV_DONTNEED)
        try:
            return bool(self._first) and self._pread(0, len(self._first)) == self._first
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the medium."""
        self._reading.close()

    def _read(self, offset: int, length: int) -> bytes:
        try:
            data = self._pread(offset, length)
        except OSError as error:
            raise self._refused(error, offset, length) from error
        if len(data) < length:
            raise MediumGoneError(offset=offset, wanted=length, got=len(data))
        return data

    def _fill(self, room: memoryview, offset: int) -> None:
        """Read as much as `room` holds; raise as `_read` does."""
        got = 0
        try:
            while got < len(room):
                count = os.preadv(self._reading.descriptor, [room[got:]], offset + got)
                if not count:
                    raise MediumGoneError(offset=offset, wanted=len(room), got=got)
                got += count
        except OSError as error:
            raise self._refused(error, offset, len(room)) from error

    def _expect(self, offset: int, length: int) -> None:
        """Have the kernel read on while what came so far is hashed and written."""
        if length:
            os.posix_fadvise(self._reading.descriptor, offset, length, os.POSIX_FADV_WILLNEED)

    def _refused(self, error: OSError, offset: int, length: int) -> BridgeError:
        if not self.still_there():
            return MediumGoneError(offset=offset, wanted=length, got=0)
        return MediumReadError(offset=offset, length=length, reason=error.strerror or "unknown")

    def _pread(self, offset: int, length: int) -> bytes:
        data = os.pread(self._reading.descriptor, length, offset)
        if len(data) < length:
            data += os.pread(self._reading.descriptor, length - len(data), offset + len(data))
        return data


class UnreadSource:
    """A medium that could not even be listed: docked, said so, released."""

    medium: Medium | None = None
    volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...] = ()

    def __init__(self, *, kind: str, place: str, problem: str) -> None:
        self.kind = kind
        self.place = clean(place)
        self.problem = problem

    def chunks(
        self,
        entry: Entry,  # noqa: ARG002  it has no entries
        stop: threading.Event,  # noqa: ARG002  as above
    ) -> Iterator[bytes | memoryview]:
        """Yield nothing: there are no entries."""
        yield from ()

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:  # noqa: ARG002  it has no entries
        """Return nothing: there are no entries."""
        return b""

    def records(self, entries: Sequence[Entry], *, again: bool) -> list[bytes | None]:  # noqa: ARG002  it has no entries
        """Return nothing: there are no entries."""
        return [None for _ in entries]

    def repeats_at(self) -> int | None:
        """Tell that nothing is known."""
        return None

    def still_there(self) -> bool:
        """Tell that nothing can be said."""
        return False

    def close(self) -> None:
        """Let go of nothing."""


def _runs(entry: Entry) -> list[Run]:
    """Return where the content lies up to its valid size, in order."""
    runs, valid = [], valid_size(entry)
    for extent in entry.extents:
        length = min(extent.length, valid)
        valid -= length
        if length:
            runs.append((extent.offset, length))
    return runs


def _record_length(entry: Entry) -> int:
    """Return how many bytes a file's directory record takes, the lines of its name included."""
    name = entry.path[-1]
    units = len(name.raw) // 2
    if not name.short:
        return _RECORD_LINE * (2 + -(-units // _EXFAT_NAME_UNITS))
    return _RECORD_LINE * (1 if name.raw == name.short else 1 + -(-units // _FAT_NAME_UNITS))


def _told_apart(volumes: Volumes) -> Volumes:
    """Give volumes of one medium that have one key a number: none may answer for another."""
    seen: Counter[str] = Counter()
    apart = []
    for volume, entries in volumes:
        apart.append((replace(volume, twin=seen[volume.key]), entries))
        seen[volume.key] += 1
    return tuple(apart)


def open_source(
    path: str,
    *,
    zone: ZoneInfo,
    chunk_bytes: int,
    reader: Reader,
    stop: threading.Event,
    device: DeviceIdentity | None = None,
) -> Source:
    """Open a device, card image or folder for reading, and list it.

    `device` is the device number that udev gave. Raises SourceNotFoundError and
    what `open_medium` raises.
    """
    try:
        mode = Path(path).stat().st_mode if device is None else stat.S_IFBLK
    except (OSError, ValueError) as error:
        raise SourceNotFoundError(path) from error
    if stat.S_ISDIR(mode):
        return FolderSource(Path(path), zone=zone, chunk_bytes=chunk_bytes)
    reading = open_medium(
        # The reader works in another directory, and opens no link to a device; that it has
        # opened what `path` leads to is checked by device number.
        str(Path(path).resolve()),
        stop=stop,
        connector=spawn.at(Path(reader.socket)) if reader.socket else spawn.child,
        expected=device,
        bounds=Bounds(entries=reader.max_entries),
        deadline_s=reader.timeout_s,
    )
    kind = "device" if stat.S_ISBLK(mode) else "image"
    try:
        return MediumSource(reading, kind=kind, place=path, chunk_bytes=chunk_bytes)
    except BaseException:
        reading.close()
        raise
