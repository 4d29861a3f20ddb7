"""The published log: C2SP tiles on disk, always a prefix of the ledger.

The order, for each publication (docs/formats/log.md section 5):

    (1) bundles and tiles written aside, synced, renamed into place, directories synced
    (2) the checkpoint signed, and kept in the ledger: from here on this size has
        one root for ever
    (3) the head copied to another medium, where the settings name one
    (4) the checkpoint file replaced
    (5) `vkey` replaced, where the checkpoint is the first that a new key has signed
    (6) partial files that a full one has replaced taken away

A crash between any two leaves the old checkpoint with every file it needs, and in `vkey`
a key that has signed the checkpoint: of the two that sign the first one over a change, the
old until (5), the new from then on, which stays when the old is retired. Cosignatures
of the newest size join the checkpoint file as they come; its text and our lines stay.
"""

import functools
import logging
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dock_daemon.errors import LedgerDoubtError, StateUnusableError
from dock_daemon.evidence import cosignatures, durable
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from hashing import checkpoint, growth, note
from hashing.checked_tiles import CheckedTiles
from hashing.checkpoint import Checkpoint
from hashing.entry import At
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from hashing.merkle import Frontier
from hashing.mldsa import MldsaKey
from hashing.proofs import range_root
from hashing.tiles import WIDTH, Bundle, Tile, pack_bundle, pack_tile, parse_path, shape

log = logging.getLogger(__name__)

_STRIDE: Final = 1 << 16  # entries that are turned into tiles at a time


