"""exFAT card images, written after Microsoft's specification. See tests/cards.py."""

import itertools
from array import array
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

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

_FAT_AT = 64  # sectors, after both boot regions
_FULL = 0xFFFFFFFF
# Identity up to "`", the 26 capitals, identity for all the rest (section 7.2.5).
_UPCASE = (
    b"\xff\xff\x61\x00"
    + bytes(itertools.chain(*((c, 0) for c in range(65, 91))))
    + b"\xff\xff\x85\xff"
)


def make_exfat_card(  # noqa: PLR0913  each is a trait of the card that a test may want
    path: Path,
    files: Mapping[str, bytes | Clip],
    size: int = 64 << 20,
    *,
    cluster_size: int = 32768,
    mbr: bool = True,
    volume_serial: int = 0x5EA1D0C7,
    label: str = "RECORDER",
    dirty: bool = False,
) -> Path:
    """Write an exFAT card image to `path` and return it. Raises ValueError if it can't fit."""
    offset = PARTITION_AT if mbr else 0
    volume = _ExFat(size - offset, cluster_size, volume_serial, label, dirty=dirty)
    root = tree(files)
    volume.allocate(root)
    with path.open("wb") as card:
        card.truncate(size)
        if mbr:
            card.write(mbr_sector(0x07, offset, size - offset))
        volume.write(card, offset, root)
    return path


