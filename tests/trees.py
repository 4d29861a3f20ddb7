"""Trees to prove things of: by definition, as files, and of any size; for tests."""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec

from hashing import growth, tiles
from hashing.errors import ProofError
from hashing.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash
from hashing.tiles import Tile

# The golden log's first 300 entries, and as many more in their manner.
ENTRIES = [b'{"seq":%d,"clip":"clip-%06d.mp4"}' % (n, n) for n in range(1100)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]

P = ParamSpec("P")


def holds_by(check: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Tell whether a check takes what it is given."""
    try:
        check(*args, **kwargs)
    except ProofError:
        return False
    return True


@cache
def root_by_definition(start: int, end: int) -> bytes:
    """Return the root over LEAVES[start:end] as RFC 6962 section 2.1 words it."""
    if end - start <= 1:
        return LEAVES[start] if end > start else EMPTY_ROOT
    split = start + (1 << (end - start - 1).bit_length() - 1)
    return node_hash(root_by_definition(start, split), root_by_definition(split, end))


def proof_by_definition(start: int, end: int, size: int) -> list[bytes]:
    """Return the subtree proof as the draft words it, by recursion."""

    def proof(start: int, end: int, low: int, high: int, *, known: bool) -> list[bytes]:
        if (start, end) == (low, high):
            return [] if known else [root_by_definition(low, high)]
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if end <= split:
            below = proof(start, end, low, split, known=known)
            return [*below, root_by_definition(split, high)]
        if start >= split:
            below = proof(start, end, split, high, known=known)
        else:
            below = proof(split, end, split, high, known=False)
        return [*below, root_by_definition(low, split)]

    return proof(start, end, 0, size, known=True)


class Files(dict[str, bytes]):
    """The files of a log of `size` entries, published at `sizes` before; it counts what is read."""

    def __init__(self, size: int, *sizes: int) -> None:
        super().__init__()
        self.reads: list[str] = []
        published = 0
        for step in (*sizes, size):
            self.update(growth.grow(published, ENTRIES[published:step], self.__getitem__))
            published = step

    def read(self, path: str) -> bytes:
        """Return a file."""
        self.reads.append(path)
        return self[path]


class Uniform:
    """The tiles of a log of any size whose leaves are all alike: no size is too large for it."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self._levels = [LEAVES[0]]
        for _ in range(64):
            self._levels.append(node_hash(self._levels[-1], self._levels[-1]))

    def read(self, path: str) -> bytes:
        """Return a tile."""
        self.reads.append(path)
        which = tiles.parse_path(path)
        assert isinstance(which, Tile)
        return self._levels[8 * which.level] * which.width

    def root(self, size: int) -> bytes:
        """Return the root over `size` leaves."""
        bits = [bit for bit in range(63, -1, -1) if size >> bit & 1]
        return Frontier(size, [self._levels[bit] for bit in bits]).root()
