"""A recorder's own journal: what it did, in its order, signed with its own key.

docs/formats/journal.md fixes the bytes; the section numbers below are its. Nothing here
reads a clock, a file or a key: lines come in, records come out, and the first line that
does not hold is named.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashing import base64s, canonical
from hashing.canonical import JSON
from hashing.errors import CanonicalError, JournalError, KeyFormatError
from hashing.hexes import digest_of
from hashing.journal_bodies import check_body
from hashing.keys import SIGNATURE_SIZE, SignerKey, VerifierKey

VERSION: Final = 1
MAX_LINE: Final = 3584  # section 1: bytes with the newline, so that a line fits every way to ask
BEGUN: Final = "begun"

# Section 2: what is signed opens with a line that no other signed text of this house opens with.
TAG: Final = b"sealdock recorder journal v1\n"

_MEMBERS: Final = frozenset({"v", "kind", "seq", "prev", "at", "body"})
_MOMENT_MEMBERS: Final = frozenset({"utc_ms", "boot", "boot_ms"})
_KIND: Final = re.compile("[a-z][a-z-]{0,31}", re.ASCII)
_BOOT: Final = re.compile("[0-9a-z-]{1,64}", re.ASCII)
_SIGNATURE: Final = 88  # characters of base 64 that 64 bytes take


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, by the recorder's clocks: UTC as it knew it, and since which of its starts."""

    utc_ms: int
    boot: str
    boot_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that the recorder did. `prev` is SHA-256 of the whole line before it."""

    seq: int
    prev: bytes
    kind: str
    at: Moment
    body: dict[str, JSON]

    def text(self) -> bytes:
        """Return the JSON that is signed; raise JournalError or CanonicalError if it has none."""
        value: dict[str, JSON] = {
            "v": VERSION,
            "kind": self.kind,
            "seq": self.seq,
            "prev": self.prev.hex(),
            "at": {"utc_ms": self.at.utc_ms, "boot": self.at.boot, "boot_ms": self.at.boot_ms},
            "body": self.body,
        }
        data = canonical.encode(value)
        _read(value)
        if _SIGNATURE + 1 + len(data) + 1 > MAX_LINE:
            raise JournalError(f"{len(data)} bytes are more than a record holds")
        return data


@dataclass(frozen=True, slots=True)
class Position:
    """How far a journal is known: up to which record, the last not counted, and where it stood.

    `head` is SHA-256 of the line of the last known record; zeros before the first.
    """

    next: int
    head: bytes


START: Final = Position(0, bytes(32))


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line that does not hold. `code` is a word of section 6."""

    code: str
    seq: int
    detail: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Walk:
    """What a run of lines says up to its end, or to the first line that does not hold.

    `lines` are those of `records`, verbatim; `position` is behind the last of them.
    """

    records: tuple[Record, ...]
    lines: tuple[bytes, ...]
    position: Position
    broken: Broken | None


def sign(record: Record, key: SignerKey) -> bytes:
    """Return the record's line, with its newline; raise JournalError or CanonicalError."""
    text = record.text()
    return base64s.spell(key.sign(TAG + text)).encode("ascii") + b" " + text + b"\n"


def digest(line: bytes) -> bytes:
    """Return what the next record has as `prev`: SHA-256 of the line, its newline included."""
    return hashlib.sha256(line).digest()


def after(position: Position, line: bytes) -> Position:
    """Return the position behind `line`, which stands at `position`."""
    return Position(position.next + 1, digest(line))


def parse(line: bytes) -> tuple[Record, bytes]:
    """Return the record and the signature of one line; raise JournalError if it is none.

    Nothing is said of whether the signature holds.
    """
    if len(line) > MAX_LINE:
        raise JournalError(f"a line is longer than {MAX_LINE} bytes")
    if not line.endswith(b"\n"):
        raise JournalError("the line has no end", "torn")
    spelled, space, text = line[:-1].partition(b" ")
    if not space or len(spelled) != _SIGNATURE or not spelled.isascii():
        raise JournalError("no signature stands before the record")
    signature = base64s.read(spelled.decode("ascii"), "the signature", JournalError)
    if len(signature) != SIGNATURE_SIZE:
        raise JournalError(f"the signature is not {SIGNATURE_SIZE} bytes")
    try:
        return _read(canonical.decode(text)), signature
    except CanonicalError as error:
        raise JournalError(str(error)) from None


