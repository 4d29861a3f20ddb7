"""The judge of a manifest: is this all that the docking produced, and was it sealed so.

docs/formats/manifest.md section 5. Order: the form - the log's keys and who signed the
checkpoint - the quorum and its age - each entry by itself - all of them against the root -
against the closing entry - the documents - what others kept of the same log.

If the root vouches for the entries, each is what was sealed, and the closing entry says
whether all are there. If not, the closing entry and the links from one entry to the next
say which is not. Nothing that comes in raises: whatever is wrong becomes a Problem.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from hashing import document, heads, manifest, multiproof
from hashing import entry as entry_of
from hashing.bodies import DOCKING_KINDS
from hashing.canonical import JSON
from hashing.codes import WORDS
from hashing.entry import Entry
from hashing.errors import (
    EvidenceError,
    HeadError,
    KeyFormatError,
    ManifestError,
    ProofError,
    SuccessionError,
    UnknownSignersError,
)
from hashing.heads import Head, Trust
from hashing.kept import KeptHead, LogTiles, Named, compare, read_kept, read_links
from hashing.keys import VerifierKey
from hashing.manifest import Absent, Manifest
from hashing.manifest_account import Account, account_of
from hashing.manifest_codes import MANIFEST_CODES
from hashing.note import open_note
from hashing.proof_check import Asked
from hashing.report import LISTED_PER_CODE, Problem
from hashing.succession import KINDS as KEY_KINDS
from hashing.succession import Succession

_NOTHING: Final = Asked()
_SPOILT: Final = frozenset({"entry-malformed", *(it for it in MANIFEST_CODES if "-entry-" in it)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReport:
    """What a manifest shows, and what is wrong with it. No problem means: verified."""

    head: Head | None  # as far as its signatures hold
    docking: int | None
    entries: int
    account: Account | None  # what the entries say: only as good as `ok`
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]
    omitted: dict[str, int]  # problems and notices beyond those listed, by code

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
            "docking": self.docking,
            "entries": self.entries,
            "account": self.account.as_json() if self.account else None,
            "cosigners": [each.as_json() for each in self.head.cosigned] if self.head else [],
            "problems": [problem.as_json() for problem in self.problems],
            "notices": [notice.as_json() for notice in self.notices],
            "omitted": dict(self.omitted),
        }


def check_manifest(file: Named, trust: Trust, asked: Asked = _NOTHING) -> ManifestReport:
    """Return what is wrong with a manifest, and what it says was taken over and what not."""
    try:
        found = manifest.parse(file.data)
    except ManifestError as error:
        problem = Problem(error.code, file.where, None, error.detail)
        return ManifestReport(
            head=None,
            docking=None,
            entries=0,
            account=None,
            problems=(problem,),
            notices=(),
            omitted={},
        )
    return _Judgement(file.where, found, trust, asked).run()


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry of the manifest, read, with its leaf hash."""

    entry: Entry
    leaf: bytes


