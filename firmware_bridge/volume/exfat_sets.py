"""exFAT's directory entry sets: a file record, its stream record, its name records.

Deleting clears the top bit of each record's type byte and nothing else
(section 6.2.1), so a deleted set still carries its name, size, first cluster and
checksum, until a record of it is used again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

IN_USE: Final = 0x80
_SECONDARY: Final = 0x40
_BENIGN: Final = 0x20
_CODE: Final = 0x7F
_FILE: Final = 0x05
_STREAM: Final = 0x40
_NAME: Final = 0x41
_NAME_UNITS: Final = 15
_MOST_NAMES: Final = 17
# Critical primary records that are no files: bitmap, up-case table, label.
_SYSTEM: Final = frozenset({0x01, 0x02, 0x03})


@dataclass(slots=True)
class Set:
    """The records of one file as far as they were found."""

    offset: int
    primary: bytes  # empty where the file record itself is lost
    secondaries: list[bytes] = field(default_factory=list)
    live: bool = True
    ended: bool = False  # it stands after the end mark of its folder

    @property
    def stream(self) -> bytes | None:
        """Return the stream record, which must come first."""
        first = self.secondaries[0] if self.secondaries else b"\0"
        return first if first[0] & _CODE == _STREAM else None

    @property
    def raw_name(self) -> bytes:
        """Return the name's UTF-16 units, cut to the stated length."""
        parts = [part[2:] for part in self.secondaries if part[0] & _CODE == _NAME]
        stream = self.stream
        units = stream[3] if stream else _NAME_UNITS * _MOST_NAMES
        return b"".join(parts)[: units * 2]

    @property
    def whole(self) -> bool:
        """Tell whether all records that the file record counts are here, and the name too."""
        stream = self.stream
        return (
            bool(self.primary)
            and stream is not None
            and len(self.secondaries) == self.primary[1]
            and len(self.raw_name) == stream[3] * 2
        )

    @property
    def matches(self) -> bool:
        """Tell whether the set carries its own checksum (section 6.3.3)."""
        if not self.primary:
            return False
        total = 0
        for number, record in enumerate([self.primary, *self.secondaries]):
            for at, byte in enumerate(record):
                if number == 0 and at in {2, 3}:
                    continue
                value = byte | IN_USE if at == 0 else byte
                total = ((total << 15 | total >> 1) + value) & 0xFFFF
        return total == int.from_bytes(self.primary[2:4], "little")

    @property
    def unknown(self) -> list[int]:
        """Return the types of critical records that the specification does not name."""
        codes = (record[0] for record in self.secondaries)
        return [c for c in codes if not c & _BENIGN and c & _CODE not in {_STREAM, _NAME}]

    @property
    def record(self) -> bytes:
        """Return the records verbatim."""
        return self.primary + b"".join(self.secondaries)

    def takes(self, record: bytes) -> bool:
        """Tell whether a secondary record goes on with this set."""
        if bool(record[0] & IN_USE) != self.live:
            return False
        if self.primary:
            return len(self.secondaries) < self.primary[1]
        # The file record is lost: only names can follow the stream.
        return record[0] & _CODE == _NAME and len(self.secondaries) <= _MOST_NAMES


@dataclass(frozen=True, slots=True)
class Stray:
    """A live record that belongs to no file: a secondary alone, or an unknown primary."""

    kind: int


def sets(records: Iterable[tuple[int, bytes]]) -> Iterator[Set | Stray]:
    """Yield each file set of a folder in order, whole or not; records may have gaps (b"")."""
    current: Set | None = None
    ended = False
    for offset, record in records:
        if record and record[0] & _SECONDARY and current is not None and current.takes(record):
            current.secondaries.append(record)
            continue
        if current is not None:
            yield current
        current = None
        if not record or record[0] == 0:
            ended = ended or bool(record)
        elif record[0] & _CODE == _FILE:
            current = Set(offset, record, live=bool(record[0] & IN_USE), ended=ended)
        elif record[0] == _STREAM:
            # Deleted, and its file record was used again or is unreadable.
            current = Set(offset, b"", [record], live=False, ended=ended)
        elif record[0] & IN_USE and not ended and _is_stray(record[0]):
            yield Stray(record[0])
    if current is not None:
        yield current


def _is_stray(kind: int) -> bool:
    return bool(kind & _SECONDARY) or not (kind & _BENIGN or kind & _CODE in _SYSTEM)
