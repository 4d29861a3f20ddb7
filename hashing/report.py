"""What a verification found: problems, notices, and what was looked at.

Every code is a row of docs/formats/log.md section 7 and never changes its meaning.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Final

from hashing.canonical import JSON
from hashing.heads import Cosigned

# After this many of one code, the rest are counted only: one cause may have
# thousands of consequences, and the first of them names it.
LISTED_PER_CODE: Final = 20

CODES: Final[dict[str, str]] = {
    "log-missing": "there is no log directory",
    "vkey-missing": "the log's own copy of its key is not there",
    "vkey-other": "the log's own copy of its key is not the key that was given",
    "checkpoint-missing": "there is no checkpoint",
    "checkpoint-malformed": "the checkpoint is not a signed note of this profile",
    "checkpoint-other-key": "the checkpoint is signed under this name by another key",
    "checkpoint-unsigned": "the checkpoint bears no signature under the name of the given key",
    "checkpoint-signature": "the signature does not match the checkpoint's text",
    "checkpoint-other-origin": "the checkpoint is of another log",
    "checkpoint-key-missing": "a key that the log had at this size has not signed the checkpoint",
    "key-change-malformed": "an entry that changes a key names something that is no sound key",
    "key-change-unknown": "an entry changes or retires a key that does not sign this log",
    "key-change-old": "an entry changes or retires a key without the old key's signature",
    "key-change-new": "an entry changes or retires a key without the new key's signature",
    "key-change-replayed": "an entry that changes or retires a key was taken from elsewhere",
    "key-change-open": "a key is changed before the last change ended, or retired without one",
    "log-truncated": "the log ends before the size that was signed",
    "root-mismatch": "entries and tiles agree with one another, but not with the signed root",
    "entry-edited": "an entry is not the one that was sealed",
    "entry-deleted": "a sealed entry is gone",
    "entry-inserted": "an entry stands where none was sealed",
    "entry-reordered": "entries stand in another order than they were sealed in",
    "entry-malformed": "a sealed entry breaks the entry format",
    "entry-seq": "a sealed entry states another place than its own",
    "chain-broken": "an entry does not follow from the one before it",
    "genesis": "the log does not begin with the entry that states its origin and key",
    "released-mismatch": "a closing entry does not match the entries of its docking",
    "docking-closed": "an entry belongs to a docking that was closed before it",
    "clock-step-unsaid": "the clock was set, and the entries do not say so, or not by how much",
    "clip-size-conflict": "two entries state different sizes for the same content",
    "bundle-missing": "an entry bundle is not there",
    "bundle-malformed": "an entry bundle cannot be cut into entries",
    "bundle-forged": "an entry bundle is not vouched for by the tree",
    "tile-missing": "a tile is not there",
    "tile-malformed": "a tile has the wrong length",
    "tile-forged": "a tile is not the one that was sealed",
    "tile-disagrees": "a tile and what lies below it disagree, and no valid checkpoint decides",
    "beyond-malformed": "a file beyond the checkpoint does not continue the log",
    "file-irregular": "a link, directory or other thing lies where a file belongs",
    "file-unreadable": "a file or directory cannot be read",
    "log-stray": "a file that does not belong lies in the log directory",
    "store-missing": "there is no store directory",
    "clip-missing": "a sealed clip is not in the store",
    "clip-damaged": "a stored clip is not the one that was sealed",
    "clip-size": "a stored clip has its sealed content but not its stated size",
    "document-missing": "a sealed document is not in the store",
    "document-damaged": "a stored document is not the one that was sealed",
    "document-malformed": "a sealed document breaks the document format",
    "journal-records": "a sealed document holds records that are not a recorder's own journal",
    "store-misnamed": "a file in the store does not hold what its name says",
    "store-stray": "a file that does not belong lies in the store",
    "clip-unsealed": "no entry seals this clip",
}

NOTICES: Final[dict[str, str]] = {
    "clock-stepped": "the dock's clock was set, as this entry says",
    "beyond-checkpoint": "files go on beyond the checkpoint: published, not yet signed",
    "unfinished-write": "a crash left a half-made file",
    "store-unclaimed": "a stored file that no entry names: a crash came before its entry",
    "store-set-aside": "the dock set files aside that stopped matching their names",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or, as a notice, merely worth knowing)."""

    code: str
    where: str  # a path
    seq: int | None  # the entry concerned
    detail: str

    def as_json(self) -> dict[str, JSON]:
        """Return it as one JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the log says of a clip that somebody holds."""

    where: str
    sha256: str
    size: int
    seqs: tuple[int, ...]

    def as_json(self) -> dict[str, JSON]:
        """Return it as one JSON object."""
        return {**asdict(self), "seqs": list(self.seqs)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at and what was found. No problem means: verified."""

    origin: str | None
    size: int | None  # as signed
    root: str | None  # hexadecimal, as signed
    counts: dict[str, int]
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]
    omitted: dict[str, int]  # problems and notices beyond those listed, by code
    sealed: tuple[Sealed, ...]
    cosigners: tuple[Cosigned, ...] = ()  # whose cosignatures verified, where a policy names any

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, JSON]:
        """Return the whole report as one JSON object."""
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            **self.counts,
            "problems": [problem.as_json() for problem in self.problems],
            "notices": [notice.as_json() for notice in self.notices],
            "omitted": dict(self.omitted),
            "sealed": [clip.as_json() for clip in self.sealed],
            "cosigners": [each.as_json() for each in self.cosigners],
        }


@dataclass(slots=True)
class Tally:
    """Problems and notices as they come in, each said once."""

    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    omitted: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)

    def problem(self, code: str, where: str, detail: str = "", seq: int | None = None) -> None:
        """Take a problem; `code` is a key of CODES."""
        words = CODES[code]
        self._add(self.problems, Problem(code, where, seq, detail or words))

    def notice(self, code: str, where: str, detail: str = "", seq: int | None = None) -> None:
        """Take a notice; `code` is a key of NOTICES."""
        words = NOTICES[code]
        self._add(self.notices, Problem(code, where, seq, detail or words))

    def _add(self, into: list[Problem], what: Problem) -> None:
        if self._seen[what.code] >= LISTED_PER_CODE:
            self.omitted[what.code] += 1
            return
        said = ((it.code, it.where, it.seq) for it in into)
        if (what.code, what.where, what.seq) not in said:
            self._seen[what.code] += 1
            into.append(what)
