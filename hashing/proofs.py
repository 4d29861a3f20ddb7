"""Inclusion and consistency proofs: made from tiles, checked from hashes alone.

RFC 6962 section 2.1; draft-ietf-plants-merkle-tree-certs section 4.4 for subtrees;
docs/formats/proof.md section 9. All three are one thing: the proof of a subtree
[start, end) of the tree of `size`. One leaf is the subtree [i, i+1), an
earlier tree is [0, old). A proof names the hashes beside the way from the
tree's root down to the subtree, lowest first. Where the subtree ends in the
middle of a node, the way goes on to its last piece, and that piece's hash,
which the checker cannot know, opens the proof.

A proof costs at most 64 hashes, reads at most two tiles a level, and makes
fewer than 512 hashes a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from hashing.checkpoint import MAX_SIZE
from hashing.errors import ProofError
from hashing.growth import Read
from hashing.merkle import EMPTY_ROOT, HASH_SIZE, node_hash
from hashing.tile_reads import Tiles, read_tile
from hashing.tiles import WIDTH

_TILE_HEIGHT: Final = 8  # a tile holds the hashes of 2^8 nodes beside each other
_TILES_HELD: Final = 32  # more than one proof reads


class _Side(Enum):
    """Where the hash beside the way stands."""

    RIGHT = "right"
    LEFT = "left"  # outside the subtree: the root needs it
    WITHIN = "within"  # to the left and part of the subtree: root and subtree need it


@dataclass(frozen=True, slots=True)
class _Way:
    """The way from the root of a tree down to the last piece of a subtree."""

    beside: tuple[tuple[_Side, int, int], ...]  # from the root down: side, first leaf, end
    last: tuple[int, int]
    opens: bool  # the hash of `last` opens the proof


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size`.

    Raises ProofError where there is no such leaf, TileError, or what `read` raises.
    """
    _demand_leaf(index, size)
    return subtree_proof(index, index + 1, size, tiles_of(size, read))


def consistency(old: int, new: int, read: Read) -> list[bytes]:
    """Return the proof that the tree of `new` begins with the tree of `old`.

    Raises ProofError where `new` is the smaller, TileError, or what `read` raises.
    """
    return consistency_proof(old, new, tiles_of(new, read))


def subtree_consistency(start: int, end: int, size: int, read: Read) -> list[bytes]:
    """Return the proof that the subtree [start, end) is in the tree of `size`.

    Raises ProofError where [start, end) is no subtree of it, TileError, or what `read` raises.
    """
    return subtree_proof(start, end, size, tiles_of(size, read))


def consistency_proof(old: int, new: int, tiles: Tiles) -> list[bytes]:
    """Return the same as `consistency`, out of tiles of the tree of `new`."""
    _demand_sizes(old, new)
    return [] if old in {0, new} else subtree_proof(0, old, new, tiles)


def subtree_proof(start: int, end: int, size: int, tiles: Tiles) -> list[bytes]:
    """Return the same as `subtree_consistency`, out of tiles of the tree of `size`."""
    way = _way(start, end, size)
    ranges = [(first, stop) for _, first, stop in reversed(way.beside)]
    return [range_root(*each, tiles) for each in ([way.last] if way.opens else []) + ranges]


def range_root(low: int, high: int, tiles: Tiles) -> bytes:
    """Return the root over the leaves [low, high), out of tiles of a tree that holds them.

    Raises ProofError unless [low, high) is a subtree; of it, no hash beyond its end is used.
    """
    _demand_subtree(low, high)
    parts: list[bytes] = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append(_node(height, low >> height, tiles))
        low += 1 << height
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def tiles_of(size: int, read: Read) -> Tiles:
    """Return tiles by `read`, each read once."""
    return lru_cache(_TILES_HELD)(lambda level, index: read_tile(level, index, size, read).rows())


def check_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless the tree of `size` under `root` has this leaf hash at `index`."""
    _demand_leaf(index, size)
    check_subtree(index, index + 1, size, leaf, proof, root)


def check_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the tree under `new_root` begins with the one under `old_root`.

    Of no leaves, the root is that of the empty tree, and nothing is left to prove.
    """
    _demand_sizes(old, new)
    for count, root in ((old, old_root), (new, new_root)):
        _demand_hash(root, "a root")
        if count == 0 and root != EMPTY_ROOT:
            raise ProofError("an empty tree has one root only, and this is another")
    if old not in {0, new}:
        check_subtree(0, old, new, old_root, proof, new_root)
        return
    if proof:
        raise ProofError(f"{len(proof)} hashes, where nothing is to be proved")
    if old == new and old_root != new_root:
        raise ProofError("two roots of one size")


def check_subtree(  # noqa: PLR0913, PLR0917  the six values that the draft names, in its order
    start: int, end: int, size: int, subtree_root: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless the tree of `size` under `root` has this subtree at [start, end)."""
    way = _way(start, end, size)
    wanted = len(way.beside) + way.opens
    if len(proof) != wanted:
        raise ProofError(f"{len(proof)} hashes, where {wanted} make the proof")
    for each, name in ((subtree_root, "the hash to prove"), (root, "the root")):
        _demand_hash(each, name)
    for each in proof:
        _demand_hash(each, "a hash of the proof")
    inner = outer = proof[0] if way.opens else subtree_root
    for (side, _, _), beside in zip(reversed(way.beside), proof[way.opens :], strict=True):
        outer = node_hash(outer, beside) if side is _Side.RIGHT else node_hash(beside, outer)
        if side is _Side.WITHIN:
            inner = node_hash(beside, inner)
    if inner != subtree_root:
        raise ProofError("the proof does not lead to what is to be proved")
    if outer != root:
        raise ProofError("the proof does not lead to the root")


def _way(start: int, end: int, size: int) -> _Way:
    """Walk from the root of the tree of `size` to the subtree; raise ProofError if it is none."""
    _demand_subtree(start, end)
    if not end <= size <= MAX_SIZE:
        raise ProofError(f"no subtree [{start}, {end}) in a tree of {size}")
    beside: list[tuple[_Side, int, int]] = []
    low, high, opens = 0, size, False
    while (low, high) != (start, end):
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if end <= middle:
            beside.append((_Side.RIGHT, middle, high))
            high = middle
        elif start >= middle:
            beside.append((_Side.LEFT, low, middle))
            low = middle
        else:  # it begins at this node and ends beyond its left half
            beside.append((_Side.WITHIN, low, middle))
            low = start = middle
            opens = True
    return _Way(tuple(beside), (low, high), opens)


def _node(height: int, index: int, tiles: Tiles) -> bytes:
    """Return the hash of the `index`-th full node over 2^height leaves each."""
    level, above = divmod(height, _TILE_HEIGHT)
    tile, slot = divmod(index << above, WIDTH)
    return tiles(level, tile)[above][slot >> above]


def _demand_leaf(index: int, size: int) -> None:
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError(f"no leaf {index} in a tree of {size}")


def _demand_subtree(start: int, end: int) -> None:
    if not 0 <= start < end:
        raise ProofError(f"no subtree [{start}, {end})")
    if start % (1 << (end - start - 1).bit_length()):
        raise ProofError(f"[{start}, {end}) is no subtree: it does not begin at a node")


def _demand_sizes(old: int, new: int) -> None:
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofError(f"a tree of {new} does not begin with one of {old}")


def _demand_hash(data: bytes, name: str) -> None:
    if len(data) != HASH_SIZE:
        raise ProofError(f"{name} is {len(data)} bytes, not {HASH_SIZE}")
