"""The one thread that makes things count: it alone owns store and ledger.

Whatever has gathered since the last commit becomes one group (a group of one
when nothing else waits), and the group's order is law:

    (1) documents written beside the copied clips, sizes already compared
    (2) one data sync for all of them
    (3) each read back cold and hashed again
    (4) each linked to its content name, never replacing
    (5) directories synced
    (6) one ledger transaction
    (7) all acknowledged
    (8) now and then, tiles and checkpoint published, if anything may be signed

A crash before (6) leaves files that no entry names; a crash after it leaves
sealed clips. Nothing else is possible.
"""

import contextlib
import errno
import hashlib
import logging
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from dock_daemon.clock import Clock
from dock_daemon.errors import (
    DockError,
    DockFullError,
    DoubtError,
    LedgerDiskError,
    LedgerDoubtError,
    StoreDoubtError,
    SyncFailedError,
    UnsayableError,
)
from dock_daemon.evidence import endings
from dock_daemon.evidence.connection import is_of_the_disk
from dock_daemon.evidence.durable import Reread
from dock_daemon.evidence.inbox import Inbox
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Outcome, Piece, Sealed
from dock_daemon.evidence.records import Record, Row, healed
from dock_daemon.evidence.reserve import Reserve
from dock_daemon.evidence.self_test import HashWatch
from dock_daemon.evidence.signing import Signing
from dock_daemon.evidence.store import Staged, Store
from hashing import document
from hashing.canonical import JSON
from hashing.errors import EvidenceError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_PUBLISH_EVERY_S: Final = 1.0
_SYNC_FAILURES_ALLOWED: Final = 1


@dataclass(slots=True)
class _Waiting:
    piece: Piece
    future: Future[Sealed]
    files: list[Staged] = field(default_factory=list)
    document: str = ""
    verified: Reread | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Callable[[Ledger], object]
    future: Future[Any]


