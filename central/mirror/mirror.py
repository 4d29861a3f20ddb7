"""The mirror: it holds whole logs, and cosigns a head only once it holds every entry of it.

C2SP tlog-mirror. A head becomes pending by its signature and proof; entries come in packages, each
proved to be part of a pending head before it is kept. Order, for what is kept:

    (1) the files of the log, durable         (3) the head: cosigned, one transaction,
    (2) how far they go, one transaction          the mark - (4) the checkpoint file - the answer

A crash between any two is gone on from: files beyond (2) are written again with the same bytes,
and a start puts the checkpoint file right that (4) did not come to.
"""

import contextlib
import fcntl
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from central.cosigning.acceptance import Acceptance, Clock
from central.cosigning.cosigner import MIRROR, WITNESS, Cosigner
from central.cosigning.evidence import Evidence
from central.cosigning.heads import TakenFirst, heads_of, move, next_time_s, unmoved
from central.cosigning.judging import Head, Suspect
from central.cosigning.outcomes import Accepted, Forbidden, Inconsistent, Outcome, Sender, Unknown
from central.database.database import Database
from central.errors import ContendedError, MirrorDoubtError, NotMirroredError
from central.mirror import succession
from central.mirror.files import LogCopy, aside_of, logs_of
from central.mirror.outcomes import Stale, UploadRefusal
from central.mirror.standing import Pending, Standing, keep_pending, move_next, standing
from central.register.docks import Register, dock_of
from hashing.checked_tiles import CheckedTiles
from hashing.errors import EvidenceError, ProofError
from hashing.proofs import check_consistency
from hashing.submission import MirrorInfo, UploadHead, origin_hash

MAX_EXCESS: Final = 8192
"""Entries that a client may send although they are here; with more it is told where to begin."""

PENDING: Final = "pending"
_ATTEMPTS: Final = 100
_LOCK: Final = ".lock"
_FORSAKEN_S: Final = 3600  # a half-made file this old is nobody's: another process may be writing

log = logging.getLogger("sealdock.central")