class Publisher:
    """Writes the log directory. Only the sealer's thread calls it, once `start` was called."""

    def __init__(
        self, state: Path, keys: LogKeys, *, copy: Callable[[bytes], None] = lambda _head: None
    ) -> None:
        """`copy` brings each newly signed head elsewhere before it is shown; it never raises."""
        self._log = state / "log"
        self._aside = state / "publishing"
        self._keys = keys
        self._copy = copy
        for folder in (self._log, self._aside):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._settler = durable.Settler(self._log)
        self._frontier = Frontier()
        self._edge: dict[str, bytes] = {}
        self._signed = b""
        self._shown = b""
        self._vkey: VerifierKey | None = None
        self._published = 0
        self._found = 0

    @property
    def published(self) -> int:
        """How many entries the published checkpoint covers."""
        return self._published

    @property
    def found(self) -> int:
        """How many entries were published when the log was taken up."""
        return self._found

    @property
    def shown(self) -> bytes:
        """The published checkpoint with the cosignatures it bears; empty before the first."""
        return self._shown

    @property
    def signed(self) -> Checkpoint | None:
        """The newest head that was ever signed here."""
        if not self._signed:
            return None
        return Checkpoint(self._origin, self._frontier.size, self._frontier.root())

    @property
    def _origin(self) -> str:
        return self._keys.origin

    def start(self, ledger: Ledger) -> None:
        """Take up the log where the last life left it; raise LedgerDoubtError if the two differ.

        A published log that is missing is made again from the ledger; one that
        says something else than the ledger is never overwritten.
        """
        for temp in self._aside.iterdir():
            temp.unlink()
        kept = ledger.last_checkpoint()
        published = self._checkpoint_on_disk()
        self._found = 0 if published is None else published.size
        size = 0 if kept is None else kept[0]
        if size > ledger.size:
            raise LedgerDoubtError(f"{size} entries were signed, {ledger.size} are there")
        if published is not None and published.size > size:
            raise LedgerDoubtError(
                f"the published log has {published.size} entries, the ledger signed {size}"
            )
        for at in range(0, size, _STRIDE):
            for leaf in ledger.leaves(at, min(at + _STRIDE, size)):
                self._frontier.append(leaf)
                self._compare(published)
        if kept is not None:
            signed = self._opened(kept[1])
            if signed.root != self._frontier.root() or signed.size != size:
                raise LedgerDoubtError(f"the entries do not give the root signed at size {size}")
            self._signed = kept[1]
            self._take_up(ledger, size, published)
        # The last bundle will be published again, longer: it must be what was committed.
        deque(ledger.entries(size - size % WIDTH, ledger.size), maxlen=0)
        self._state_keys()

    def publish(self, ledger: Ledger, at: At) -> None:
        """Bring the published log up to the ledger; do nothing if it is there already.

        After an OSError or sqlite3.Error it may be called again, and goes on from what
        was signed last.
        """
        if ledger.waiting(self._frontier.size):
            self._sign(ledger, ledger.size, at)
        if self._signed:
            self._copy(self._signed)
        self.show(ledger)

    def show(self, ledger: Ledger) -> None:
        """Put what was signed last in place, with the cosignatures known by now; sign nothing.

        Raises OSError or sqlite3.Error, after which it may be called again.
        """
        if not self._signed:
            return
        size = self._frontier.size
        head = note.with_lines(self._signed, cosignatures.lines_of(ledger, size))
        if head != self._shown:
            durable.replace(self._log / "checkpoint", head)
            self._shown = head
        self._state_newest(size)
        if size > self._published:
            before, self._published = self._published, size
            self._sweep(before, size)

    def root_at(self, ledger: Ledger, size: int) -> bytes:
        """Return the root that the first `size` of the signed entries give.

        A few tiles tell it, each held against the signed root. Only where one of them is
        damaged all entries are walked.
        """
        signed = self._frontier
        tiles = CheckedTiles(
            signed.size, signed.root(), lambda path: (self._log / path).read_bytes()
        )
        try:
            return range_root(0, size, tiles.tile) if size else Frontier().root()
        except (OSError, EvidenceError) as error:
            log.warning("the tiles do not tell the root at size %d: %s", size, error)
        frontier = Frontier()
        for start in range(0, size, _STRIDE):
            for leaf in ledger.leaves(start, min(start + _STRIDE, size)):
                frontier.append(leaf)
        return frontier.root()

    def _sign(self, ledger: Ledger, size: int, at: At) -> None:
        """Do steps (1) and (2): every file of `size` on disk, then the signature kept."""
        frontier = Frontier(self._frontier.size, self._frontier.hashes)
        for leaf in ledger.leaves(frontier.size, size):
            frontier.append(leaf)
        edge = self._write_tiles(ledger, self._frontier.size, size)
        text = Checkpoint(self._origin, size, frontier.root()).encode()
        signed = self._keys.sign(text, size, max(1, at.utc_ms // 1000))
        ledger.keep_checkpoint(size, signed, at.utc_ms)
        self._frontier, self._edge, self._signed = frontier, edge, signed

    def _compare(self, published: Checkpoint | None) -> None:
        if published is None or published.size != self._frontier.size:
            return
        if published.root != self._frontier.root():
            raise LedgerDoubtError(
                f"the entries do not give the root published at size {published.size}"
            )

    def _take_up(self, ledger: Ledger, size: int, published: Checkpoint | None) -> None:
        """Find the tiles' right edge on disk, or write all of them again."""
        if published is None and not (self._log / "tile").exists():
            self._edge = self._write_tiles(ledger, 0, size)
        else:
            at = size if published is None else published.size
            self._edge = self._edge_on_disk(at)
            if at < size:  # power was lost between the signature and its publication
                self._edge = self._write_tiles(ledger, at, size)
        # Nothing is swept: what an earlier life left undone waits for the next publication.
        self._published = size
        self.show(ledger)

    def _state_keys(self) -> None:
        """Write the verifier keys beside the log; raise LedgerDoubtError if others stand there."""
        self._state_newest(self._published)
        if self._keys.mldsa is not None:
            self._state_key("vkey-mldsa", self._keys.mldsa.verifier())

    def _state_newest(self, size: int) -> None:
        """Step (5): state the newest key that has signed the checkpoint of `size`.

        A key that an entry has brought in since verifies nothing that is published yet.
        """
        newest = self._keys.succession.keys_at(size)[-1]
        if newest != self._vkey:
            self._state_key("vkey", newest)
            self._vkey = newest

    def _state_key(self, name: str, key: VerifierKey | MldsaKey) -> None:
        path, line = self._log / name, f"{key}\n".encode()
        found = path.read_bytes() if path.exists() else b""
        if found not in {b"", *(f"{one}\n".encode() for one in self._keys.verifiers())}:
            raise LedgerDoubtError(f"{path} is not the key that signs this log")
        if found != line:
            durable.replace(path, line)

    def _edge_on_disk(self, size: int) -> dict[str, bytes]:
        edge: dict[str, bytes] = {}

        def read(path: str) -> bytes:
            edge[path] = (self._log / path).read_bytes()
            return edge[path]

        try:
            frontier = growth.frontier(size, read)
        except (FileNotFoundError, EvidenceError) as error:
            raise LedgerDoubtError(f"the published tiles cannot be read: {error}") from error
        except OSError as error:  # the disk's affair, or the machine's: no word against the tiles
            raise StateUnusableError(self._log, error.strerror or str(error)) from error
        if size == self._frontier.size and frontier.root() != self._frontier.root():
            raise LedgerDoubtError("the published tiles do not give the signed root")
        return edge

    def _write_tiles(self, ledger: Ledger, old: int, size: int) -> dict[str, bytes]:
        """Step (1); return the partial tiles of `size` above the leaves."""
        edge = dict(self._edge)
        while old < size:
            new = min(size, old + _STRIDE)
            files = dict(
                growth.grow(
                    old,
                    list(ledger.entries(old, new)),
                    functools.partial(_kept, size=old, ledger=ledger, edge=dict(edge)),
                )
            )
            self._put(files)
            edge |= {path: data for path, data in files.items() if _is_edge(path, new)}
            old = new
        return {path: data for path, data in edge.items() if _is_edge(path, size)}

    def _put(self, files: Mapping[str, bytes]) -> None:
        temps: dict[Path, Path] = {}
        folders: set[Path] = set()
        try:
            for path, data in files.items():
                final = self._log / path
                folders |= _make_folders(final.parent, self._log)
                temp = self._aside / secrets.token_hex(12)
                durable.write_new(temp, data, mode=0o644)
                temps[temp] = final
                folders.add(final.parent)
            self._settler.settle(temps)
            for temp, final in temps.items():
                temp.replace(final)
            self._settler.settle(sorted(folders))
        except OSError:
            # It is tried again, on a disk that may be full: leave nothing there.
            for temp in temps:
                temp.unlink(missing_ok=True)
            raise

    def _sweep(self, old: int, size: int) -> None:
        """Step (6): a partial file may go once the full one is published."""
        for level in range(9):
            first, _ = shape(old, level)
            full, _ = shape(size, level)
            for index in range(first, full):
                paths = [Tile(level, index).path]
                if level == 0:
                    paths.append(Bundle(index).path)
                for path in paths:
                    shutil.rmtree(self._log / f"{path}.p", ignore_errors=True)

    def _checkpoint_on_disk(self) -> Checkpoint | None:
        try:
            data = (self._log / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None
        return self._opened(data)

    def _opened(self, data: bytes) -> Checkpoint:
        try:
            head = checkpoint.parse(note.parse(data)[0])
            for key in self._keys.succession.keys_at(head.size):
                note.open_note(data, [key])
        except EvidenceError as error:
            raise LedgerDoubtError(f"a checkpoint of this log does not hold: {error}") from error
        return head


def _kept(path: str, size: int, ledger: Ledger, edge: Mapping[str, bytes]) -> bytes:
    """Return a partial file of `size`; what the ledger can tell is taken from there."""
    place = parse_path(path)
    start = place.index * WIDTH
    if isinstance(place, Bundle):
        return pack_bundle(list(ledger.entries(start, size)))
    if place.level == 0:
        return pack_tile(ledger.leaves(start, size))
    return edge[path]


def _is_edge(path: str, size: int) -> bool:
    place = parse_path(path)
    if isinstance(place, Bundle) or place.level == 0:
        return False
    return (place.index, place.width) == shape(size, place.level)


def _make_folders(folder: Path, root: Path) -> set[Path]:
    """Make `folder`; return the directories that gained a name by it."""
    gained: set[Path] = set()
    missing = []
    while folder != root and not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(mode=0o755)
        gained |= {new, new.parent}
    return gained
