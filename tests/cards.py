"""Card images as recorders leave them, made without tools, root or a kernel driver.

The writer knows nothing of the reader under test. What it makes is the same
byte for byte each time; fsck.vfat and fsck.exfat judge it in the contract tests.

    make_fat_card(path, {"DCIM/100MEDIA/A.MP4": b"...", "Param.ini": b"..."}, fat=32)
    make_exfat_card(path, {"big.mp4": Clip(data=b"start", size=6 << 30)}, size=8 << 30)

Bytes past `Clip.data` are holes in a sparse file. Making the same card again
with `deleted=True` on one clip leaves every other byte where it was.
"""

import itertools
from array import array
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

from tests.card_tree import (
    PARTITION_AT,
    RECORDED,
    SECTOR,
    Clip,
    Node,
    allocate,
    mbr_sector,
    tree,
    write_clusters,
)
from tests.cards_exfat import make_exfat_card

__all__ = ["PARTITION_AT", "RECORDED", "Clip", "make_exfat_card", "make_fat_card"]

Bits = Literal[12, 16, 32]
_ROOT_RECORDS = 512


def make_fat_card(  # noqa: PLR0913  each is a trait of the card that a test may want
    path: Path,
    files: Mapping[str, bytes | Clip],
    size: int = 64 << 20,
    *,
    fat: Bits = 32,
    mbr: bool = True,
    volume_serial: int = 0x1A2B3C4D,
    label: str = "RECORDER",
    dirty: bool = False,
) -> Path:
    """Write a FAT card image to `path` and return it. Raises ValueError if it can't fit."""
    offset = PARTITION_AT if mbr else 0
    volume = _Fat(size - offset, fat, volume_serial, label, dirty=dirty)
    root = tree(files)
    volume.allocate(root)
    with path.open("wb") as card:
        card.truncate(size)
        if mbr:
            card.write(mbr_sector(0x0C if fat == 32 else 0x06, offset, size - offset))
        volume.write(card, offset, root)
    return path


