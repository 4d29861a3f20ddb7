"""Make the golden exFAT images anew: `python tests/golden/exfat/make.py`.

Each is a small card by mkfs.exfat, which wrote the boot regions, the tables and
the root's own records; the files were put in by the few lines below, which share
nothing with tests/cards_exfat.py nor with the reader. fsck.exfat judged the sound
one. The images are kept because mkfs.exfat draws a new serial number each time,
and because bytes that never change show a reader that does.

    sound.img.xz    two files, one folder, one deleted file
    damaged.img.xz  the same; the boot checksum, one set checksum, one chain and one
                    first cluster are wrong, and the dirty mark is set
"""

import lzma
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE = 4 << 20
CLUSTER = 4096
FULL = 0xFFFFFFFF


class Card:
    """An image by mkfs.exfat, and the few fields that are needed to add to it."""

    def __init__(self, path: Path) -> None:
        with path.open("wb") as card:
            card.truncate(SIZE)
        subprocess.run(
            ["mkfs.exfat", "-c", "4K", "-L", "GOLDEN", str(path)],  # noqa: S607  where Debian has it
            check=True,
            capture_output=True,
        )
        self.image = bytearray(path.read_bytes())
        numbers: tuple[int, ...] = struct.unpack_from("<5I", self.image, 80)
        fat, _length, heap, _count, root = numbers
        self.fat_at, self.heap_at = fat * 512, heap * 512
        self.root_at = self.heap_at + (root - 2) * CLUSTER
        self.free = root + 1

    def room(self, at: int) -> int:
        """Return where the first unused record of a folder stands."""
        while self.image[at]:
            at += 32
        return at

    def store(self, data: bytes, *, chained: bool = False, used: bool = True) -> int:
        """Put bytes into the next free clusters, every other one if chained."""
        first = self.free
        step = 2 if chained else 1
        for start in range(0, len(data), CLUSTER):
            cluster = self.free
            place = self.heap_at + (cluster - 2) * CLUSTER
            self.image[place : place + len(data[start : start + CLUSTER])] = data[
                start : start + CLUSTER
            ]
            if used:
                self.image[self.heap_at + (cluster - 2) // 8] |= 1 << (cluster - 2) % 8
            if chained:
                last = start + CLUSTER >= len(data)
                link = FULL if last else cluster + step
                struct.pack_into("<I", self.image, self.fat_at + cluster * 4, link)
            self.free += step
        return first

    def record(
        self, folder_at: int, name: str, place: tuple[int, int, int], attributes: int = 32
    ) -> int:
        """Write a record set with (flags, first cluster, length); return where."""
        flags, first, length = place
        units = name.encode("utf-16-le")
        parts = [units[at : at + 30] for at in range(0, len(units), 30)]
        stamps = struct.pack("<3I", *(0x5C6E4B5A,) * 3)  # 2026-03-14 09:26:52
        head = struct.pack("<BBHHH", 0x85, 1 + len(parts), 0, attributes, 0) + stamps
        head += bytes([100, 50, 0xA0, 0xA0, 0xA0]) + bytes(7)
        about = (0xC0, flags, 0, len(units) // 2, _hash(name), 0)
        stream = struct.pack("<BBBBHHQIIQ", *about, length, 0, first, length)
        whole = head + stream + b"".join(b"\xc1\0" + part.ljust(30, b"\0") for part in parts)
        total = 0
        for at, byte in enumerate(whole):
            if at not in (2, 3):
                total = ((total << 15 | total >> 1) + byte) & 0xFFFF
        at = self.room(folder_at)
        self.image[at : at + len(whole)] = whole[:2] + total.to_bytes(2, "little") + whole[4:]
        return at


def _hash(name: str) -> int:
    total = 0
    for byte in name.upper().encode("utf-16-le"):
        total = ((total << 15 | total >> 1) + byte) & 0xFFFF
    return total


def build(path: Path) -> tuple[Card, dict[str, int]]:
    """Return a card with its files, and where each record set stands."""
    card = Card(path)
    folder = card.store(bytes(CLUSTER))
    at = {"DCIM": card.record(card.root_at, "DCIM", (3, folder, CLUSTER), 0x10)}
    folder_at = card.heap_at + (folder - 2) * CLUSTER
    run = bytes(range(256)) * 40
    at["run"] = card.record(
        folder_at, "8888888_000000_20260314092652_0001.mp4", (3, card.store(run), len(run))
    )
    chain = run[::-1]
    first = card.store(chain, chained=True)
    at["chain"] = card.record(folder_at, "执法记录é.mp4", (1, first, len(chain)))
    gone = b"gone" * 1500
    first = card.store(gone, used=False)
    at["gone"] = card.record(folder_at, "deleted.mp4", (3, first, len(gone)))
    for number in range(card.image[at["gone"] + 1] + 1):
        card.image[at["gone"] + 32 * number] &= 0x7F
    return card, at


def main() -> int:
    """Make both images anew."""
    path = HERE / "card.img"
    card, at = build(path)
    path.write_bytes(card.image)
    judged = subprocess.run(["fsck.exfat", "-n", str(path)], check=False)  # noqa: S607  see above
    path.unlink()
    if judged.returncode:
        return judged.returncode
    _keep("sound", card.image)
    image = card.image
    image[100] ^= 0xFF  # the serial number, which the boot checksum covers
    image[106] |= 0x02
    image[at["run"] + 8] ^= 0x01
    first = int.from_bytes(image[at["chain"] + 52 : at["chain"] + 56], "little")
    struct.pack_into("<I", image, card.fat_at + (first + 2) * 4, first)
    struct.pack_into("<I", image, at["gone"] + 52, 0x00FFFFFF)
    _keep("damaged", image)
    return 0


def _keep(name: str, image: bytearray) -> None:
    (HERE / f"{name}.img.xz").write_bytes(lzma.compress(image, preset=9))


if __name__ == "__main__":
    sys.exit(main())