class _ExFat:
    """An exFAT volume: its sizes, and how it is written."""

    def __init__(
        self, length: int, cluster_size: int, serial: int, label: str, *, dirty: bool
    ) -> None:
        self.cluster_size = cluster_size
        self._serial = serial
        self._label = label
        self._dirty = dirty
        self._sectors = length // SECTOR
        per_cluster = cluster_size // SECTOR
        self._fat_sectors = -(-(self._sectors // per_cluster + 2) * 4 // SECTOR)
        self._heap_at = -(-(_FAT_AT + self._fat_sectors) // per_cluster) * per_cluster
        self.clusters = (self._sectors - self._heap_at) // per_cluster
        self._bitmap = list(range(2, 2 + -(-self.clusters // 8 // cluster_size) + 1))
        self._upcase = [self._bitmap[-1] + 1]

    def place(self, cluster: int) -> int:
        """Return where a cluster begins, from the start of the volume."""
        return self._heap_at * SECTOR + (cluster - 2) * self.cluster_size

    def allocate(self, root: Node) -> None:
        """Give every file and folder its clusters."""
        lengths = {id(n): max(1, len(self._records(n))) for n in root.walk() if n.clip is None}
        used = allocate(root, self.cluster_size, self._upcase[0] + 1, lengths)
        if used > self.clusters + 2:
            raise ValueError(f"{used - 2} clusters do not fit in {self.clusters}")

    def write(self, card: BinaryIO, offset: int, root: Node) -> None:
        """Write the whole volume at `offset`."""
        in_use = bytearray(-(-self.clusters // 8))
        for cluster in itertools.chain(self._bitmap, self._upcase, *_live(root)):
            in_use[(cluster - 2) // 8] |= 1 << (cluster - 2) % 8
        region = self._boot_region(offset, root, in_use)
        for sector in (0, 12):
            card.seek(offset + sector * SECTOR)
            card.write(region)
        card.seek(offset + _FAT_AT * SECTOR)
        card.write(self._links(root).tobytes())
        for name, clusters, data in (
            ("bitmap", self._bitmap, bytes(in_use).rstrip(b"\0")),
            ("upcase", self._upcase, _UPCASE),
        ):
            write_clusters(card, offset, self, Node(name, clusters=clusters), data)
        for node in root.walk():
            data = self._records(node) if node.clip is None else node.clip.data
            write_clusters(card, offset, self, node, data)

    def _links(self, root: Node) -> "array[int]":
        """Return the table up to its last used link: contiguous files need none."""
        chains = [self._bitmap, self._upcase, root.clusters]
        chains += [n.clusters for n in root.walk() if n.clip and n.clip.fragmented]
        last = max(itertools.chain(*chains))
        links = array("I", bytes(4 * (last + 1)))
        links[0], links[1] = 0xFFFFFFF8, _FULL
        for chain in chains:
            for here, there in itertools.pairwise(chain):
                links[here] = there
            if chain:
                links[chain[-1]] = _FULL
        return links

    def _boot_region(self, offset: int, root: Node, in_use: bytearray) -> bytes:
        used = sum(byte.bit_count() for byte in in_use)
        boot = b"\xeb\x76\x90EXFAT   " + bytes(53)
        boot += (offset // SECTOR).to_bytes(8, "little") + self._sectors.to_bytes(8, "little")
        for value in (_FAT_AT, self._fat_sectors, self._heap_at, self.clusters):
            boot += value.to_bytes(4, "little")
        boot += root.clusters[0].to_bytes(4, "little") + self._serial.to_bytes(4, "little")
        boot += b"\0\1" + (2 if self._dirty else 0).to_bytes(2, "little")
        shift = (self.cluster_size // SECTOR).bit_length() - 1
        boot += bytes([9, shift, 1, 0x80, used * 100 // self.clusters]) + bytes(7)
        boot = boot.ljust(510, b"\xf4") + b"\x55\xaa"
        region = boot + (bytes(510) + b"\x55\xaa") * 8 + bytes(2 * SECTOR)
        total = 0
        for at, byte in enumerate(region):
            if at not in {106, 107, 112}:
                total = ((total << 31 | total >> 1) + byte) & _FULL
        return region + total.to_bytes(4, "little") * (SECTOR // 4)

    def _records(self, folder: Node) -> bytes:
        out = [self._system_records()] if folder.parent is None else []
        out += [self._set(child) for child in folder.children]
        return b"".join(out)

    def _system_records(self) -> bytes:
        name = self._label.encode("utf-16-le")
        out = bytes([0x83, len(name) // 2]) + name.ljust(30, b"\0")
        out += b"\x81" + bytes(19) + self._bitmap[0].to_bytes(4, "little")
        out += (-(-self.clusters // 8)).to_bytes(8, "little")
        total = 0
        for byte in _UPCASE:
            total = ((total << 31 | total >> 1) + byte) & _FULL
        out += b"\x82" + bytes(3) + total.to_bytes(4, "little") + bytes(12)
        return out + self._upcase[0].to_bytes(4, "little") + len(_UPCASE).to_bytes(8, "little")

    def _set(self, node: Node) -> bytes:
        """Return the records of one file or folder."""
        clip = node.clip
        name = node.name.encode("utf-16-le", errors="surrogatepass")
        names = [name[at : at + 30].ljust(30, b"\0") for at in range(0, len(name), 30)]
        if clip is None:
            size = valid = len(node.clusters) * self.cluster_size
        else:
            size = 0 if clip.size_lost else clip.length
            valid = size if clip.valid_size is None else clip.valid_size
        first = node.clusters[0] if node.clusters else 0
        chained = clip is not None and clip.fragmented
        flags = 1 if chained or not first else 3
        stream = bytes([0xC0, flags, 0, len(name) // 2]) + _name_hash(name).to_bytes(2, "little")
        stream += bytes(2) + valid.to_bytes(8, "little") + bytes(4)
        stream += first.to_bytes(4, "little") + size.to_bytes(8, "little")
        whole = self._primary(clip, len(names) + 1) + stream
        whole += b"".join(b"\xc1\0" + part for part in names)
        total = 0
        for at, byte in enumerate(whole):
            if at not in {2, 3}:
                total = ((total << 15 | total >> 1) + byte) & 0xFFFF
        whole = whole[:2] + total.to_bytes(2, "little") + whole[4:]
        if clip and clip.deleted:
            parts = [whole[at : at + 32] for at in range(0, len(whole), 32)]
            return b"".join(bytes([part[0] & 0x7F]) + part[1:] for part in parts)
        return whole

    @staticmethod
    def _primary(clip: Clip | None, secondaries: int) -> bytes:
        modified = clip.modified if clip else RECORDED
        created = (clip.created if clip else None) or modified
        attributes = clip.attributes if clip else 0x10
        return (
            bytes([0x85, secondaries, 0, 0])
            + attributes.to_bytes(4, "little")
            + _words(created)
            + _words(modified)
            + _words(modified)
            + bytes([created.second % 2 * 100, modified.second % 2 * 100])
            + bytes([0xA0, 0xA0, 0xA0])  # UTC+8, valid
            + bytes(7)
        )


def _live(root: Node) -> list[list[int]]:
    return [n.clusters for n in root.walk() if not (n.clip and n.clip.deleted)]


def _words(at: datetime) -> bytes:
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return time.to_bytes(2, "little") + date.to_bytes(2, "little")


def _name_hash(name: bytes) -> int:
    total = 0
    for at in range(0, len(name), 2):
        unit = int.from_bytes(name[at : at + 2], "little")
        unit -= 32 if 97 <= unit <= 122 else 0
        for byte in unit.to_bytes(2, "little"):
            total = ((total << 15 | total >> 1) + byte) & 0xFFFF
    return total