def signed_text(line: bytes) -> bytes:
    """Return what the signature of a line is over (section 2)."""
    return TAG + line[_SIGNATURE + 1 : -1]


def split(data: bytes) -> list[bytes]:
    """Return the lines of `data`, each with its newline; the last may lack one.

    Lines end at LF alone: a carriage return is a byte like another.
    """
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def walk(lines: Iterable[bytes], *, vkey: VerifierKey, position: Position = START) -> Walk:
    """Follow a journal from `position` on; stop at the first line that does not hold."""
    records: list[Record] = []
    taken: list[bytes] = []
    for line in lines:
        try:
            record = follow(line, vkey, position, records[-1] if records else None)
        except JournalError as error:
            broken = Broken(error.code, position.next, error.detail, line)
            return Walk(tuple(records), tuple(taken), position, broken)
        records.append(record)
        taken.append(line)
        position = after(position, line)
    return Walk(tuple(records), tuple(taken), position, None)


def follow(line: bytes, vkey: VerifierKey, position: Position, before: Record | None) -> Record:
    """Return the record that `line` adds at `position`; raise JournalError (section 6).

    `before` is the record before it, where it is at hand.
    """
    record, signature = parse(line)
    if not vkey.verifies(signed_text(line), signature):
        raise JournalError(f"record {record.seq} is not signed by {vkey.name}", "signature")
    if record.seq != position.next:
        detail = f"record {record.seq} stands where record {position.next} belongs"
        raise JournalError(detail, "sequence")
    if record.prev != position.head:
        raise JournalError(f"record {record.seq} follows another record", "link")
    _check_begun(record, vkey)
    if before is not None and _goes_back(before.at, record.at):
        detail = f"record {record.seq}: the time since the start went back"
        raise JournalError(detail, "time")
    return record


def _check_begun(record: Record, vkey: VerifierKey) -> None:
    """Section 4.1: the first record, and no other, says whose journal it is."""
    if (record.kind == BEGUN) != (record.seq == 0):
        raise JournalError(f"record {record.seq} is a {record.kind}", "begun")
    if record.kind == BEGUN and record.body["vkey"] != str(vkey):
        raise JournalError("the first record states another key than the one asked for", "begun")


def _goes_back(before: Moment, now: Moment) -> bool:
    return before.boot == now.boot and now.boot_ms < before.boot_ms


def _read(value: dict[str, JSON]) -> Record:
    """Check every rule of section 3, in its order."""
    if value.keys() != _MEMBERS:
        raise JournalError(f"its members are {', '.join(sorted(value))[:200]}")
    if type(value["v"]) is not int or value["v"] != VERSION:
        raise JournalError("its version is not 1", "version")
    kind, body = value["kind"], value["body"]
    if type(kind) is not str or not _KIND.fullmatch(kind):
        raise JournalError("its kind is no word")
    if type(body) is not dict:
        raise JournalError("its body is not an object")
    check_body(kind, body)
    if kind == BEGUN:
        _check_key(body["vkey"])
    return Record(
        seq=_count(value["seq"], "seq"),
        prev=digest_of(value["prev"], "prev", JournalError),
        kind=kind,
        at=_moment(value["at"]),
        body=body,
    )


def _check_key(value: JSON) -> None:
    try:
        VerifierKey.parse(value if type(value) is str else "")
    except KeyFormatError as error:
        raise JournalError(f"body.vkey: {error}") from None


def _moment(value: JSON) -> Moment:
    if type(value) is not dict or value.keys() != _MOMENT_MEMBERS:
        raise JournalError("at does not hold what it must")
    boot = value["boot"]
    if type(boot) is not str or not _BOOT.fullmatch(boot):
        raise JournalError("at.boot is no name of a start")
    return Moment(
        utc_ms=_count(value["utc_ms"], "at.utc_ms"),
        boot=boot,
        boot_ms=_count(value["boot_ms"], "at.boot_ms"),
    )


def _count(value: JSON, name: str) -> int:
    if type(value) is not int or value < 0:
        raise JournalError(f"{name} is not a number of zero or more")
    return value
