"""The second pass, for a log that does not match its signed root: it says whose fault it is.

Order: the partial tiles that give the signed root are found, on disk or as
computed - from them down, each tile is the one (on disk or as computed) that
its parent vouches for - what is vouched for is the truth - tiles and entries
are held against it.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hashing import entry as entries_of
from hashing.alignment import Alignment, Fault, Found
from hashing.climb import Row, first_difference, known_all
from hashing.errors import BundleError, EvidenceError
from hashing.growth import frontier_over
from hashing.log_files import LogFiles
from hashing.log_walk import Progress, Walked
from hashing.merkle import leaf_hash, perfect_root
from hashing.report import Tally
from hashing.tiles import WIDTH, Bundle, Tile, shape


@dataclass(slots=True)
class Judged:
    """Which entries are not what was sealed: nothing they say counts."""

    entries: set[int] = field(default_factory=set)
    unknown: list[range] = field(default_factory=list)  # nobody can say; in order
    lowest: int | None = None  # the first entry in either
    shifted_from: int | None = None  # from here on entries stand elsewhere than sealed

    def add(self, *seqs: int) -> None:
        """Take note of entries that are not what was sealed."""
        self.entries.update(seqs)
        self._note_lowest(*seqs)

    def add_unknown(self, span: range) -> None:
        """Take note of a run of entries, after all others noted so, of which nobody can say."""
        self.unknown.append(span)
        self._note_lowest(span.start)

    def condemns(self, seq: int) -> bool:
        """Tell whether entry `seq` is not what was sealed, or may not be."""
        at = bisect_right(self.unknown, seq, key=lambda span: span.start)
        return seq in self.entries or (at > 0 and seq in self.unknown[at - 1])

    def doubts(self, seq: int) -> bool:
        """Tell whether what was said of entry `seq` may only follow from what is known."""
        shifted = self.shifted_from is not None and seq >= self.shifted_from
        return shifted or self.condemns(seq) or self.condemns(seq - 1)

    def any_before(self, seq: int) -> bool:
        """Tell whether any entry before `seq` is not what was sealed."""
        return any(it is not None and it < seq for it in (self.lowest, self.shifted_from))

    def _note_lowest(self, *seqs: int) -> None:
        self.lowest = min([*seqs, *([] if self.lowest is None else [self.lowest])], default=None)


class Blame:
    """Names the files and entries at fault in one log."""

    def __init__(
        self, files: LogFiles, tally: Tally, *, size: int, root: bytes, walked: Walked
    ) -> None:
        self._files = files
        self._tally = tally
        self._size = size
        self._root = root
        self._walked = walked
        self._edge: list[list[bytes]] = []
        self._memo: dict[int, tuple[int, list[bytes] | None]] = {}
        self._out = Judged()

    def run(self, progress: Progress) -> Judged | None:
        """Tell the tally what is wrong; return None, telling nothing, if no tile gives the root."""
        edge = self._resolve_edge()
        if edge is None:
            return None
        self._edge = edge
        full, width = shape(self._size, 0)
        last = full + bool(width) - 1
        alignment = Alignment()
        for index in range(last + 1):
            if self._walked.ends_at is not None and index * WIDTH >= self._walked.ends_at:
                break
            self._heed(self._bundle(Bundle(index, WIDTH if index < full else width), alignment))
            progress("blame", index + 1, last + 1)
        self._heed(alignment.finish())
        self._judge_tiles()
        return self._out

    # -- the truth ---------------------------------------------------------

    def _resolve_edge(self) -> list[list[bytes]] | None:
        """Return the partial tiles, by level, that give the signed root."""
        choices: list[list[list[bytes]]] = []
        for level in itertools.count():
            index, width = shape(self._size, level)
            options: list[list[bytes]] = [] if width else [[]]
            if width:
                computed = self._walked.edge[level] if level < len(self._walked.edge) else []
                for row in self._candidates(Tile(level, index, width), computed):
                    if row not in options:
                        options.append(row)
            choices.append(options)
            if index == 0:
                break
        for rows in itertools.product(*choices):
            if frontier_over(self._size, rows).root() == self._root:
                return list(rows)
        return None

    def _truth(self, level: int, index: int) -> list[bytes] | None:
        """Return the hashes that this tile must hold, or None where nobody can say."""
        full, _ = shape(self._size, level)
        if index == full:
            return self._edge[level]
        known, row = self._memo.get(level, (-1, None))
        if known != index:
            row = self._vouched(level, index)
            self._memo[level] = (index, row)
        return row

    def _vouched(self, level: int, index: int) -> list[bytes] | None:
        parent = self._truth(level + 1, index // WIDTH)
        if parent is None:
            return None
        computed = self._walked.differing.get((level, index), [])
        for row in self._candidates(Tile(level, index), computed):
            if perfect_root(row) == parent[index % WIDTH]:
                return row
        return None

    def _candidates(self, which: Tile, computed: Row) -> Iterator[list[bytes]]:
        """Yield what a tile may have been: as on disk, as its entries give, as its children do."""
        disk = self._files.tile(which)
        if disk is not None:
            yield disk
        known = known_all(computed)
        if known is not None and len(known) == which.width:
            yield known
        if which.level == 0:
            return
        below = which.index * WIDTH
        children = [
            self._files.tile(Tile(which.level - 1, below + slot)) for slot in range(which.width)
        ]
        row = [perfect_root(child) for child in children if child is not None]
        if len(row) == which.width:
            yield row

    # -- entries -----------------------------------------------------------

    def _bundle(self, which: Bundle, alignment: Alignment) -> Iterator[Fault]:
        truth = self._truth(0, which.index)
        found = self._files.bundle(which)
        first = which.index * WIDTH
        where = self._files.where(which)
        if truth is None:
            yield from alignment.finish()
            self._unresolved(which, found)
            return
        self._siblings(which, truth)
        if found is None:  # said already
            yield from alignment.finish()
            return
        torn = isinstance(found, BundleError) and found.torn
        cut: Sequence[bytes] = found.whole if isinstance(found, BundleError) else found
        leaves = [leaf_hash(raw) for raw in cut]
        if torn and isinstance(found, BundleError):
            yield from alignment.finish()
            at = first_difference(truth, leaves)
            at = min(len(leaves), which.width - 1) if at is None else at
            self._tally.problem("bundle-malformed", where, found.reason, first + at)
            self._out.add_unknown(range(first + at, first + which.width))
            return
        entries = [
            Found(
                leaf, first + at if truth[at : at + 1] == [leaf] else self._place(leaf, raw), where
            )
            for at, (leaf, raw) in enumerate(zip(leaves, cut, strict=True))
        ]
        yield from alignment.feed(enumerate(truth, first), entries, where)

    def _place(self, leaf: bytes, raw: bytes) -> int | None:
        """Return where the tree has this very entry, going by the seq that it states."""
        try:
            seq = entries_of.parse(raw).seq
        except EvidenceError:
            return None
        truth = self._truth(0, seq // WIDTH) if seq < self._size else None
        return seq if truth is not None and truth[seq % WIDTH] == leaf else None

    def _siblings(self, which: Bundle, truth: Sequence[bytes]) -> None:
        """Hold the bundle's other widths against the truth, as far as that goes."""
        for width in self._files.widths(which):
            sibling = Bundle(which.index, width)
            found = self._files.bundle(sibling)
            if width == which.width or found is None:
                continue
            cut = found.whole if isinstance(found, BundleError) else found
            at = first_difference(truth, [leaf_hash(raw) for raw in cut])
            seq = which.index * WIDTH + (len(cut) if at is None else at)
            if isinstance(found, BundleError):
                self._tally.problem(
                    "bundle-malformed", self._files.where(sibling), found.reason, seq
                )
            elif at is not None:
                self._tally.problem("bundle-forged", self._files.where(sibling), seq=seq)

    def _unresolved(self, which: Bundle, found: list[bytes] | BundleError | None) -> None:
        """Neither tile nor entries hash to what the parent vouches for."""
        first = which.index * WIDTH
        self._out.add_unknown(range(first, first + which.width))
        if found is None or self._truth(1, which.index // WIDTH) is None:
            return
        cut = list(found.whole) if isinstance(found, BundleError) else found
        seq = _broken_after(cut, first)
        hint = (
            "its entries chain on without a break"
            if seq is None
            else f"entry {seq} is not followed"
        )
        detail = f"the tree does not vouch for it; {hint}"
        self._tally.problem("bundle-forged", self._files.where(which), detail, seq)

    def _heed(self, faults: Iterator[Fault]) -> None:
        for fault in faults:
            self._tally.problem(fault.code, fault.where, fault.detail, fault.seq)
            self._out.add(*fault.concerns)
            if fault.shifts and self._out.shifted_from is None:
                self._out.shifted_from = min((fault.seq, *fault.concerns))

    # -- tiles -------------------------------------------------------------

    def _judge_tiles(self) -> None:
        for level in itertools.count():
            full, width = shape(self._size, level)
            if full == width == 0:
                return
            last = full + bool(width)
            if self._walked.ends_at is not None:  # rounded up: a tile may be there in part
                last = min(last, -(-self._walked.ends_at // WIDTH ** (level + 1)))
            for index in range(last):
                self._judge_tile(level, index)

    def _judge_tile(self, level: int, index: int) -> None:
        truth = self._truth(level, index)
        if truth is None and self._truth(level + 1, index // WIDTH) is None:
            return  # its parent is named
        for width in self._files.widths(Tile(level, index)):
            which = Tile(level, index, width)
            hashes = self._files.tile(which)
            if hashes is None:
                continue
            if truth is None:
                detail = "it is not the tile that its parent vouches for"
                self._tally.problem("tile-forged", self._files.where(which), detail)
                continue
            at = first_difference(truth, hashes)
            if at is not None:
                seq = index * WIDTH + at if level == 0 else None
                detail = f"its hash {at} is not the one that was sealed"
                self._tally.problem("tile-forged", self._files.where(which), detail, seq)


def _broken_after(cut: Sequence[bytes], first: int) -> int | None:
    """Return the first entry that the next one does not follow."""
    for at, (raw, following) in enumerate(itertools.pairwise(cut)):
        try:
            if entries_of.parse(following).prev != leaf_hash(raw):
                return first + at
        except EvidenceError:
            return first + at + 1
    return None
