"""Tiles computed from leaves upward, one leaf at a time, in memory for one tile a level."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hashing.merkle import perfect_root
from hashing.tiles import WIDTH

# A tile's hashes. None: it cannot be known, because an entry could not be read.
Row: TypeAlias = list[bytes | None]
# Told of each tile that is full (level, index, row); returns the row with what
# it could fill in from elsewhere.
Settle: TypeAlias = Callable[[int, int, Row], Row]


class Climb:
    """The tiles over a run of leaves from the first leaf on."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._rows: list[Row] = [[]]
        self._indices: list[int] = [0]

    def take(self, leaves: Sequence[bytes | None]) -> None:
        """Take in leaves that do not reach past the level-0 tile at hand."""
        self._rows[0].extend(leaves)
        level = 0
        while len(self._rows[level]) == WIDTH:
            row = self._settle(level, self._indices[level], self._rows[level])
            self._rows[level] = []
            self._indices[level] += 1
            level += 1
            if level == len(self._rows):
                self._rows.append([])
                self._indices.append(0)
            self._rows[level].append(root_of(row))

    def edge(self) -> list[tuple[int, Row]]:
        """Return index and row of the tile at hand at each level; a row may be empty."""
        return [(index, list(row)) for index, row in zip(self._indices, self._rows, strict=True)]


def root_of(row: Row) -> bytes | None:
    """Return the root over a full tile, or None where a hash is not known."""
    known = known_all(row)
    return None if known is None else perfect_root(known)


def known_all(row: Row) -> list[bytes] | None:
    """Return the row if all of it is known."""
    known = [each for each in row if each is not None]
    return known if len(known) == len(row) else None


def first_difference(row: Sequence[bytes | None], other: Sequence[bytes | None]) -> int | None:
    """Return the first place where both are known and differ, within what both hold."""
    if row == other:
        return None
    for at, (one, two) in enumerate(zip(row, other, strict=False)):
        if one != two and one is not None and two is not None:
            return at
    return None
