"""Content that is not what was sealed: told, set aside, and replaced only by what is.

The order, for content that was found damaged:

    (1) read a second time, and the hash itself tested on a known answer
    (2) the entry committed that tells of it: from here on nobody takes the file for good
    (3) the file moved to `damaged`, which is evidence of the damage; its name is free

and for a copy that somebody offers:

    (4) copied into `incoming` and hashed by ourselves, whatever they said of it
    (5) sealed as any clip is: synced, read back cold, linked to its name, entry committed

A crash between any two leaves a file that the next start judges by its content alone. What
does not hash to its name is never accepted, and no entry is ever changed.
"""

import contextlib
import errno
import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

from dock_daemon.errors import DockError, StoreDoubtError
from dock_daemon.evidence import durable, scrub_book
from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.records import FactRow
from dock_daemon.evidence.scrub_book import MOST_NAMED, Damage
from dock_daemon.evidence.sealer import Sealer
from dock_daemon.evidence.store import CLIPS, Staged, Store
from hashing.canonical import JSON
from hashing.document import MAX_DOCUMENT

log = logging.getLogger(__name__)

Look: TypeAlias = Literal["whole", "differs", "unreadable", "missing", "hindered"]
"""What came of looking at a file; `hindered` says nothing of the file."""

Healing: TypeAlias = Literal["replaced", "not-damaged", "not-there", "differs", "failed"]

_CHUNK: Final = 1 << 20
# The medium's own words for "I have lost it", and what can lie under a name and is no file.
_LOST: Final = frozenset(
    {errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA, errno.EREMOTEIO, errno.ENXIO,
     errno.ELOOP, errno.EISDIR}
)  # fmt: skip
# FIPS 180-2, appendix B.3: a million times "a".
_KNOWN: Final = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


