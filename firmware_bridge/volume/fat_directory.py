"""The walk over the directory records of a FAT volume, live and deleted.

A record is 32 bytes ("FAT Directory Structure"). A long name stands in slots
before its short record. Deleting overwrites the first byte of each with 0xE5
and frees the clusters; all else stays until it is used again, so where a
deleted file began is known, and where it went on is only likely.
"""

from dataclasses import dataclass
from typing import Final

from firmware_bridge.volume import fat_names, names
from firmware_bridge.volume.clusters import Heap, Run, Table
from firmware_bridge.volume.fat import Geometry
from firmware_bridge.volume.harvest import RECORD, Folder, Harvest
from firmware_bridge.volume.listing import DIRECTORY, Entry, Extent, Name, Problem, Stamp
from firmware_bridge.volume.medium import Source

_END: Final = 0x00
_DELETED: Final = 0xE5
_VOLUME_LABEL: Final = 0x08
_LONG_NAME: Final = 0x0F
_ATTRIBUTE_BITS: Final = 0x3F
_DOT: Final = b".          "
_DOT_DOT: Final = b"..         "
_SPACE: Final = 0x20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record's bytes are said to lie."""

    extents: tuple[Extent, ...] = ()
    unallocated: bool | None = None
    problems: tuple[Problem, ...] = ()


