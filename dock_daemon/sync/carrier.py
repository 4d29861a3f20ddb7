"""Brings a head to one cosigner: C2SP tlog-witness, add-checkpoint.

The old size is remembered between visits, in memory alone: whoever does not know it sends
0 without a proof, and the 409 names it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dock_daemon.sync import answers
from dock_daemon.sync.answers import Knows, Lines
from dock_daemon.sync.party import Party
from dock_daemon.sync.published import Head, PublishedLog
from dock_daemon.sync.told import Code, Told
from hashing.note import SignatureLine
from hashing.submission import Submission

# Somebody else may bring heads too (a centre that pulls), so a size can change once or
# twice under our hands; more often is a cosigner that leads us round in a circle.
_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Brought:
    """The head that was taken, which may be newer than the one asked for, and what was signed."""

    head: Head
    lines: tuple[SignatureLine, ...]


class Carrier:
    """The way of heads to one cosigner.

    `grown_from` is the old size with which the last visit's head was taken, None if it was
    not: who takes 0 for it remembers no head, who takes more has held the proof against his.
    """

    grown_from: int | None = None

    def __init__(self, party: Party, log: PublishedLog, utc_s: Callable[[], float]) -> None:
        self._party = party
        self._log = log
        self._utc_s = utc_s
        self._known = 0

    async def bring(self, head: Head) -> Brought | Told:
        """Bring `head`, or the newest one if the cosigner knows that there is a newer.

        Raises LinkError, or EvidenceError where our own files are not as they must be.
        """
        self.grown_from = None
        # A log that is shorter than what was brought before: what is known says so itself.
        old = self._known if self._known <= head.size else 0
        for _ in range(_TRIES):
            match await self._submit(old, head):
                case Told() as told:
                    return told
                case Knows(size):
                    newest = self._reaching(size, head)
                    if newest is None:
                        return Told(Code.AHEAD, {"size": size, "ours": head.size})
                    head, old = newest, size
                case Lines(lines):
                    self._known, self.grown_from = head.size, old
                    return Brought(head, lines)
                case _:
                    self._known, self.grown_from = head.size, old
                    return Brought(head, ())
        return Told(Code.CONFLICT, {"detail": f"409 named {_TRIES} sizes in a row"})

    async def _submit(self, old: int, head: Head) -> answers.Submitted:
        proof = self._log.tiles(head).consistency(old)
        answer = await self._party.submit(Submission(old, tuple(proof), head.note))
        return answers.of_submission(
            answer,
            text=head.text,
            sent=old,
            keys=self._party.keys,
            pending=self._party.role == "mirror",
            utc_s=self._utc_s(),
        )

    def _reaching(self, size: int, head: Head) -> Head | None:
        """Return a published head that covers `size`, or None if there is none."""
        if size <= head.size:
            return head
        newest = self._log.head()
        return newest if newest is not None and size <= newest.size else None
