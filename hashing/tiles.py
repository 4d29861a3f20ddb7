"""Tiles and entry bundles: the files that a log is published as.

C2SP tlog-tiles; docs/formats/log.md section 4 has the part we use.

    tile/<level>/<index>[.p/<width>]     hashes, 32 bytes each, 256 in a full tile
    tile/entries/<index>[.p/<width>]     entries, each after its length (2 bytes)

Hash i of tile (l, n) is the root over the 256^l leaves from (n*256+i)*256^l on.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashing.checkpoint import MAX_SIZE
from hashing.errors import BundleError, TileError
from hashing.merkle import HASH_SIZE

WIDTH: Final = 256  # hashes or entries in a full tile or bundle
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = 65_535
MAX_BUNDLE: Final = WIDTH * (2 + MAX_ENTRY)

# More than a bundle holds, so that inserted entries can be told from noise.
_MOST_CUT: Final = 2 * WIDTH

_MAX_INDEX: Final = MAX_SIZE // WIDTH
_PATH: Final = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/"
    r"(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which tile: level 0 holds leaf hashes. `width` says how many hashes it holds."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies below the log's directory."""
        return tile_path(self.level, self.index, self.width)


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """Which entry bundle. `width` says how many entries it holds."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies below the log's directory."""
        return entries_path(self.index, self.width)


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile; raise TileError where there can be none."""
    if not 0 <= level <= MAX_LEVEL:
        raise TileError(f"no level {level}")
    return f"tile/{level}/{_tail(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Return the path of an entry bundle; raise TileError where there can be none."""
    return f"tile/entries/{_tail(index, width)}"


def parse_path(path: str) -> Tile | Bundle:
    """Return what lies at `path`; raise TileError unless it is the path of something."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileError("not the path of a tile or bundle")
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"]) if found["width"] else WIDTH
    if found["level"] == "entries":
        which: Tile | Bundle = Bundle(index, width)
    else:
        which = Tile(int(found["level"]), index, width)
    if which.path != path:  # a leading group of zeros, or .p/256
        raise TileError("not the one spelling of its path")
    return which


def _tail(index: int, width: int) -> str:
    if not 0 <= index <= _MAX_INDEX:
        raise TileError(f"no index {index}")
    if not 1 <= width <= WIDTH:
        raise TileError(f"no width {width}")
    digits = str(index)
    digits = digits.zfill(-len(digits) % 3 + len(digits))
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return name if width == WIDTH else f"{name}.p/{width}"


def shape(size: int, level: int) -> tuple[int, int]:
    """Return how many full tiles `level` has in a log of `size`, and the partial's width.

    Width 0: no partial tile. Level 0 tells the same of the bundles.
    """
    return divmod(size >> (8 * level), WIDTH)


def plan(old_size: int, new_size: int) -> list[Tile | Bundle]:
    """Return every file that a log of `new_size` has and one of `old_size` had not."""
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise TileError(f"a log cannot go from {old_size} to {new_size}")
    wanted: list[Tile | Bundle] = [Bundle(*span) for span in _spans(old_size, new_size, 0)]
    for level in range(MAX_LEVEL + 1):
        spans = _spans(old_size, new_size, level)
        if not spans:
            break
        wanted.extend(Tile(level, *span) for span in spans)
    return wanted


def _spans(old_size: int, new_size: int, level: int) -> list[tuple[int, int]]:
    """Return (index, width) of what is new at `level`."""
    if old_size >> (8 * level) == new_size >> (8 * level):
        return []
    first, _ = shape(old_size, level)
    full, width = shape(new_size, level)
    spans = [(index, WIDTH) for index in range(first, full)]
    return [*spans, (full, width)] if width else spans


def pack_tile(hashes: Sequence[bytes]) -> bytes:
    """Return the bytes of a tile; raise TileError if no tile holds these."""
    if not 1 <= len(hashes) <= WIDTH or any(len(each) != HASH_SIZE for each in hashes):
        raise TileError("a tile holds 1 to 256 hashes of 32 bytes")
    return b"".join(hashes)


def unpack_tile(data: bytes, width: int) -> list[bytes]:
    """Return the `width` hashes of a tile; raise TileError if its length is another."""
    if len(data) != width * HASH_SIZE:
        raise TileError(f"{len(data)} bytes are not {width} hashes")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def pack_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bytes of a bundle; raise TileError if an entry is too long or empty."""
    parts: list[bytes] = []
    for entry in entries:
        if not 1 <= len(entry) <= MAX_ENTRY:
            raise TileError(f"an entry of {len(entry)} bytes fits no bundle")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def unpack_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle, raw; raise BundleError if it is not that."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        start = at + 2
        stop = start + int.from_bytes(data[at:start], "big")
        if start > end or stop > end:
            raise BundleError("it ends within an entry", whole=tuple(entries), torn=True)
        if start == stop:
            raise BundleError("it holds an empty entry", whole=tuple(entries), torn=True)
        if len(entries) == _MOST_CUT:
            raise BundleError("far too many entries", whole=tuple(entries), torn=True)
        entries.append(data[start:stop])
        at = stop
    if len(entries) != width:
        reason = f"{len(entries)} entries, not {width}"
        raise BundleError(reason, whole=tuple(entries), torn=False)
    return entries