class Mirror:
    """All mirrored logs. Its methods may be called from many threads and processes.

    They raise CentralError or OSError; MirrorDoubtError where files are not what was put there.
    """

    def __init__(
        self, database: Database, cosigner: Cosigner, state: Path, *, clock: Clock
    ) -> None:
        """Keep logs below a centre's state directory."""
        self.cosigner = cosigner
        self._database = database
        self._register = Register(database)
        self._clock = clock
        self._evidence = Evidence(database)
        self._state = state
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._acceptance = Acceptance(
            PENDING, database, clock=clock, kept=keep_pending, begins=partial(begins_with, state)
        )
        for place in (logs_of(state), aside_of(state)):
            place.mkdir(mode=0o755, parents=True, exist_ok=True)

    def recover(self) -> None:
        """Put right what an earlier life left unsaid: the checkpoint files. A start does it."""
        for dock in self._register.docks():
            held = self.standing(dock.origin).mirrored
            if held is not None and not self._copy(dock.origin).shows(held.note):
                with self._turn(dock.origin):
                    self._publish(dock.origin, 0)
        for half in aside_of(self._state).iterdir():
            if half.suffix != _LOCK and half.stat().st_mtime < self._clock() / 1000 - _FORSAKEN_S:
                half.unlink(missing_ok=True)

    # -- what is asked -------------------------------------------------------

    def standing(self, origin: str) -> Standing:
        """Return how far a log has come."""
        with self._database.reading() as connection:
            return standing(connection, origin)

    def checkpoint(self, name: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log that paths call `name`."""
        dock = self._register.find(name)
        held = None if dock is None else self.standing(dock.origin).mirrored
        return None if held is None else held.note

    def folder(self, origin: str) -> Path:
        """Return the log directory of a mirrored log; it need not exist."""
        return self._copy(origin).folder

    def entries(self, origin: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the entries [start, end) of a log; raise NotMirroredError beyond what is here."""
        if end > self.standing(origin).next_entry:
            raise NotMirroredError(origin)
        return self._copy(origin).entries(start, end)

    def root_at(self, origin: str, size: int) -> bytes | None:
        """Return the root that the mirrored entries have at a size; None: not that many."""
        return root_at(self._database, self._state, origin, size)

    def begins_with(self, origin: str, size: int, root: bytes) -> bool | None:
        """Tell whether a mirrored log begins with a head; None: nobody knows."""
        mirrored = self.standing(origin).mirrored
        if mirrored is None or size > mirrored.size:
            return None
        return begins_with(self._state, origin, mirrored, size, root)

    def leaves(self, origin: str, start: int, end: int) -> list[bytes]:
        """Return leaf hashes of entries that are here, out of one tile."""
        return self._copy(origin).leaves(start, end)

    def demand_sound(self, origin: str) -> None:
        """Raise MirrorDoubtError unless the right edge of the mirrored log gives its root."""
        held = self.standing(origin).mirrored
        if held is not None:
            self._demand_root(origin, held.size, held.root)

    # -- what is submitted ---------------------------------------------------

    def add_checkpoint(self, body: bytes, sender: Sender) -> Outcome:
        """Return what the body of an add-checkpoint deserves: no line, it is only pending."""
        return self._acceptance.take(body, sender)

    def admit(self, head: UploadHead, sender: Sender) -> Pending | UploadRefusal:
        """Return up to which pending head entries may be sent, or why not so."""
        if sender.only not in {None, head.origin}:
            return Forbidden(head.origin)
        with self._database.reading() as connection:
            if dock_of(connection, head.origin) is None:
                return Unknown(head.origin)
            known = standing(connection, head.origin)
        if known.newest is None:
            return Inconsistent("no checkpoint of this log is pending")
        aim = known.of(head.end)
        excess = min(head.end, known.next_entry) - head.start
        if aim is None or head.end < known.size or head.start > known.next_entry:
            return Stale(self.info(known, head.end))
        return Stale(self.info(known, head.end)) if excess > MAX_EXCESS else aim

    @staticmethod
    def info(known: Standing, end: int) -> MirrorInfo:
        """Return from where and up to where a client is to send, if possible up to `end`."""
        valid = known.of(end) is not None and end >= known.size
        newest = 0 if known.newest is None else known.newest.size
        return MirrorInfo(end if valid else newest, known.next_entry)

    def append(self, origin: str, start: int, entries: Sequence[bytes]) -> int:
        """Keep entries that were proved to be in a pending head; return the next that is missing.

        What is here already is passed over. Durable on return.
        """
        with self._turn(origin):
            known = self.standing(origin)
            at = known.next_entry
            if start > at:
                raise MirrorDoubtError(origin=origin, detail=f"entry {start} would leave a gap")
            fresh = entries[at - start :]
            # Each pending head gets the files of its own size: any of them may be cosigned.
            ends = {each.size for each in known.pending if at < each.size < start + len(entries)}
            for end in sorted(ends | {start + len(entries)}):
                if end > at:
                    self._extend(origin, at, fresh[: end - at])
                    at, fresh = end, fresh[end - at :]
            return at

    def commit(self, origin: str, size: int) -> Accepted | Stale | Inconsistent:
        """Cosign the pending head of `size`, all of whose entries are here; or say it is passed.

        Or that its entries contradict the head that was cosigned as witness: that is kept.
        """
        with self._turn(origin):
            for _ in range(_ATTEMPTS):
                known = self.standing(origin)
                aim = known.of(size)
                if aim is None or size < known.size or size > known.next_entry:
                    return Stale(self.info(known, size))
                with self._database.reading() as connection:
                    heads = heads_of(connection, origin)
                suspect = self._contradiction(origin, aim, heads.get(WITNESS))
                if suspect is not None:
                    now_ms = self._clock()
                    self._evidence.keep(
                        origin, MIRROR, suspect, by=self.cosigner.name, now_ms=now_ms
                    )
                    return Inconsistent("its entries contradict what was cosigned as witness")
                lines = self._sign(origin, known, aim, heads)
                if lines is not None:
                    self._publish(origin, known.size)
                    return Accepted(lines)
        raise ContendedError(_ATTEMPTS)

    # -- what is done ----------------------------------------------------------

    def _extend(self, origin: str, at: int, entries: Sequence[bytes]) -> None:
        """Do steps (1) and (2) for entries that begin at the next one missing."""
        copy = self._copy(origin)
        copy.grow(at, entries)
        genesis = next(copy.entries(0, 1))
        with self._database.writing() as connection:
            # The turn is ours, so nobody else has moved it; a second centre on one database
            # that keeps its files elsewhere would, and must not be believed.
            if not move_next(connection, origin, at, at + len(entries)):
                raise MirrorDoubtError(origin=origin, detail="another centre moved it on")
            succession.follow(connection, origin, entries, genesis, now_ms=self._clock())

    def _contradiction(self, origin: str, aim: Pending, witnessed: Head | None) -> Suspect | None:
        """Hold the entries of a pending head against the witness's, as far as they go."""
        if witnessed is None or witnessed.size > aim.size:
            return None
        if witnessed.size == aim.size:
            if witnessed.root == aim.root:
                return None
            return Suspect("roots", aim.size, aim.root, aim.note, witnessed.note, ())
        here = Head(aim.size, aim.root, aim.note, 0)
        if begins_with(self._state, origin, here, witnessed.size, witnessed.root) is not False:
            return None
        return Suspect("rollback", witnessed.size, witnessed.root, witnessed.note, aim.note, ())

    def _sign(
        self, origin: str, known: Standing, aim: Pending, heads: Mapping[str, Head]
    ) -> bytes | None:
        """Do step (3); None: a head was moved on meanwhile, and it is to be judged anew."""
        self._demand_root(origin, aim.size, aim.root)
        held = known.mirrored
        time_s = next_time_s(origin, self._clock() // 1000, held)
        text = aim.note.decode().partition("\n\n")[0] + "\n"
        lines = self.cosigner.cosign(text, time_s)
        new = Head(aim.size, aim.root, aim.note + lines, time_s)
        try:
            with self._database.writing() as connection:
                if not unmoved(connection, origin, heads, but=MIRROR):
                    return None
                if not move(connection, MIRROR, origin, held, new):
                    return None
                signed = self.cosigner.count(connection)
        except TakenFirst:
            return None
        self.cosigner.release(signed)
        return lines

    def _demand_root(self, origin: str, size: int, root: bytes) -> None:
        if self._copy(origin).root(size) != root:
            log.critical("%s: the mirrored tiles do not give the signed root", origin)
            detail = f"the tiles do not give the root that was signed at {size}"
            raise MirrorDoubtError(origin=origin, detail=detail)

    def _publish(self, origin: str, before: int) -> None:
        """Do step (4), with whatever is newest by now."""
        held = self.standing(origin).mirrored
        if held is None:
            return
        copy = self._copy(origin)
        copy.publish(held.note, self._register.dock(origin).vkey)
        copy.sweep(before, held.size)

    def _copy(self, origin: str) -> LogCopy:
        return LogCopy(self._state, origin)

    @contextlib.contextmanager
    def _turn(self, origin: str) -> Iterator[None]:
        """Let one thread of one process at a time change a log's files."""
        name = origin_hash(origin)
        with self._turns[name]:
            path = aside_of(self._state) / f"{name}{_LOCK}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)


def root_at(database: Database, state: Path, origin: str, size: int) -> bytes | None:
    """Return the root that mirrored entries have at a size; None: there are not that many."""
    with database.reading() as connection:
        here = standing(connection, origin).next_entry
    return LogCopy(state, origin).root(size) if size <= here else None


def begins_with(state: Path, origin: str, mirrored: Head, size: int, root: bytes) -> bool | None:
    """Tell whether a mirrored head begins with another one; None: our copy cannot tell.

    Every hash that is used is held against the root that was cosigned: a disk that forgets
    accuses nobody.
    """
    tiles = CheckedTiles(mirrored.size, mirrored.root, LogCopy(state, origin).read)
    try:
        proof = tiles.consistency(size)
    except (EvidenceError, MirrorDoubtError, OSError):
        log.critical("%s: the mirrored tiles do not give the signed root", origin)
        return None
    try:
        check_consistency(size, mirrored.size, root, mirrored.root, proof)
    except ProofError:
        return False
    return True
