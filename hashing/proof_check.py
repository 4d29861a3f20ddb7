"""The judge of a proof: does this log, vouched for by these keys, hold this entry.

docs/formats/proof.md. Order: the form of the proof - the head and who signed it - the
quorum and its age - the entry's place and its way to the root - what the entry says -
what others kept of the same log. Where one step finds fault, the later ones that rest
on it are not taken: what is said is the cause.

Nothing that comes in raises: whatever is wrong becomes a Problem with its code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hashing import entry as entries
from hashing import heads, tlog_proof
from hashing.canonical import JSON
from hashing.codes import WORDS
from hashing.entry import Entry
from hashing.errors import EvidenceError, HeadError, ProofError, TlogProofError
from hashing.heads import Head, Trust
from hashing.kept import KeptHead, LogTiles, Named, compare, read_kept, read_links
from hashing.proofs import check_inclusion
from hashing.report import Problem
from hashing.tlog_proof import TlogProof


@dataclass(frozen=True, slots=True)
class Age:
    """How old the cosignatures may be, and what time it is, in seconds."""

    now_s: int
    most_s: int


@dataclass(frozen=True, slots=True)
class Content:
    """A clip or document that somebody holds."""

    where: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What else must hold besides the proof itself; by default, nothing."""

    age: Age | None = None
    clips: Sequence[Content] = ()
    documents: Sequence[Content] = ()
    also: Sequence[Named] = ()  # proofs and checkpoints that somebody kept
    consistency: Sequence[Named] = ()  # proofs between these heads
    log: LogTiles | Problem | None = None  # a log directory, or why it states no head


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What a proof shows, and what is wrong with it. No problem means: verified."""

    head: Head | None  # as far as its signatures hold
    index: int | None
    entry: Entry | None  # once the root vouches for it
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, JSON]:
        """Return the whole report as one JSON object."""
        head = self.head.checkpoint if self.head else None
        return {
            "ok": self.ok,
            "origin": head.origin if head else None,
            "size": head.size if head else None,
            "root": head.root.hex() if head else None,
            "index": self.index,
            "kind": self.entry.kind if self.entry else None,
            "utc_ms": self.entry.at.utc_ms if self.entry else None,
            "cosigners": [each.as_json() for each in self.head.cosigned] if self.head else [],
            "problems": [problem.as_json() for problem in self.problems],
        }


_NOTHING = Asked()


def check_proof(entry: Named, proof: Named, trust: Trust, asked: Asked = _NOTHING) -> ProofReport:
    """Return what is wrong with the proof that a log holds `entry`, the bytes of a record."""
    return _Judgement(proof.where, entry.where, trust, asked).run(entry.data, proof.data)


@dataclass(slots=True)
class _Judgement:
    where: str
    entry_where: str
    trust: Trust
    asked: Asked
    problems: list[Problem] = field(default_factory=list)

    def run(self, raw: bytes, data: bytes) -> ProofReport:
        try:
            proof = tlog_proof.parse(data)
        except TlogProofError as error:
            self._tell("proof-malformed", str(error))
            return self._report(None, None, None)
        try:
            head = heads.read_head(proof.note, self.trust)
        except HeadError as error:
            self._tell(error.code, error.detail)
            return self._report(None, proof.index, None)
        self._vouched(head)
        entry = self._included(raw, proof, head)
        if entry is not None:
            self._says(entry, head)
        self._history(head)
        return self._report(head, proof.index, entry)

    def _vouched(self, head: Head) -> None:
        faults = list(heads.quorum_faults(head, self.trust))
        if self.asked.age is not None:
            age = self.asked.age
            faults += heads.age_faults(head, self.trust, now_s=age.now_s, max_age_s=age.most_s)
        for code, detail in faults:
            self._tell(code, detail)

    def _included(self, raw: bytes, proof: TlogProof, head: Head) -> Entry | None:
        """Return the entry, once the root vouches for it at the proof's place."""
        if len(raw) > entries.MAX_ENTRY:
            self._tell("entry-malformed", "it is longer than any entry", self.entry_where)
            return None
        try:
            entry: Entry | None = entries.parse(raw)
            unread = ""
        except EvidenceError as error:
            entry, unread = None, str(error)
        if entry is not None and entry.seq != proof.index:
            detail = f"it is entry {entry.seq}, the proof is of entry {proof.index}"
            self._tell("leaf-other", detail, self.entry_where)
            return None
        size, root = head.checkpoint.size, head.checkpoint.root
        if proof.index >= size:
            self._tell("index-beyond-size", f"entry {proof.index} of a log of {size}")
            return None
        try:
            check_inclusion(proof.index, size, entries.leaf_hash(raw), proof.hashes, root)
        except ProofError as error:
            self._tell("inclusion", str(error))
            return None
        if entry is None:
            self._tell("entry-malformed", unread, self.entry_where)
        return entry

    def _says(self, entry: Entry, head: Head) -> None:
        """Hold what the entry states against the log, and against what somebody holds."""
        if entry.kind == "genesis" and entry.body["origin"] != head.checkpoint.origin:
            self._tell("genesis", "it states another origin than the checkpoint", self.entry_where)
        for clip in self.asked.clips:
            stated = (entry.kind, entry.body.get("sha256"), entry.body.get("size"))
            if stated != ("clip", clip.sha256, clip.size):
                self._tell("clip-other", f"{clip.size} bytes, SHA-256 {clip.sha256}", clip.where)
        for document in self.asked.documents:
            if entry.body.get("document") != document.sha256:
                self._tell("document-other", f"SHA-256 {document.sha256}", document.where)

    def _history(self, head: Head) -> None:
        """Hold the head against what others kept, and against the log itself."""
        kept, wrong = read_kept(self.asked.also, self.trust, head.checkpoint.origin)
        links, torn = read_links(self.asked.consistency)
        self.problems += [*wrong, *torn]
        every, log = [KeptHead(self.where, head.checkpoint), *kept], self.asked.log
        if isinstance(log, Problem):
            self.problems.append(log)
            log = None
        self.problems += compare(every, links, log)

    def _tell(self, code: str, detail: str, where: str | None = None) -> None:
        self.problems.append(Problem(code, where or self.where, None, detail or WORDS[code]))

    def _report(self, head: Head | None, index: int | None, entry: Entry | None) -> ProofReport:
        return ProofReport(head=head, index=index, entry=entry, problems=tuple(self.problems))
