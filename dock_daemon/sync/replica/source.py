"""What there is to copy: the published log, and the store that its entries name.

    log/...   every file of the newest checkpoint, and the checkpoint itself, last
    store/clips/<aa>/<sha256>, store/documents/<aa>/<sha256>

The paths of the copy are the same, so `sealdock verify` reads it as it reads the dock's own.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import NothingPublishedError
from dock_daemon.sync.published import Head, head_of
from hashing.checked_tiles import CheckedTiles
from hashing.checkpoint import Checkpoint
from hashing.errors import FileTroubleError, Trouble
from hashing.evidence_files import digest_file, read_file
from hashing.merkle import HASH_SIZE
from hashing.note import MAX_NOTE
from hashing.proofs import range_root
from hashing.tiles import WIDTH, plan

LOG: Final = "log"
STORE: Final = ("store/clips", "store/documents")
CHECKPOINT: Final = "checkpoint"
VKEY: Final = "vkey"

VKEYS: Final = (VKEY, "vkey-mldsa")
MAX_KEY: Final = 4096  # bytes of a verifier key

_FAN: Final = re.compile("[0-9a-f]{2}", re.ASCII)
_NAME: Final = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fixed:
    """The head that a copy is made for: what was published when it began."""

    head: Head
    note: bytes  # verbatim, with the cosignatures it bears


class Source:
    """The state directory of a dock, as it is copied. Raises EvidenceError and OSError."""

    def __init__(self, state: Path) -> None:
        self.root = state

    def fix(self) -> Fixed:
        """Return the newest head; raise NothingPublishedError before the first."""
        path = self.root / LOG / CHECKPOINT
        try:
            data = read_file(str(path), MAX_NOTE)
        except FileTroubleError as error:
            if error.trouble is Trouble.MISSING:
                raise NothingPublishedError(path) from error
            raise
        return Fixed(head_of(data), data)

    def stored(self, room: str) -> dict[str, int]:
        """Return every file of a room of the store, by its path there, with its size in bytes."""
        return dict(self._stored(self.root / room))

    def _stored(self, room: Path) -> Iterator[tuple[str, int]]:
        for fan in _scan(room):
            if not (_FAN.fullmatch(fan.name) and fan.is_dir(follow_symlinks=False)):
                continue
            for each in _scan(room / fan.name):
                if _NAME.fullmatch(each.name) and each.is_file(follow_symlinks=False):
                    yield f"{fan.name}/{each.name}", each.stat(follow_symlinks=False).st_size

    def published(self, size: int) -> dict[str, int]:
        """Return every tile and bundle of a log of `size`, with its size in bytes.

        Raises FileNotFoundError where the log has moved on since, and a full file took the
        place of a partial one.
        """
        paths = (each.path for each in plan(0, size))
        return {path: (self.root / LOG / path).stat().st_size for path in paths}

    def keys(self) -> dict[str, bytes]:
        """Return the files that state the log's verifier keys: they change with the keys."""
        files = {name: self.root / LOG / name for name in VKEYS}
        return {
            name: read_file(str(path), MAX_KEY) for name, path in files.items() if path.exists()
        }

    def path(self, room: str, path: str) -> Path:
        """Return where a file lies."""
        return self.root / room / path

    def digest(self, room: str, path: str) -> str:
        """Return the SHA-256 of a file, in hex; raise FileTroubleError."""
        return digest_file(str(self.path(room, path)), lambda _count: None)[1].hex()

    def begins_with(self, other: Checkpoint, ours: Checkpoint) -> bool:
        """Tell whether our log begins with the log of another checkpoint.

        Raises TileForgedError where our own tiles are damaged: then nobody can tell.
        """
        if other.size in {0, ours.size}:
            return other.size == 0 or other.root == ours.root
        if other.size > ours.size:
            return False
        tiles = CheckedTiles(ours.size, ours.root, self._tile)
        return range_root(0, other.size, tiles.tile) == other.root

    def _tile(self, path: str) -> bytes:
        return read_file(f"{self.root}/{LOG}/{path}", WIDTH * HASH_SIZE)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
