"""The ledger itself, read again: each entry against its leaf, the published tiles and the store.

SQLite sees torn pages at a start; a byte that rots inside of a page, between two starts, only
this sees. Ledger and published log are two copies of the same: where they differ evidence is in
doubt, and the dock stops.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import LedgerDoubtError, StateUnusableError
from dock_daemon.evidence import durable
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.sealer import Sealer
from dock_daemon.evidence.store import CLIPS, DOCUMENTS
from hashing.entry import leaf_hash, parse
from hashing.tiles import WIDTH, Bundle, Tile, pack_bundle, pack_tile

_FILE: Final = "ledger.db"


@dataclass(frozen=True, slots=True)
class Walked:
    """A stretch of the ledger that holds: where it ends, its bytes, and which contents it names."""

    end: int
    size: int
    contents: tuple[tuple[str, str], ...]


class LedgerWalk:
    """Walks entries in the widths of tiles. One thread's."""

    def __init__(
        self,
        state: Path,
        sealer: Sealer,
        published: Callable[[], int],
        *,
        each: Callable[[int], None],
    ) -> None:
        """Join it to a dock: `published` tells how many entries the published log covers."""
        self._log = state / "log"
        self._ledger = state / _FILE
        self._sealer = sealer
        self._published = published
        self._each = each

    def stretch(self, start: int) -> Walked | None:
        """Check the entries from `start` to the end of their tile; None where all were walked.

        Raises LedgerDoubtError, after the sealer was told, where anything differs.
        """
        published = self._published()
        if start >= published:
            return None
        start -= start % WIDTH
        end = min(start + WIDTH, published)
        try:
            entries = self._sealer.ask(lambda ledger: self._read(ledger, start, end))
            self._hold(start // WIDTH, entries)
        except LedgerDoubtError as doubt:
            self._sealer.distrust(doubt)
            raise
        size = sum(map(len, entries))
        self._each(size)
        return Walked(end, size, tuple(_contents(entries)))

    def _read(self, ledger: Ledger, start: int, end: int) -> list[bytes]:
        """Read entries past the page cache; raise LedgerDoubtError at one that is not its leaf."""
        _drop_cache(self._ledger)
        entries = list(ledger.entries(start, end))
        if len(entries) != end - start:
            raise LedgerDoubtError(f"of entries {start} to {end - 1} only {len(entries)} are there")
        return entries

    def _hold(self, index: int, entries: Sequence[bytes]) -> None:
        """Hold entries against the files that were published of them."""
        width = len(entries)
        files = {
            Tile(0, index, width).path: pack_tile([leaf_hash(data) for data in entries]),
            Bundle(index, width).path: pack_bundle(entries),
        }
        for path, wanted in files.items():
            try:
                found, size, _ = durable.reread(self._log / path, each=self._each)
            except FileNotFoundError as error:
                # A partial file goes once a wider one was published.
                if width == WIDTH or self._published() == index * WIDTH + width:
                    raise LedgerDoubtError(f"{self._log / path} is missing") from error
                continue
            except OSError as error:
                raise StateUnusableError(self._log / path, error.strerror or "?") from error
            if (found, size) != (hashlib.sha256(wanted).hexdigest(), len(wanted)):
                raise LedgerDoubtError(
                    f"{self._log / path} does not say what the ledger's entries say"
                )


def _contents(entries: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return room and name of every content that the store must hold for some entries."""
    found: list[tuple[str, str]] = []
    for data in entries:
        entry = parse(data)
        if entry.kind == "clip":
            found.append((CLIPS, str(entry.body["sha256"])))
        if "document" in entry.body:
            found.append((DOCUMENTS, str(entry.body["document"])))
    return found


def _drop_cache(path: Path) -> None:
    """Have the kernel forget what it keeps of the ledger's file.

    Through a descriptor that SQLite holds: opening another and closing it would give up SQLite's
    locks (POSIX locks belong to the process).
    """
    with contextlib.suppress(OSError):
        for opened in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if opened.readlink() == path.absolute():
                    os.posix_fadvise(int(opened.name), 0, 0, os.POSIX_FADV_DONTNEED)
