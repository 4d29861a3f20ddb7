"""The walk over the directory entry sets of an exFAT volume, live and deleted."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.volume import exfat, exfat_sets, names
from firmware_bridge.volume.bitmap import Bitmap
from firmware_bridge.volume.clusters import Heap, Run, Table
from firmware_bridge.volume.exfat_sets import Set, Stray
from firmware_bridge.volume.harvest import RECORD, Folder, Harvest
from firmware_bridge.volume.listing import DIRECTORY, Entry, Extent, Name, Problem, Stamp
from firmware_bridge.volume.medium import Source

_ALLOCATION_POSSIBLE: Final = 0x01
_NO_FAT_CHAIN: Final = 0x02
_ZONE_VALID: Final = 0x80
_LARGEST_FOLDER: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Volume:
    """What the walk needs to know of the volume beside its folders."""

    heap: Heap
    total_bytes: int
    table: Table
    bitmap: Bitmap | None
    upcase: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file's bytes are said to lie."""

    extents: tuple[Extent, ...] = ()
    unallocated: bool | None = None
    problems: tuple[Problem, ...] = ()
    # Size 0 and no table to follow: how far it reaches shows only beside its neighbours.
    open_end: bool = False


class Walk:
    """One pass over all folders of an exFAT volume."""

    def __init__(self, source: Source, volume: Volume, harvest: Harvest, root: Folder) -> None:
        self._source = source
        self._volume = volume
        self._heap = volume.heap
        self._harvest = harvest
        self._folders = [root]
        self._visited = {root.first_cluster}
        self._open_ends: list[tuple[int, int]] = []

    def run(self) -> None:
        """Read every folder into the harvest. Raises BoundReachedError, MediumGoneError."""
        while self._folders:
            folder = self._folders.pop()
            for found in exfat_sets.sets(self._harvest.records(folder)):
                match found:
                    case Stray(kind):
                        self._harvest.report(Problem("record-stray", f"0x{kind:02X}"), folder.index)
                    case Set():
                        self._take(folder, found)
        self._close_ends()

    def _take(self, folder: Folder, found: Set) -> None:
        matches = found.matches
        if (found.ended or folder.deleted) and not (found.whole and matches):
            return  # bytes that only look like records
        problems = []
        if not found.whole:
            problems.append(Problem("set-incomplete"))
        elif not matches:
            problems.append(Problem("set-checksum"))
        if found.ended:
            problems.append(Problem("after-end"))
        problems += [Problem("record-unknown", f"0x{kind:02X}") for kind in found.unknown]
        deleted = found.ended or folder.deleted or not found.live
        self._add(folder, found, problems, deleted=deleted)

    def _add(self, folder: Folder, found: Set, problems: list[Problem], *, deleted: bool) -> None:
        raw = found.raw_name
        text = names.long_text(raw)
        problems += names.problems_of(text, raw)
        stream, primary = found.stream or bytes(RECORD), found.primary or bytes(RECORD)
        if self._volume.upcase is not None and found.whole:
            stated = int.from_bytes(stream[4:6], "little")
            if exfat.name_hash(raw, self._volume.upcase) != stated:
                problems.append(Problem("name-hash"))
        size = int.from_bytes(stream[24:32], "little")
        valid = int.from_bytes(stream[8:16], "little")
        attributes = int.from_bytes(primary[4:6], "little")
        directory = bool(attributes & DIRECTORY)
        if valid > size:
            problems.append(Problem("valid-beyond-size", str(valid)))
        if size > self._volume.total_bytes:
            problems.append(Problem("size-beyond-medium", str(size)))
        place = self._lost(stream, size) if deleted else self._kept(stream, size)
        name = Name(raw, text)
        path = (*folder.path, name)
        index = self._harvest.add(
            Entry(
                path=path,
                deleted=deleted,
                directory=directory,
                size=size,
                valid_size=min(valid, size),
                attributes=attributes,
                created=_stamp(found.primary, 8, 20, 22),
                modified=_stamp(found.primary, 12, 21, 23),
                accessed=_stamp(found.primary, 16, None, 24),
                first_cluster=_first(stream),
                extents=place.extents,
                unallocated=place.unallocated,
                problems=(*problems, *place.problems),
                record_offset=found.offset,
                record=found.record,
            )
        )
        if place.open_end:
            self._open_ends.append((index, _first(stream)))
        if directory:
            self._enter(Folder(path, index, _first(stream), 0, place.extents, deleted), place)

    def _kept(self, stream: bytes, size: int) -> _Place:
        """Return where a live stream lies."""
        first = _first(stream)
        if not first:
            return _Place(problems=(Problem("no-chain"),) if size else ())
        if not self._heap.holds(first):
            return _Place(problems=(Problem("cluster-out-of-range", str(first)),))
        problems = []
        if not stream[1] & _ALLOCATION_POSSIBLE:
            problems.append(Problem("allocation-flag"))
        want = self._heap.needed(size) if size else None
        contiguous = bool(stream[1] & _NO_FAT_CHAIN)
        if contiguous:
            runs: tuple[Run, ...] = ((first, min(want or 1, self._heap.last + 1 - first)),)
        else:
            chain = self._volume.table.follow(first, want)
            runs = chain.runs
            problems += [Problem(code) for code in chain.problems]
        got = sum(count for _first_of_run, count in runs)
        if want is None:
            problems.insert(0, Problem("size-zero-with-chain", f"{got} clusters"))
        elif got < want:
            problems.insert(0, Problem("chain-short", f"{want - got} of {want} clusters missing"))
        bitmap = self._volume.bitmap
        if bitmap is not None and any(bitmap.all_used(*run) is False for run in runs):
            problems.append(Problem("free-cluster-in-chain"))
        extents = self._heap.extents(runs, size or None)
        return _Place(extents, None, tuple(problems), open_end=contiguous and want is None)

    def _lost(self, stream: bytes, size: int) -> _Place:
        """Return where a deleted stream's bytes are, or would be had it been one run."""
        first = _first(stream)
        if not first:
            return _Place(problems=(Problem("no-chain"),) if size else ())
        if not self._heap.holds(first):
            return _Place(problems=(Problem("cluster-out-of-range", str(first)),))
        want = self._heap.needed(size)
        run = (first, min(want, self._heap.last + 1 - first))
        problems = () if run[1] == want else (Problem("cluster-out-of-range", "at its end"),)
        bitmap = self._volume.bitmap
        free = None if bitmap is None else bitmap.all_free(first, max(run[1], 1))
        return _Place(self._heap.extents([run], size), free, problems)

    def _enter(self, folder: Folder, place: _Place) -> None:
        """Put a folder on the list of those to read, or say why not."""
        if folder.deleted:
            if place.unallocated and folder.first_cluster not in self._visited:
                length = sum(extent.length for extent in folder.extents)
                if len(folder.path) < self._source.limits.depth and length <= _LARGEST_FOLDER:
                    self._visited.add(folder.first_cluster)
                    self._folders.append(folder)
            return
        if not place.extents:
            if place.problems or folder.first_cluster:
                self._harvest.unsound(Problem("directory-unreadable"), folder.index)
        elif folder.first_cluster in self._visited:
            self._harvest.unsound(Problem("directory-loop"), folder.index)
        elif len(folder.path) >= self._source.limits.depth:
            self._harvest.unsound(Problem("bound", "depth"), folder.index)
        else:
            self._visited.add(folder.first_cluster)
            self._harvest.sound &= not place.problems
            self._folders.append(folder)

    def _close_ends(self) -> None:
        """Let each contiguous file of size 0 reach to its next neighbour in use."""
        if not self._open_ends or self._volume.bitmap is None:
            return
        starts = self._harvest.live_starts()
        for index, first in self._open_ends:
            here = self._heap.extents([(first, 1)])[0].offset
            most = self._heap.last + 1 - first
            after = bisect_right(starts, here)
            if after < len(starts):
                most = min(most, (starts[after] - here) // self._heap.cluster_size)
            count = max(1, self._volume.bitmap.used_run(first, most))
            self._harvest.stretch(index, self._heap.extents([(first, count)])[0])


def _first(stream: bytes) -> int:
    return int.from_bytes(stream[20:24], "little")


def _stamp(primary: bytes, at: int, tens_at: int | None, zone_at: int) -> Stamp | None:
    """Return a stored time; None where the file record is lost."""
    if not primary:
        return None
    zone = primary[zone_at]
    return Stamp(
        int.from_bytes(primary[at + 2 : at + 4], "little"),
        int.from_bytes(primary[at : at + 2], "little"),
        0 if tens_at is None else primary[tens_at],
        zone if zone & _ZONE_VALID else None,
    )
