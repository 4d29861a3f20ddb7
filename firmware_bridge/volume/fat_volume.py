"""One FAT volume, from its boot sector to its last entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume import fat, probe
from firmware_bridge.volume.clusters import Table
from firmware_bridge.volume.fat_directory import Walk
from firmware_bridge.volume.harvest import Harvest
from firmware_bridge.volume.listing import Entry, Problem, Volume
from firmware_bridge.volume.medium import BoundReachedError, Source

_BACKUP_SECTOR: Final = 6
_NO_LABEL: Final = "NO NAME"


@dataclass(frozen=True, slots=True)
class Opened:
    """A FAT volume whose boot sector made sense; `boot_at` is where that one stands."""

    geometry: fat.Geometry
    boot: bytes
    boot_at: int

    def read(self, source: Source, index: int, encoding: str) -> Iterator[Entry | Volume]:
        """Yield all entries, then the volume. Raises MediumGoneError."""
        geometry = self.geometry
        harvest = Harvest(source)
        for problem in geometry.problems:
            harvest.report(problem)
            harvest.sound &= problem.code != "volume-beyond-medium"
        if self.boot_at != geometry.offset:
            harvest.report(Problem("boot-backup-used"))
        table = geometry.table(source)
        walk = Walk(source, geometry, table, harvest, encoding)
        try:
            walk.run()
        except BoundReachedError as bound:
            harvest.unsound(Problem("bound", bound.what))
        harvest.cross_check(tuple(("root directory", extent) for extent in walk.root))
        yield from harvest.entries()
        free = _free(source, geometry, table, harvest)
        dirty = geometry.dirty or _left_dirty(geometry, table, harvest)
        harvest.still_there(self.boot_at, self.boot)
        label = walk.label if walk.label is not None else _boot_label(geometry, encoding)
        yield Volume(
            index=index,
            offset=geometry.offset,
            length=geometry.total_bytes,
            filesystem=geometry.kind,
            serial=geometry.serial,
            label=label,
            dirty=dirty,
            cluster_size=geometry.heap.cluster_size,
            total_bytes=geometry.total_bytes,
            free_bytes=free * geometry.heap.cluster_size,
            problems=tuple(harvest.problems),
            sound=harvest.sound,
        )


def open_volume(source: Source, offset: int, *, spare: bool) -> Opened | None:
    """Return the FAT volume at `offset`, by its boot sector or, if `spare`, FAT32's other one."""
    boot = probe.first_sector(source, offset)
    geometry = fat.parse(boot, offset, source.size)
    if probe.encrypted(boot):
        return None  # BitLocker To Go stands behind a small FAT that is not the card's
    if geometry is not None:
        return Opened(geometry, boot, offset)
    for sector_size in fat.SECTOR_SIZES if spare else ():
        place = offset + _BACKUP_SECTOR * sector_size
        boot = probe.first_sector(source, place)
        copy = fat.parse(boot, offset, source.size)
        if copy is not None and copy.kind == "fat32" and copy.sector_size == sector_size:
            return Opened(copy, boot, place)
    return None


def _free(source: Source, geometry: fat.Geometry, table: Table, harvest: Harvest) -> int:
    """Return the number of free clusters: counted, or as FSInfo claims where that fails."""
    stated = fat.stated_free(source, geometry)
    try:
        counted = table.count_free()
    except (MediumReadError, BoundReachedError):
        harvest.report(Problem("free-not-counted"))
        return stated or 0
    if table.mended:
        harvest.report(Problem("table-mended", f"{len(table.mended)} sectors"))
    if stated is not None and stated != counted:
        harvest.report(Problem("free-disagrees", f"stated {stated}, counted {counted} clusters"))
    return counted


def _left_dirty(geometry: fat.Geometry, table: Table, harvest: Harvest) -> bool:
    try:
        clean, unharmed = fat.shut_down_cleanly(table, geometry.kind)
    except (MediumReadError, BoundReachedError):
        return False
    if not unharmed:
        harvest.report(Problem("media-failure"))
    return not clean


def _boot_label(geometry: fat.Geometry, encoding: str) -> str:
    text = geometry.label.rstrip(b" \0").decode(encoding, errors="replace")
    return "" if text == _NO_LABEL else text