class _Fat:
    """A FAT volume: its sizes, and how it is written."""

    def __init__(self, length: int, bits: Bits, serial: int, label: str, *, dirty: bool) -> None:
        self._bits = bits
        self._serial = serial
        self._label = label
        self._dirty = dirty
        self._total = length // SECTOR
        self._reserved = 32 if bits == 32 else 1
        self._root_records = 0 if bits == 32 else _ROOT_RECORDS
        fewest, most = {12: (1, 4000), 16: (4200, 65000), 32: (65600, 1 << 28)}[bits]
        for shift in range(6, -1, -1):
            self._per_cluster = 1 << shift
            links = self._total // self._per_cluster + 2
            self._fat_sectors = -(-links * bits // (8 * SECTOR)) + 1
            self._root_at = self._reserved + 2 * self._fat_sectors
            self._heap_at = self._root_at + self._root_records * 32 // SECTOR
            self.clusters = (self._total - self._heap_at) // self._per_cluster
            if fewest <= self.clusters <= most:
                break
        else:
            raise ValueError(f"{length} bytes make no FAT{bits}")
        self.cluster_size = self._per_cluster * SECTOR

    def place(self, cluster: int) -> int:
        """Return where a cluster begins, from the start of the volume."""
        return self._heap_at * SECTOR + (cluster - 2) * self.cluster_size

    def allocate(self, root: Node) -> None:
        """Give every file and folder its clusters."""
        lengths = {id(n): len(self._records(n)) for n in root.walk() if n.clip is None}
        if self._root_records:
            if lengths[id(root)] > self._root_records * 32:
                raise ValueError("too many files in the root of a FAT12/16 card")
            lengths[id(root)] = 0
        used = allocate(root, self.cluster_size, 2, lengths)
        if used > self.clusters + 2:
            raise ValueError(f"{used - 2} clusters do not fit in {self.clusters}")

    def write(self, card: BinaryIO, offset: int, root: Node) -> None:
        """Write the whole volume at `offset`."""
        links = self._links(root)
        boot = self._boot(offset, root)
        if self._bits == 32:
            info = b"RRaA" + bytes(480) + b"rrAa"
            info += links.count(0).to_bytes(4, "little") + b"\xff" * 4 + bytes(14) + b"\x55\xaa"
            for sector in (0, 6):
                card.seek(offset + sector * SECTOR)
                card.write(boot + info)
        else:
            card.seek(offset)
            card.write(boot)
        for copy in range(2):
            card.seek(offset + (self._reserved + copy * self._fat_sectors) * SECTOR)
            card.write(_packed(links, self._bits))
        for node in root.walk():
            if node is root and self._root_records:
                card.seek(offset + self._root_at * SECTOR)
                card.write(self._records(root))
            else:
                data = self._records(node) if node.clip is None else node.clip.data
                write_clusters(card, offset, self, node, data)

    def _links(self, root: Node) -> "array[int]":
        links = array("I", bytes(4 * (self.clusters + 2)))
        full = (1 << min(self._bits, 28)) - 1
        links[0], links[1] = full & ~0x07, full
        if self._dirty and self._bits != 12:
            links[1] &= ~(1 << (15 if self._bits == 16 else 27))
        for node in root.walk():
            if node.clusters and not (node.clip and node.clip.deleted):
                for here, there in itertools.pairwise(node.clusters):
                    links[here] = there
                links[node.clusters[-1]] = full
        return links

    def _boot(self, offset: int, root: Node) -> bytes:
        wide = self._bits == 32
        small = self._total < 1 << 16 and not wide
        head = b"\xeb\x58\x90" if wide else b"\xeb\x3c\x90"
        head += b"SEALDOCK" + SECTOR.to_bytes(2, "little") + bytes([self._per_cluster])
        head += self._reserved.to_bytes(2, "little") + b"\x02"
        head += self._root_records.to_bytes(2, "little")
        head += (self._total if small else 0).to_bytes(2, "little") + b"\xf8"
        head += (0 if wide else self._fat_sectors).to_bytes(2, "little") + b"\x3f\0\xff\0"
        head += (offset // SECTOR).to_bytes(4, "little")
        head += (0 if small else self._total).to_bytes(4, "little")
        if wide:
            head += self._fat_sectors.to_bytes(4, "little") + bytes(4)
            head += root.clusters[0].to_bytes(4, "little") + b"\1\0\6\0" + bytes(12)
        head += b"\x80\0\x29" + self._serial.to_bytes(4, "little")
        head += _label(self._label) + f"FAT{self._bits}".encode().ljust(8)
        return head.ljust(510, b"\0") + b"\x55\xaa"

    def _records(self, folder: Node) -> bytes:
        """Return the directory records of a folder."""
        if folder.parent is None:
            out = [_label(self._label) + b"\x08" + bytes(10) + _words(RECORDED) + bytes(6)]
        else:
            above = folder.parent.clusters if folder.parent.parent else []
            out = [
                _record(b".".ljust(11), None, folder.clusters),
                _record(b"..".ljust(11), None, above),
            ]
        taken = {child.name.upper().encode(errors="replace") for child in folder.children}
        for number, child in enumerate(folder.children):
            short, plain = _short(child.name, number, taken)
            record = _record(short, child.clip, child.clusters)
            entry = ([] if plain else _slots(child.name, short)) + [record]
            if child.clip and child.clip.deleted:
                entry = [b"\xe5" + part[1:] for part in entry]
            out += entry
        return b"".join(out)


def _label(label: str) -> bytes:
    return label.encode("gb18030").ljust(11)[:11]


def _words(at: datetime) -> bytes:
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return time.to_bytes(2, "little") + date.to_bytes(2, "little")


def _record(short: bytes, clip: Clip | None, clusters: list[int]) -> bytes:
    modified = clip.modified if clip else RECORDED
    created = (clip.created if clip else None) or modified
    first = clusters[0] if clusters else 0
    size = clip.length if clip and not clip.size_lost else 0
    tenths = created.second % 2 * 100 + created.microsecond // 10_000
    return (
        short
        + bytes([clip.attributes if clip else 0x10, 0, tenths])
        + _words(created)
        + _words(created)[2:]
        + (first >> 16).to_bytes(2, "little")
        + _words(modified)
        + (first & 0xFFFF).to_bytes(2, "little")
        + size.to_bytes(4, "little")
    )


def _short(name: str, number: int, taken: set[bytes]) -> tuple[bytes, bool]:
    """Return an 8.3 name for `name`, and whether it says all of it."""
    base, _dot, extension = name.rpartition(".") if "." in name else (name, "", "")
    plain = f"{base}{extension}".replace("_", "A").replace("-", "A")
    fits = name == name.upper() and 0 < len(base) <= 8 and len(extension) <= 3
    if fits and plain.isascii() and plain.isalnum():
        return base.encode().ljust(8) + extension.encode().ljust(3), True
    ending = "".join(c for c in extension.upper() if c.isascii() and c.isalnum())[:3]
    short = f"R{number:05X}~1"[-8:].encode().ljust(8) + ending.encode().ljust(3)
    if short.rstrip() in taken:
        raise ValueError(f"{name!r} has no short name left")
    return short, False


def _slots(name: str, short: bytes) -> list[bytes]:
    """Return the long-name slots of a name, topmost first."""
    total = 0
    for byte in short:
        total = ((total >> 1 | (total & 1) << 7) + byte) & 0xFF
    units = name.encode("utf-16-le", errors="surrogatepass")
    if len(units) % 26:
        units = (units + b"\0\0").ljust(-(-(len(units) + 2) // 26) * 26, b"\xff")
    count = len(units) // 26
    slots = []
    for number in range(count, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        mark = number | (0x40 if number == count else 0)
        head = bytes([mark]) + part[:10] + b"\x0f\0" + bytes([total])
        slots.append(head + part[10:22] + b"\0\0" + part[22:])
    return slots


def _packed(links: "array[int]", bits: Bits) -> bytes:
    """Return the table's bytes, up to the last one that is not zero."""
    if bits == 12:
        pairs = zip(links[::2], [*links[1::2], 0], strict=False)
        packed = b"".join((one | two << 12).to_bytes(3, "little") for one, two in pairs)
    else:
        packed = array("H" if bits == 16 else "I", links).tobytes()
    return packed.rstrip(b"\0")
