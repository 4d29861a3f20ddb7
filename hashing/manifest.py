"""A manifest: what one docking produced, as one file that verifies alone.

docs/formats/manifest.md fixes the bytes; the section numbers below are its.

    sealdock/manifest@v1
    docking <number>
    keys <count>                 then the log's key entries, each on a line, verbatim
    entries <count>              then the docking's entries
    documents <count>            then what they name: documents, or absent <digest>
    proof <count>                then the hashes that lead from all of it to the root
    (an empty line)
    the checkpoint with its signatures, verbatim

Entries and documents are canonical JSON, which holds no newline: so each is a line as it is.
Only the form is judged here. What a manifest shows is for manifest_check.py.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashing import base64s, document, multiproof, note
from hashing import checkpoint as checkpoints
from hashing import entry as entry_of
from hashing.checkpoint import Checkpoint
from hashing.entry import Entry
from hashing.entry_reads import read_entries
from hashing.errors import CanonicalError, EvidenceError, ManifestError, NoteError
from hashing.growth import Read
from hashing.hexes import is_digest
from hashing.merkle import HASH_SIZE
from hashing.note import MAX_NOTE

HEADER: Final = "sealdock/manifest@v1"
WITHHELD: Final = "withheld"
CLOSING: Final = "released"
MAX_MANIFEST: Final = 1 << 29  # bytes: some 300,000 clips with their documents
MAX_LINES: Final = 1 << 20  # of one section

_ABSENT: Final = b"absent "
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,15}")

Documents = Callable[[str], bytes | None]
"""Returns the document of a digest, or None where there is none any more."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A document that an entry names and that is not there: it may have been removed."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The parts of a manifest, nothing judged but the form."""

    docking: int
    keys: tuple[bytes, ...]
    entries: tuple[bytes, ...]
    documents: tuple[bytes | Absent, ...] | None  # None: withheld
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """Return the file (section 2)."""
        documents = (
            [f"documents {WITHHELD}".encode()]
            if self.documents is None
            else [
                b"documents %d" % len(self.documents),
                *(_ABSENT + it.digest.encode() if isinstance(it, Absent) else it
                  for it in self.documents),
            ]
        )  # fmt: skip
        lines = [
            HEADER.encode(),
            b"docking %d" % self.docking,
            b"keys %d" % len(self.keys),
            *self.keys,
            b"entries %d" % len(self.entries),
            *self.entries,
            *documents,
            b"proof %d" % len(self.proof),
            *(base64s.spell(each).encode() for each in self.proof),
        ]
        return b"\n".join([*lines, b"", self.note])


def parse(data: bytes) -> Manifest:
    """Return the manifest whose form `data` has; raise ManifestError if it has another."""
    if len(data) > MAX_MANIFEST:
        raise _malformed(f"{len(data)} bytes are more than a manifest holds")
    # The first empty line: no entry, document or hash is empty.
    end = data.find(b"\n\n")
    if end < 0:
        raise _malformed("no empty line before the checkpoint")
    start = end + len(b"\n\n")
    if len(data) - start > MAX_NOTE:
        raise _malformed("far too long a checkpoint")
    lines = _Lines(data, end)
    lines.exactly(HEADER.encode())
    docking = lines.number("docking")
    keys = lines.section("keys")
    entries = lines.section("entries")
    documents = lines.documents()
    proof = tuple(_hash(line) for line in lines.section("proof"))
    lines.end()
    return Manifest(
        docking=docking,
        keys=keys,
        entries=entries,
        documents=documents,
        proof=proof,
        note=data[start:],
    )


def assemble(  # noqa: PLR0913, PLR0917  what a manifest is made of, each from another hand
    docking: int,
    seqs: Iterable[int],
    read: Read,
    signed: bytes,
    documents: Documents | None,
    keys: Iterable[int] = (),
) -> bytes:
    """Return the manifest of a docking: the same bytes for the same entries and checkpoint.

    `seqs` are the docking's entries, the closing one last; `keys` the log's key entries, of
    which those that the checkpoint covers go in. `read` returns the bytes of a file of the
    log, `documents` None: they are withheld. Raises ManifestError where the checkpoint does
    not cover the docking, or the log's files do not give its root; and what `read` raises.
    """
    head = head_of(signed)
    mine = tuple(sorted(seqs))
    before = tuple(seq for seq in sorted(keys) if seq < head.size)
    if not mine or mine[-1] >= head.size:
        raise ManifestError("manifest-uncovered", f"the checkpoint covers {head.size} entries")
    places = sorted({*mine, *before})
    proof = multiproof.make(places, head.size, read)
    found = dict(zip(places, read_entries(places, head.size, read), strict=True))
    leaves = [(seq, entry_of.leaf_hash(found[seq])) for seq in places]
    if multiproof.root(leaves, head.size, proof) != head.root:
        raise ManifestError("inclusion", "the log's files do not give the root that was signed")
    entries = tuple(found[seq] for seq in mine)
    _demand_closed(docking, entries)
    papers = None if documents is None else tuple(_papers(entries, documents))
    return Manifest(
        docking=docking,
        keys=tuple(found[seq] for seq in before),
        entries=entries,
        documents=papers,
        proof=tuple(proof),
        note=signed,
    ).encode()


def head_of(signed: bytes) -> Checkpoint:
    """Return what a note states, whoever signed it; raise ManifestError if it states nothing."""
    try:
        return checkpoints.parse(note.parse(signed)[0])
    except (NoteError, EvidenceError) as error:
        raise ManifestError("checkpoint-malformed", str(error)) from None


def named(entries: Iterable[Entry]) -> dict[str, int]:
    """Return the digests that entries name, in order, each with the first that names it."""
    found: dict[str, int] = {}
    for entry in entries:
        digest = entry.body.get("document")
        if type(digest) is str:
            found.setdefault(digest, entry.seq)
    return found


def _demand_closed(docking: int, entries: Sequence[bytes]) -> None:
    last = entry_of.parse(entries[-1])
    if last.kind != CLOSING or last.body["docking"] != docking:
        raise ManifestError("manifest-entry-missing", "the closing entry is not there", last.seq)
    if last.body["entries"] != len(entries) - 1:
        detail = f"{last.body['entries']} entries are closed, {len(entries) - 1} are there"
        raise ManifestError("manifest-entry-missing", detail, last.seq)


def _papers(entries: Sequence[bytes], documents: Documents) -> Iterable[bytes | Absent]:
    for digest in named(map(entry_of.parse, entries)):
        data = documents(digest)
        yield Absent(digest) if data is None or not _is_whole(data, digest) else data


def _is_whole(data: bytes, digest: str) -> bool:
    """Tell whether stored bytes are the document: one that rotted is as good as gone."""
    try:
        document.parse(data)
    except EvidenceError:
        return False
    return document.digest(data) == digest


class _Lines:
    """The lines before the checkpoint, taken one by one; raises ManifestError.

    No line is cut before it is asked for: a file of nothing but newlines costs nothing.
    """

    def __init__(self, data: bytes, end: int) -> None:
        """Begin with the first line of `data`; the last ends at `end`."""
        self._data = data
        self._end = end
        self._from = 0
        self._at = 0  # lines taken

    def exactly(self, wanted: bytes) -> None:
        if self._next() != wanted:
            raise _malformed(f"line {self._at} is not {wanted.decode()}")

    def number(self, name: str) -> int:
        return self._number(name, self._next())

    def section(self, name: str) -> tuple[bytes, ...]:
        return self._take(self.number(name))

    def documents(self) -> tuple[bytes | Absent, ...] | None:
        line = self._next()
        if line == f"documents {WITHHELD}".encode():
            return None
        return tuple(map(_paper, self._take(self._number("documents", line))))

    def end(self) -> None:
        if self._from <= self._end:
            raise _malformed(f"line {self._at + 1} follows the proof")

    def _next(self) -> bytes:
        (line,) = self._take(1)
        return line

    def _take(self, count: int) -> tuple[bytes, ...]:
        if count > MAX_LINES:
            raise _malformed(f"{count} lines are more than a section holds")
        return tuple(self._cut(count - at) for at in range(count))

    def _cut(self, lacking: int) -> bytes:
        if self._from > self._end:
            raise _malformed(f"it ends {lacking} lines too early")
        stop = self._data.find(b"\n", self._from, self._end)
        stop = self._end if stop < 0 else stop
        line = self._data[self._from : stop]
        self._from = stop + 1
        self._at += 1
        return line

    def _number(self, name: str, line: bytes) -> int:
        word, _, digits = line.partition(b" ")
        if word != name.encode() or not _NUMBER.fullmatch(digits):
            raise _malformed(f"line {self._at} does not say {name} and a number")
        return int(digits)


def _paper(line: bytes) -> bytes | Absent:
    if line.startswith(b"{"):
        return line
    digest = line.removeprefix(_ABSENT).decode("ascii", "replace")
    if len(digest) == len(line) or not is_digest(digest):
        raise _malformed("a line is neither a document nor the digest of an absent one")
    return Absent(digest)


def _hash(line: bytes) -> bytes:
    try:
        found = base64s.read(line.decode("ascii"), "a hash", CanonicalError)
    except (UnicodeDecodeError, CanonicalError) as error:
        raise _malformed(f"a hash of the proof: {error}") from None
    if len(found) != HASH_SIZE:
        raise _malformed(f"a hash is {HASH_SIZE} bytes")
    return found


def _malformed(detail: str) -> ManifestError:
    return ManifestError("manifest-malformed", detail)
