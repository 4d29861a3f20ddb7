"""Tiles that are held against the signed root before any of their hashes is used.

The tiles of the right edge are checked together: with one another they give the
root. Every other tile is checked against its hash in the tile above, which was
checked first. So a tile is never believed because a neighbour was; a reader
that skipped tiles shared by several hashes of the edge let forged ones pass
(CVE-2026-56865).
"""

from collections import OrderedDict
from typing import Final

from hashing.errors import EvidenceError, ProofError, TileForgedError
from hashing.growth import Read, frontier_over
from hashing.proofs import consistency_proof, subtree_proof
from hashing.tile_reads import Rows, TileRead, read_tile
from hashing.tiles import MAX_LEVEL, WIDTH, shape

_HELD: Final = 64  # checked tiles kept, about 40 KiB each with the nodes over their hashes


class CheckedTiles:
    """The tiles of the log of `size` under `root`, out of files that nobody vouches for.

    Every method raises TileForgedError where a tile is not what the root vouches
    for, ProofError where there is no such leaf or size, or what `read` raises.
    """

    def __init__(self, size: int, root: bytes, read: Read) -> None:
        self._size = size
        self._root = root
        self._read = read
        self._edge: dict[int, Rows] | None = None  # by level; None: not checked yet
        self._held: OrderedDict[tuple[int, int], Rows] = OrderedDict()

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at `index`."""
        (leaf,) = self.leaves(index, index + 1)
        return leaf

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of [start, end)."""
        if not 0 <= start <= end <= self._size:
            raise ProofError(f"no leaves [{start}, {end}) in a tree of {self._size}")
        found: list[bytes] = []
        while start < end:
            index, slot = divmod(start, WIDTH)
            stop = min(WIDTH, slot + end - start)
            found += self.tile(0, index)[0][slot:stop]
            start += stop - slot
        return found

    def inclusion(self, index: int) -> list[bytes]:
        """Return the proof that the leaf at `index` is in this tree."""
        return subtree_proof(index, index + 1, self._size, self.tile)

    def consistency(self, old: int) -> list[bytes]:
        """Return the proof that this tree begins with the tree of `old`."""
        return consistency_proof(old, self._size, self.tile)

    def tile(self, level: int, index: int) -> Rows:
        """Return the hashes of a tile as this size has it, and the nodes over them."""
        edge = self._checked_edge()
        if index == shape(self._size, level)[0] and level in edge:
            return edge[level]
        held = self._held.get((level, index))
        if held is not None:
            self._held.move_to_end((level, index))
            return held
        found = read_tile(level, index, self._size, self._read)
        rows = found.rows()
        above, slot = divmod(index, WIDTH)
        if rows[-1] != [self.tile(level + 1, above)[0][slot]]:
            raise TileForgedError(found.path, "it is not what the tile above it vouches for")
        self._held[level, index] = rows
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        return rows

    def _checked_edge(self) -> dict[int, Rows]:
        """Return the partial tiles by level, once they give the root."""
        if self._edge is None:
            found = self._read_edge()
            edge = {level: tile.rows() for level, tile in found.items()}
            hashes = [edge[level][0] if level in edge else [] for level in range(MAX_LEVEL + 1)]
            if frontier_over(self._size, hashes).root() != self._root:
                raise self._forged_edge(found)
            self._edge = edge
        return self._edge

    def _read_edge(self) -> dict[int, TileRead]:
        found: dict[int, TileRead] = {}
        for level in range(MAX_LEVEL + 1):
            index, width = shape(self._size, level)
            if width:
                found[level] = read_tile(level, index, self._size, self._read)
            if index == 0:
                break
        return found

    def _forged_edge(self, edge: dict[int, TileRead]) -> EvidenceError:
        """Return which tile of the edge is to blame; work that only a forgery causes.

        A tile above the leaves that contradicts a tile below it is named, the highest
        first. Where none does, it is the lowest, or several were forged to agree.
        """
        for level in sorted(edge, reverse=True):
            if level and self._contradicted(level, edge[level]):
                return TileForgedError(
                    edge[level].path, "it is not over the tiles below it, nor gives the signed root"
                )
        if not edge:
            return ProofError("an empty tree has one root only, and this is another")
        detail = "it does not give the signed root"
        if len(edge) > 1:
            detail = "together with the right edge above it, it does not give the signed root"
        return TileForgedError(edge[min(edge)].path, detail)

    def _contradicted(self, level: int, tile: TileRead) -> bool:
        first = shape(self._size, level)[0] * WIDTH
        for slot, sealed in enumerate(tile.rows()[0]):
            try:
                below = read_tile(level - 1, first + slot, self._size, self._read)
            except (EvidenceError, OSError, LookupError):  # this one can say nothing
                continue
            if below.rows()[-1] != [sealed]:
                return True
        return False
