"""One tile of a log of a given size, as whoever holds the log can give it, and what is above it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from hashing.errors import EvidenceError, TileError, TileForgedError
from hashing.growth import Read
from hashing.merkle import HASH_SIZE, node_hash
from hashing.tiles import WIDTH, shape, tile_path, unpack_tile

# A tile's hashes, then those of the nodes over two of them, and so on: row h holds the
# nodes over 2^h hashes each, those that are whole.
Rows: TypeAlias = list[list[bytes]]
# The rows of a tile (level, index) of one certain size.
Tiles = Callable[[int, int], Rows]

# How a `Read` says that it cannot give a file: a missing path, a missing key, a file in trouble.
_ABSENT: Final = (OSError, LookupError, EvidenceError)


@dataclass(frozen=True, slots=True)
class TileRead:
    """The hashes of a tile, and the path of the file that they were read from."""

    path: str
    data: bytes

    def rows(self) -> Rows:
        """Return its hashes and the nodes over them; fewer than 256 hashes are made."""
        rows = [unpack_tile(self.data, len(self.data) // HASH_SIZE)]
        while len(rows[-1]) > 1:
            row = rows[-1]
            rows.append([node_hash(row[at - 1], row[at]) for at in range(1, len(row), 2)])
        return rows


def read_tile(level: int, index: int, size: int, read: Read) -> TileRead:
    """Return the tile as a log of `size` has it; at most two files are read.

    A partial file may have gone once the full one is there (docs/formats/log.md
    section 4.5): the full file then begins with the same hashes. Raises TileError
    where a log of this size has no such tile, TileForgedError where a file's
    length is wrong, and what `read` raised for the first path where neither is there.
    """
    full, partial = shape(size, level)
    if not 0 <= index < full + bool(partial):
        raise TileError(f"a log of {size} has no tile {index} at level {level}")
    width = WIDTH if index < full else partial
    path = tile_path(level, index, width)
    try:
        return _of_width(path, read(path), width)
    except TileForgedError:
        raise
    except _ABSENT as absent:
        if width == WIDTH:
            raise
        wider = tile_path(level, index)
        try:
            whole = _of_width(wider, read(wider), WIDTH)
        except TileForgedError:
            raise
        except _ABSENT:
            raise absent from None
        return TileRead(wider, whole.data[: width * HASH_SIZE])


def _of_width(path: str, data: bytes, width: int) -> TileRead:
    if len(data) != width * HASH_SIZE:
        raise TileForgedError(path, f"{len(data)} bytes are not {width} hashes")
    return TileRead(path, data)
