"""exFAT: what the boot region says, and the up-case table.

After Microsoft's "exFAT file system specification"; the section numbers are its.
A wrong checksum is a problem and no refusal: a card in doubt holds clips too.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.clusters import EXFAT, FIRST_CLUSTER, Heap, Table
from firmware_bridge.volume.listing import Problem
from firmware_bridge.volume.medium import Source

_NAME: Final = b"EXFAT   "
_SIGNATURE: Final = b"\x55\xaa"
SECTOR_SHIFTS: Final = (9, 10, 11, 12)
_LARGEST_CLUSTER_SHIFT: Final = 25
BACKUP_SECTOR: Final = 12  # section 2: the backup boot region follows the main one
_CHECKED_SECTORS: Final = 11
_NOT_SUMMED: Final = frozenset({106, 107, 112})  # VolumeFlags and PercentInUse (3.4)
_SECOND_FAT: Final = 0x01
_DIRTY: Final = 0x02
_FAILED: Final = 0x04
_UNITS: Final = 1 << 16
_IDENTITY: Final = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where the parts of an exFAT volume lie, in bytes from the start of the medium."""

    offset: int
    total_bytes: int
    sector_size: int
    table_at: int
    second: bool  # TexFAT: the second table and bitmap are the active ones
    root: int
    heap: Heap
    serial: int
    dirty: bool
    problems: tuple[Problem, ...]

    def table(self, source: Source) -> Table:
        """Return the volume's allocation table."""
        return Table(source, self.heap, EXFAT, (self.table_at,))


def _number(sector: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(sector[at : at + size], "little")


def parse(boot: bytes, offset: int, medium_size: int) -> Geometry | None:
    """Return the geometry that a boot sector of a volume at `offset` describes, if it is one."""
    shift, cluster_shift, copies = boot[108], boot[108] + boot[109], boot[110]
    if (
        boot[3:11] != _NAME
        or boot[510:512] != _SIGNATURE
        or shift not in SECTOR_SHIFTS
        or cluster_shift > _LARGEST_CLUSTER_SHIFT
        or copies not in {1, 2}
    ):
        return None
    heap_at = offset + (_number(boot, 88) << shift)
    table_bytes = _number(boot, 84) << shift
    clusters, total = _number(boot, 92), _number(boot, 72, 8) << shift
    flags = _number(boot, 106, 2)
    second = bool(flags & _SECOND_FAT) and copies > 1
    problems = []
    fits = max(0, table_bytes // 4 - FIRST_CLUSTER)
    if clusters > fits:
        problems.append(Problem("fat-too-small", f"{clusters} clusters, links for {fits}"))
    if offset + total > medium_size:
        problems.append(Problem("volume-beyond-medium", f"{total} bytes"))
    if flags & _FAILED:
        problems.append(Problem("media-failure"))
    present = max(0, (medium_size - heap_at) >> cluster_shift)
    return Geometry(
        offset=offset,
        total_bytes=total,
        sector_size=1 << shift,
        table_at=offset + (_number(boot, 80) << shift) + (table_bytes if second else 0),
        second=second,
        root=_number(boot, 96),
        heap=Heap(heap_at, 1 << cluster_shift, min(clusters, fits, present)),
        serial=_number(boot, 100),
        dirty=bool(flags & _DIRTY),
        problems=tuple(problems),
    )


def region_matches(source: Source, geometry: Geometry, region_at: int) -> bool:
    """Tell whether a boot region carries its own checksum (section 3.4)."""
    checked = _CHECKED_SECTORS * geometry.sector_size
    try:
        region = source.read(region_at, checked + 4)
    except MediumReadError:
        return False
    total = 0
    for at, byte in enumerate(region[:checked]):
        if at not in _NOT_SUMMED:
            total = ((total << 31 | total >> 1) + byte) & 0xFFFFFFFF
    return total == _number(region, checked)


def upcase_table(data: bytes) -> "array[int]":
    """Return the up-case table unpacked: 0xFFFF, n stands for n letters mapped to themselves.

    Letters past the end of the table map to themselves (section 7.2.5).
    """
    table = array("H", range(_UNITS))
    at, units = 0, data[: len(data) & ~1]
    letter = 0
    while at + 1 < len(units) and letter < _UNITS:
        unit = units[at] | units[at + 1] << 8
        at += 2
        if unit == _IDENTITY and at + 1 < len(units):
            letter += units[at] | units[at + 1] << 8
            at += 2
        else:
            table[letter] = unit
            letter += 1
    return table


def table_sum(data: bytes) -> int:
    """Return the checksum of an up-case table (section 7.2.2)."""
    total = 0
    for byte in data:
        total = ((total << 31 | total >> 1) + byte) & 0xFFFFFFFF
    return total


def name_hash(raw: bytes, upcase: Sequence[int]) -> int:
    """Return the hash of an up-cased name (section 7.6.4)."""
    total = 0
    for at in range(0, len(raw) - 1, 2):
        unit = upcase[raw[at] | raw[at + 1] << 8]
        total = ((total << 15 | total >> 1) + (unit & 0xFF)) & 0xFFFF
        total = ((total << 15 | total >> 1) + (unit >> 8)) & 0xFFFF
    return total
