"""One exFAT volume, from its boot region to its last entry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume import exfat, names, probe
from firmware_bridge.volume.bitmap import Bitmap, read_logical
from firmware_bridge.volume.clusters import Heap, Table
from firmware_bridge.volume.exfat_directory import Volume as Walked
from firmware_bridge.volume.exfat_directory import Walk
from firmware_bridge.volume.harvest import Folder, Harvest
from firmware_bridge.volume.listing import Entry, Extent, Problem, Volume
from firmware_bridge.volume.medium import BoundReachedError, Source

_LARGEST_UPCASE: Final = 1 << 17
_LONGEST_LABEL: Final = 11


@dataclass(slots=True)
class _System:
    """The volume's own records, from the root folder."""

    bitmap: bytes | None = None
    upcase: bytes | None = None
    label: bytes | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An exFAT volume whose boot sector made sense; `boot_at` is where that one stands."""

    geometry: exfat.Geometry
    boot: bytes
    boot_at: int

    def read(self, source: Source, index: int, encoding: str) -> Iterator[Entry | Volume]:  # noqa: ARG002  names here are UTF-16
        """Yield all entries, then the volume. Raises MediumGoneError."""
        geometry = self.geometry
        harvest = Harvest(source)
        label, free = "", None
        own: list[tuple[str, Extent]] = []
        try:
            self._judge(source, harvest)
            table = geometry.table(source)
            root = _root(geometry, table, harvest)
            own += [("root directory", extent) for extent in root.extents]
            system = _system_records(harvest, root, second=geometry.second)
            label = _label(system, harvest)
            bitmap = _bitmap(source, geometry, table, system, harvest)
            if bitmap is not None:
                own += [("allocation bitmap", extent) for extent in bitmap.extents]
            upcase, place = _upcase(source, geometry.heap, table, system, harvest)
            own += [("up-case table", extent) for extent in place]
            walked = Walked(geometry.heap, geometry.total_bytes, table, bitmap, upcase)
            Walk(source, walked, harvest, root).run()
            free = _free(bitmap, geometry.heap, harvest)
        except BoundReachedError as bound:
            harvest.unsound(Problem("bound", bound.what))
        harvest.cross_check(tuple(own))
        yield from harvest.entries()
        harvest.still_there(self.boot_at, self.boot)
        yield Volume(
            index=index,
            offset=geometry.offset,
            length=geometry.total_bytes,
            filesystem="exfat",
            serial=geometry.serial,
            label=label,
            dirty=geometry.dirty,
            cluster_size=geometry.heap.cluster_size,
            total_bytes=geometry.total_bytes,
            free_bytes=(free or 0) * geometry.heap.cluster_size,
            problems=tuple(harvest.problems),
            sound=harvest.sound,
        )

    def _judge(self, source: Source, harvest: Harvest) -> None:
        for problem in self.geometry.problems:
            harvest.report(problem)
            harvest.sound &= problem.code != "volume-beyond-medium"
        if self.boot_at != self.geometry.offset:
            harvest.report(Problem("boot-backup-used"))
        if not exfat.region_matches(source, self.geometry, self.boot_at):
            harvest.report(Problem("boot-checksum"))


def open_volume(source: Source, offset: int, *, spare: bool) -> Opened | None:
    """Return the exFAT volume at `offset`, by its main or, if `spare`, its backup boot sector."""
    boot = probe.first_sector(source, offset)
    geometry = exfat.parse(boot, offset, source.size)
    if geometry is not None:
        return Opened(geometry, boot, offset)
    for shift in exfat.SECTOR_SHIFTS if spare else ():
        place = offset + (exfat.BACKUP_SECTOR << shift)
        boot = probe.first_sector(source, place)
        copy = exfat.parse(boot, offset, source.size)
        if copy is not None and copy.sector_size == 1 << shift:
            return Opened(copy, boot, place)
    return None


def _root(geometry: exfat.Geometry, table: Table, harvest: Harvest) -> Folder:
    chain = table.follow(geometry.root)
    for code in chain.problems:
        harvest.unsound(Problem(code, "root directory"))
    return Folder((), None, geometry.root, 0, geometry.heap.extents(chain.runs))


def _system_records(harvest: Harvest, root: Folder, *, second: bool) -> _System:
    found = _System()
    for _offset, record in harvest.records(root):
        match record[:1]:
            case b"\0":
                break
            case b"\x81" if found.bitmap is None or (second and record[1] & 1):
                found.bitmap = record
            case b"\x82" if found.upcase is None:
                found.upcase = record
            case b"\x83" if found.label is None:
                found.label = record
            case _:
                continue
    return found


def _label(system: _System, harvest: Harvest) -> str:
    if system.label is None:
        return ""
    units = system.label[1]
    if units > _LONGEST_LABEL:
        harvest.report(Problem("label-too-long", str(units)))
    return names.long_text(system.label[2 : 2 + 2 * min(units, _LONGEST_LABEL)])


def _stretch(record: bytes, heap: Heap, table: Table) -> tuple[tuple[Extent, ...], int]:
    """Return the place and the stated length of a system file, which always has a chain."""
    first = int.from_bytes(record[20:24], "little")
    length = int.from_bytes(record[24:32], "little")
    chain = table.follow(first, max(1, heap.needed(length)))
    return heap.extents(chain.runs, length), length


def _bitmap(
    source: Source, geometry: exfat.Geometry, table: Table, system: _System, harvest: Harvest
) -> Bitmap | None:
    if system.bitmap is None:
        harvest.report(Problem("bitmap-missing"))
        return None
    extents, _length = _stretch(system.bitmap, geometry.heap, table)
    bitmap = Bitmap(source, extents, geometry.heap.clusters)
    if not bitmap.whole:
        harvest.report(Problem("bitmap-short"))
        return None
    return bitmap


def _upcase(
    source: Source, heap: Heap, table: Table, system: _System, harvest: Harvest
) -> tuple[Sequence[int] | None, tuple[Extent, ...]]:
    """Return the up-case table and its place; None where it can't be trusted."""
    if system.upcase is None:
        harvest.report(Problem("upcase-missing"))
        return None, ()
    extents, length = _stretch(system.upcase, heap, table)
    try:
        data = read_logical(source, extents, 0, min(length, _LARGEST_UPCASE))
    except MediumReadError:
        data = b""
    if exfat.table_sum(data) != int.from_bytes(system.upcase[4:8], "little"):
        harvest.report(Problem("upcase-checksum"))
        return None, extents
    return exfat.upcase_table(data), extents


def _free(bitmap: Bitmap | None, heap: Heap, harvest: Harvest) -> int | None:
    if bitmap is not None:
        try:
            return heap.clusters - bitmap.count_used()
        except MediumReadError:
            harvest.sound = False
    harvest.report(Problem("free-not-counted"))
    return None
