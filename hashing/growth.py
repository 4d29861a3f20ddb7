"""Which files a log gains when entries join it: pure; the caller does the disk.

Publishing is (1) every file that `grow` yields, durably, then (2) the
checkpoint, last. A crash between any two writes leaves the old checkpoint with
every file it needs, because `grow` yields new paths only. Writing a path again
after such a crash writes the same bytes, or a longer run of the same entries.
"""

from collections.abc import Callable, Iterator, Sequence

from hashing.errors import TileError
from hashing.merkle import Frontier, leaf_hash, perfect_root, perfect_roots
from hashing.tiles import (
    MAX_LEVEL,
    WIDTH,
    Bundle,
    Tile,
    pack_bundle,
    pack_tile,
    shape,
    unpack_bundle,
    unpack_tile,
)

Read = Callable[[str], bytes]


def grow(old_size: int, entries: Sequence[bytes], read: Read) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every file that `entries` add to a log of `old_size`.

    `read` returns the bytes at a path; it is asked for the partial files of
    `old_size` only, at most one bundle and one tile for each level. Work is in
    the order of len(entries) + log(old_size). Raises TileError or what `read` raises.
    """
    if not entries:
        return
    index, width = shape(old_size, 0)
    kept = unpack_bundle(read(Bundle(index, width).path), width) if width else []
    rows = [*kept, *entries]
    for at in range(0, len(rows), WIDTH):
        row = rows[at : at + WIDTH]
        yield Bundle(index + at // WIDTH, len(row)).path, pack_bundle(row)
    yield from _climb(old_size, [leaf_hash(entry) for entry in entries], read)


def _climb(old_size: int, fresh: list[bytes], read: Read) -> Iterator[tuple[str, bytes]]:
    for level in range(MAX_LEVEL + 1):
        if not fresh:
            return
        index, width = shape(old_size, level)
        kept = unpack_tile(read(Tile(level, index, width).path), width) if width else []
        hashes = [*kept, *fresh]
        fresh = []
        for at in range(0, len(hashes), WIDTH):
            row = hashes[at : at + WIDTH]
            yield Tile(level, index + at // WIDTH, len(row)).path, pack_tile(row)
            if len(row) == WIDTH:
                fresh.append(perfect_root(row))


def frontier(size: int, read: Read) -> Frontier:
    """Return the right edge of the log of `size` that the partial tiles hold.

    Its root must equal the checkpoint's before anything is built on these tiles.
    Raises TileError or what `read` raises.
    """
    if size < 0:
        raise TileError(f"no log of {size}")
    rows: list[list[bytes]] = []
    for level in range(MAX_LEVEL + 1):
        index, width = shape(size, level)
        rows.append(unpack_tile(read(Tile(level, index, width).path), width) if width else [])
        if index == 0:
            break
    return frontier_over(size, rows)


def frontier_over(size: int, rows: Sequence[Sequence[bytes]]) -> Frontier:
    """Return the right edge of the log of `size` whose partial tile at level i is rows[i]."""
    return Frontier(size, [root for row in reversed(rows) for root in perfect_roots(row)])
