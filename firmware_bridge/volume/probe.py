"""What a partition holds that this reader does not walk, by name.

Only well-known marks at fixed places: enough to tell a technician which card
she has in her hand. A mark proves nothing, and nothing is decided by it but the word.
"""

from typing import Final

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.medium import Source

UNKNOWN: Final = "unknown"
EMPTY: Final = "empty"
UNREADABLE: Final = "unreadable"

_TO_GO_AT: Final = 0x1A8
_TO_GO: Final = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")

# (offset, bytes there, name); the first match wins, so the most telling come first.
_MARKS: Final = (
    (3, b"-FVE-FS-", "BitLocker"),
    (_TO_GO_AT, _TO_GO, "BitLocker"),
    (3, b"NTFS    ", "NTFS"),
    (3, b"ReFS\0\0\0\0", "ReFS"),
    (0, b"LUKS\xba\xbe", "LUKS"),
    (0, b"XFSB", "XFS"),
    (0x10040, b"_BHRfS_M", "Btrfs"),
    (0x400, b"\x10\x20\xf5\xf2", "F2FS"),
    (0x400, b"H+\0", "HFS+"),
    (0x400, b"HX\0", "HFS+"),
    (0x400, b"BD", "HFS"),
    (32, b"NXSB", "APFS"),
    (0x400, b"\xe2\xe1\xf5\xe0", "EROFS"),
    (0, b"hsqs", "squashfs"),
    (0, b"\x45\x3d\xcd\x28", "cramfs"),
    (0, b"-rom1fs-", "romfs"),
    (0x10034, b"ReIsEr", "ReiserFS"),
    (0x8000, b"JFS1", "JFS"),
    (0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "bcachefs"),
    (0, b"UBI#", "UBI"),
    (0, b"\x85\x19", "JFFS2"),
    (0x200, b"LABELONE", "LVM"),
    (0x1000, b"\xfc\x4e\x2b\xa9", "Linux RAID"),
    (4086, b"SWAPSPACE2", "swap"),
    (8182, b"SWAPSPACE2", "swap"),
    (16374, b"SWAPSPACE2", "swap"),
    (65526, b"SWAPSPACE2", "swap"),
    (0, b"CrOS", "ChromeOS kernel"),
    (0, b"ANDROID!", "Android boot image"),
    (0, b"SYSLINUX", "SYSLINUX"),
)
_EXT_MAGIC: Final = (0x438, b"\x53\xef")
_JOURNAL: Final = 0x4  # s_feature_compat
_EXT4_ONLY: Final = 0x2C0  # s_feature_incompat: extents, 64bit, flex_bg
_UDF_DESCRIPTORS: Final = range(0x8000, 0xA000, 0x800)
_LOOKED_AT: Final = 0x11000


def foreign(source: Source, offset: int, length: int) -> str:
    """Return the name of what stands at `offset`, "empty" for zeros, else "unknown"."""
    head = _head(source, offset, min(length, _LOOKED_AT, source.size - offset))
    if head is None:
        return UNREADABLE
    for at, mark, name in _MARKS:
        if head[at : at + len(mark)] == mark:
            return name
    if head[_EXT_MAGIC[0] : _EXT_MAGIC[0] + 2] == _EXT_MAGIC[1]:
        return _ext(head)
    return _disc(head) or (UNKNOWN if head.strip(b"\0") else EMPTY)


def encrypted(boot: bytes) -> bool:
    """Tell whether a boot sector that passes for FAT is BitLocker To Go's."""
    return boot[_TO_GO_AT : _TO_GO_AT + len(_TO_GO)] == _TO_GO


def _head(source: Source, offset: int, length: int) -> bytes | None:
    """Return the first bytes, unreadable sectors as zeros; None if none can be read."""
    pieces = [data for _at, data in source.pieces(offset, length)]
    if not any(pieces):
        return None
    return b"".join(data or bytes(512) for data in pieces)


def _ext(head: bytes) -> str:
    compat = int.from_bytes(head[0x45C:0x460], "little")
    incompat = int.from_bytes(head[0x460:0x464], "little")
    if incompat & _EXT4_ONLY:
        return "ext4"
    return "ext3" if compat & _JOURNAL else "ext2"


def _disc(head: bytes) -> str | None:
    """Return ISO 9660 or UDF; a disc may hold both, and UDF is then the newer."""
    found = {head[at + 1 : at + 6] for at in _UDF_DESCRIPTORS}
    if found & {b"NSR02", b"NSR03"}:
        return "UDF"
    return "ISO 9660" if b"CD001" in found else None


def first_sector(source: Source, offset: int) -> bytes:
    """Return the 512 bytes at `offset`, or zeros where they are unreadable or not there."""
    try:
        return source.read(offset, 512)
    except MediumReadError:
        return bytes(512)
