"""What a docking hands to the sealer, and what became of it.

Clips and findings are handed over and heard of later, in the order in which they
were handed over; a docking's own statements are waited for. A disk that failed once
is given a second try where nothing has to be read from the recorder again.
"""

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from dock_daemon.errors import ClipError, SyncFailedError
from dock_daemon.evidence.pieces import Piece, Sealed
from dock_daemon.evidence.sealer import Sealer

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class _Pending:
    """Something handed over, and what to do once it is kept or lost."""

    piece: Piece
    future: Future[Sealed]
    kept: Callable[[Sealed], None]
    lost: Callable[[ClipError], None]
    last: bool


class Handover:
    """The pieces of one docking on their way into the ledger. One thread uses it."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._pending: deque[_Pending] = deque()

    def give(
        self, piece: Piece, kept: Callable[[Sealed], None], lost: Callable[[ClipError], None]
    ) -> None:
        """Hand a piece over; `drain` will call `kept` or `lost`."""
        # A copied clip is gone with its group: only the recorder has its bytes.
        self._give(piece, kept, lost, last=piece.clip is not None)

    def state(self, piece: Piece) -> Sealed:
        """Hand a piece over and wait until it is kept; raise ClipError if it cannot be."""
        for _ in range(1, _ATTEMPTS):
            try:
                return self._sealer.submit(piece).result()
            except SyncFailedError as error:
                log.warning("a %s entry is tried again: %s", piece.kind, error)
        return self._sealer.submit(piece).result()

    def drain(self, *, to: int) -> None:
        """Hear what became of what was handed over, waiting while more than `to` are open.

        Raises DoubtError, when nothing is sealed any more.
        """
        while self._pending and (len(self._pending) > to or self._pending[0].future.done()):
            waiting = self._pending.popleft()
            try:
                sealed = waiting.future.result()
            except ClipError as error:
                if isinstance(error, SyncFailedError) and not waiting.last:
                    self._give(waiting.piece, waiting.kept, waiting.lost, last=True)
                else:
                    waiting.lost(error)
            else:
                waiting.kept(sealed)

    def hear(self) -> None:
        """Hear of what is done already, waiting for nothing."""
        self.drain(to=len(self._pending))

    def _give(
        self,
        piece: Piece,
        kept: Callable[[Sealed], None],
        lost: Callable[[ClipError], None],
        *,
        last: bool,
    ) -> None:
        self._pending.append(_Pending(piece, self._sealer.submit(piece), kept, lost, last))
