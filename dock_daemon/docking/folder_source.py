"""A folder as a source of clips: a file system stands in between, and tells live files only."""

import functools
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dock_daemon.docking.large_reads import LargeReads
from dock_daemon.errors import SourceNotFoundError, StoppedError
from firmware_bridge.errors import MediumReadError, NotOpenedError
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

_MAX_FOLDER_DEPTH: Final = 32


class FolderSource:
    """A folder of files: live entries only, since a file system stands in between."""

    kind = "folder"
    problem = ""
    medium: Medium | None = None

    def __init__(self, folder: Path, *, zone: ZoneInfo, chunk_bytes: int) -> None:
        self.place = clean(str(folder))
        self._zone = zone
        self._chunk_bytes = chunk_bytes
        self._large = LargeReads(chunk_bytes)
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
            label=clean(folder.name),
            dirty=False,
            cluster_size=room.f_frsize,
            total_bytes=room.f_blocks * room.f_frsize,
            free_bytes=room.f_bavail * room.f_frsize,
            problems=tuple(problems),
            sound=not problems,
        )
        self.volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...] = ((volume, entries),)

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes | memoryview]:
        """Yield the file's content as the file system gives it."""
        handle = self._open(entry)
        try:
            if self._large.fits(entry.size):
                yield from self._large.of_file(stop, read=functools.partial(_fill, handle))
                return
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

    def records(self, entries: Sequence[Entry], *, again: bool) -> list[bytes | None]:  # noqa: ARG002  a file system forgets nothing
        """Return each file's number, size and time of change, as its file system tells them."""
        return [self._record(entry) for entry in entries]

    def _record(self, entry: Entry) -> bytes | None:
        path = "/".join(os.fsdecode(name.raw) for name in entry.path)
        try:
            about = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except OSError:
            return b"gone"
        return f"{about.st_ino} {about.st_size} {about.st_mtime_ns}".encode("ascii")

    def repeats_at(self) -> int | None:
        """Tell that nothing is known: a file system stands in between."""
        return None

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
                name = Name(raw=os.fsencode(text), text=clean(text))
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


def clean(text: str) -> str:
    """Return text that can be written down: what no encoding knows becomes U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _fill(handle: int, room: memoryview, offset: int) -> int:
    """Read into `room` and return how much came; raise MediumReadError."""
    try:
        count = os.preadv(handle, [room], offset)
        # Only what is full may be followed by more without a seam: the end comes with a part.
        while 0 < count < len(room) and (more := os.preadv(handle, [room[count:]], offset + count)):
            count += more
    except OSError as error:
        raise MediumReadError(
            offset=offset, length=len(room), reason=error.strerror or "unknown"
        ) from error
    return count


def _names_in(directory: int) -> list[str]:
    return sorted(os.listdir(directory))
