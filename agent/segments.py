"""The journal's files: segments, each named by the number of its first record.

A folder of `000000000000.journal`, `000000000412.journal` … Only the last one grows. Order of an
append: for the first record of a segment the file made and the folder synced; the line written,
and synced. From there on it is there after any power cut. What an unfinished append leaves is an
empty segment, or a last line without its line feed, which opening cuts off
(docs/formats/journal.md section 7.2).
"""

import bisect
import fcntl
import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from agent import durable
from agent.errors import StateUnusableError

SEGMENT_BYTES: Final = 256 << 10
"""A segment that has this much takes no more: reading a record reads one segment."""

_NAME: Final = re.compile("([0-9]{12})\\.journal", re.ASCII)
_LOCK: Final = "lock"


class Segments:
    """All lines of one journal. One owner at a time; not for more than one thread."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Take the folder, which is made where it is not there; raise StateUnusableError."""
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._handle = -1  # of the last segment
        self._length = 0  # of the last segment, in bytes
        self._doubt = ""
        self.torn_bytes = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable.sync_folder(folder.parent)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._firsts = sorted(self._found())
            self.size = self._recover()
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                reason = "another process writes this journal"
                raise StateUnusableError(path=str(folder), reason=reason) from None
            raise self._unusable(error) from error

    def append(self, line: bytes) -> None:
        """Write one line, durable on return; raise StateUnusableError.

        After a failed sync nobody knows what the disk holds: then nothing more is appended
        until the journal is opened again, which looks.
        """
        if self._doubt:
            raise StateUnusableError(path=str(self.folder), reason=self._doubt)
        try:
            if self._handle < 0 or self._length >= self._segment_bytes:
                self._begin_segment()
            self._write(line)
        except OSError as error:
            raise self._unusable(error) from error
        self._length += len(line)
        self.size += 1

    def last(self) -> bytes:
        """Return the last line, empty if there is none; raise StateUnusableError."""
        for first in reversed(self._firsts):
            lines = self._lines_of(first)
            if lines:
                return lines[-1]
        return b""

    def read(self, first: int, max_bytes: int) -> list[bytes]:
        """Return lines from number `first` on, of at most `max_bytes`; raise StateUnusableError."""
        taken: list[bytes] = []
        for line in self.lines(first):
            if len(line) > max_bytes:
                break
            taken.append(line)
            max_bytes -= len(line)
        return taken

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield all lines from number `first` on, a segment in memory at a time."""
        if first >= self.size:
            return
        at = bisect.bisect_right(self._firsts, first) - 1
        for start in self._firsts[max(at, 0) :]:
            yield from itertools.islice(self._lines_of(start), max(first - start, 0), None)

    def close(self) -> None:
        """Let go of the files; another may take the journal."""
        for handle in (self._handle, self._lock):
            if handle >= 0:
                os.close(handle)
        self._handle = self._lock = -1

    # -- the last segment -----------------------------------------------------------

    def _recover(self) -> int:
        """Cut off a torn end and make sure of the rest; return how many lines there are."""
        if not self._firsts:
            return 0
        first = self._firsts[-1]
        path = self._path(first)
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        self.torn_bytes = len(content) - whole
        self._handle = self._open(path)
        if self.torn_bytes:
            os.ftruncate(self._handle, whole)
        # What was written and not synced by an earlier life counts only now.
        os.fsync(self._handle)
        durable.sync_folder(self.folder)
        self._length = whole
        return first + content.count(b"\n")

    def _begin_segment(self) -> None:
        handle = self._open(self._path(self.size), os.O_CREAT | os.O_EXCL)
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._length = handle, 0
        self._firsts.append(self.size)
        self._sync(lambda: durable.sync_folder(self.folder))

    def _write(self, line: bytes) -> None:
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError:
            self._take_back()
            raise
        self._sync(lambda: os.fdatasync(self._handle))

    def _sync(self, sync: Callable[[], None]) -> None:
        try:
            sync()
        except OSError as error:
            self._doubt = f"a sync failed: {error.strerror}"
            raise

    def _take_back(self) -> None:
        """Cut off a line that did not fit; if that fails, opening the journal again will."""
        try:
            os.ftruncate(self._handle, self._length)
        except OSError as error:
            self._doubt = f"an unfinished line could not be cut off: {error.strerror}"

    # -- files ----------------------------------------------------------------------

    def _found(self) -> Iterator[int]:
        for name in os.listdir(self.folder):  # noqa: PTH208  names are all that is wanted
            match = _NAME.fullmatch(name)
            if match is not None:
                yield int(match[1])

    def _lines_of(self, first: int) -> list[bytes]:
        try:
            content = self._path(first).read_bytes()
        except OSError as error:
            raise self._unusable(error) from error
        *whole, _ = content.split(b"\n")
        return [line + b"\n" for line in whole]

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:012d}.journal"

    def _open(self, path: Path, flags: int = 0) -> int:
        wanted = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, wanted | flags, 0o600)

    def _unusable(self, error: OSError) -> StateUnusableError:
        return StateUnusableError(path=str(self.folder), reason=error.strerror or "?")
