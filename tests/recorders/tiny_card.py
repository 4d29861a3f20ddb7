"""A whole FAT12 card in 12 KiB, byte by byte: small enough to be spoilt thousands of times."""

import struct
from typing import Final

_SECTOR: Final = 512
_SECTORS: Final = 24
_FOLDER, _LABEL, _FILE = 0x10, 0x08, 0x20


def tiny_card() -> bytes:
    """Return a card with a folder, a clip in two clusters, and a clip that was deleted."""
    root = (
        _record(b"CARD       ", _LABEL, 0, 0)
        + _record(b"DCIM       ", _FOLDER, 2, 0)
        + _record(b"\xe5LD     MP4", _FILE, 6, 700)
    )
    folder = (
        _record(b".          ", _FOLDER, 2, 0)
        + _record(b"..         ", _FOLDER, 0, 0)
        + _record(b"A       MP4", _FILE, 3, 900)
    )
    parts = (_boot(), _table({0: 0xFF8, 1: 0xFFF, 2: 0xFFF, 3: 4, 4: 0xFFF}), root, folder)
    image = b"".join(part.ljust(_SECTOR, b"\0") for part in parts)
    return (image + b"clip" * 256).ljust(_SECTOR * _SECTORS, b"\0")


def _boot() -> bytes:
    """Return the boot sector: one reserved sector, one table, 16 records in the root."""
    geometry = struct.pack("<HBHBHHBH", _SECTOR, 1, 1, 1, 16, _SECTORS, 0xF8, 1)
    drive = struct.pack("<HHIIBBBI", 1, 1, 0, 0, 0x80, 0, 0x29, 7)
    head = b"\xeb\x3c\x90MSDOS5.0" + geometry + drive + b"CARD       FAT12   "
    return head.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


def _table(links: dict[int, int]) -> bytes:
    """Return a table of 12 bits for each cluster."""
    bits = sum(link << 12 * cluster for cluster, link in links.items())
    return bits.to_bytes(_SECTOR, "little")


def _record(name: bytes, attributes: int, cluster: int, size: int) -> bytes:
    stamp = struct.pack("<HH", 0x6873, 0x5B75)
    return name + bytes([attributes]) + bytes(10) + stamp + struct.pack("<HI", cluster, size)