class Damages:
    """Judges files of the store, and mends them. One thread's; names it changes on the sealer's."""

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        *,
        each: Callable[[int], None],
        reread: Callable[..., tuple[str, int, durable.Reread]] = durable.reread,
        sha256: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest(),
    ) -> None:
        """`each` hears of each piece that is read; `reread` hashes what the disk gives back."""
        self._store = store
        self._sealer = sealer
        self._each = each
        self._reread = reread
        self._sha256 = sha256
        self.wavering = 0
        """How many files read wrong once and right the second time: the machine, not the medium."""

    def look(self, room: str, sha256: str) -> Look:
        """Read a file as the disk gives it back, twice where the first time was wrong."""
        path = self._store.path_of(room, sha256)
        first = self._look(path, sha256)
        if first not in {"differs", "unreadable"}:
            return first
        self.test_hash()
        second = self._look(path, sha256)
        if second == "whole":
            self.wavering += 1
            log.error("%s/%s read wrong once, and right the second time", room, sha256)
        return second

    def test_hash(self) -> None:
        """Raise StoreDoubtError where SHA-256 itself errs on this machine: it may judge nothing."""
        if self._sha256(b"a" * 1_000_000) != _KNOWN:
            doubt = StoreDoubtError("SHA-256 gives a wrong answer on this machine")
            self._sealer.distrust(doubt)
            raise doubt

    def found(self, room: str, sha256: str, how: Look) -> bool:
        """Tell of content that is damaged or gone, and set it aside; return whether it is news.

        Raises DockError when it cannot be told now: then nothing has changed.
        """
        path = self._store.path_of(room, sha256)
        # Asked on the sealer's thread: amid a group a name may be free for a moment.
        if how == "missing" and self._sealer.ask(lambda _ledger: os.path.lexists(path)):
            return False
        known = {one.sha256 for one in self._sealer.ask(scrub_book.damages)}
        if sha256 not in known:
            self._tell(room, sha256, how)
        if how != "missing":
            self._sealer.ask(lambda _ledger: self._store.set_aside(room, sha256))
        return sha256 not in known

    def settle(self, one: Damage) -> None:
        """Bring a known damage to its end, where something lies under its name again.

        A recorder may have brought the content once more, or a crash kept us from an end.
        """
        path = self._store.path_of(one.room, one.sha256)
        if not os.path.lexists(path):
            return
        match self.look(one.room, one.sha256):
            case "whole":
                self._replaced(one, "arrived-again", None)
            case "differs" | "unreadable":
                self._sealer.ask(lambda _ledger: self._store.set_aside(one.room, one.sha256))
            case "missing" | "hindered":
                return

    def heal(self, one: Damage, offered: Path, source: str) -> Healing:
        """Replace damaged content by an offered copy, if its hash is the name (4, 5)."""
        try:
            temp = self._copied(offered, one)
        except FileNotFoundError:
            return "not-there"
        except _WrongError as error:
            log.warning("what was offered for %s/%s is not it: %s", one.room, one.sha256, error)
            return "differs"
        except (OSError, DockError) as error:
            log.warning("%s/%s could not be replaced: %s", one.room, one.sha256, error)
            return "failed"
        try:
            self._replaced(one, source, temp)
        except DockError as error:
            log.warning("%s/%s could not be replaced: %s", one.room, one.sha256, error)
            return "failed"
        return "replaced"

    def _look(self, path: Path, sha256: str) -> Look:
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return "unreadable"  # opening a pipe would wait for ever
            found, _, _ = self._reread(path, each=self._each)
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            if error.errno in _LOST:
                return "unreadable"
            log.warning("%s cannot be read now: %s", path, error.strerror)
            return "hindered"
        return "whole" if found == sha256 else "differs"

    def _tell(self, room: str, sha256: str, how: Look) -> None:
        event = "lost" if how == "missing" else "damaged"
        entries = self._concerned(room, sha256)
        body: dict[str, JSON] = {
            "recovered": f"content-{event}",
            "sha256": sha256,
            "room": room,
            "how": how,
            "entries": list[JSON](entries[:MOST_NAMED]),
            "entries_count": len(entries),
        }
        row = _row(room, sha256, event, how)
        piece = Piece(kind="recovery", docking=None, finish=lambda _outcome: (body, row))
        seq = self._sealer.submit(piece).result().seq
        log.critical(
            "content-%s %s/%s (%s): entries %s; told in entry %d",
            event, room, sha256, how, ", ".join(map(str, entries[:MOST_NAMED])) or "none", seq,
        )  # fmt: skip

    def _concerned(self, room: str, sha256: str) -> list[int]:
        if room == CLIPS:
            return self._sealer.ask(lambda ledger: scrub_book.clips_with(ledger, sha256))
        size = self._sealer.ask(lambda ledger: ledger.size)
        # In spans, each a question of its own: dockings go on between them.
        return [
            seq
            for start in scrub_book.spans(size)
            for seq in self._sealer.ask(
                lambda ledger, start=start: scrub_book.naming(ledger, sha256, start)  # type: ignore[misc]  # mypy takes no default
            )
        ]

    def _replaced(self, one: Damage, source: str, temp: Staged | None) -> None:
        body: dict[str, JSON] = {
            "recovered": "content-replaced",
            "sha256": one.sha256,
            "room": one.room,
            "how": source,
            "damage": one.seq,
        }
        row = _row(one.room, one.sha256, "replaced", source)

        def finish(outcome: Outcome) -> tuple[dict[str, JSON], FactRow]:
            how = None if outcome.verified is None else outcome.verified.value
            return {**body, "verified": how} if how else body, row

        piece = Piece(kind="recovery", docking=None, finish=finish, clip=temp)
        seq = self._sealer.submit(piece).result().seq
        log.warning("content-replaced %s/%s from %s: entry %d", one.room, one.sha256, source, seq)

    def _copied(self, offered: Path, one: Damage) -> Staged:
        """Copy what was offered into `incoming`; raise _WrongError unless it is the content."""
        size = self._sealer.ask(lambda ledger: scrub_book.size_of(ledger, one.sha256))
        with _opened(offered) as (source, length):
            if length > MAX_DOCUMENT if size is None else length != size:
                raise _WrongError(f"it holds {length} bytes")
            self._store.make_room(length)
            temp = self._store.new_temp()
            try:
                _copy(source, temp, length, one.sha256)
            except BaseException:
                temp.unlink(missing_ok=True)
                raise
        return Staged(temp, one.room, one.sha256, length)


class _WrongError(Exception):
    """What was offered is not the content."""


@contextlib.contextmanager
def _opened(offered: Path) -> Iterator[tuple[int, int]]:
    """Give a descriptor and a length in bytes; who made the file is not trusted with anything."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(offered, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _WrongError("a link") from error
        raise
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _WrongError("no file")
        yield handle, found.st_size
    finally:
        os.close(handle)


def _copy(source: int, temp: Path, length: int, sha256: str) -> None:
    """Copy `length` bytes to a new file; raise _WrongError where they do not hash to `sha256`."""
    digest = hashlib.sha256()
    copied = 0
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)
    try:
        while copied < length and (piece := os.read(source, min(_CHUNK, length - copied))):
            digest.update(piece)
            copied += len(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(handle, view) :]
    finally:
        os.close(handle)
    if (digest.hexdigest(), copied) != (sha256, length):
        raise _WrongError(f"its hash is {digest.hexdigest()}")


def _row(room: str, sha256: str, event: str, how: str) -> FactRow:
    values = {"sha256": sha256, "room": room, "event": event, "how": how}
    return FactRow(table="content", values=values)
