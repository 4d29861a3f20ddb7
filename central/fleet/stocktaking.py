"""What a log says must exist, held against what is there. Pure.

Whatever a sealed `clip` entry names must be there until a `disposal` entry names it; the
erasing of a recorder (`erased`) takes nothing from the store. Documents likewise.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hashing import entry
from hashing.canonical import JSON
from hashing.errors import EvidenceError
from hashing.hexes import is_digest

CLIP: Final = "clip"
DOCUMENT: Final = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Must:
    """Something that must be there, and which entry says so first."""

    what: str
    sha256: str
    size: int | None
    """Bytes; None where the log does not say."""
    seq: int
    docking: int | None


@dataclass(frozen=True, slots=True)
class There:
    """Something that is there. `good` is None unless its content was hashed."""

    sha256: str
    size: int
    good: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The outcome: what is gone, what is damaged, and what nobody asked for."""

    expected: int
    present: int
    hashed: int
    gone: tuple[Must, ...]
    damaged: tuple[Must, ...]
    extra: tuple[str, ...]
    disposed: int

    @property
    def holds(self) -> bool:
        """Tell whether everything is there and as it was sealed, as far as was looked."""
        return not self.gone and not self.damaged


class Ledger:
    """What must exist, gathered entry by entry.

    Memory grows by about 300 bytes for each clip and document of the one log.
    """

    def __init__(self) -> None:
        self._must: dict[tuple[str, str], Must] = {}
        self._disposed: set[str] = set()

    def take(self, seq: int, leaf: bytes) -> None:
        """Take in the entry at `seq`; one that is none says nothing."""
        try:
            made = entry.parse(leaf)
        except EvidenceError:
            return
        body = made.body
        docking = body.get("docking")
        number = docking if type(docking) is int else None
        if made.kind == "disposal":
            self._disposed.update(_digests(body))
        if made.kind == "clip":
            self._add(CLIP, str(body["sha256"]), seq, number, int(str(body["size"])))
        if is_digest(body.get("document")):
            self._add(DOCUMENT, str(body["document"]), seq, number, None)

    def must(self, what: str) -> dict[str, Must]:
        """Return what must be there of one sort, by its digest."""
        return {
            sha256: must
            for (sort, sha256), must in self._must.items()
            if sort == what and sha256 not in self._disposed
        }

    @property
    def disposed(self) -> frozenset[str]:
        """What was lawfully taken away."""
        return frozenset(self._disposed)

    def _add(self, what: str, sha256: str, seq: int, docking: int | None, size: int | None) -> None:
        if (what, sha256) not in self._must:
            self._must[what, sha256] = Must(
                what=what, sha256=sha256, size=size, seq=seq, docking=docking
            )


def compare(must: Mapping[str, Must], there: Iterable[There], *, disposed: frozenset[str]) -> Stock:
    """Return which of `must` are gone or damaged, and what else is there.

    A size that is not the sealed one is damage, as is content that hashes to another digest.
    What is there twice counts once, and counts as damaged if one of the two is.
    """
    seen: set[str] = set()
    bad: set[str] = set()
    extra: set[str] = set()
    hashed = 0
    for one in there:
        hashed += one.good is not None
        known = must.get(one.sha256)
        if known is None:
            extra.add(one.sha256)
            continue
        seen.add(one.sha256)
        if one.good is False or known.size not in {None, one.size}:
            bad.add(one.sha256)
    return Stock(
        expected=len(must),
        present=len(seen),
        hashed=hashed,
        gone=tuple(_by_seq(must, must.keys() - seen)),
        damaged=tuple(_by_seq(must, bad)),
        extra=tuple(sorted(extra)),
        disposed=len(disposed),
    )


def _by_seq(must: Mapping[str, Must], wanted: Iterable[str]) -> Iterator[Must]:
    return iter(sorted((must[sha256] for sha256 in wanted), key=lambda one: one.seq))


def _digests(body: Mapping[str, JSON]) -> Iterator[str]:
    """Yield what a disposal names: `sha256`, one digest or a list of them."""
    named = body.get("sha256")
    for one in named if isinstance(named, list) else [named]:
        if is_digest(one):
            yield str(one)
