"""FAT12, FAT16 and FAT32: what the boot sector says, and the volume as a whole.

After Microsoft's "FAT: General Overview of On-Disk Format", 1.03 (fatgen103);
section names below are its. Nothing is believed that the medium can't hold.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.clusters import FAT12, FAT16, FAT32, FIRST_CLUSTER, Heap, Marks, Table
from firmware_bridge.volume.listing import Extent, Problem
from firmware_bridge.volume.medium import BoundReachedError, Source

SECTOR_SIZES: Final = (512, 1024, 2048, 4096)
_SIGNATURE: Final = b"\x55\xaa"
_FEWEST_FAT16: Final = 4085  # "FAT Type Determination"
_FEWEST_FAT32: Final = 65525
_RECORD: Final = 32
_LARGEST_CLUSTER: Final = 1 << 20
_MEDIA: Final = frozenset({0xF0, *range(0xF8, 0x100)})
_EXTENDED_BOOT: Final = frozenset({0x28, 0x29})
_DIRTY_BYTE: Final = 0x01

Kind = Literal["fat12", "fat16", "fat32"]
_MARKS: Final[dict[Kind, Marks]] = {"fat12": FAT12, "fat16": FAT16, "fat32": FAT32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where the parts of a FAT volume lie, in bytes from the start of the medium."""

    kind: Kind
    offset: int
    total_bytes: int
    sector_size: int
    tables: tuple[int, ...]  # the active one first
    root: Extent | int  # FAT12/16: its place; FAT32: its first cluster
    info: int | None  # FAT32: the FSInfo sector
    heap: Heap
    serial: int
    label: bytes
    dirty: bool
    problems: tuple[Problem, ...]

    def table(self, source: Source) -> Table:
        """Return the volume's allocation table."""
        return Table(source, self.heap, _MARKS[self.kind], self.tables)


def _word(sector: bytes, at: int, size: int = 2) -> int:
    return int.from_bytes(sector[at : at + size], "little")


def parse(boot: bytes, offset: int, medium_size: int) -> Geometry | None:
    """Return the geometry that a boot sector at `offset` describes; None if it is none."""
    sector_size, per_cluster, reserved = _word(boot, 11), boot[13], _word(boot, 14)
    copies, root_records = boot[16], _word(boot, 17)
    total = _word(boot, 19) or _word(boot, 32, 4)
    table_sectors = _word(boot, 22) or _word(boot, 36, 4)
    cluster_size = sector_size * per_cluster
    if (
        sector_size not in SECTOR_SIZES
        or per_cluster.bit_count() != 1
        or cluster_size > _LARGEST_CLUSTER
        or not (reserved and copies and total and table_sectors)
        or boot[21] not in _MEDIA
        or boot[510:512] != _SIGNATURE
    ):
        return None
    wide = _word(boot, 22) == 0
    root_sectors = -(-root_records * _RECORD // sector_size)
    data = reserved + copies * table_sectors + root_sectors
    if data >= total or (not wide and not root_records):
        return None
    return _geometry(boot, offset, medium_size, wide=wide, data=data, root_sectors=root_sectors)


def _geometry(  # noqa: PLR0913  the two callers' sums, taken apart for their length only
    boot: bytes, offset: int, medium_size: int, *, wide: bool, data: int, root_sectors: int
) -> Geometry:
    sector_size, copies = _word(boot, 11), boot[16]
    total = _word(boot, 19) or _word(boot, 32, 4)
    table_bytes = (_word(boot, 22) or _word(boot, 36, 4)) * sector_size
    clusters = (total - data) // boot[13]
    kind = _kind(clusters, wide=wide)
    problems = []
    if wide == (clusters < _FEWEST_FAT32):
        # By the count alone it would be another kind; drivers go by the layout.
        problems.append(Problem("fat-type", f"{clusters} clusters in a {kind} layout"))
    marks = _MARKS[kind]
    fits = min(table_bytes * 8 // marks.width, marks.bad) - FIRST_CLUSTER
    if clusters > fits:
        problems.append(Problem("fat-too-small", f"{clusters} clusters, links for {fits}"))
    if offset + total * sector_size > medium_size:
        problems.append(Problem("volume-beyond-medium", f"{total * sector_size} bytes"))
    heap_at = offset + data * sector_size
    cluster_size = boot[13] * sector_size
    present = max(0, (medium_size - heap_at) // cluster_size)
    first_table = offset + _word(boot, 14) * sector_size
    return Geometry(
        kind=kind,
        offset=offset,
        total_bytes=total * sector_size,
        sector_size=sector_size,
        tables=_tables(boot, first_table, table_bytes, copies, wide=wide),
        root=_word(boot, 44, 4)
        if wide
        else Extent(heap_at - root_sectors * sector_size, _word(boot, 17) * _RECORD),
        info=offset + _word(boot, 48) * sector_size
        if wide and _word(boot, 48) not in {0, 0xFFFF}
        else None,
        heap=Heap(heap_at, cluster_size, max(0, min(clusters, fits, present))),
        dirty=bool(boot[0x41 if wide else 0x25] & _DIRTY_BYTE),
        problems=tuple(problems),
        **_names(boot[64:96] if wide else boot[36:64]),
    )


def _kind(clusters: int, *, wide: bool) -> Kind:
    if wide:
        return "fat32"
    return "fat12" if clusters < _FEWEST_FAT16 else "fat16"


def _tables(boot: bytes, first: int, size: int, copies: int, *, wide: bool) -> tuple[int, ...]:
    """Return the places of the tables, the active one first (BPB_ExtFlags)."""
    tables = [first + n * size for n in range(copies)]
    flags = _word(boot, 40) if wide else 0
    active = flags & 0x0F
    if flags & 0x80 and active < copies:
        return (tables[active],)  # mirroring is off: the others are stale
    return tuple(tables)


class _Names(TypedDict):
    serial: int
    label: bytes


def _names(tail: bytes) -> _Names:
    """Return serial number and label from the end of the extended boot record."""
    known = tail[2] in _EXTENDED_BOOT
    label = tail[7:18] if tail[2] == max(_EXTENDED_BOOT) else b""
    return {"serial": _word(tail, 3, 4) if known else 0, "label": label}


def shut_down_cleanly(table: Table, kind: Kind) -> tuple[bool, bool]:
    """Return (clean, no hard errors) as link 1 says ("FAT Data Structure").

    FAT12 has no such bits. Raises MediumReadError.
    """
    if kind == "fat12":
        return True, True
    top = FAT16.width if kind == "fat16" else 28
    link = table.link(1)
    return bool(link >> (top - 1) & 1), bool(link >> (top - 2) & 1)


def stated_free(source: Source, geometry: Geometry) -> int | None:
    """Return how many clusters FSInfo claims to be free; None where it claims nothing."""
    if geometry.info is None:
        return None
    try:
        sector = source.read(geometry.info, 512)
    except (MediumReadError, BoundReachedError):
        return None
    if sector[:4] != b"RRaA" or sector[484:488] != b"rrAa":
        return None
    free = _word(sector, 488, 4)
    return free if free <= geometry.heap.clusters else None
