"""The journal of this recorder: what it did, durable and signed before anybody is told.

docs/formats/journal.md fixes the bytes; `Segments` keeps them. A record is made from what the
last line says, so the journal on disk and the chain can never part.
"""

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.errors import StateUnusableError
from agent.segments import Segments
from hashing import journal
from hashing.canonical import JSON
from hashing.errors import JournalError
from hashing.journal import Moment, Position, Record
from hashing.keys import SignerKey

SLACK_MS: Final = 2000
"""A clock that left its course by more than this was set, not slewed."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Records `first` up to, not with, `next`, of `size` in all: their lines, verbatim."""

    first: int
    next: int
    size: int
    data: bytes


class Journal:
    """The one journal of this recorder. Not for more than one thread."""

    def __init__(self, segments: Segments, key: SignerKey, clock: Clock) -> None:
        """Go on after the last line; raise StateUnusableError if that one does not hold."""
        self._segments = segments
        self._key = key
        self._clock = clock
        self._moment: Moment | None = None  # of the last record of this life
        self._position = _behind(segments, key)

    @classmethod
    def open(cls, folder: Path, key: SignerKey, *, number: str, clock: Clock) -> "Journal":
        """Return the journal in `folder`, begun if there is none; raise StateUnusableError.

        What a loss of power left unfinished is cut off, and that is written down.
        """
        segments = Segments(folder)
        try:
            self = cls(segments, key, clock)
            if self.size == 0:
                self.append(journal.BEGUN, {"number": number, "vkey": str(key.verifier())})
            if segments.torn_bytes:
                self.append("recovered", {"torn_bytes": segments.torn_bytes})
        except BaseException:
            segments.close()
            raise
        return self

    @property
    def size(self) -> int:
        """How many records there are."""
        return self._segments.size

    @property
    def head(self) -> Position:
        """Where the journal stands."""
        return self._position

    def now(self) -> Moment:
        """Return the time as records tell it."""
        return Moment(
            utc_ms=max(self._clock.now_us() // 1000, 0),
            boot=_boot_id(),
            boot_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )

    def append(self, kind: str, body: dict[str, JSON]) -> int:
        """Write a record, durable on return; return its number.

        Raises StateUnusableError, and JournalError or CanonicalError for what is no record: then
        nothing was written. A clock that was set behind our back is written down first.
        """
        now = self.now()
        before = self._moment
        if kind != "clock" and before is not None and abs(_by(before, now)) > SLACK_MS:
            expected = max(now.utc_ms - _by(before, now), 0)
            self._write(
                "clock", {"before_ms": expected, "after_ms": now.utc_ms, "by": "other"}, now
            )
        return self._write(kind, body, now)

    def read(self, first: int, max_bytes: int) -> Piece:
        """Return records from number `first` on, whole lines of at most `max_bytes`.

        There may be none: behind the end, or where the next one has more. Raises
        StateUnusableError.
        """
        lines = self._segments.read(first, max_bytes)
        return Piece(first=first, next=first + len(lines), size=self.size, data=b"".join(lines))

    def lines(self) -> Iterator[bytes]:
        """Yield every line from the first on; raise StateUnusableError."""
        return self._segments.lines()

    def close(self) -> None:
        """Let go of the files."""
        self._segments.close()

    def _write(self, kind: str, body: dict[str, JSON], now: Moment) -> int:
        number = self._position.next
        record = Record(seq=number, prev=self._position.head, kind=kind, at=now, body=body)
        line = journal.sign(record, self._key)
        self._segments.append(line)
        self._position = journal.after(self._position, line)
        self._moment = now
        return number


def _behind(segments: Segments, key: SignerKey) -> Position:
    """Return where the journal stands, by its last line; raise StateUnusableError."""
    last = segments.last()
    if not last:
        return journal.START
    try:
        _check_last(last, key, segments.size - 1)
    except JournalError as error:
        reason = f"the last line does not hold: {error.detail}"
        raise StateUnusableError(path=str(segments.folder), reason=reason) from None
    return Position(segments.size, journal.digest(last))


def _check_last(line: bytes, key: SignerKey, number: int) -> None:
    """Raise JournalError unless `line` is record `number`, signed with `key`."""
    record, signature = journal.parse(line)
    if not key.verifier().verifies(journal.signed_text(line), signature):
        raise JournalError("it is not signed by this recorder's key", "signature")
    if record.seq != number:
        raise JournalError(f"record {record.seq} stands where {number} belongs", "sequence")


def _by(before: Moment, now: Moment) -> int:
    """Return by how many ms the clock left its course since `before`, forward if positive."""
    return (now.utc_ms - before.utc_ms) - (now.boot_ms - before.boot_ms)


@functools.cache
def _boot_id() -> str:
    """Return which start of the system this is."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "unknown"
