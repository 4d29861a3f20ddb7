"""The GUID partition table (UEFI specification, section 5.3).

Its header and entries carry checksums, and a second copy stands at the end of
the medium: a damaged first one is a problem, not the end.
"""

import zlib
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Problem
from firmware_bridge.volume.medium import Source

_SIGNATURE: Final = b"EFI PART"
_SMALLEST_HEADER: Final = 92
_ENTRY: Final = 128
_MOST_BYTES: Final = 1 << 20
_SECTOR_SIZES: Final = (512, 4096, 1024, 2048)


@dataclass(frozen=True, slots=True)
class _Header:
    entries_at: int
    count: int
    entry_size: int
    entries_crc: int


def spans(
    source: Source, sector_size: int, problems: list[Problem]
) -> list[tuple[int, int]] | None:
    """Return (offset, length) of each partition; None where no table stands at all."""
    for size in dict.fromkeys((sector_size, *_SECTOR_SIZES)):
        found = _of_size(source, size, problems)
        if found is not None:
            if size != sector_size:
                problems.append(Problem("table-sector-size", str(size)))
            return found
    return None


def _of_size(source: Source, size: int, problems: list[Problem]) -> list[tuple[int, int]] | None:
    last = source.size // size - 1
    doubtful: list[tuple[int, int]] | None = None
    for place in (1, last):
        header = _header(source, place, size)
        if header is None:
            continue
        entries = _entries(source, header, size)
        if entries is None:
            continue
        if zlib.crc32(entries) != header.entries_crc:
            doubtful = doubtful or _parsed(entries, header.entry_size, size)
            continue
        if place == last:
            problems.append(Problem("gpt-backup-used"))
        return _parsed(entries, header.entry_size, size)
    if doubtful is not None:
        problems.append(Problem("gpt-entries-checksum"))
    return doubtful


def _header(source: Source, place: int, size: int) -> _Header | None:
    """Return the header in this sector, if it is whole."""
    try:
        sector = source.read(place * size, size)
    except MediumReadError:
        return None
    length = int.from_bytes(sector[12:16], "little")
    if sector[:8] != _SIGNATURE or not _SMALLEST_HEADER <= length <= size:
        return None
    stated = int.from_bytes(sector[16:20], "little")
    if zlib.crc32(sector[:16] + bytes(4) + sector[20:length]) != stated:
        return None
    return _Header(
        int.from_bytes(sector[72:80], "little") * size,
        int.from_bytes(sector[80:84], "little"),
        int.from_bytes(sector[84:88], "little"),
        int.from_bytes(sector[88:92], "little"),
    )


def _entries(source: Source, header: _Header, size: int) -> bytes | None:
    length = header.count * header.entry_size
    if header.entry_size < _ENTRY or header.entry_size % 8 or not 0 < length <= _MOST_BYTES:
        return None
    try:
        return source.read(header.entries_at, -(-length // size) * size)[:length]
    except MediumReadError:
        return None


def _parsed(entries: bytes, entry_size: int, size: int) -> list[tuple[int, int]]:
    found = []
    for at in range(0, len(entries), entry_size):
        first = int.from_bytes(entries[at + 32 : at + 40], "little")
        last = int.from_bytes(entries[at + 40 : at + 48], "little")
        if any(entries[at : at + 16]) and last >= first:
            found.append((first * size, (last - first + 1) * size))
    return found