class Sealer:
    """Takes pieces from any thread; a piece's future resolves once it is kept."""

    def __init__(
        self,
        *,
        store: Store,
        ledger: Ledger,
        signing: Signing,
        clock: Clock,
        hashes: HashWatch,
        group_clips: int,
        group_bytes: int,
        reserve: Reserve | None = None,
    ) -> None:
        """`reserve` is room that is given up where the disk is full: for facts."""
        self._reserve = reserve
        self._store = store
        self._ledger = ledger
        self._signing = signing
        self._clock = clock
        self._hashes = hashes
        self._inbox: Inbox[_Waiting | _Question] = Inbox(
            refuse=self._refuse, weigh=_weight, group_items=group_clips, group_weight=group_bytes
        )
        self._sync_failures = 0
        self._published_at_s = 0.0
        self._unended: set[int] = set()
        # Set once evidence is in doubt: from then on nothing is sealed any more.
        self.doubt: Future[DoubtError] = Future()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        """Begin to seal; what was there before is published by now, if it may be."""
        self._published_at_s = time.monotonic()
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether anything that is handed over will ever be looked at."""
        return self._thread.is_alive()

    @property
    def unpublished(self) -> int:
        """How many entries wait in their own right to be published; also once closed."""
        return self._ledger.waiting(self._signing.published)

    def submit(self, piece: Piece) -> Future[Sealed]:
        """Hand a piece over; its future raises ClipError, or DoubtError when all stops.

        After the end it raises StoppedError.
        """
        future: Future[Sealed] = Future()
        self._inbox.put(_Waiting(piece, future))
        return future

    def ask(self, question: Callable[[Ledger], Answer]) -> Answer:
        """Run a question on the ledger's own thread and return its answer.

        Raises what the question raises, DoubtError when all stopped, StoppedError after the end.
        """
        future: Future[Answer] = Future()
        self._inbox.put(_Question(question, future))
        return future.result()

    def abandon(self, docking: int) -> None:
        """Say that nobody will end a docking: it is ended as interrupted, when there is room."""
        with contextlib.suppress(DockError):  # stopped: the next start ends it
            self.ask(lambda _ledger: self._unended.add(docking))

    def distrust(self, doubt: DoubtError) -> None:
        """Hear from a reader of store or ledger that evidence is in doubt: everything stops."""
        with contextlib.suppress(DockError):  # stopped already
            self.ask(lambda _ledger: self._stop(doubt))

    def close(self) -> None:
        """Seal what waits, publish, and let go of ledger and store."""
        self._inbox.close()
        self._thread.join()

    def _run(self) -> None:
        items: list[_Waiting | _Question] | None = []
        try:
            while (items := self._next_group()) is not None:
                self._work(items)
                # Those who ask all the time must not keep it from its quiet moment for ever.
                if not self._at_rest and self._publishing_is_due:
                    self._tidy()
            self._tidy()
        except Exception as error:
            # Whatever it was, nobody may go on waiting for this thread.
            log.exception("the sealer has failed")
            self._stop(LedgerDoubtError(f"{type(error).__name__}: {error}"))
        finally:
            self._shut(items or [])

    def _shut(self, in_hand: list[_Waiting | _Question]) -> None:
        """Take nothing more, refuse what was not done, and let go."""
        self._inbox.refuse(in_hand)
        for held in (self._ledger, self._store):
            try:
                held.close()
            except (OSError, sqlite3.Error) as error:
                log.warning("not closed in good order: %s", error)

    def _refuse(self, item: _Waiting | _Question, error: DockError) -> None:
        if isinstance(item, _Waiting):
            self._fail([item], error)
        elif not item.future.done():
            item.future.set_exception(error)

    @property
    def _at_rest(self) -> bool:
        return self.doubt.done() or not (self.unpublished or self._unended)

    @property
    def _publishing_is_due(self) -> bool:
        return time.monotonic() - self._published_at_s >= _PUBLISH_EVERY_S

    def _next_group(self) -> list[_Waiting | _Question] | None:
        while True:
            try:
                return self._inbox.next_group(None if self._at_rest else _PUBLISH_EVERY_S)
            except queue.Empty:
                self._tidy()

    def _work(self, items: list[_Waiting | _Question]) -> None:
        group: list[_Waiting] = []
        for item in items:
            if isinstance(item, _Waiting):
                group.append(item)
                continue
            # A question sees everything that was handed over before it.
            self._seal(group)
            group = []
            try:
                item.future.set_result(item.ask(self._ledger))
            except Exception as error:  # noqa: BLE001  it belongs to the asker, not to this thread
                item.future.set_exception(error)
        self._seal(group)

    def _seal(self, group: list[_Waiting]) -> None:
        if not group:
            return
        if self.doubt.done():
            self._fail(group, self.doubt.result())
            return
        try:
            done = self._commit(group)
        except DoubtError as error:
            self._stop(error)
            self._fail(group, error)
            return
        except DockError as error:
            self._not_sealed(group, error)
            return
        except Exception as error:
            # A bug in this thread must stop the dock, and never leave a bay waiting.
            log.exception("a group of %d was not sealed", len(group))
            doubt = LedgerDoubtError(f"{type(error).__name__}: {error}")
            self._stop(doubt)
            self._fail(group, doubt)
            return
        for waiting, sealed in done:
            waiting.future.set_result(sealed)
        if self._reserve is not None:
            self._reserve.take()
        if _closed_by(group) or self._publishing_is_due:
            self._publish()

    def _commit(self, group: list[_Waiting]) -> list[tuple[_Waiting, Sealed]]:
        """Do steps (1) to (6) of the module's order; raise DockError if the group is lost."""
        try:
            sayable = [waiting for waiting in group if self._stage(waiting)]
            self._store.settle([file for waiting in sayable for file in waiting.files])
            whole = self._read_back(sayable)
            self._hashes.hashed(sum(file.size for waiting in whole for file in waiting.files))
            rotten = self._store.admit([file for waiting in whole for file in waiting.files])
        except OSError as error:
            raise self._failed(error) from error
        self._sync_failures = 0
        at = self._clock.at()
        bodies = [waiting.piece.finish(Outcome(waiting.verified, at)) for waiting in whole]
        records = [
            _record(waiting, body, row) for waiting, (body, row) in zip(whole, bodies, strict=True)
        ]
        records += [healed(sha256) for sha256 in rotten]
        try:
            committed = self._ledger.append(records, at)
        except sqlite3.Error as error:
            if self._ledger.is_full(error):
                raise DockFullError(needed=1, free=0) from error
            if is_of_the_disk(error):
                raise LedgerDiskError(str(error)) from error
            raise LedgerDoubtError(str(error)) from error
        return [
            (waiting, Sealed(entry.seq, record.body, at))
            for waiting, entry, record in zip(whole, committed, records, strict=False)
        ]

    def _not_sealed(self, group: list[_Waiting], error: DockError) -> None:
        """Let a group fail; on a full disk, what holds no clip gets the room kept for it."""
        log.warning("a group of %d was not sealed: %s", len(group), error)
        if isinstance(error, DockFullError):
            if self._reserve is not None and self._reserve.give_up():
                self._seal(self._facts_of(group, error))
                return
            self._unended |= _closed_by(group)
        self._fail(group, error)

    def _facts_of(self, group: list[_Waiting], error: DockError) -> list[_Waiting]:
        """Let a group's clips fail for want of room; return the rest, as it was handed over."""
        self._fail([waiting for waiting in group if waiting.piece.clip is not None], error)
        facts = [waiting for waiting in group if not waiting.future.done()]
        for waiting in facts:
            self._store.drop(waiting.files)
            waiting.files, waiting.document = [], ""
        return facts

    def _stage(self, waiting: _Waiting) -> bool:
        if waiting.piece.clip is not None:
            waiting.files.append(waiting.piece.clip)
        if waiting.piece.facts is None:
            return True
        try:
            content = document.seal(dict(waiting.piece.facts), secrets.token_bytes(32))
        except EvidenceError as error:
            self._store.drop(waiting.files)
            waiting.future.set_exception(UnsayableError(str(error)))
            return False
        waiting.document = hashlib.sha256(content).hexdigest()
        waiting.files.append(self._store.stage_document(content, waiting.document))
        return True

    def _failed(self, error: OSError) -> DockError:
        """Return what a disk's refusal means for the group; the second in a row stops all."""
        lost = _lost(error)
        if isinstance(lost, DockFullError):
            return lost
        # The kernel may have dropped the lost pages and call them clean: trying
        # again on the same files would succeed and mean nothing.
        self._sync_failures += 1
        if self._sync_failures > _SYNC_FAILURES_ALLOWED:
            return StoreDoubtError(f"syncing failed twice: {error.strerror}")
        return lost

    def _read_back(self, group: list[_Waiting]) -> list[_Waiting]:
        """Return what came back whole; the rest fails here, one by one."""
        files = [file for waiting in group for file in waiting.files]
        results = iter(self._store.check_all(files))
        whole: list[_Waiting] = []
        for waiting in group:
            found = [next(results) for _ in waiting.files]
            bad = next((result for result in found if not isinstance(result, Reread)), None)
            if bad is None:
                # The clip's own, which is staged before its document.
                waiting.verified = next((how for how in found if isinstance(how, Reread)), None)
                whole.append(waiting)
                continue
            self._store.drop(waiting.files)
            waiting.future.set_exception(_lost(bad) if isinstance(bad, OSError) else bad)
        return whole

    def _fail(self, group: list[_Waiting], error: DockError) -> None:
        # First those who wait: a disk that refuses everything must not keep them waiting.
        for waiting in group:
            if not waiting.future.done():
                waiting.future.set_exception(error)
        for waiting in group:
            self._store.drop(waiting.files)
            if waiting.piece.clip is not None:
                self._store.drop([waiting.piece.clip])

    def _stop(self, doubt: DoubtError) -> None:
        log.critical("%s", doubt)
        self._inbox.end(doubt)
        if not self.doubt.done():
            self.doubt.set_result(doubt)

    def _tidy(self) -> None:
        """Do what waited for a quiet moment: end dockings that nobody ended, and publish."""
        if self._unended and not self.doubt.done():
            self._end_dockings()
        self._publish()

    def _end_dockings(self) -> None:
        try:
            self._ledger.append(endings.of(self._ledger, self._unended), self._clock.at())
        except sqlite3.Error as error:
            if self._ledger.is_full(error):
                return
            raise  # which stops the dock
        self._unended.clear()

    def _publish(self) -> None:
        if self.doubt.done():
            return
        self._published_at_s = time.monotonic()
        try:
            self._signing.publish(self._ledger, self._clock.at())
        except DoubtError as error:
            self._stop(error)
        except EvidenceError as error:
            self._stop(LedgerDoubtError(str(error)))
        except (OSError, sqlite3.Error) as error:
            # Sealed clips stay sealed; the published log lags behind and says so.
            log.warning("the log could not be published: %s", error)


def _weight(item: _Waiting | _Question) -> int:
    clip = item.piece.clip if isinstance(item, _Waiting) else None
    return 0 if clip is None else clip.size


def _closed_by(group: list[_Waiting]) -> set[int]:
    pieces = (waiting.piece for waiting in group)
    return {one.docking for one in pieces if one.closes and one.docking is not None}


def _record(waiting: _Waiting, body: dict[str, JSON], row: Row | None) -> Record:
    if waiting.document:
        body["document"] = waiting.document
    return Record(
        kind=waiting.piece.kind,
        docking=waiting.piece.docking,
        body=body,
        row=row,
        document=waiting.document,
        closes=waiting.piece.closes,
    )


def _lost(error: OSError) -> DockError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DockFullError(needed=1, free=0)
    return SyncFailedError(error.strerror or str(error))
