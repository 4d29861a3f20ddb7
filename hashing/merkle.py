"""The Merkle tree of RFC 6962 section 2.1, over SHA-256."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf. Its tag keeps a node from passing for a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over `hashes`, whose number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def perfect_roots(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the perfect subtrees over `hashes`, largest first."""
    roots: list[bytes] = []
    at = 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            roots.append(perfect_root(hashes[at : at + (1 << bit)]))
            at += 1 << bit
    return roots


class Frontier:
    """The right edge of a growing tree: one hash for each bit set in its size.

    Enough to append and to say the root; 64 hashes at the most.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Stand at `size`, with the roots of its perfect subtrees, largest first."""
        self._size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} perfect subtrees")

    @property
    def size(self) -> int:
        """How many leaves are below."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, largest first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Take in the hash of the next leaf."""
        carry = leaf
        for _ in range((~self._size & (self._size + 1)).bit_length() - 1):
            carry = node_hash(self._hashes.pop(), carry)
        self._hashes.append(carry)
        self._size += 1

    def root(self) -> bytes:
        """Return the hash that stands for all leaves so far."""
        if not self._hashes:
            return EMPTY_ROOT
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(left, root)
        return root
