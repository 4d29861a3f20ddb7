"""Where a docking's clips come from: a medium read by its extents, or a folder.

A source never writes, and never believes: what a reader process says about a
medium is checked against the descriptor that the core holds itself.
"""

import os
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from config.settings import Reader
from dock_daemon.docking.plan import content_size, valid_size
from dock_daemon.errors import SourceNotFoundError, StoppedError
from firmware_bridge.errors import MediumGoneError, MediumReadError, NotOpenedError
from firmware_bridge.volume import spawn
from firmware_bridge.volume.client import (
    Bounds,
    DeviceIdentity,
    Reading,
    Volumes,
    open_medium,
)
from firmware_bridge.volume.listing import (
    DIRECTORY,
    Entry,
    Extent,
    Medium,
    Name,
    Problem,
    Stamp,
    Volume,
)

_ZEROS: Final = bytes(1 << 20)
_MAX_FOLDER_DEPTH: Final = 32


class Source(Protocol):
    """Files on their way into the store. Blocks; one thread uses it."""

    kind: str  # "device" | "image" | "folder"
    place: str
    problem: str  # why there is no listing at all; empty when there is one
    medium: Medium | None
    volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...]

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes]:
        """Yield the content in order; raise MediumGoneError, MediumReadError or StoppedError."""

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return `length` bytes of the content from `offset`, within the valid size."""

    def still_there(self) -> bool:
        """Tell whether the medium that was listed is still the one that answers."""

    def close(self) -> None:
        """Let go of the recorder."""


class MediumSource:
    """A block device or card image, read by extents through the reader's descriptor."""

    def __init__(self, reading: Reading, *, kind: str, place: str, chunk_bytes: int) -> None:
        self.kind = kind
        self.place = _clean(place)
        self.problem = ""
        self.medium: Medium | None = reading.medium
        self.volumes = _told_apart(reading.volumes)
        self._reading = reading
        self._chunk_bytes = chunk_bytes
        self._first = b""
        if not reading.present:
            raise MediumGoneError(offset=0, wanted=reading.size, got=0)
        self._first = self._read(0, min(4096, reading.size))

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes]:
        """Yield the content: extents up to the valid size, zeros from there on."""
        left, valid = content_size(entry), valid_size(entry)
        for extent in entry.extents:
            at, end = extent.offset, extent.offset + min(extent.length, valid)
            valid -= end - at
            left -= end - at
            while at < end:
                if stop.is_set():
                    raise StoppedError
                data = self._read(at, min(self._chunk_bytes, end - at))
                at += len(data)
                yield data
        while left > 0:
            if stop.is_set():
                raise StoppedError
            yield _ZEROS[:left] if left < len(_ZEROS) else _ZEROS
            left -= min(left, len(_ZEROS))

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
            if not self.still_there():
                raise MediumGoneError(offset=offset, wanted=length, got=0) from error
            raise MediumReadError(
                offset=offset, length=length, reason=error.strerror or "unknown"
            ) from error
        if len(data) < length:
            raise MediumGoneError(offset=offset, wanted=length, got=len(data))
        return data

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
        self.place = _clean(place)
        self.problem = problem

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes]:  # noqa: ARG002  it has no entries
        """Yield nothing: there are no entries."""
        yield from ()

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:  # noqa: ARG002  it has no entries
        """Return nothing: there are no entries."""
        return b""

    def still_there(self) -> bool:
        """Tell that nothing can be said."""
        return False

    def close(self) -> None:
        """Let go of nothing."""


