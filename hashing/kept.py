"""What others kept of a log: is it all one history, and does the log still have it.

docs/formats/proof.md section 5. A proof that was handed out once is a head that somebody
holds; a log that was rewritten or cut, be it with the right key, does not continue it.

Two heads of one size must have one root. That a larger one continues a smaller one is
shown by the tiles of the log, each checked up to its signed root, or by consistency
proofs; where neither is at hand, nothing is known, and that is said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hashing import checkpoint as checkpoints
from hashing import manifest, note, tlog_proof
from hashing.checked_tiles import CheckedTiles
from hashing.checkpoint import Checkpoint
from hashing.errors import EvidenceError, HeadError, ManifestError, ProofError, TlogProofError
from hashing.growth import Read
from hashing.heads import Trust, read_log_head
from hashing.proofs import check_consistency
from hashing.report import Problem
from hashing.submission import Submission

_MALFORMED = frozenset({"checkpoint-malformed", "extension-line"})


@dataclass(frozen=True, slots=True)
class Named:
    """The bytes of a file, and what to call it."""

    where: str
    data: bytes


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head that the log's key has signed, and the file that shows it."""

    where: str
    head: Checkpoint


@dataclass(frozen=True, slots=True)
class Link:
    """A consistency proof: the tree of `new` begins with that of size `old`, as it says."""

    where: str
    old: int
    new: Checkpoint
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogTiles:
    """A log directory: its own signed head, and its files."""

    where: str
    head: Checkpoint
    read: Read


def read_kept(
    files: Sequence[Named], trust: Trust, origin: str
) -> tuple[list[KeptHead], list[Problem]]:
    """Return the heads that kept files of one log show, and what is wrong with the files."""
    heads: list[KeptHead] = []
    problems: list[Problem] = []
    for file in files:
        try:
            head = read_log_head(_note_in(file.data), trust)
        except (TlogProofError, ManifestError) as error:
            problems.append(Problem("also-malformed", file.where, None, str(error)))
        except HeadError as error:
            problems.append(Problem(_also(error.code), file.where, None, str(error)))
        else:
            if head.origin == origin:
                heads.append(KeptHead(file.where, head))
            else:
                detail = f"it is of {head.origin}, not of {origin}"
                problems.append(Problem("also-other-origin", file.where, None, detail))
    return heads, problems


def read_links(files: Sequence[Named]) -> tuple[list[Link], list[Problem]]:
    """Return the consistency proofs that files hold, and what is wrong with the files.

    Such a file is the body of tlog-witness's add-checkpoint. Its checkpoint's signatures
    need no look: its root counts only where it is that of a head that is signed.
    """
    links: list[Link] = []
    problems: list[Problem] = []
    for file in files:
        try:
            found = Submission.parse(file.data)
            new = checkpoints.parse(note.parse(found.note)[0])
        except EvidenceError as error:
            problems.append(Problem("consistency-malformed", file.where, None, str(error)))
        else:
            links.append(Link(file.where, found.old, new, found.proof))
    return links, problems


def compare(
    heads: Sequence[KeptHead], links: Sequence[Link], log: LogTiles | None
) -> Iterator[Problem]:
    """Yield what keeps heads of one log, at least one of them, from being one history.

    With the log's own files, each must be a beginning of that log. Else each must be a
    beginning of the largest of them, as `links` show: then it is of every larger one.
    """
    by_size: dict[int, KeptHead] = {}
    forks: list[Problem] = []
    for kept in heads:
        first = by_size.setdefault(kept.head.size, kept)
        if first.head.root != kept.head.root:
            forks.append(_fork(kept, f"{first.where} has another root of the same size"))
    distinct = [by_size[size] for size in sorted(by_size)]
    if forks:
        yield from forks
    elif log is None:
        yield from _unlinked(distinct, links)
    else:
        yield from _against_log(distinct, log)


def _unlinked(heads: Sequence[KeptHead], links: Sequence[Link]) -> Iterator[Problem]:
    *smaller, largest = heads
    for kept in smaller:
        if not _reaches(kept.head, largest.head, links):
            detail = f"{kept.head.size} entries; {largest.where} has {largest.head.size}"
            yield Problem("consistency-unknown", kept.where, None, detail)


def _against_log(heads: Sequence[KeptHead], log: LogTiles) -> Iterator[Problem]:
    tiles = CheckedTiles(log.head.size, log.head.root, log.read)
    for kept in heads:
        size = kept.head.size
        if size > log.head.size:
            detail = f"{log.where} has {log.head.size} entries, this head {size}"
            yield Problem("rollback", kept.where, None, detail)
            continue
        try:
            # None is needed where both have one size.
            hashes = tiles.consistency(size)
        except (EvidenceError, OSError) as error:
            yield Problem("log-damaged", log.where, None, str(error))
            return
        try:
            check_consistency(size, log.head.size, kept.head.root, log.head.root, hashes)
        except ProofError:
            yield _fork(kept, f"{log.where} does not begin with these {size} entries")


def _fork(kept: KeptHead, detail: str) -> Problem:
    return Problem("fork", kept.where, None, detail)


def _reaches(small: Checkpoint, large: Checkpoint, links: Sequence[Link]) -> bool:
    """Tell whether consistency proofs lead from one head to the other, be it by others."""
    reached = {(small.size, small.root)}
    for link in sorted(links, key=lambda each: each.old):
        for size, root in [each for each in reached if each[0] == link.old]:
            try:
                check_consistency(size, link.new.size, root, link.new.root, link.hashes)
            except ProofError:
                continue
            reached.add((link.new.size, link.new.root))
    return (large.size, large.root) in reached


def _note_in(data: bytes) -> bytes:
    if data.startswith(f"{tlog_proof.HEADER}\n".encode()):
        return tlog_proof.parse(data).note
    if data.startswith(f"{manifest.HEADER}\n".encode()):
        return manifest.parse(data).note
    return data


def _also(code: str) -> str:
    if code in _MALFORMED:
        return "also-malformed"
    return "also-other-origin" if code == "other-origin" else "also-unsigned"
