"""Allocation tables against a model that follows them link by link."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.volume.bitmap import Bitmap
from firmware_bridge.volume.clusters import EXFAT, FAT12, FAT16, FAT32, Chain, Heap, Marks, Table
from firmware_bridge.volume.listing import Extent
from firmware_bridge.volume.medium import BoundReachedError, Limits, Source

ALL = {"fat12": FAT12, "fat16": FAT16, "fat32": FAT32, "exfat": EXFAT}


def packed(links: list[int], marks: Marks) -> bytes:
    """Return a table's bytes."""
    if marks is FAT12:
        pairs = zip([*links, 0][::2], [*links, 0, 0][1::2], strict=False)
        return b"".join((one | two << 12).to_bytes(3, "little") for one, two in pairs)
    return struct.pack(f"<{len(links)}{'H' if marks is FAT16 else 'I'}", *links)


def table(links: list[int], marks: Marks, limits: Limits | None = None) -> Table:
    """Return a table over these links, the first two of which mean no cluster."""
    data = packed(links, marks) + bytes(8)
    source = Source(lambda at, n: data[at : at + n], len(data), limits or Limits())
    return Table(source, Heap(0, 512, len(links) - 2), marks, (0,))


def model(links: list[int], marks: Marks, first: int, want: int | None) -> tuple[list[int], str]:
    """Return the clusters of a chain and why it ended, one link at a time."""
    chain: list[int] = []
    at = first
    while True:
        if not 2 <= at < len(links):
            return chain, "cluster-out-of-range"
        if at in chain:
            return chain, "chain-loop"
        link = links[at] & marks.mask
        if link == marks.bad:
            return chain, "bad-cluster"
        chain.append(at)
        if link == 0:
            return chain, "free-cluster-in-chain"
        if link >= marks.end:
            return chain, ""
        if want is not None and len(chain) == want:
            return chain, "" if not 2 <= link < len(links) else "chain-long"
        at = link


def clusters(chain: Chain) -> list[int]:
    """Return the clusters of a chain one by one."""
    return [c for first, count in chain.runs for c in range(first, first + count)]


@st.composite
def tables(draw: st.DrawFn, marks: Marks) -> list[int]:
    """Draw links: mostly straight on, some leading anywhere, some that end or break."""
    size = draw(st.integers(3, 60))
    links = [marks.end, marks.end]
    for cluster in range(2, size):
        kind = draw(st.integers(0, 9))
        if kind < 6:
            links.append(cluster + 1)
        elif kind == 6:
            links.append(draw(st.integers(0, size + 2)))
        else:
            links.append((marks.mask, marks.bad, 0)[kind - 7])
    return links


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_chains_are_followed_as_link_by_link(name: str, data: st.DataObject) -> None:
    """Runs that are taken at a stride hold the same clusters as single steps."""
    marks = ALL[name]
    links = data.draw(tables(marks))
    first = data.draw(st.integers(0, len(links) + 1))
    want = data.draw(st.none() | st.integers(1, 70))
    expected, reason = model(links, marks, first, want)
    chain = table(links, marks).follow(first, want)
    assert clusters(chain) == expected
    if reason and reason != "chain-long":
        assert reason in chain.problems
    elif reason == "chain-long":
        assert set(chain.problems) & {"chain-long", "chain-loop"}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_free_clusters_are_counted(name: str, data: st.DataObject) -> None:
    """The count of free clusters, and whether some are free, are those of the links."""
    marks = ALL[name]
    links = data.draw(tables(marks))
    one = table(links, marks)
    assert one.count_free() == sum(1 for link in links[2:] if not link & marks.mask)
    first = data.draw(st.integers(2, len(links) - 1))
    count = data.draw(st.integers(1, len(links) - first))
    assert one.all_free(first, count) == (not any(links[first : first + count]))


@pytest.mark.parametrize("name", ["fat16", "fat32", "exfat"])
def test_long_runs_cross_windows(name: str) -> None:
    """A run longer than what is read at once is still one run."""
    marks = ALL[name]
    size = 60_000 if name == "fat16" else 200_000
    links = [marks.end, marks.end, *range(3, size), marks.mask]
    chain = table(links, marks).follow(2)
    assert chain == Chain(((2, size - 2),), ())
    assert table(links, marks).follow(2, 100).problems == ("chain-long",)


def test_a_table_of_loops_ends_by_its_bound() -> None:
    """Steps along chains are bounded for the whole medium."""
    size = 5000
    links = [0, 0, *(2 + (n * 7919) % (size - 2) for n in range(size - 2))]
    hostile = table(links, FAT32, Limits(chain_steps=20_000))

    def follow_all() -> None:
        for first in range(2, size):
            hostile.follow(first)

    with pytest.raises(BoundReachedError):
        follow_all()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bitmap_says_what_its_bits_say(data: st.DataObject) -> None:
    """Counts, spans and runs over the bitmap are those of its single bits."""
    bits = data.draw(st.lists(st.booleans(), min_size=1, max_size=120))
    raw = sum(bit << at for at, bit in enumerate(bits)).to_bytes(16, "little")
    source = Source(lambda at, n: raw[at : at + n], 16, Limits())
    cut = data.draw(st.integers(0, 16))
    extents = (Extent(0, cut), Extent(cut, 16 - cut))
    bitmap = Bitmap(source, extents, len(bits))
    assert bitmap.count_used() == sum(bits)
    at = data.draw(st.integers(0, len(bits) - 1))
    count = data.draw(st.integers(1, len(bits) - at))
    span = bits[at : at + count]
    assert bitmap.all_used(at + 2, count) == all(span)
    assert bitmap.all_free(at + 2, count) == (not any(span))
    assert bitmap.used_run(at + 2, count) == ([*span, False].index(False))
