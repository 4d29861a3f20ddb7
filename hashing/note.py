"""Signed notes: C2SP signed-note.

    text ending in a newline, an empty line, then one line for each signature:
    "— <key name> base64(key id, 4 bytes || signature)"

Lines of unknown keys are carried and ignored; that is how witnesses and other
algorithms stand beside us. A line that claims a known key and fails spoils the
whole note, and so does a second line of one known key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashing import base64s
from hashing.errors import (
    BadSignatureError,
    DoubleSignatureError,
    KeyFormatError,
    NoteError,
    UnknownSignersError,
)
from hashing.keys import SignerKey, Verifier, VerifierKey, check_name

__all__ = [
    "MAX_LINES",
    "MAX_NOTE",
    "Note",
    "SignatureLine",
    "SignerKey",
    "VerifierKey",
    "open_note",
    "parse",
    "read_lines",
    "sign",
    "with_lines",
]

MAX_NOTE: Final = 1_000_000  # bytes; as the Go implementation has it
MAX_LINES: Final = 100  # signed-note asks for at least 16

_DASH: Final = "\N{EM DASH} "
_ID_SIZE: Final = 4


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature, not yet judged."""

    name: str
    key_id: int
    signature: bytes

    def __str__(self) -> str:
        """Return the line, without its newline."""
        blob = self.key_id.to_bytes(_ID_SIZE, "big") + self.signature
        return f"{_DASH}{self.name} {base64s.spell(blob)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, the lines by known keys, all of which verified, and the other lines."""

    text: str
    signatures: tuple[SignatureLine, ...]
    unverified: tuple[SignatureLine, ...]


def sign(text: str, keys: Sequence[SignerKey]) -> bytes:
    """Return the note of `text` signed by `keys`; raise NoteError if it can be none."""
    signed = _text_bytes(text)
    lines = [SignatureLine(key.name, key.verifier().key_id, key.sign(signed)) for key in keys]
    note = signed + b"\n" + b"".join(f"{line}\n".encode() for line in lines)
    parse(note)  # what we sign, others must be able to read
    return note


def parse(data: bytes) -> tuple[str, tuple[SignatureLine, ...]]:
    """Return text and signature lines, nothing verified; raise NoteError."""
    if len(data) > MAX_NOTE:
        raise NoteError(f"{len(data)} bytes are more than a note holds")
    whole = _decode(data)
    text, gap, tail = whole.rpartition("\n\n")
    if not gap:
        raise NoteError("no empty line before the signatures")
    return text + "\n", _lines(tail)


def read_lines(data: bytes) -> tuple[SignatureLine, ...]:
    """Return signature lines that stand alone, as a witness answers; raise NoteError."""
    if len(data) > MAX_NOTE:
        raise NoteError(f"{len(data)} bytes are more than a note holds")
    return _lines(_decode(data))


def with_lines(data: bytes, lines: Iterable[SignatureLine]) -> bytes:
    """Return the note with `lines` added; one of a name and key id replaces that of the same.

    Nothing is verified. Raises NoteError if `data` is no note, or the outcome is none.
    """
    text, present = parse(data)
    merged = {(line.name, line.key_id): line for line in (*present, *lines)}
    # Two lines of one key in `data` itself are not for us to choose between.
    if len({(line.name, line.key_id) for line in present}) < len(present):
        raise NoteError("a key signed twice")
    whole = "\n".join([text, *map(str, merged.values()), ""]).encode()
    parse(whole)
    return whole


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> Note:
    """Return the note once at least one of `verifiers` has signed it.

    Raises BadSignatureError when a line of a known key fails, DoubleSignatureError when a
    known key has two, UnknownSignersError when no line is by a known key, else NoteError.
    """
    text, lines = parse(data)
    known = {(key.name, key.key_id): key for key in verifiers}
    signed = text.encode("utf-8")
    verified: dict[tuple[str, int], SignatureLine] = {}
    unverified: list[SignatureLine] = []
    for line in lines:
        who = (line.name, line.key_id)
        if who not in known:
            unverified.append(line)
        elif who in verified:
            raise DoubleSignatureError(name=line.name, key_id=line.key_id)
        elif not known[who].verifies(signed, line.signature):
            raise BadSignatureError(name=line.name, key_id=line.key_id)
        else:
            verified[who] = line
    if not verified:
        raise UnknownSignersError(present=tuple((line.name, line.key_id) for line in lines))
    return Note(text, tuple(verified.values()), tuple(unverified))


def _lines(tail: str) -> tuple[SignatureLine, ...]:
    if not tail.endswith("\n"):
        raise NoteError("it does not end in a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_LINES:
        raise NoteError(f"more than {MAX_LINES} signature lines")
    return tuple(_line(line) for line in lines)


def _line(line: str) -> SignatureLine:
    if not line.startswith(_DASH):
        raise NoteError("a signature line does not begin with a dash")
    name, gap, spelled = line.removeprefix(_DASH).partition(" ")
    if not gap:
        raise NoteError("a signature line lacks its signature")
    try:
        check_name(name)
    except KeyFormatError as error:
        raise NoteError(str(error)) from None
    blob = base64s.read(spelled, "a signature", NoteError)
    if len(blob) <= _ID_SIZE:
        raise NoteError("a signature line holds no signature")
    return SignatureLine(name, int.from_bytes(blob[:_ID_SIZE], "big"), blob[_ID_SIZE:])


def _text_bytes(text: str) -> bytes:
    if not text.endswith("\n"):
        raise NoteError("the text does not end in a newline")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise NoteError("the text holds a lone surrogate") from None
    _decode(data)
    return data


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("not UTF-8") from None
    if any(mark < " " and mark != "\n" for mark in text):
        raise NoteError("it holds a control character")
    return text
