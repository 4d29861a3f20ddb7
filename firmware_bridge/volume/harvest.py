"""What the walk of one volume brings in, and the checks that need all of it.

Entries wait here until the walk has ended, because two files that share a
cluster are both reported, and the first of them was met long before the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry, Extent, Name, Problem
from firmware_bridge.volume.medium import BoundReachedError, Source

RECORD: Final = 32  # bytes of a directory record, FAT and exFAT alike
_PROBLEMS_EACH: Final = 16


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory still to be read: `index` is its entry's, None for the root."""

    path: tuple[Name, ...]
    index: int | None
    first_cluster: int
    parent_cluster: int
    extents: tuple[Extent, ...]
    deleted: bool = False


class Harvest:
    """The entries of one volume, what is wrong with it, and whether it was read wholly."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._entries: list[Entry] = []
        self._later: dict[int, list[Problem]] = {}
        self.problems: list[Problem] = []
        self.sound = True

    def add(self, entry: Entry) -> int:
        """Take an entry, its record included; return its index. Raises BoundReachedError."""
        self._source.spend("entries")
        self._source.spend("extents", len(entry.extents))
        self._entries.append(entry)
        return len(self._entries) - 1

    def unsound(self, problem: Problem, index: int | None = None) -> None:
        """Report a problem for which no clip of this volume may be called missing."""
        self.sound = False
        self.report(problem, index)

    def report(self, problem: Problem, index: int | None = None) -> None:
        """Report a problem of entry `index`, or of the volume."""
        if index is not None:
            known = self._later.setdefault(index, [])
            if len(known) < _PROBLEMS_EACH and problem not in known:
                known.append(problem)
        elif len(self.problems) < self._source.limits.problems and problem not in self.problems:
            self.problems.append(problem)

    def records(self, folder: Folder) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, 32 bytes) of each record in order; an unreadable stretch as b"".

        Zeroed room at the end of a folder comes as one zero record. What can't be
        read makes the listing unsound.
        """
        left = self._source.limits.directory_bytes
        for extent in folder.extents:
            for offset, data in self._source.pieces(extent.offset, min(extent.length, left)):
                if not data:
                    self.unsound(Problem("directory-unreadable", f"at {offset}"), folder.index)
                    yield offset, b""
                    continue
                kept = -(-len(data.rstrip(b"\0")) // RECORD) * RECORD
                for at in range(0, kept, RECORD):
                    yield offset + at, data[at : at + RECORD]
                if kept < len(data):
                    yield offset + kept, bytes(RECORD)
            left -= extent.length
            if left < 0:
                self.unsound(Problem("bound", "directory_bytes"), folder.index)
                return

    def still_there(self, boot_at: int, boot: bytes) -> None:
        """Ask once more for the boot sector: a listing counts only if the medium outlived it.

        Raises MediumGoneError.
        """
        try:
            if self._source.read(boot_at, len(boot)) != boot:
                self.unsound(Problem("changed-while-read"))
        except (MediumReadError, BoundReachedError):
            self.unsound(Problem("boot-unreadable"))

    def stretch(self, index: int, extent: Extent) -> None:
        """Give entry `index` this one extent instead of those it came with."""
        self._entries[index] = replace(self._entries[index], extents=(extent,))

    def live_starts(self) -> list[int]:
        """Return where each extent of a live entry begins, in order."""
        live = (entry for entry in self._entries if not entry.deleted)
        return sorted(extent.offset for entry in live for extent in entry.extents)

    def cross_check(self, system: tuple[tuple[str, Extent], ...] = ()) -> None:
        """Report each live entry that shares bytes with another, or with `system`.

        O(n log n) in the extents.
        """
        spans = [
            (extent.offset, extent.offset + extent.length, index)
            for index, entry in enumerate(self._entries)
            if not entry.deleted
            for extent in entry.extents
        ]
        names = [name for name, _extent in system]
        spans += [(at.offset, at.offset + at.length, ~n) for n, (_name, at) in enumerate(system)]
        spans.sort()
        furthest = owner = 0
        for start, end, index in spans:
            if start < furthest:
                for one, other in ((index, owner), (owner, index)):
                    if one >= 0:
                        what = self._entries[other].text if other >= 0 else names[~other]
                        self.report(Problem("cross-linked", what[:200]), one)
            if end > furthest:
                furthest, owner = end, index

    def entries(self) -> Iterator[Entry]:
        """Yield all entries with all their problems, in the order of the walk."""
        for index, entry in enumerate(self._entries):
            yield self._whole(index, entry)

    def _whole(self, index: int, entry: Entry) -> Entry:
        later = self._later.get(index)
        if later:
            return replace(entry, problems=(*entry.problems, *later))
        if entry.deleted or entry.problems:
            return entry
        return replace(entry, record=b"")