class Walk:
    """One pass over all folders of a FAT volume."""

    def __init__(
        self, source: Source, geometry: Geometry, table: Table, harvest: Harvest, encoding: str
    ) -> None:
        self._source = source
        self._geometry = geometry
        self._heap: Heap = geometry.heap
        self._table = table
        self._harvest = harvest
        self._encoding = encoding
        self._visited: set[int] = set()
        self._folders: list[Folder] = []
        self.root: tuple[Extent, ...] = ()
        self.label: str | None = None

    def run(self) -> None:
        """Read every folder into the harvest. Raises BoundReachedError, MediumGoneError."""
        root = self._root()
        self.root = root.extents
        self._folders = [root]
        while self._folders:
            self._read(self._folders.pop())

    def _root(self) -> Folder:
        root = self._geometry.root
        if isinstance(root, Extent):
            return Folder((), None, 0, 0, (root,))
        chain = self._table.follow(root)
        for code in chain.problems:
            self._harvest.unsound(Problem(code, "root directory"))
        self._visited.add(root)
        return Folder((), None, root, 0, self._heap.extents(chain.runs))

    def _read(self, folder: Folder) -> None:
        slots: list[fat_names.Slot] = []
        ended = False
        for offset, record in self._harvest.records(folder):
            if not record:
                slots.clear()
            elif record[0] == _END:
                ended = True
                slots.clear()
            elif record[11] & _ATTRIBUTE_BITS == _LONG_NAME:
                slots.append((offset, record))
                del slots[: -fat_names.MOST_SLOTS * 2]
            else:
                self._take(folder, slots, offset, record, ended=ended)
                slots.clear()
        if any(slot[0] != _DELETED for _at, slot in slots):
            self._harvest.report(Problem("lfn-orphan", "at the end of a folder"), folder.index)

    def _take(
        self,
        folder: Folder,
        slots: list[fat_names.Slot],
        offset: int,
        record: bytes,
        *,
        ended: bool,
    ) -> None:
        if record[:11] in {_DOT, _DOT_DOT} and folder.path and record[11] & DIRECTORY:
            self._check_dots(folder, record)
            return
        erased = record[0] == _DELETED
        if record[11] & _VOLUME_LABEL and not self._hides_data(record):
            if not (erased or ended or folder.path or self.label is not None):
                self.label = names.short_text(
                    record[:8] + record[8:11], 0, encoding=self._encoding, deleted=False
                )
            return
        if ended and not self._plausible(record):
            return
        self._add(folder, slots, offset, record, ended=ended)

    def _hides_data(self, record: bytes) -> bool:
        return bool(self._first(record)) and record[0] != _DELETED

    def _plausible(self, record: bytes) -> bool:
        """Tell whether bytes after the end mark look like a record at all."""
        return (
            record[11] & ~_ATTRIBUTE_BITS == 0
            and min(record[1:11]) >= _SPACE
            and (self._heap.holds(self._first(record)) or not any(record[26:32]))
        )

    def _add(
        self,
        folder: Folder,
        slots: list[fat_names.Slot],
        offset: int,
        record: bytes,
        *,
        ended: bool,
    ) -> None:
        erased = record[0] == _DELETED
        deleted = erased or ended or folder.deleted
        name, used, problems = fat_names.name_of(slots, record, encoding=self._encoding)
        if ended:
            problems.append(Problem("after-end"))
        if record[11] & _VOLUME_LABEL:
            problems.append(Problem("label-with-data"))
        directory = bool(record[11] & DIRECTORY)
        size = int.from_bytes(record[28:32], "little")
        place = self._lost(record, size) if deleted else self._kept(record, size)
        if directory and size:
            problems.append(Problem("directory-with-size", str(size)))
        if size > self._geometry.total_bytes:
            problems.append(Problem("size-beyond-medium", str(size)))
        path = (*folder.path, name)
        index = self._harvest.add(
            Entry(
                path=path,
                deleted=deleted,
                directory=directory,
                size=size,
                valid_size=size,
                attributes=record[11],
                created=_stamp(record, 16, 14, record[13]),
                modified=Stamp(_word(record, 24), _word(record, 22)),
                accessed=_stamp(record, 18, None, 0),
                first_cluster=self._first(record),
                extents=place.extents,
                unallocated=place.unallocated,
                problems=(*problems, *place.problems),
                record_offset=slots[-used][0] if used else offset,
                record=b"".join(slot for _at, slot in slots[len(slots) - used :]) + record,
            )
        )
        if directory:
            self._enter(folder, path, index, place, deleted=deleted)

    def _first(self, record: bytes) -> int:
        low = _word(record, 26)
        return low | _word(record, 20) << 16 if self._geometry.kind == "fat32" else low

    def _kept(self, record: bytes, size: int) -> _Place:
        """Return where a live record's chain leads."""
        first, folder = self._first(record), bool(record[11] & DIRECTORY)
        if not first:
            wanting = bool(size) or folder
            return _Place(problems=(Problem("no-chain"),) if wanting else ())
        want = None if folder or not size else self._heap.needed(size)
        chain = self._table.follow(first, want)
        problems = [Problem(code) for code in chain.problems]
        if want is not None:
            missing = want - chain.clusters
            if missing > 0:
                problems.insert(0, Problem("chain-short", f"{missing} of {want} clusters missing"))
        elif not folder:
            problems.insert(0, Problem("size-zero-with-chain", f"{chain.clusters} clusters"))
        extents = self._heap.extents(chain.runs, None if want is None else size)
        return _Place(extents, None, tuple(problems))

    def _lost(self, record: bytes, size: int) -> _Place:
        """Return where a deleted record's bytes would be, had it been one run."""
        first, folder = self._first(record), bool(record[11] & DIRECTORY)
        if not first:
            return _Place(problems=(Problem("no-chain"),) if size else ())
        if not self._heap.holds(first):
            return _Place(problems=(Problem("cluster-out-of-range", str(first)),))
        want = 1 if folder else self._heap.needed(size)
        run: Run = (first, min(want, self._heap.last + 1 - first))
        problems = () if run[1] == want else (Problem("cluster-out-of-range", "at its end"),)
        extents = self._heap.extents([run], None if folder else size)
        return _Place(extents, self._table.all_free(first, max(run[1], 1)), problems)

    def _enter(
        self, folder: Folder, path: tuple[Name, ...], index: int, place: _Place, *, deleted: bool
    ) -> None:
        """Put a folder on the list of those to read, or say why not."""
        if not place.extents:
            if not deleted:
                self._harvest.unsound(Problem("directory-unreadable"), index)
            return
        first = (place.extents[0].offset - self._heap.offset) // self._heap.cluster_size + 2
        if deleted and not (place.unallocated and self._own_dot(place.extents[0], first)):
            return
        if first in self._visited:
            if not deleted:
                self._harvest.unsound(Problem("directory-loop"), index)
            return
        if len(path) >= self._source.limits.depth:
            self._harvest.unsound(Problem("bound", "depth"), index)
            return
        self._visited.add(first)
        if place.problems and not deleted:
            self._harvest.sound = False
        self._folders.append(
            Folder(path, index, first, folder.first_cluster, place.extents, deleted)
        )

    def _own_dot(self, extent: Extent, cluster: int) -> bool:
        """Tell whether a deleted folder's cluster still holds that folder."""
        for _offset, data in self._source.pieces(extent.offset, RECORD):
            if data[:11] == _DOT and self._first(data) == cluster:
                return True
        return False

    def _check_dots(self, folder: Folder, record: bytes) -> None:
        points_to = self._first(record)
        # The parent is written as 0 where it is the root.
        parent = folder.parent_cluster if len(folder.path) > 1 else 0
        right = {folder.first_cluster} if record[:11] == _DOT else {parent, folder.parent_cluster}
        if points_to not in right:
            self._harvest.report(Problem("dot-mismatch", str(points_to)), folder.index)


def _word(record: bytes, at: int) -> int:
    return int.from_bytes(record[at : at + 2], "little")


def _stamp(record: bytes, date_at: int, time_at: int | None, tens_ms: int) -> Stamp | None:
    """Return an optional time; None where the record leaves it zero, as it may."""
    date = _word(record, date_at)
    time = 0 if time_at is None else _word(record, time_at)
    return Stamp(date, time, tens_ms) if date or time or tens_ms else None
