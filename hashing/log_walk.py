"""The first pass: from the entries upward, every tile computed and compared.

Order: bundle by bundle - its entries against one another (chain.py) - the tile
over them - full tiles above - the edge at the signed size - what lies beyond.

If the root that comes out is the signed one, every entry is what was sealed,
and each difference noted here is the fault of the file it names. If not,
blame.py decides, and the differences noted here are dropped. Section numbers
are those of docs/formats/log.md.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashing.chain import Chain
from hashing.climb import Climb, Row, first_difference, known_all
from hashing.entry import parse
from hashing.errors import BundleError, EvidenceError
from hashing.growth import frontier_over
from hashing.log_files import LogFiles
from hashing.merkle import leaf_hash
from hashing.report import NOTICES, Problem, Tally
from hashing.tiles import WIDTH, Bundle, Tile, shape

Progress = Callable[[str, int, int], None]  # stage, done, of how many

_SECOND_KEY: Final = b'"mldsa_vkey":'
_MOST_KEPT: Final = 256  # differing tiles kept for blame.py, 8 KiB each
_MOST_HELD: Final = 2_000  # problems held back until the root is known
# How many bundles may lack besides one for each file that is there: whoever states a giant
# size must not make the verifier count to there.
_MOST_LACKING: Final = WIDTH


@dataclass(slots=True)
class Walked:
    """What the first pass leaves behind."""

    root: bytes | None = None  # None: an entry is not to be had, nor its leaf hash
    suspect: bool = False  # a bundle is not cut as it must be
    ends_at: int | None = None  # fewer entries than signed, and nothing that goes on after them
    hidden: bool = False  # it ends where a directory cannot be looked into
    entries: int = 0
    bundles: int = 0
    tiles: int = 0
    beyond: int = 0  # entries past the signed size
    edge: list[Row] = field(default_factory=list)  # by level, as computed
    differing: dict[tuple[int, int], Row] = field(default_factory=dict)  # as computed
    differences: list[Problem] = field(default_factory=list)
    said: list[Problem] = field(default_factory=list)  # by the chain
    second_keys: list[str] = field(default_factory=list)  # signed, and beyond: the last named


class LogWalk:
    """One pass over a log of `size` entries."""

    def __init__(self, files: LogFiles, tally: Tally, *, size: int, required: bool) -> None:
        """Without `required`, a file that is not there is no problem."""
        self._files = files
        self._tally = tally
        self._size = size
        self._required = required
        self._past = False  # beyond the signed size
        self._lacking = 0  # bundles so far
        self._there: tuple[list[int], int] | None = None
        self._where = ""
        self._out = Walked()
        self._climb = Climb(self._settle)
        self._disk: tuple[tuple[int, int], dict[int, list[bytes]]] = ((-1, -1), {})

    def hear(self, code: str, seq: int, detail: str) -> None:
        """Hold back what the chain says until the root is known."""
        if len(self._out.said) < _MOST_HELD:
            code = "beyond-malformed" if self._past and code not in NOTICES else code
            self._out.said.append(Problem(code, self._where, seq, detail))

    def run(self, chain: Chain, progress: Progress) -> Walked:
        """Walk the log; return what was found."""
        full, width = shape(self._size, 0)
        for index in range(full + bool(width)):
            if not self._bundle(Bundle(index, WIDTH if index < full else width), chain):
                break
            progress("entries", min(self._size, (index + 1) * WIDTH), self._size)
        self._edge()
        if self._out.ends_at is None:
            self._go_beyond(chain)
            # What the chain says now, it says of genesis.
            self._past, self._where = (
                False,
                self._files.where(Bundle(0, min(self._size, WIDTH) or WIDTH)),
            )
            chain.finish()
        return self._out

    def _bundle(self, which: Bundle, chain: Chain) -> bool:
        """Take in one bundle; return False if the log ends before it."""
        self._where = self._files.where(which)
        sealed = self._sealed(which)
        entries = self._entries(which, tile_there=bool(sealed))
        if entries is None:
            self._out.ends_at = which.index * WIDTH
            return False
        leaves: Row = [leaf_hash(raw) for raw in entries]
        for slot in range(which.width):
            by_tile = sealed[slot] if slot < len(sealed) else None
            if slot < len(entries):
                leaf = leaves[slot]
                self._second_key(entries[slot])
                chain.take(which.index * WIDTH + slot, entries[slot], leaf or b"", by_tile)
            else:
                chain.gap(by_tile)
                leaves.append(None)
        self._climb.take(leaves)
        self._siblings(which, entries, "bundle-forged", "bundle-malformed")
        self._out.entries += len(entries)
        self._out.bundles += 1
        return True

    def _second_key(self, raw: bytes) -> None:
        """Take note of the key of type 06 that an entry names (section 5.3)."""
        if _SECOND_KEY not in raw:
            return
        try:
            entry = parse(raw)
        except EvidenceError:
            return
        named = entry.body.get("mldsa_vkey")
        if entry.kind == "config-change" and type(named) is str:
            kept = self._out.second_keys[: int(self._past)]
            self._out.second_keys = [*kept, named]

    def _sealed(self, which: Bundle) -> list[bytes]:
        """Return the leaf hashes that the level-0 tile on disk states."""
        tiles = self._tiles(0, which.index)
        return (tiles.get(which.width) or next(iter(tiles.values()), []))[: which.width]

    def _entries(self, which: Bundle, *, tile_there: bool) -> list[bytes] | None:
        """Return the entries that can be had, at most as many as there should be."""
        found = self._files.bundle(which)
        if found is None:
            widths = self._files.widths(which)
            if which.width in widths:  # it is there and cannot be read: said already
                return []
            if not widths and not self._goes_on(which, tile_there=tile_there):
                return None
            hidden = None if widths else self._files.barrier(which)
            if hidden is not None:
                self._tally.problem("file-unreadable", hidden)
                return []
            # A partial file may go once the full one is there (section 4.5).
            if self._required and WIDTH not in widths:
                self._tally.problem("bundle-missing", self._where, seq=which.index * WIDTH)
            found = self._files.bundle(Bundle(which.index, widths[0])) if widths else []
        if isinstance(found, BundleError):
            self._out.suspect = True
            seq = which.index * WIDTH + min(len(found.whole), which.width)
            self._differ("bundle-malformed", self._where, found.reason, seq)
            found = list(found.whole)
        return (found or [])[: which.width]

    def _goes_on(self, which: Bundle, *, tile_there: bool) -> bool:
        """Tell whether the log goes on behind a bundle that is not to be had.

        Gaps are followed as long as there are not more of them than files.
        """
        if self._there is None:
            bundles = self._files.present("entries")
            self._there = bundles, len(bundles) + len(self._files.present("0")) + _MOST_LACKING
        bundles, most = self._there
        following = bisect_left(bundles, which.index)
        gap = bundles[following] - which.index if following < len(bundles) else None
        self._out.hidden = self._files.barrier(which) is not None
        if tile_there or self._out.hidden:
            gap = 1
        if gap is None or self._lacking + gap > most:
            return False
        self._out.hidden = False
        self._lacking += 1
        return True

    def _siblings(
        self, which: Bundle, entries: Sequence[bytes], forged: str, malformed: str
    ) -> None:
        """Compare the narrower bundles, published earlier, with what the bundle begins with."""
        for width in self._files.widths(which):
            if width >= which.width:
                continue
            sibling = Bundle(which.index, width)
            found = self._files.bundle(sibling)
            where = self._files.where(sibling)
            cut = list(found.whole) if isinstance(found, BundleError) else found or []
            at = next(
                (n for n, pair in enumerate(zip(cut, entries, strict=False)) if pair[0] != pair[1]),
                len(cut),
            )
            seq = which.index * WIDTH + at
            if isinstance(found, BundleError):
                self._differ(malformed, where, found.reason, seq)
            elif at < min(len(cut), len(entries)):
                self._differ(forged, where, "it is no earlier state of its bundle", seq)
            self._out.bundles += 1

    def _settle(self, level: int, index: int, row: Row) -> Row:
        """Fill in what only the tile on disk knows; note every tile that differs."""
        tiles = self._tiles(level, index)
        best = tiles.get(len(row)) or next(iter(tiles.values()), [])
        row = [best[at] if each is None and at < len(best) else each for at, each in enumerate(row)]
        which = Tile(level, index, len(row))
        wanted = self._required and not self._past and which.width not in tiles
        if wanted and not {which.width, WIDTH} & set(self._files.widths(which)):
            hidden = self._files.barrier(which)
            if hidden is None:
                self._tally.problem("tile-missing", self._files.where(which))
            else:
                self._tally.problem("file-unreadable", hidden)
        for width, hashes in tiles.items():
            at = first_difference(row, hashes)
            if at is None:
                continue
            where = self._files.where(Tile(level, index, width))
            code = "beyond-malformed" if self._past else "tile-forged"
            seq = index * WIDTH + at if level == 0 else None
            self._differ(code, where, f"its hash {at} is not that of what lies below it", seq)
            if len(self._out.differing) < _MOST_KEPT:
                self._out.differing[level, index] = row
        self._out.tiles += 0 if self._past else len(tiles)
        return row

    def _edge(self) -> None:
        """Settle the partial tiles at the signed size, and compute the root."""
        if self._out.ends_at is not None:
            self._required = False
        for level, (index, row) in enumerate(self._climb.edge()):
            self._out.edge.append(self._settle(level, index, row) if row else [])
        known = [known_all(row) for row in self._out.edge]
        rows = [row for row in known if row is not None]
        if self._out.ends_at is None and len(rows) == len(known):
            self._out.root = frontier_over(self._size, rows).root()

    def _go_beyond(self, chain: Chain) -> None:
        """Follow bundles past the signed size, as far as they go without a gap."""
        self._past = True
        chain.claim_nothing()
        index, signed = shape(self._size, 0)
        place = self._size
        while True:
            widest = max(self._files.widths(Bundle(index)), default=0)
            if widest <= signed:
                break
            which = Bundle(index, widest)
            self._where = self._files.where(which)
            found = self._files.bundle(which)
            if found is None:
                break
            if isinstance(found, BundleError):
                self._differ("beyond-malformed", self._where, found.reason, place)
                break
            head: Row = [leaf_hash(raw) for raw in found[:signed]]
            if signed and first_difference(self._out.edge[0], head) is not None:
                self._differ("beyond-malformed", self._where, "it changes signed entries", place)
                break
            leaves: Row = []
            for raw in found[signed:]:
                leaf = leaf_hash(raw)
                self._second_key(raw)
                chain.take(place, raw, leaf, None)
                leaves.append(leaf)
                place += 1
            self._climb.take(leaves)
            self._siblings(which, found, "beyond-malformed", "beyond-malformed")
            if widest < WIDTH:
                break
            index, signed = index + 1, 0
        self._out.beyond = place - self._size
        for level, (at, row) in enumerate(self._climb.edge()):
            if row and self._out.beyond:
                self._settle(level, at, row)

    def _tiles(self, level: int, index: int) -> dict[int, list[bytes]]:
        """Return the hashes of this tile in each width that is there, the widest first."""
        if self._disk[0] != (level, index):
            found: dict[int, list[bytes]] = {}
            for width in self._files.widths(Tile(level, index)):
                hashes = self._files.tile(Tile(level, index, width))
                if hashes is not None:
                    found[width] = hashes
            self._disk = ((level, index), found)
        return self._disk[1]

    def _differ(self, code: str, where: str, detail: str, seq: int | None) -> None:
        held = self._out.differences
        if len(held) < _MOST_HELD and not any(it.where == where for it in held[-WIDTH:]):
            held.append(Problem(code, where, seq, detail))
