"""One proof for many leaves: the hashes that they share stand in it once.

docs/formats/manifest.md section 4. The tree of RFC 6962 is walked from its root. A node
without any of the leaves is one hash of the proof; every other node is made from its two
children. So the proof holds the hashes of the largest nodes that hold none of the leaves,
from left to right, and nothing else makes the root: one hash more or less is no proof.

Work and reads grow with the number of leaves times the logarithm of the tree's size.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from hashing.checkpoint import MAX_SIZE
from hashing.errors import ProofError
from hashing.growth import Read
from hashing.merkle import HASH_SIZE, node_hash
from hashing.proofs import range_root, tiles_of


def make(indices: Sequence[int], size: int, read: Read) -> list[bytes]:
    """Return the proof that these leaves, ascending, are in the tree of `size`.

    Raises ProofError where there are no such leaves, TileError, or what `read` raises.
    """
    _demand(indices, size)
    tiles = tiles_of(size, read)
    return [range_root(low, high, tiles) for low, high in _gaps(indices, 0, size)]


def count(indices: Sequence[int], size: int) -> int:
    """Return how many hashes the proof has; raise ProofError where there are no such leaves."""
    _demand(indices, size)
    return sum(1 for _ in _gaps(indices, 0, size))


def root(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that leaves, index and hash, and a proof make; raise ProofError."""
    indices = [index for index, _ in leaves]
    _demand(indices, size)
    if any(len(each) != HASH_SIZE for each in (*proof, *(leaf for _, leaf in leaves))):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes")
    rest = iter(proof)

    def over(low: int, high: int, first: int, last: int) -> bytes:
        """Return the root over [low, high), in which leaves[first:last] lie."""
        if first == last:
            return next(rest)
        if high - low == 1:
            return leaves[first][1]
        middle = _middle(low, high)
        cut = bisect_left(indices, middle, first, last)
        left = over(low, middle, first, cut)
        return node_hash(left, over(middle, high, cut, last))

    try:
        made = over(0, size, 0, len(leaves))
    except StopIteration:
        raise ProofError(f"{len(proof)} hashes are too few") from None
    if next(rest, None) is not None:
        raise ProofError(f"{len(proof)} hashes are too many")
    return made


def _gaps(indices: Sequence[int], low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the largest nodes without any of the leaves, from left to right."""
    todo = [(low, high, 0, len(indices))]
    while todo:
        low, high, first, last = todo.pop()
        if first == last:
            yield low, high
        elif high - low > 1:
            middle = _middle(low, high)
            cut = bisect_left(indices, middle, first, last)
            todo += [(middle, high, cut, last), (low, middle, first, cut)]


def _middle(low: int, high: int) -> int:
    return low + (1 << (high - low - 1).bit_length() - 1)


def _demand(indices: Sequence[int], size: int) -> None:
    if not indices:
        raise ProofError("no leaf is to be proved")
    if any(one >= other for one, other in pairwise(indices)):
        raise ProofError("the leaves do not ascend")
    if indices[0] < 0 or not indices[-1] < size <= MAX_SIZE:
        raise ProofError(f"no leaf {indices[-1]} in a tree of {size}")