class _Judgement:
    def __init__(self, where: str, found: Manifest, trust: Trust, asked: Asked) -> None:
        self._where = where
        self._manifest = found
        self._trust = trust
        self._asked = asked
        self._problems: list[Problem] = []
        self._notices: list[Problem] = []
        self._told: Counter[str] = Counter()
        self._omitted: Counter[str] = Counter()

    def run(self) -> ManifestReport:
        keys = self._read(self._manifest.keys)
        lines = self._read(self._manifest.entries)
        whole = not self._problems  # each line is an entry
        head = self._head(keys) if whole else None
        self._vouched(head)
        if whole and self._mine(lines, keys):
            self._complete(lines, keys, head)
        papers = self._documents(lines)
        self._clips(lines)
        if head is not None:
            self._history(head)
        docking = self._manifest.docking
        entries = [line.entry for line in lines]
        return ManifestReport(
            head=head,
            docking=docking,
            entries=len(self._manifest.entries),
            account=account_of(docking, entries, papers) if whole else None,
            problems=tuple(self._problems),
            notices=tuple(self._notices),
            omitted=dict(self._omitted),
        )

    def _read(self, raws: Sequence[bytes]) -> list[_Line]:
        lines: list[_Line] = []
        for at, raw in enumerate(raws):
            try:
                lines.append(_Line(entry_of.parse(raw), entry_of.leaf_hash(raw)))
            except EvidenceError as error:
                self._tell("entry-malformed", f"entry {at + 1} of the manifest: {error}")
        return lines

    # -- the head ----------------------------------------------------------

    def _head(self, lines: Sequence[_Line]) -> Head | None:
        """Return the head that the trusted key, or keys that it leads to, have signed."""
        try:
            size = manifest.head_of(self._manifest.note).size
            keys = self._keys([line.entry for line in lines], size)
        except ManifestError:
            size, keys = 0, None  # what is wrong with it is said below
        if keys is not None:
            self._trust = replace(self._trust, succession=keys)
        try:
            head = heads.read_head(self._manifest.note, self._trust)
        except HeadError as error:
            self._tell(error.code, error.detail)
            return None
        for key in () if keys is None else keys.keys_at(size):
            try:
                open_note(self._manifest.note, [key])
            except UnknownSignersError:
                self._tell("checkpoint-key-missing", f"{key} has not signed it")
        return head

    def _keys(self, changes: Sequence[Entry], size: int) -> Succession | None:
        """Return the log's keys as the key entries tell them; None where none can be followed."""
        for entry in changes:
            if entry.kind not in KEY_KINDS or entry.seq >= size:
                self._tell("manifest-entry-extra", "it changes no key", entry.seq)
                return None
        if not changes:
            return None
        try:
            succession = Succession(VerifierKey.parse(str(changes[0].body["old_vkey"])))
            for entry in changes:
                succession.take(entry)
        except KeyFormatError as error:
            self._tell("key-change-malformed", str(error), changes[0].seq)
            return None
        except SuccessionError as error:
            self._tell(error.code, error.detail, entry.seq)
            return None
        # Keys that no trusted one leads to are strangers, whatever they sign for each other.
        return succession if any(key in succession.all for key in self._trust.logs) else None

    def _vouched(self, head: Head | None) -> None:
        if head is None:
            return
        for code, detail in heads.quorum_faults(head, self._trust):
            self._tell(code, detail)
        age = self._asked.age
        if age is not None:
            faults = heads.age_faults(head, self._trust, now_s=age.now_s, max_age_s=age.most_s)
            for code, detail in faults:
                self._tell(code, detail)

    def _history(self, head: Head) -> None:
        """Hold the head against what others kept, and against the log itself."""
        kept, wrong = read_kept(self._asked.also, self._trust, head.checkpoint.origin)
        links, torn = read_links(self._asked.consistency)
        self._problems += [*wrong, *torn]
        log: LogTiles | None = None
        match self._asked.log:
            case Problem() as problem:
                self._problems.append(problem)
            case found:
                log = found
        self._problems += compare([KeptHead(self._where, head.checkpoint), *kept], links, log)

    # -- the entries -------------------------------------------------------

    def _mine(self, lines: Sequence[_Line], keys: Sequence[_Line]) -> bool:
        """Tell whether the entries are of this docking, in order, each once, the last closing."""
        docking, before = self._manifest.docking, len(self._problems)
        for line in lines:
            entry = line.entry
            if entry.body.get("docking") != docking or entry.kind not in DOCKING_KINDS:
                stated = entry.body.get("docking")
                detail = f"a {entry.kind} entry of docking {stated}, not {docking}"
                self._tell("manifest-other-docking", detail, entry.seq)
                break
        self._ordered([line.entry.seq for line in lines])
        self._ordered([line.entry.seq for line in keys])
        closing = [line.entry.seq for line in lines if line.entry.kind == manifest.CLOSING]
        if not lines or lines[-1].entry.kind != manifest.CLOSING:
            self._tell("manifest-entry-missing", "the closing entry is not there")
        elif len(closing) > 1:
            self._tell("manifest-entry-extra", "it closes the docking a second time", closing[0])
        return len(self._problems) == before

    def _ordered(self, seqs: Sequence[int]) -> None:
        for at in range(1, len(seqs)):
            if seqs[at] == seqs[at - 1]:
                self._tell("manifest-entry-extra", "it stands there twice", seqs[at])
                return
            if seqs[at] < seqs[at - 1]:
                detail = f"it stands behind entry {seqs[at - 1]}"
                self._tell("manifest-order", detail, seqs[at])
                return

    def _complete(self, lines: Sequence[_Line], keys: Sequence[_Line], head: Head | None) -> None:
        """Hold the entries against the root, and against what the closing entry counts."""
        unproved = "" if head is None else self._unproved([*keys, *lines], head)
        closing = lines[-1].entry
        stated, there = closing.body["entries"], len(lines) - 1
        if type(stated) is int and stated != there:
            code = "manifest-entry-missing" if stated > there else "manifest-entry-extra"
            self._tell(code, f"the docking closed with {stated} entries, {there} are there")
        elif closing.body["digest"] != _digest(lines[:-1]):
            seq = _edited(lines)
            detail = "the entries are not those that the docking closed with"
            self._tell("manifest-entry-edited", detail, seq)
        elif head is not None and closing.seq >= head.checkpoint.size:
            detail = f"it covers {head.checkpoint.size} entries"
            self._tell("manifest-uncovered", detail, closing.seq)
        elif unproved:
            self._tell("inclusion", unproved)

    def _unproved(self, lines: Sequence[_Line], head: Head) -> str:
        """Return why the root does not vouch for the entries; empty if it does."""
        size, proof = head.checkpoint.size, self._manifest.proof
        leaves = sorted((line.entry.seq, line.leaf) for line in lines)
        if leaves[-1][0] >= size:
            return f"entry {leaves[-1][0]} of a log of {size}"
        try:
            made = multiproof.root(leaves, size, proof)
        except ProofError as error:
            return str(error)
        return "" if made == head.checkpoint.root else "the proof does not lead to the root"

    # -- documents and clips -----------------------------------------------

    def _documents(self, lines: Sequence[_Line]) -> dict[str, Mapping[str, JSON]]:
        """Judge the documents; return those that are there, by digest."""
        if any(problem.code in _SPOILT for problem in self._problems):
            return {}  # what is wrong with the entries, their documents would only repeat
        wanted = manifest.named(line.entry for line in lines)
        papers = self._manifest.documents
        if papers is None:
            self._note("manifest-documents-withheld")
            return {}
        held = [it.digest if isinstance(it, Absent) else document.digest(it) for it in papers]
        if held != list(wanted):
            self._misplaced(list(wanted), held, wanted)
        found: dict[str, Mapping[str, JSON]] = {}
        for digest, paper in zip(held, papers, strict=True):
            seq = wanted.get(digest)
            if isinstance(paper, Absent):
                self._note("manifest-document-absent", f"document {digest}", seq)
            elif seq is not None:
                try:
                    found[digest] = document.parse(paper)
                except EvidenceError as error:
                    self._tell("document-malformed", str(error), seq)
        return found

    def _misplaced(self, wanted: list[str], held: list[str], seqs: Mapping[str, int]) -> None:
        """Say what is wrong with documents that are not those which the entries name."""
        lacking = list(Counter(wanted) - Counter(held))
        extra = Counter(held) - Counter(wanted)
        if lacking and len(held) == len(wanted):
            self._tell("manifest-document-edited", f"document {lacking[0]}", seqs[lacking[0]])
        elif extra:
            self._tell("manifest-document-extra", f"document {next(iter(extra))}")
        elif lacking:
            self._tell("manifest-document-missing", f"document {lacking[0]}", seqs[lacking[0]])
        else:
            self._tell("manifest-order", "the documents do not stand as the entries name them")

    def _clips(self, lines: Sequence[_Line]) -> None:
        """Hold clips that somebody has against the docking's."""
        sealed = {
            (line.entry.body["sha256"], line.entry.body["size"])
            for line in lines
            if line.entry.kind == "clip"
        }
        for clip in self._asked.clips:
            if (clip.sha256, clip.size) not in sealed:
                detail = f"{clip.size} bytes, SHA-256 {clip.sha256}"
                self._tell("clip-other", detail, where=clip.where)

    # -- shared ------------------------------------------------------------

    def _tell(
        self, code: str, detail: str, seq: int | None = None, where: str | None = None
    ) -> None:
        self._list(self._problems, Problem(code, where or self._where, seq, detail or WORDS[code]))

    def _note(self, code: str, detail: str = "", seq: int | None = None) -> None:
        self._list(self._notices, Problem(code, self._where, seq, detail or WORDS[code]))

    def _list(self, into: list[Problem], what: Problem) -> None:
        """List the first of a code, and count the rest: one cause may have thousands."""
        self._told[what.code] += 1
        if self._told[what.code] > LISTED_PER_CODE:
            self._omitted[what.code] += 1
        else:
            into.append(what)


def _digest(lines: Sequence[_Line]) -> str:
    return hashlib.sha256(b"".join(line.leaf for line in lines)).hexdigest()


def _edited(lines: Sequence[_Line]) -> int | None:
    """Return the entry that the next one does not follow from; None where no link tells.

    An edited entry breaks the link behind it, and the one before it too if its own `prev`
    was edited: so the last of the first broken links names it.
    """
    broken: int | None = None
    for line, after in pairwise(lines):
        linked = after.entry.seq != line.entry.seq + 1 or after.entry.prev == line.leaf
        if not linked:
            broken = line.entry.seq
        elif broken is not None:
            break
    return broken
