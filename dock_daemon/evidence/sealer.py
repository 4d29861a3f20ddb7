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
    (8) now and then, tiles and checkpoint published

A crash before (6) leaves files that no entry names; a crash after it leaves
sealed clips. Nothing else is possible.
"""

import errno
import hashlib
import logging
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, TypeVar

from dock_daemon.clock import Clock
from dock_daemon.errors import (
    DockError,
    DockFullError,
    DoubtError,
    LedgerDoubtError,
    StoreDoubtError,
    SyncFailedError,
    UnsayableError,
)
from dock_daemon.evidence.durable import Reread
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.publication import Publisher
from dock_daemon.evidence.records import Record, Row
from dock_daemon.evidence.store import Staged, Store
from hashing import document
from hashing.canonical import JSON
from hashing.entry import At
from hashing.errors import EvidenceError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_PUBLISH_EVERY_S: Final = 1.0
_SYNC_FAILURES_ALLOWED: Final = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How and when a clip was found whole: what its body still has to learn."""

    verified: Reread | None
    at: At


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry to be, with the files that must be durable before it."""

    kind: str
    docking: int | None
    finish: Callable[[Outcome], tuple[dict[str, JSON], Row | None]]
    facts: Mapping[str, JSON] | None = None
    clip: Staged | None = None
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """A piece that is kept for good."""

    seq: int
    body: Mapping[str, JSON]
    at: At


@dataclass(slots=True)
class _Waiting:
    piece: Piece
    future: Future[Sealed]
    files: list[Staged] = field(default_factory=list)
    document: str = ""
    verified: Reread | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Callable[[Ledger], None]


class Sealer:
    """Takes pieces from any thread; a piece's future resolves once it is kept."""

    def __init__(
        self,
        *,
        store: Store,
        ledger: Ledger,
        publisher: Publisher,
        clock: Clock,
        group_clips: int,
        group_bytes: int,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._group_clips = group_clips
        self._group_bytes = group_bytes
        self._inbox: queue.Queue[_Waiting | _Question | None] = queue.Queue()
        self._sync_failures = 0
        self._published_at_s = 0.0
        # Set once evidence is in doubt: from then on nothing is sealed any more.
        self.doubt: Future[DoubtError] = Future()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        """Begin to seal."""
        self._thread.start()

    def submit(self, piece: Piece) -> Future[Sealed]:
        """Hand a piece over; its future raises ClipError, or DoubtError when all stops."""
        future: Future[Sealed] = Future()
        self._inbox.put(_Waiting(piece, future))
        return future

    def ask(self, question: Callable[[Ledger], Answer]) -> Answer:
        """Run a question on the ledger's own thread and return its answer."""
        future: Future[Answer] = Future()

        def answer(ledger: Ledger) -> None:
            try:
                future.set_result(question(ledger))
            except Exception as error:  # noqa: BLE001  it belongs to the asker, not to this thread
                future.set_exception(error)

        self._inbox.put(_Question(answer))
        return future.result()

    def close(self) -> None:
        """Seal what waits, publish, and let go of ledger and store."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (items := self._next_group()) is not None:
                self._work(items)
            self._publish()
        finally:
            self._ledger.close()
            self._store.close()

    def _next_group(self) -> list[_Waiting | _Question] | None:
        """Wait for something to do, then take whatever has gathered, up to the bounds."""
        first = self._next_item()
        if first is None:
            return None
        items = [first]
        weight = _weight(first)
        while len(items) < self._group_clips and weight < self._group_bytes:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._inbox.put(None)
                break
            items.append(item)
            weight += _weight(item)
        return items

    def _next_item(self) -> _Waiting | _Question | None:
        while True:
            current = self._publisher.published == self._ledger.size or self.doubt.done()
            wait_s = None if current else _PUBLISH_EVERY_S
            try:
                return self._inbox.get(timeout=wait_s)
            except queue.Empty:
                self._publish()

    def _work(self, items: list[_Waiting | _Question]) -> None:
        group: list[_Waiting] = []
        for item in items:
            if isinstance(item, _Waiting):
                group.append(item)
                continue
            # A question sees everything that was handed over before it.
            self._seal(group)
            group = []
            item.ask(self._ledger)
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
            log.warning("a group of %d was not sealed: %s", len(group), error)
            self._fail(group, error)
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
        closes = any(waiting.piece.closes for waiting in group)
        if closes or time.monotonic() - self._published_at_s >= _PUBLISH_EVERY_S:
            self._publish()

    def _commit(self, group: list[_Waiting]) -> list[tuple[_Waiting, Sealed]]:
        """Do steps (1) to (6) of the module's order; raise DockError if the group is lost."""
        try:
            sayable = [waiting for waiting in group if self._stage(waiting)]
            self._store.settle([file for waiting in sayable for file in waiting.files])
            whole = self._read_back(sayable)
            rotten = self._store.admit([file for waiting in whole for file in waiting.files])
        except OSError as error:
            raise self._failed(error) from error
        self._sync_failures = 0
        at = self._clock.at()
        bodies = [waiting.piece.finish(Outcome(waiting.verified, at)) for waiting in whole]
        records = [
            _record(waiting, body, row) for waiting, (body, row) in zip(whole, bodies, strict=True)
        ]
        records += [_healed(sha256) for sha256 in rotten]
        try:
            committed = self._ledger.append(records, at)
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise DockFullError(needed=1, free=0) from error
            raise LedgerDoubtError(str(error)) from error
        except sqlite3.Error as error:
            raise LedgerDoubtError(str(error)) from error
        return [
            (waiting, Sealed(entry.seq, record.body, at))
            for waiting, entry, record in zip(whole, committed, records, strict=False)
        ]

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
        for waiting in group:
            self._store.drop(waiting.files)
            if waiting.piece.clip is not None:
                self._store.drop([waiting.piece.clip])
            if not waiting.future.done():
                waiting.future.set_exception(error)

    def _stop(self, doubt: DoubtError) -> None:
        log.critical("%s", doubt)
        self.doubt.set_result(doubt)

    def _publish(self) -> None:
        if self.doubt.done():
            return
        self._published_at_s = time.monotonic()
        try:
            self._publisher.publish(self._ledger, self._clock.at())
        except DoubtError as error:
            self._stop(error)
        except EvidenceError as error:
            self._stop(LedgerDoubtError(str(error)))
        except (OSError, sqlite3.Error) as error:
            # Sealed clips stay sealed; the published log lags behind and says so.
            log.warning("the log could not be published: %s", error)


def _weight(item: _Waiting | _Question | None) -> int:
    clip = item.piece.clip if isinstance(item, _Waiting) else None
    return 0 if clip is None else clip.size


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


def _healed(sha256: str) -> Record:
    body: dict[str, JSON] = {"recovered": "content-replaced", "sha256": sha256}
    return Record(kind="recovery", docking=None, body=body)


def _lost(error: OSError) -> DockError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DockFullError(needed=1, free=0)
    return SyncFailedError(error.strerror or str(error))
