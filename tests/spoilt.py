"""Spoil single records of a card image on disk, found through the reader's own listing."""

import struct
from pathlib import Path

from tests.cards import PARTITION_AT
from tests.listed import read_image

SECTOR = 512
_RESERVED = 32  # sectors before the first table of a FAT32 card of tests/cards.py


def end_chain(card: Path, path: str, *, clusters: int) -> None:
    """Cut the cluster chain of a file on a FAT32 card after so many clusters."""
    first = read_image(card).live(path).first_cluster
    with card.open("r+b") as handle:
        handle.seek(PARTITION_AT + 36)
        (sectors,) = struct.unpack("<I", handle.read(4))
        for copy in range(2):
            table = PARTITION_AT + (_RESERVED + copy * sectors) * SECTOR
            handle.seek(table + 4 * (first + clusters - 1))
            handle.write(struct.pack("<I", 0x0FFFFFFF))


def patch_record(card: Path, path: str, at: int, value: bytes) -> None:
    """Overwrite bytes of a file's directory record (one with a short name only, or exFAT's)."""
    patch(card, read_image(card).live(path).record_offset + at, value)


def patch(card: Path, offset: int, value: bytes) -> None:
    """Overwrite bytes of the card."""
    with card.open("r+b") as handle:
        handle.seek(offset)
        handle.write(value)
