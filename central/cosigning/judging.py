"""The judge of a submitted checkpoint: pure, values in, a verdict out.

C2SP tlog-witness, add-checkpoint, in its order:

    (1) the body is written as it must be            400
    (2) the origin is known                          404
    (3) a key in force signed, none of them wrongly  403
    (4) old <= size                                  400
    (5) old is the size we hold                      409
    (6) an empty tree has the root of one            422
    (7) the proof verifies; nothing where nothing is to be proved   422
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from central.cosigning.outcomes import Conflict, Inconsistent, Malformed, Unsigned
from hashing import base64s, checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.errors import CheckpointError, NoteError, ProofError, SubmissionError
from hashing.keys import Verifier
from hashing.merkle import EMPTY_ROOT, HASH_SIZE
from hashing.note import Note
from hashing.proofs import check_consistency
from hashing.submission import Submission

Kind = Literal["roots", "proof", "empty", "rollback"]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest head that was accepted: `note` holds the log's lines, and ours if we cosign."""

    size: int
    root: bytes
    note: bytes
    time_s: int


@dataclass(frozen=True, slots=True)
class Grown:
    """The submitted head grows from the one that is held."""

    checkpoint: Checkpoint
    signed: bytes
    """The note with the log's own lines that verified, and no others."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """The log signed something that contradicts what is held, or was not shown to grow from it.

    roots: one size, two roots: the log signed both, nothing else is needed.
    proof: the proof that came with it does not lead from ours to theirs.
    empty: a head of no entries with a root that no empty tree has.
    rollback: shorter than what is held, and what is held does not begin with it.
    """

    kind: Kind
    size: int
    root: bytes
    theirs: bytes
    ours: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a submission deserves, and what of it is to be kept as evidence."""

    outcome: Grown | Malformed | Unsigned | Conflict | Inconsistent
    suspect: Suspect | None = None
    signed: Grown | None = None
    """The head, if the log signed it and our profile takes it, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A submission that could be read; the origin is what its note's first line says."""

    submission: Submission
    origin: str


def read(body: bytes) -> Request | Malformed:
    """Do step (1)."""
    try:
        submission = Submission.parse(body)
        text, _ = note.parse(submission.note)
    except (SubmissionError, NoteError) as error:
        return Malformed(str(error))
    return Request(submission, text.partition("\n")[0])


def judge(request: Request, keys: Iterable[Verifier], held: Head | None) -> Verdict:
    """Do steps (3) to (7) against what is held of this origin; None: nothing yet."""
    sent = request.submission
    try:
        opened = note.open_note(sent.note, keys)
    except NoteError as error:
        return Verdict(Unsigned(str(error)))
    signed = _signed(opened)
    try:
        head = checkpoint.parse(opened.text)
    except CheckpointError as error:
        return _unparsed(opened.text, sent, signed, held, str(error))
    return _judged(sent, Grown(head, signed), held)


def _judged(sent: Submission, grown: Grown, held: Head | None) -> Verdict:
    head = grown.checkpoint
    size = 0 if held is None else held.size
    forked = held is not None and head.size == size and head.root != held.root
    suspect = None
    if forked:
        suspect = suspect_of("roots", grown, sent, held)
    if sent.old > head.size:
        why = f"old is {sent.old}, the checkpoint {head.size}"
        return Verdict(Malformed(why), suspect, grown)
    if sent.old != size:
        return Verdict(Conflict(size), suspect, grown)
    root = EMPTY_ROOT if held is None else held.root
    try:
        check_consistency(sent.old, head.size, root, head.root, sent.proof)
    except ProofError as error:
        # Where nothing was to be proved, hashes too many say nothing about the log.
        if suspect is None and 0 < sent.old < head.size:
            suspect = suspect_of("proof", grown, sent, held)
        return Verdict(Inconsistent(str(error)), suspect, grown)
    return Verdict(grown, None, grown)


def _unparsed(text: str, sent: Submission, signed: bytes, held: Head | None, why: str) -> Verdict:
    """Judge what the log signed and our profile does not take."""
    *lines, _ = text.split("\n")
    if len(lines) < 3 or lines[1] != "0":  # noqa: PLR2004  origin, size, root
        return Verdict(Malformed(why))
    try:
        root = base64s.read(lines[2], "the root", CheckpointError)
    except CheckpointError:
        return Verdict(Malformed(why))
    if len(lines) > 3 or len(root) != HASH_SIZE or root == EMPTY_ROOT:  # noqa: PLR2004  as above
        return Verdict(Malformed(why))
    # Step (6): it comes after (4) and (5).
    if sent.old > 0:
        return Verdict(Malformed(f"old is {sent.old}, the checkpoint 0"))
    if held is not None and held.size > 0:
        return Verdict(Conflict(held.size))
    ours = b"" if held is None else held.note
    return Verdict(Inconsistent(why), Suspect("empty", 0, root, signed, ours, sent.proof))


def suspect_of(kind: Kind, grown: Grown, sent: Submission, held: Head | None) -> Suspect:
    """Return a signed head as evidence against what is held."""
    ours = b"" if held is None else held.note
    head = grown.checkpoint
    return Suspect(kind, head.size, head.root, grown.signed, ours, sent.proof)


def _signed(opened: Note) -> bytes:
    """Return the note with the log's own lines alone: those that verified."""
    lines = [opened.text, *map(str, opened.signatures), ""]
    return "\n".join(lines).encode()
