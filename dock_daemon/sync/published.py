"""The published log as its messenger reads it: files that anybody may be shown.

docs/formats/log.md section 4. While we read, the core may publish a longer log and take
partial files away that a full one has replaced; the full one begins with the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.errors import FileTroubleError, Trouble
from hashing.evidence_files import read_file
from hashing.note import MAX_NOTE
from hashing.tiles import MAX_BUNDLE, WIDTH, Bundle, shape, unpack_bundle
from hashing.upload import Package

_MAX_KEY: Final = 4096


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

    def read(self, path: str) -> bytes:
        """Return the bytes of a tile or bundle."""
        return self._read(path, MAX_BUNDLE)

    def entries(self, package: Package, size: int) -> list[bytes]:
        """Return the entries of a package out of a log of `size`."""
        index = package.subtree_start // WIDTH
        full, partial = shape(size, 0)
        width = WIDTH if index < full else partial
        try:
            held = unpack_bundle(self.read(Bundle(index, width).path), width)
        except FileTroubleError:
            if width == WIDTH:
                raise
            held = unpack_bundle(self.read(Bundle(index).path), WIDTH)
        first = package.subtree_start
        return held[package.start - first : package.end - first]

    def _read(self, path: str, at_most: int) -> bytes:
        return read_file(f"{self.root}/{path}", at_most)
