"""Clusters: where they lie, and how an allocation table chains them.

One table class serves FAT12, FAT16, FAT32 and exFAT: they differ in the width
of a link and in the marks for "end" and "bad" (Microsoft's FAT specification,
section 4; exFAT specification, section 4.1). Tables are read through a few
cached windows, so a 128 GB card costs no more memory than a small one.
"""

import sys
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Extent
from firmware_bridge.volume.medium import Source

FIRST_CLUSTER: Final = 2
_WINDOW_LINKS: Final = 1 << 16
# 64 MiB at most: the whole table of a 256 GB card with clusters of 32 KiB.
_WINDOWS_KEPT: Final = 128
# So many links, as a power of two, cost what one odd link costs.
_LINKS_A_STEP: Final = 8
_GALLOP: Final = 16
_GALLOP_MOST: Final = 1 << 14

Width = Literal[12, 16, 32]
Run = tuple[int, int]  # first cluster, how many


@dataclass(frozen=True, slots=True)
class Heap:
    """The clusters of a volume that really lie on the medium: numbers 2 to `last`."""

    offset: int
    cluster_size: int
    clusters: int

    @property
    def last(self) -> int:
        """Return the number of the last cluster."""
        return self.clusters + 1

    def holds(self, cluster: int) -> bool:
        """Tell whether this cluster number means a place in the heap."""
        return FIRST_CLUSTER <= cluster <= self.last

    def needed(self, size: int) -> int:
        """Return how many clusters `size` bytes take."""
        return -(-size // self.cluster_size)

    def extents(self, runs: Iterable[Run], size: int | None = None) -> tuple[Extent, ...]:
        """Return the places of `runs`, cut to the first `size` bytes when it is given."""
        found = []
        for first, count in runs:
            length = count * self.cluster_size
            if size is not None:
                length = min(length, size)
                size -= length
            if length:
                start = self.offset + (first - FIRST_CLUSTER) * self.cluster_size
                found.append(Extent(start, length))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Chain:
    """The clusters of a file in order, and the problem codes that following them met."""

    runs: tuple[Run, ...]
    problems: tuple[str, ...] = ()

    @property
    def clusters(self) -> int:
        """Return how many clusters the chain holds."""
        return sum(count for _first, count in self.runs)


@dataclass(frozen=True, slots=True)
class Marks:
    """How a table writes what is no link: every value from `end` up ends a chain."""

    width: Width
    mask: int
    bad: int
    end: int


FAT12: Final = Marks(12, 0xFFF, 0xFF7, 0xFF8)
FAT16: Final = Marks(16, 0xFFFF, 0xFFF7, 0xFFF8)
FAT32: Final = Marks(32, 0x0FFFFFFF, 0x0FFFFFF7, 0x0FFFFFF8)
EXFAT: Final = Marks(32, 0xFFFFFFFF, 0xFFFFFFF7, 0xFFFFFFFF)


class _Window:
    """Some links of the table, and lazily what they would be if each led to the next."""

    def __init__(self, base: int, links: "array[int]") -> None:
        self.base = base
        self.links = links
        self._straight: array[int] | None = None

    def straight(self, index: int) -> int:
        """Return how many links from `index` on lead to the very next cluster."""
        links = self.links
        if self._straight is None:
            first = self.base + 1
            self._straight = array(links.typecode, range(first, first + len(links)))
        straight, at, step = self._straight, index, _GALLOP
        while step:
            if at + step <= len(links) and links[at : at + step] == straight[at : at + step]:
                at += step
                step = min(step * 2, _GALLOP_MOST)
            else:
                step //= 2
        return at - index


class Table:
    """A file allocation table, read through windows; copies stand in for bad sectors."""

    def __init__(self, source: Source, heap: Heap, marks: Marks, copies: tuple[int, ...]) -> None:
        self._source = source
        self._heap = heap
        self._marks = marks
        self._copies = copies
        self._windows: OrderedDict[int, _Window] = OrderedDict()
        # Each stretch that had to come from another copy of the table, once.
        self.mended: set[int] = set()

    def link(self, cluster: int) -> int:
        """Return what the table says of `cluster`; MediumReadError where it is unreadable."""
        number, index = divmod(cluster, _WINDOW_LINKS)
        return self._window(number).links[index] & self._marks.mask

    def follow(self, first: int, want: int | None = None) -> Chain:
        """Return the chain from `first`, to its end or to `want` clusters.

        A cluster that a link leads to and that is itself marked free still belongs
        to the chain (power lost before the table was written); one marked bad
        does not. Raises BoundReachedError and MediumGoneError only.
        """
        if not self._heap.holds(first):
            return Chain((), ("cluster-out-of-range",))
        runs: list[Run] = []
        seen: set[int] = set()
        # A chain that goes on after as many clusters as there are must repeat one.
        whole = want is None or want > self._heap.clusters
        left = self._heap.clusters if want is None or whole else want
        at, problem = first, None
        while problem is None:
            if at in seen:
                problem = "chain-loop"
                break
            seen.add(at)
            try:
                count, after = self._run(at, left)
            except MediumReadError:
                runs.append((at, 1))  # it was linked to; where it leads is unknown
                problem = "table-unreadable"
                break
            if count:
                runs.append((at, count))
            self._source.spend("chain_steps", 1 + (count >> _LINKS_A_STEP))
            left -= count
            if after >= self._marks.end:
                break
            problem = self._stop(after, left, whole=whole)
            at = after
        kept, looped = _without_repeats(runs)
        if looped:
            problem = "chain-loop"
        return Chain(tuple(_merged(kept)), () if problem is None else (problem,))

    def _stop(self, link: int, left: int, *, whole: bool) -> str | None:
        if link == self._marks.bad:
            return "bad-cluster"
        if link == 0:
            return "free-cluster-in-chain"
        if not self._heap.holds(link):
            return "cluster-out-of-range"
        if left <= 0:
            return "chain-loop" if whole else "chain-long"
        return None

    def _run(self, at: int, most: int) -> tuple[int, int]:
        """Return how many clusters from `at` lie in one run, and the link after them."""
        count = 0
        while True:
            number, index = divmod(at + count, _WINDOW_LINKS)
            window = self._window(number)
            straight = window.straight(index)
            if count + straight >= most:
                return most, at + most
            count += straight
            if index + straight < len(window.links):
                link = window.links[index + straight] & self._marks.mask
                if link == self._marks.bad:
                    return count, link
                # A link whose reserved upper bits are set may still lead straight on.
                if link == at + count + 1 and count + 1 < most and self._heap.holds(link):
                    self._source.spend("chain_steps")
                    count += 1
                    continue
                return count + 1, link
            if not self._heap.holds(at + count):
                return count, at + count

    def count_free(self) -> int:
        """Return how many clusters the table calls free. Raises MediumReadError."""
        free = 0
        for window, start, stop in self._stretches(FIRST_CLUSTER, self._heap.clusters):
            links = window.links[start:stop]
            free += links.count(0)
            if self._marks is FAT32 and max(links) > FAT32.mask:
                free += sum(1 for link in links if link and not link & FAT32.mask)
        return free

    def all_free(self, first: int, count: int) -> bool | None:
        """Tell whether none of these clusters is in use; None when that is unreadable."""
        try:
            for window, start, stop in self._stretches(first, count):
                links = window.links[start:stop]
                if links.tobytes().count(0) != len(links) * links.itemsize and any(
                    link & self._marks.mask for link in links
                ):
                    return False
        except MediumReadError:
            return None
        return True

    def _stretches(self, first: int, count: int) -> Iterator[tuple[_Window, int, int]]:
        end = first + count
        while first < end:
            number, index = divmod(first, _WINDOW_LINKS)
            stop = min(_WINDOW_LINKS, index + end - first)
            self._source.spend("chain_steps", 1 + (stop - index >> _LINKS_A_STEP))
            yield self._window(number), index, stop
            first += stop - index

    def _window(self, number: int) -> _Window:
        if number in self._windows:
            self._windows.move_to_end(number)
            return self._windows[number]
        base = number * _WINDOW_LINKS
        window = _Window(base, self._load(base, min(_WINDOW_LINKS, self._heap.last + 1 - base)))
        self._windows[number] = window
        if len(self._windows) > _WINDOWS_KEPT:
            self._windows.popitem(last=False)
        return window

    def _load(self, base: int, count: int) -> "array[int]":
        if self._marks.width == FAT12.width:
            return _unpacked_12(self._bytes(base * 3 // 2, (count * 3 + 1) // 2), count)
        links = array("H" if self._marks.width == FAT16.width else "I")
        size = self._marks.width // 8
        links.frombytes(self._bytes(base * size, count * size))
        if sys.byteorder == "big":
            links.byteswap()
        return links

    def _bytes(self, start: int, length: int) -> bytes:
        """Return bytes of the table from its first copy, or sector by sector from any."""
        try:
            return self._source.read(self._copies[0] + start, length)
        except MediumReadError:
            if len(self._copies) == 1:
                raise
        whole = bytearray()
        for offset, data in self._source.pieces(self._copies[0] + start, length):
            at = offset - self._copies[0]
            if not data:
                self.mended.add(at)
                data = self._other_copy(at, min(512, start + length - at))  # noqa: PLW2901  mended
            whole += data
        return bytes(whole)

    def _other_copy(self, at: int, length: int) -> bytes:
        for copy in self._copies[1:-1]:
            try:
                return self._source.read(copy + at, length)
            except MediumReadError:
                continue
        return self._source.read(self._copies[-1] + at, length)


def _unpacked_12(packed: bytes, count: int) -> "array[int]":
    """Return `count` links of 12 bits, two in three bytes (FAT specification 4.1)."""
    links = array("H")
    for at in range(0, count * 3 // 2 + 1, 3):
        three = int.from_bytes(packed[at : at + 3], "little")
        links.append(three & 0xFFF)
        links.append(three >> 12)
    return links[:count]


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for first, count in runs:
        if merged and sum(merged[-1]) == first:
            merged[-1] = (merged[-1][0], merged[-1][1] + count)
        else:
            merged.append((first, count))
    return merged


def _disjoint(runs: Iterable[Run]) -> bool:
    ordered = sorted(runs)
    return all(first + count <= after for (first, count), (after, _n) in pairwise(ordered))


def _without_repeats(runs: list[Run]) -> tuple[list[Run], bool]:
    """Cut `runs` where a cluster comes for the second time; tell whether one did."""
    if _disjoint(runs):
        return runs, False
    # The shortest beginning that repeats a cluster: `good` runs do not, `bad` do.
    good, bad = 1, len(runs)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _disjoint(runs[:middle]) else (good, middle)
    first, count = runs[good]
    met = [other for other, n in runs[:good] if other < first + count and first < other + n]
    upto = max(0, min(met) - first)
    return [*runs[:good], (first, upto)] if upto else runs[:good], True
