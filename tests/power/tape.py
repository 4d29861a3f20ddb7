"""The tape of a run: every write and flush of its disks, and what was told meanwhile, in one order.

    [kind: 1 byte][disk: 1][size: 4][offset: 8][data]   little-endian, one after another

One process serves all disks and hears all that is told, so the order is that of one observer: what
is told stands after everything that had been answered before it was said.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final

_HEAD: Final = struct.Struct("<BBIQ")


class Kind(IntEnum):
    """What one record of the tape is."""

    WRITE = 1
    ZERO = 2
    FLUSH = 3
    TOLD = 4


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `size` is in bytes; `data` is what was written or told."""

    kind: Kind
    disk: int
    offset: int = 0
    size: int = 0
    data: bytes = b""

    @property
    def content(self) -> bytes:
        """Return what stands on the disk afterwards."""
        return bytes(self.size) if self.kind is Kind.ZERO else self.data


def put(tape: BinaryIO, record: Record) -> None:
    """Append a record."""
    size = record.size if record.kind is Kind.ZERO else len(record.data)
    tape.write(_HEAD.pack(record.kind, record.disk, size, record.offset) + record.data)


def play(path: Path) -> Iterator[Record]:
    """Yield the records of a tape."""
    with path.open("rb") as tape:
        while head := tape.read(_HEAD.size):
            kind, disk, size, offset = _HEAD.unpack(head)
            data = b"" if kind == Kind.ZERO else tape.read(size)
            yield Record(Kind(kind), disk, offset, size, data)
