"""What a witness's or mirror's answer means: C2SP tlog-witness and tlog-mirror. Pure.

A status is no verdict by itself: versions of the witness protocol differ in 403, 404, 409
and 422, so what follows from each is decided here and nowhere else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from dock_daemon.sync.told import Code, Told
from hashing import note
from hashing.cosigners import AnyCosigner
from hashing.errors import (
    BadSignatureError,
    DoubleSignatureError,
    EvidenceError,
    NoteError,
    SubmissionError,
    UnknownSignersError,
)
from hashing.note import SignatureLine
from hashing.submission import MIRROR_INFO_TYPE, SIZE_TYPE, MirrorInfo, parse_size
from transport.backoff import retry_after_s
from transport.client import Answer

_OK: Final = 200
_ACCEPTED: Final = 202
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422
_BUSY: Final = frozenset({429, 503})
_SERVER_ERROR: Final = range(500, 600)
_MOST_SHOWN: Final = 200
_PROBLEM_TYPE: Final = "application/problem+json"
_CERTIFICATE: Final = frozenset({"no-dock", "not-yours"})
"""The codes of a centre's problem documents that are about our certificate."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Cosignatures of known keys over the very text that was sent; all verified."""

    lines: tuple[SignatureLine, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The checkpoint is taken, without a cosignature: what a mirror does with a pending one."""


@dataclass(frozen=True, slots=True)
class Knows:
    """The size of the last head they took; the proof has to begin there."""

    size: int


@dataclass(frozen=True, slots=True)
class Absent:
    """No head is served there.

    A wrong address, or a proxy, says so too: whether none was ever cosigned a submission shows.
    """


@dataclass(frozen=True, slots=True)
class Shown:
    """The head of this log that they serve: not judged."""

    note: bytes


Submitted: TypeAlias = Lines | Taken | Knows | Told
Uploaded: TypeAlias = Lines | MirrorInfo | Told


def of_submission(
    answer: Answer,
    *,
    text: str,
    sent: int,
    keys: Sequence[AnyCosigner],
    pending: bool,
    utc_s: float,
) -> Submitted:
    """Return what an answer to add-checkpoint means.

    `sent` is the old size that was stated; `pending` tells that a mirror was asked, which
    need not cosign. `utc_s` is the time, seconds since 1970.
    """
    if answer.status == _OK:
        return Taken() if pending else _lines(answer, text, keys)
    if answer.status == _CONFLICT:
        return _known_size(answer, sent)
    return _refusal(answer, utc_s)


def of_upload(answer: Answer, *, text: str, keys: Sequence[AnyCosigner], utc_s: float) -> Uploaded:
    """Return what an answer to add-entries means; `text` is the checkpoint uploaded to."""
    if answer.status == _OK:
        return _lines(answer, text, keys)
    if answer.status not in {_ACCEPTED, _CONFLICT}:
        return _refusal(answer, utc_s)
    if answer.content_type != MIRROR_INFO_TYPE:
        return _bad(answer, f"{answer.status} without {MIRROR_INFO_TYPE}")
    try:
        return MirrorInfo.parse(answer.body)
    except SubmissionError as error:
        return _bad(answer, str(error))


def of_monitoring(answer: Answer, *, origin: str, utc_s: float) -> Shown | Absent | Told:
    """Return what an answer to GET <origin hash>/checkpoint means."""
    if answer.status == _NOT_FOUND:
        return Absent()
    if answer.status != _OK:
        return _refusal(answer, utc_s)
    try:
        text, _ = note.parse(answer.body)
    except EvidenceError as error:
        return _bad(answer, str(error))
    if not text.startswith(f"{origin}\n"):
        return _bad(answer, "the head of another log")
    return Shown(answer.body)


def _lines(answer: Answer, text: str, keys: Sequence[AnyCosigner]) -> Lines | Told:
    """Return the lines by known keys (tlog-witness: append them to the checkpoint and verify)."""
    try:
        opened = note.open_note(f"{text}\n".encode() + answer.body, keys)
    except (BadSignatureError, DoubleSignatureError) as error:
        return Told(Code.BAD_SIGNATURE, {"detail": str(error)})
    except UnknownSignersError as error:
        return Told(Code.BAD_SIGNATURE, {"detail": str(error)})
    except NoteError as error:
        return _bad(answer, str(error))
    return Lines(opened.signatures)


def _known_size(answer: Answer, sent: int) -> Knows | Told:
    """Return the size that a 409 names; one that leads nowhere is final for this head.

    Old witnesses answer a bare 409 where the same size has another root, and a 409 that
    names the very size that was sent asks for what it just refused.
    """
    if answer.content_type != SIZE_TYPE:
        return Told(Code.CONFLICT, {"detail": "409 without a size"})
    try:
        size = parse_size(answer.body)
    except SubmissionError as error:
        return _bad(answer, str(error))
    if size == sent:
        return Told(Code.CONFLICT, {"detail": f"409 names the size that was sent: {size}"})
    return Knows(size)


def _refusal(answer: Answer, utc_s: float) -> Told:
    if answer.status == _FORBIDDEN:
        ours = str(_problem(answer).get("code")) in _CERTIFICATE
        code = Code.NOT_ADMITTED if ours else Code.NOT_TRUSTED
        return Told(code, {"detail": _shown(answer)})
    if answer.status == _NOT_FOUND:
        return Told(Code.UNKNOWN_LOG, {"detail": _shown(answer)})
    if answer.status == _UNPROCESSABLE:
        return Told(Code.INCONSISTENT, {"detail": _shown(answer)})
    asked_s = retry_after_s(answer.headers.get("retry-after", ""), utc_s)
    if answer.status in _BUSY:
        return Told(Code.BUSY, {"detail": _shown(answer)}, asked_s)
    if answer.status in _SERVER_ERROR:
        return Told(Code.FAILED, {"detail": _shown(answer)}, asked_s)
    return _bad(answer, "not a status of this protocol")


def _bad(answer: Answer, why: str) -> Told:
    return Told(Code.BAD_ANSWER, {"detail": f"{answer.status}: {why}"})


def _shown(answer: Answer) -> str:
    """Return status and the beginning of what was said, as text that is only ever printed."""
    title = _problem(answer).get("title")
    said = title if isinstance(title, str) else answer.body.decode("utf-8", "replace")
    return f"{answer.status} {said[:_MOST_SHOWN].strip()}".strip()


def _problem(answer: Answer) -> Mapping[str, object]:
    """Return the members of a problem document (RFC 9457); none if it is another answer."""
    if answer.content_type != _PROBLEM_TYPE:
        return {}
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
