r"""What a dock says to a witness or a mirror, and what these answer: the bytes alone.

C2SP tlog-witness and tlog-mirror; docs/formats/witness.md has the part we speak.

    old <size>\n  *( base64(hash)\n )  \n  <signed checkpoint>

Nothing here judges a checkpoint, a signature or a proof.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from hashing import base64s
from hashing.checkpoint import MAX_SIZE
from hashing.errors import SubmissionError
from hashing.merkle import HASH_SIZE
from hashing.note import MAX_NOTE
from hashing.upload import (
    MAX_HEAD,
    MAX_PACKAGE,
    MAX_PROOF,
    MAX_TEXT,
    MAX_UPLOAD,
    PACKAGES_A_REQUEST,
    Package,
    PackageReader,
    Parcel,
    UploadHead,
    pack_package,
    packages,
)

__all__ = [
    "MAX_HEAD",
    "MAX_INFO",
    "MAX_PACKAGE",
    "MAX_PROOF",
    "MAX_SIZE_ANSWER",
    "MAX_SUBMISSION",
    "MAX_TEXT",
    "MAX_UPLOAD",
    "MIRROR_INFO_TYPE",
    "PACKAGES_A_REQUEST",
    "SIZE_TYPE",
    "TEXT_TYPE",
    "UPLOAD_TYPE",
    "MirrorInfo",
    "Package",
    "PackageReader",
    "Parcel",
    "Submission",
    "UploadHead",
    "encode_size",
    "origin_hash",
    "pack_package",
    "packages",
    "parse_size",
]

# Content types of tlog-witness and tlog-mirror.
TEXT_TYPE: Final = "text/plain; charset=utf-8"  # a submission, signature lines
SIZE_TYPE: Final = "text/x.tlog.size"
MIRROR_INFO_TYPE: Final = "text/x.tlog.mirror-info"
UPLOAD_TYPE: Final = "application/octet-stream"

# The longest of each, in bytes: what a reader needs to take, and never more.
MAX_SIZE_ANSWER: Final = 20  # 19 digits and a newline
MAX_SUBMISSION: Final = len("old ") + MAX_SIZE_ANSWER + 45 * MAX_PROOF + 1 + MAX_NOTE
MAX_INFO: Final = 2 * MAX_SIZE_ANSWER + (MAX_TEXT + 2) // 3 * 4 + 1

_OLD: Final = "old "
_INFO_LINES: Final = 3
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of add-checkpoint. Making one raises SubmissionError if none can be so."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes  # verbatim, not judged

    def __post_init__(self) -> None:
        if not 0 <= self.old <= MAX_SIZE:
            raise SubmissionError("the old size is out of range")
        if len(self.proof) > MAX_PROOF:
            raise SubmissionError(f"more than {MAX_PROOF} proof lines")
        if any(len(each) != HASH_SIZE for each in self.proof):
            raise SubmissionError(f"a hash of the proof is not {HASH_SIZE} bytes")
        if not 1 <= len(self.note) <= MAX_NOTE:
            raise SubmissionError(f"{len(self.note)} bytes are no checkpoint")

    def encode(self) -> bytes:
        """Return the body."""
        lines = [f"{_OLD}{self.old}", *map(base64s.spell, self.proof), "", ""]
        return "\n".join(lines).encode("ascii") + self.note

    @classmethod
    def parse(cls, data: bytes) -> "Submission":
        """Return the submission that `data` spells; raise SubmissionError on anything else."""
        if len(data) > MAX_SUBMISSION:
            raise SubmissionError(f"{len(data)} bytes are more than a submission holds")
        head, gap, note = data.partition(b"\n\n")
        if not gap:
            raise SubmissionError("no empty line before the checkpoint")
        first, *lines = _ascii(head).split("\n")
        if not first.startswith(_OLD):
            raise SubmissionError("the first line is not the old size")
        if len(lines) > MAX_PROOF:
            raise SubmissionError(f"more than {MAX_PROOF} proof lines")
        old = _number(first.removeprefix(_OLD), "the old size")
        proof = tuple(base64s.read(line, "a proof line", SubmissionError) for line in lines)
        return cls(old, proof, note)


@dataclass(frozen=True, slots=True)
class MirrorInfo:
    """What a mirror answers when there is more to be sent, or sent otherwise."""

    pending: int  # the size of a checkpoint that it would take entries up to
    next_entry: int
    ticket: bytes = b""

    def __post_init__(self) -> None:
        if not (0 <= self.pending <= MAX_SIZE and 0 <= self.next_entry <= MAX_SIZE):
            raise SubmissionError("a size is out of range")
        if len(self.ticket) > MAX_TEXT:
            raise SubmissionError(f"a ticket is longer than {MAX_TEXT} bytes")

    def encode(self) -> bytes:
        """Return the body of the answer."""
        ticket = base64s.spell(self.ticket)
        return f"{self.pending}\n{self.next_entry}\n{ticket}\n".encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> "MirrorInfo":
        """Return what `data` spells; raise SubmissionError on anything else."""
        if len(data) > MAX_INFO:
            raise SubmissionError(f"{len(data)} bytes are more than a mirror's answer holds")
        *lines, rest = _ascii(data).split("\n")
        if rest or len(lines) != _INFO_LINES:
            raise SubmissionError("a mirror's answer is three lines: size, next entry, ticket")
        pending, next_entry, ticket = lines
        return cls(
            _number(pending, "the pending size"),
            _number(next_entry, "the next entry"),
            base64s.read(ticket, "the ticket", SubmissionError),
        )


def encode_size(size: int) -> bytes:
    """Return the body of a witness's answer that names the size it holds."""
    if not 0 <= size <= MAX_SIZE:
        raise SubmissionError("the size is out of range")
    return f"{size}\n".encode("ascii")


def parse_size(data: bytes) -> int:
    """Return the size that a witness's answer names; raise SubmissionError on anything else."""
    if len(data) > MAX_SIZE_ANSWER or not data.endswith(b"\n"):
        raise SubmissionError("the answer is not a size and a newline")
    return _number(_ascii(data[:-1]), "the size")


def origin_hash(origin: str) -> str:
    """Return the name of a log in a witness's or mirror's paths: SHA-256 of its origin, in hex.

    Raises SubmissionError where `origin` is no text in UTF-8.
    """
    try:
        return hashlib.sha256(origin.encode("utf-8")).hexdigest()
    except UnicodeEncodeError:
        raise SubmissionError("the origin holds a lone surrogate") from None


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise SubmissionError("not ASCII") from None


def _number(text: str, name: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise SubmissionError(f"{name} is not a number in its one spelling")
    return int(text)