class FolderSource:
    """A folder of files: live entries only, since a file system stands in between."""

    kind = "folder"
    problem = ""
    medium: Medium | None = None

    def __init__(self, folder: Path, *, zone: ZoneInfo, chunk_bytes: int) -> None:
        self.place = _clean(str(folder))
        self._zone = zone
        self._chunk_bytes = chunk_bytes
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise SourceNotFoundError(str(folder)) from error
        except OSError as error:
            raise NotOpenedError(path=str(folder), reason=error.strerror or "unknown") from error
        problems: list[Problem] = []
        entries = tuple(self._walk((), problems))
        about = os.fstat(self._root)
        room = os.fstatvfs(self._root)
        volume = Volume(
            index=0,
            offset=0,
            length=0,
            filesystem="folder",
            serial=(about.st_dev ^ (about.st_ino * 2654435761)) & 0xFFFFFFFF,
            label=_clean(folder.name),
            dirty=False,
            cluster_size=room.f_frsize,
            total_bytes=room.f_blocks * room.f_frsize,
            free_bytes=room.f_bavail * room.f_frsize,
            problems=tuple(problems),
            sound=not problems,
        )
        self.volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...] = ((volume, entries),)

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes]:
        """Yield the file's content as the file system gives it."""
        handle = self._open(entry)
        try:
            at = 0
            while data := self._pread(handle, self._chunk_bytes, at):
                if stop.is_set():
                    raise StoppedError
                at += len(data)
                yield data
        finally:
            os.close(handle)

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return a piece of the file."""
        handle = self._open(entry)
        try:
            return self._pread(handle, length, offset)
        finally:
            os.close(handle)

    def still_there(self) -> bool:
        """Tell whether the folder still has its entries."""
        try:
            return bool(_names_in(self._root)) or not self.volumes[0][1]
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    def _open(self, entry: Entry) -> int:
        path = "/".join(os.fsdecode(name.raw) for name in entry.path)
        try:
            # Listed as a regular file with no link above it; O_NOFOLLOW and the check
            # below hold that against a folder that changes under our eyes.
            handle = os.open(
                path,
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                dir_fd=self._root,
            )
        except OSError as error:
            raise MediumReadError(
                offset=0, length=entry.size, reason=error.strerror or "unknown"
            ) from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise MediumReadError(offset=0, length=entry.size, reason="not a regular file")
        return handle

    def _pread(self, handle: int, length: int, offset: int) -> bytes:
        try:
            return os.pread(handle, length, offset)
        except OSError as error:
            raise MediumReadError(
                offset=offset, length=length, reason=error.strerror or "unknown"
            ) from error

    def _walk(self, parents: tuple[Name, ...], problems: list[Problem]) -> Iterator[Entry]:
        path = "/".join([".", *(os.fsdecode(name.raw) for name in parents)])
        try:
            handle = os.open(
                path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root
            )
        except OSError as error:
            problems.append(Problem("directory-unreadable", error.strerror or "unknown"))
            return
        try:
            for text in _names_in(handle):
                about = os.stat(text, dir_fd=handle, follow_symlinks=False)
                name = Name(raw=os.fsencode(text), text=_clean(text))
                yield from self._entry((*parents, name), about, problems)
        except OSError as error:
            problems.append(Problem("directory-unreadable", error.strerror or "unknown"))
        finally:
            os.close(handle)

    def _entry(
        self, path: tuple[Name, ...], about: os.stat_result, problems: list[Problem]
    ) -> Iterator[Entry]:
        is_folder = stat.S_ISDIR(about.st_mode)
        if not is_folder and not stat.S_ISREG(about.st_mode):
            problems.append(Problem("not-a-file", "/".join(name.text for name in path)))
            return
        modified = self._stamp(about.st_mtime)
        yield Entry(
            path=path,
            deleted=False,
            directory=is_folder,
            size=0 if is_folder else about.st_size,
            valid_size=0 if is_folder else about.st_size,
            attributes=DIRECTORY if is_folder else 0,
            created=None,
            modified=modified,
            accessed=None,
            first_cluster=0,
            # No medium in sight: the file itself stands in for its run of bytes.
            extents=() if is_folder else (Extent(0, about.st_size),),
            unallocated=None,
            problems=(),
            record_offset=0,
            record=b"",
        )
        if is_folder and len(path) >= _MAX_FOLDER_DEPTH:
            problems.append(Problem("too-deep", f"{len(path)} levels"))
        elif is_folder:
            yield from self._walk(path, problems)

    def _stamp(self, seconds: float) -> Stamp | None:
        at = datetime.fromtimestamp(seconds, self._zone)
        if not 1980 <= at.year <= 2107:  # noqa: PLR2004  the years a FAT date can name
            return None
        return Stamp(
            date=(at.year - 1980) << 9 | at.month << 5 | at.day,
            time=at.hour << 11 | at.minute << 5 | at.second // 2,
        )


def _told_apart(volumes: Volumes) -> Volumes:
    """Give volumes of one medium that have one key a number: none may answer for another."""
    seen: Counter[str] = Counter()
    apart = []
    for volume, entries in volumes:
        apart.append((replace(volume, twin=seen[volume.key]), entries))
        seen[volume.key] += 1
    return tuple(apart)


def _names_in(directory: int) -> list[str]:
    return sorted(os.listdir(directory))


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


def _clean(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
