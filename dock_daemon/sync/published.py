"""The published log as its messenger reads it: files that anybody may be shown.

docs/formats/log.md section 4. While we read, the core may publish a longer log and take
partial files away that a full one has replaced; the full one begins with the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashing import checkpoint, note
from hashing.checked_tiles import CheckedTiles
from hashing.checkpoint import Checkpoint
from hashing.errors import FileTroubleError, TileForgedError, Trouble
from hashing.evidence_files import read_file
from hashing.merkle import HASH_SIZE, leaf_hash
from hashing.note import MAX_NOTE
from hashing.proofs import subtree_proof
from hashing.tiles import MAX_BUNDLE, WIDTH, Bundle, shape, unpack_bundle
from hashing.upload import Package, pack_package

_MAX_KEY: Final = 4096  # bytes
_TILE: Final = WIDTH * HASH_SIZE


@dataclass(frozen=True, slots=True)
class Head:
    """A signed checkpoint of our log, with the lines of the log's own keys and no others.

    `text` is what was signed. The core has signed it; nothing is verified here.
    """

    text: str
    note: bytes
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.checkpoint.size

    @property
    def origin(self) -> str:
        """Whose log it is of."""
        return self.checkpoint.origin


def head_of(data: bytes) -> Head:
    """Return the head that a published note is; raise EvidenceError if it is none."""
    text, lines = note.parse(data)
    found = checkpoint.parse(text)
    own = "".join(f"{line}\n" for line in lines if line.name == found.origin)
    return Head(text, f"{text}\n{own}".encode(), found)


class PublishedLog:
    """The log directory of a dock. Every method raises EvidenceError where it is not as it must."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def head(self) -> Head | None:
        """Return the newest published head, or None before the first."""
        try:
            return head_of(self._read("checkpoint", MAX_NOTE))
        except FileTroubleError as error:
            if error.trouble is Trouble.MISSING:
                return None
            raise

    def vkey(self) -> str:
        """Return the verifier key that the log itself states."""
        return self._read("vkey", _MAX_KEY).decode("ascii", "replace").strip()

    def tiles(self, head: Head) -> CheckedTiles:
        """Return the tiles under a head, each checked before it is used.

        What rots on our own disk must not look, over there, like a second history.
        """
        return CheckedTiles(head.size, head.checkpoint.root, lambda path: self._read(path, _TILE))

    def packed(self, package: Package, head: Head, tiles: CheckedTiles) -> bytes:
        """Return the bytes of a package: its entries and the proof that `head` covers them."""
        path, entries = self._entries(package, head.size)
        leaves = tiles.leaves(package.start, package.end)
        if [leaf_hash(entry) for entry in entries] != leaves:
            raise TileForgedError(path, "it does not hold the entries that were sealed")
        start, end = package.subtree_start, package.end
        return pack_package(entries, subtree_proof(start, end, head.size, tiles.tile))

    def _entries(self, package: Package, size: int) -> tuple[str, list[bytes]]:
        index = package.subtree_start // WIDTH
        full, partial = shape(size, 0)
        width = WIDTH if index < full else partial
        path = Bundle(index, width).path
        try:
            held = unpack_bundle(self._read(path, MAX_BUNDLE), width)
        except FileTroubleError:
            if width == WIDTH:
                raise
            path = Bundle(index).path
            held = unpack_bundle(self._read(path, MAX_BUNDLE), WIDTH)
        first = package.subtree_start
        return path, held[package.start - first : package.end - first]

    def _read(self, path: str, at_most: int) -> bytes:
        return read_file(f"{self.root}/{path}", at_most)
