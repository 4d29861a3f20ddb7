"""What the journal says is on the clip volume: read from it at a start, kept up as it grows."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashing import journal
from hashing.canonical import JSON
from hashing.errors import EvidenceError
from hashing.journal import Record
from hashing.journal_bodies import closed, read_path

STAMP: Final = "stamp_ms"
"""A member of `clip` beyond the format's: the file's modification time, as its volume has it."""

FOUND: Final = "found"
"""A member of `opened` beyond the format's: the file was there already, so when it was opened is
not known."""

# FAT keeps a modification time in steps of two seconds, and only once it was unmounted.
_STEP_MS: Final = 2000
_KINDS: Final = ("opened", "clip", "renamed", "removed", "overwritten", "erased")
_MARKS: Final = tuple(f'"kind":"{kind}"'.encode() for kind in _KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A clip that the journal says is there. `stamp_ms` by its volume, None where it says none."""

    sha256: str
    size: int
    stamp_ms: int | None

    def looks_like(self, status: os.stat_result) -> bool:
        """Tell whether a file that has this `status` need not be hashed again to be this one.

        Who goes to the length of setting both back is found out by the dock, which hashes all.
        """
        if status.st_size != self.size or self.stamp_ms is None:
            return False
        return abs(status.st_mtime_ns // 1_000_000 - self.stamp_ms) <= _STEP_MS


class ClipIndex:
    """The clips by path (bytes, below the clip folder), in the order in which they were closed.

    Paths that the journal does not hold whole are left out: such a clip is hashed again at
    each start, and no more comes of it.
    """

    def __init__(self) -> None:
        self._clips: dict[bytes, Listed] = {}
        self._opened: dict[bytes, int | None] = {}

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> "ClipIndex":
        """Return what a journal's lines say; the lines have been found to hold when written."""
        index = cls()
        for line in lines:
            if any(mark in line for mark in _MARKS):
                try:
                    record, _ = journal.parse(line)
                except EvidenceError:
                    continue  # the dock will say so; here it only costs a hash
                index.take(record)
        return index

    def take(self, record: Record) -> None:
        """Take the next record."""
        body = record.body
        if record.kind == "erased":
            self._erase(str(body["sha256"]))
            return
        path = raw_of(body["path"]) if record.kind in _KINDS else None
        if path is None:
            return
        match record.kind:
            case "opened":
                self._opened[path] = None if body.get(FOUND) is True else record.at.utc_ms
            case "clip":
                told, stamp = closed(body), body.get(STAMP)
                listed = Listed(
                    sha256=told.sha256,
                    size=told.size,
                    stamp_ms=stamp if type(stamp) is int else None,
                )
                self.put(path, listed)
            case "renamed":
                self.rename(path, raw_of(body["now"]))
            case _:
                self.drop(path)

    def put(self, path: bytes, listed: Listed) -> None:
        """Take a clip for what is at `path` now."""
        self._opened.pop(path, None)
        before = self._clips.get(path)
        if before is not None and before.sha256 != listed.sha256:
            del self._clips[path]  # so that it comes last
        self._clips[path] = listed

    def open(self, path: bytes, at_ms: int | None) -> None:
        """Note when a file was opened; None if only that it is there is known."""
        self._opened[path] = at_ms

    def is_open(self, path: bytes) -> bool:
        """Tell whether the journal has yet to say what the file at `path` holds."""
        return path in self._opened

    def opened_ms(self, path: bytes) -> int | None:
        """Return when a file that is not closed yet was opened."""
        return self._opened.get(path)

    def rename(self, path: bytes, now: bytes | None) -> None:
        """Note that a file has another name; None for one that is not known whole."""
        was_open, opened_ms = path in self._opened, self._opened.pop(path, None)
        listed = self._clips.pop(path, None)
        if now is None:
            return
        self.drop(now)
        if was_open:
            self._opened[now] = opened_ms
        if listed is not None:
            self._clips[now] = listed

    def drop(self, path: bytes) -> None:
        """Note that nothing is at `path` any more."""
        self._clips.pop(path, None)
        self._opened.pop(path, None)

    def get(self, path: bytes) -> Listed | None:
        """Return the clip at `path`."""
        return self._clips.get(path)

    def knows(self, path: bytes) -> bool:
        """Tell whether anything is known to be at `path`."""
        return path in self._clips or path in self._opened

    def paths(self) -> list[bytes]:
        """Return where something is known to be."""
        return [*self._clips, *(path for path in self._opened if path not in self._clips)]

    def is_oldest(self, path: bytes) -> bool:
        """Tell whether no clip was closed before the one at `path`, but for its own sidecars."""
        stem = _stem(path)
        first = next((one for one in self._clips if _stem(one) != stem), None)
        if path not in self._clips or first is None:
            return path in self._clips
        order = list(self._clips)
        return order.index(path) < order.index(first)

    def _erase(self, sha256: str) -> None:
        for path in [path for path, one in self._clips.items() if one.sha256 == sha256]:
            self.drop(path)


def raw_of(value: JSON) -> bytes | None:
    """Return the bytes of a path in a body; None where it does not hold all of them."""
    place = read_path(value)
    if not place.whole:
        return None
    return place.raw or place.text.encode("utf-8")


def _stem(path: bytes) -> bytes:
    return path.rpartition(b".")[0] or path
