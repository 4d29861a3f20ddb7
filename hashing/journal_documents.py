"""Recorders' journals as a log's documents hold them: whether the records are the recorders' own.

docs/formats/journal.md section 10. So a dock can not have made up, left out or changed what a
recorder said: each document is walked under the key that it names, and where two of them follow
one another, the second must go on from the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hashing import journal
from hashing.canonical import JSON
from hashing.errors import JournalError, KeyFormatError
from hashing.journal import START, Position
from hashing.keys import VerifierKey


@dataclass(frozen=True, slots=True)
class _Piece:
    vkey: str
    where: str
    seq: int
    start: Position
    end: Position


class JournalDocuments:
    """The documents of the entries `journal`, taken in any order."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def take(self, document: Mapping[str, JSON], where: str, seq: int) -> str:
        """Take a document of entry `seq`; return what does not hold in it, empty if all does."""
        vkey, records = document.get("vkey"), document.get("records")
        if type(vkey) is not str or type(records) is not list:
            return "it holds no key, or no records"
        lines = [record.encode() + b"\n" for record in records if type(record) is str]
        if len(lines) != len(records) or not lines:
            return "its records are not lines"
        try:
            first, _ = journal.parse(lines[0])
            start = Position(first.seq, first.prev)
            walked = journal.walk(lines, vkey=VerifierKey.parse(vkey), position=start)
        except (JournalError, KeyFormatError) as error:
            return str(error)
        if walked.broken is not None:
            return walked.broken.detail
        if first.seq == 0 and start != START:
            return "record 0 follows another record"
        self._pieces.append(_Piece(vkey, where, seq, start, walked.position))
        return ""

    def apart(self) -> Iterator[tuple[str, int, str]]:
        """Yield documents that do not go on from the one before: place, entry, what is wrong.

        Where the one before is not at hand, because it was removed, nothing is said.
        """
        heads: dict[tuple[str, int], set[bytes]] = {}
        for piece in self._pieces:
            heads.setdefault((piece.vkey, piece.end.next), set()).add(piece.end.head)
        for piece in self._pieces:
            before = heads.get((piece.vkey, piece.start.next))
            if before is not None and piece.start.head not in before:
                detail = f"record {piece.start.next} does not follow the record before it"
                yield piece.where, piece.seq, detail
