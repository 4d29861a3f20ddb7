"""Accepting checkpoints: judged, persisted, and only then answered.

What is judged is a head as it was read; what is written names that head once more in the one
statement that replaces it. So of two requests that were judged against the same head one is
written, and the other is judged again, against what is there by then. Order:

    (1) read the dock's keys and the held heads     (4) one transaction: the other roles' heads
    (2) judge                                           are still those, ours is replaced, the
    (3) cosign, in memory                               signature counted
                                                    (5) the mark moved on - (6) the answer
"""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection

from central.cosigning import evidence, judging
from central.cosigning.cosigner import MIRROR, Cosigner
from central.cosigning.evidence import Evidence
from central.cosigning.heads import TakenFirst, head_of, heads_of, move, next_time_s, unmoved
from central.cosigning.judging import Grown, Head, Request, Suspect, Verdict, suspect_of
from central.cosigning.outcomes import (
    Accepted,
    Forbidden,
    Inconsistent,
    Malformed,
    Outcome,
    Sender,
    Unknown,
)
from central.database.database import Database
from central.errors import ContendedError
from central.register.docks import dock_of

_ATTEMPTS: Final = 100

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""

Kept = Callable[[Connection, str, Head], None]
"""Called within the transaction that accepts a head of a log."""


Begins = Callable[[str, Head, int, bytes], bool | None]
"""Tells of a log whether its mirrored head begins with a size and root; None: nobody knows."""


def _no_copy(_origin: str, _mirrored: Head, _size: int, _root: bytes) -> bool | None:
    """Hold no entries."""
    return None


def _nothing_more(_connection: Connection, _origin: str, _head: Head) -> None:
    """Keep nothing besides."""


class Acceptance:
    """Takes checkpoints in one role. Its methods may be called from many threads."""

    def __init__(
        self,
        role: str,
        database: Database,
        *,
        clock: Clock,
        cosigner: Cosigner | None = None,
        kept: Kept = _nothing_more,
        begins: Begins = _no_copy,
    ) -> None:
        """Take heads as `role`; sign them where there is a cosigner."""
        self._role = role
        self._database = database
        self._evidence = Evidence(database)
        self._clock = clock
        self._cosigner = cosigner
        self._kept = kept
        self._begins = begins

    def take(self, body: bytes, sender: Sender) -> Outcome:
        """Return what a submission deserves; when it returns, what it says is persisted.

        Raises DatabaseError, OSError, AmnesiaError or CosignerKeyError; then nothing that
        was signed has left.
        """
        request = judging.read(body)
        if isinstance(request, Malformed):
            return request
        if sender.only not in {None, request.origin}:
            return Forbidden(request.origin)
        for _ in range(_ATTEMPTS):
            outcome = self._try(request, sender)
            if outcome is not None:
                return outcome
        raise ContendedError(_ATTEMPTS)

    def held(self, origin: str) -> Head | None:
        """Return the newest accepted head of a log."""
        with self._database.reading() as connection:
            return head_of(connection, self._role, origin)

    def _try(self, request: Request, sender: Sender) -> Outcome | None:
        """Do it once; None: somebody else was faster, and it is to be judged anew."""
        origin = request.origin
        with self._database.reading() as connection:
            dock = dock_of(connection, origin)
            heads = heads_of(connection, origin)
        if dock is None:
            return Unknown(origin)
        held = heads.get(self._role)
        verdict = judging.judge(request, dock.verifiers, held)
        suspect = verdict.suspect or self._contradiction(request, verdict, heads)
        if suspect is not None:
            self._keep(origin, suspect, sender)
        if not isinstance(verdict.outcome, Grown):
            return verdict.outcome
        if suspect is not None:
            return Inconsistent("it grows from ours, and contradicts what else is held here")
        return self._accept(origin, verdict.outcome, heads)

    def _contradiction(
        self, request: Request, verdict: Verdict, heads: Mapping[str, Head]
    ) -> Suspect | None:
        """Hold a signed head against the heads of the other roles, and the entries held here."""
        if verdict.signed is None:
            return None
        head = verdict.signed.checkpoint
        for other in heads.values():
            if other.size == head.size and other.root != head.root:
                return suspect_of("roots", verdict.signed, request.submission, other)
        mirrored = heads.get(MIRROR)
        if mirrored is None or head.size >= mirrored.size:
            return None
        if self._begins(request.origin, mirrored, head.size, head.root) is not False:
            return None
        return suspect_of("rollback", verdict.signed, request.submission, mirrored)

    def _keep(self, origin: str, suspect: Suspect, sender: Sender) -> None:
        self._evidence.keep(origin, self._role, suspect, by=sender.name, now_ms=self._clock())

    def _accept(self, origin: str, grown: Grown, heads: Mapping[str, Head]) -> Accepted | None:
        held, now_ms = heads.get(self._role), self._clock()
        time_s = next_time_s(origin, now_ms // 1000, held)
        lines = b""
        if self._cosigner is not None:
            lines = self._cosigner.cosign(grown.checkpoint.encode(), time_s)
        head = grown.checkpoint
        new = Head(head.size, head.root, grown.signed + lines, time_s)
        signed = None
        try:
            with self._database.writing() as connection:
                if not unmoved(connection, origin, heads, but=self._role):
                    return None
                if not move(connection, self._role, origin, held, new):
                    return None
                evidence.explain(connection, origin, new.size, new.root, now_ms)
                self._kept(connection, origin, new)
                if self._cosigner is not None:
                    signed = self._cosigner.count(connection)
        except TakenFirst:
            return None
        if self._cosigner is not None and signed is not None:
            self._cosigner.release(signed)
        return Accepted(lines)
