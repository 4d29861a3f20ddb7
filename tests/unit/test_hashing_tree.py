"""The Merkle tree, the tiles it is kept in, and how they grow."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import growth, tiles
from hashing.errors import BundleError, TileError
from hashing.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, perfect_root
from hashing.tiles import Bundle, Tile

GOLDEN = Path(__file__).parent.parent / "golden" / "hashing"
SIZES = st.one_of(st.integers(0, 700), st.sampled_from([255, 256, 257, 511, 512, 65536, 65537]))


def golden(name: str) -> Any:
    """Return the content of a golden file."""
    return json.loads((GOLDEN / name).read_text("utf-8"))


def root_by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 section 2.1 words it, by recursion."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_by_definition(leaves[:split]), root_by_definition(leaves[split:]))


def leaf(number: int) -> bytes:
    """Return the golden log's leaf."""
    return b'{"seq":%d,"clip":"clip-%06d.mp4"}' % (number, number)


def test_roots_are_those_of_certificate_transparency() -> None:
    """The tree over the first n test leaves has the published root, for n up to 8."""
    vectors = golden("rfc6962.json")
    frontier = Frontier()
    assert frontier.root().hex() == vectors["roots"][0]
    for data, root in zip(vectors["leaves"], vectors["roots"][1:], strict=True):
        frontier.append(leaf_hash(bytes.fromhex(data)))
        assert frontier.root().hex() == root


def test_roots_of_the_golden_log() -> None:
    """The 300 golden leaves have the roots that other verifiers have accepted."""
    roots = golden("log300.json")["roots"]
    frontier = Frontier()
    for number in range(300):
        frontier.append(leaf_hash(leaf(number)))
        if str(frontier.size) in roots:
            assert base64.b64encode(frontier.root()).decode() == roots[str(frontier.size)]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_a_frontier_has_the_root_of_the_definition(leaves: list[bytes]) -> None:
    """Appending one leaf at a time gives the root that the recursive definition gives."""
    frontier = Frontier()
    for each in leaves:
        frontier.append(each)
    assert frontier.root() == root_by_definition(leaves)
    assert Frontier(frontier.size, frontier.hashes).root() == frontier.root()


def test_a_frontier_of_the_wrong_shape_is_refused() -> None:
    """A size and a number of hashes that do not fit are refused."""
    with pytest.raises(ValueError, match="perfect subtrees"):
        Frontier(3, [bytes(32)])


def test_golden_paths() -> None:
    """Every golden path is written so, and read back as the same tile or bundle."""
    for index, width, path in golden("paths.json")["entries"]:
        assert tiles.entries_path(index, width) == path
        assert tiles.parse_path(path) == Bundle(index, width)
    for level, index, width, path in golden("paths.json")["tiles"]:
        assert tiles.tile_path(level, index, width) == path
        assert tiles.parse_path(path) == Tile(level, index, width)


@pytest.mark.parametrize("path", golden("paths.json")["must_fail"])
def test_other_spellings_are_no_paths(path: str) -> None:
    """What is not exactly a path of the layout is refused."""
    with pytest.raises(TileError):
        tiles.parse_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_no_path_for_what_cannot_be(level: int, index: int, width: int) -> None:
    """Levels, indices and widths out of range have no path."""
    with pytest.raises(TileError):
        tiles.tile_path(level, index, width)


@given(st.text(max_size=40) | st.from_regex(r"tile/[0-9ex]{1,7}/[x0-9/.p]{0,20}", fullmatch=True))
def test_a_path_has_one_spelling(path: str) -> None:
    """Whatever is accepted as a path is written again exactly so."""
    try:
        which = tiles.parse_path(path)
    except TileError:
        return
    assert which.path == path


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=256))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    """Packing and unpacking a bundle changes nothing."""
    assert tiles.unpack_bundle(tiles.pack_bundle(entries), len(entries)) == entries


@given(st.binary(max_size=200), st.integers(1, 256))
def test_a_bundle_has_one_spelling(data: bytes, width: int) -> None:
    """Any bytes are either refused or are what the entries in them pack to."""
    try:
        entries = tuple(tiles.unpack_bundle(data, width))
        used = len(data)
    except BundleError as error:
        entries = error.whole
        used = len(tiles.pack_bundle(entries))
    assert tiles.pack_bundle(entries) == data[:used]


def test_entries_that_fit_no_bundle_are_refused() -> None:
    """An entry must have 1 to 65,535 bytes."""
    assert len(tiles.pack_bundle([bytes(65_535)])) == 65_537
    for size in (0, 65_536):
        with pytest.raises(TileError):
            tiles.pack_bundle([bytes(size)])


@pytest.mark.parametrize("hashes", [[], [b"short"], [bytes(32)] * 257])
def test_hashes_that_fit_no_tile_are_refused(hashes: list[bytes]) -> None:
    """A tile holds 1 to 256 hashes of 32 bytes."""
    with pytest.raises(TileError):
        tiles.pack_tile(hashes)


def test_the_shape_of_seventy_thousand() -> None:
    """The example of the specification: 273 full and .p/112, then 1 and .p/17, then .p/1."""
    assert [tiles.shape(70_000, level) for level in range(4)] == [
        (273, 112),
        (1, 17),
        (0, 1),
        (0, 0),
    ]
    assert [tiles.shape(256, level) for level in range(3)] == [(1, 0), (0, 1), (0, 0)]


class Disk(dict[str, bytes]):
    """A log's files by path."""

    def grow(self, old_size: int, entries: list[bytes]) -> None:
        """Publish `entries` and check that no file is written twice."""
        added = list(growth.grow(old_size, entries, self.__getitem__))
        assert not self.keys() & {path for path, _ in added}
        wanted = tiles.plan(old_size, old_size + len(entries))
        assert [path for path, _ in added] == [which.path for which in wanted]
        self.update(added)


def from_nothing(entries: list[bytes]) -> Disk:
    """Return the files of a log that was published at once."""
    disk = Disk()
    disk.grow(0, entries)
    return disk


@given(st.lists(st.integers(0, 600), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_growing_in_steps_ends_in_the_same_files(steps: list[int]) -> None:
    """However a log grew, its newest files are those of a log published at once."""
    entries = [leaf(number) for number in range(sum(steps))]
    disk, size, frontier = Disk(), 0, Frontier()
    for step in steps:
        fresh = entries[size : size + step]
        disk.grow(size, fresh)
        size += step
        for entry in fresh:
            frontier.append(leaf_hash(entry))
        assert growth.frontier(size, disk.__getitem__).root() == frontier.root()
    for path, data in from_nothing(entries).items():
        assert disk[path] == data


def test_a_second_level_full_tile() -> None:
    """Past 65,536 entries the second level fills, and the third begins."""
    entries = [b"%d" % number for number in range(65_536 + 300)]
    disk = from_nothing(entries[:65_500])
    disk.grow(65_500, entries[65_500:])
    assert {"tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/0/257.p/44"} <= disk.keys()
    assert "tile/2/000" not in disk
    row = tiles.unpack_tile(disk["tile/1/000"], 256)
    assert perfect_root(row) == disk["tile/2/000.p/1"]
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    assert growth.frontier(len(entries), disk.__getitem__).root() == frontier.root()


def test_growth_reads_only_the_right_edge() -> None:
    """Adding one entry to a large log reads one bundle and one partial tile for each level."""
    disk = from_nothing([b"%d" % number for number in range(70_000)])
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return disk[path]

    added = dict(growth.grow(70_000, [b"one more"], read))
    assert asked == ["tile/entries/273.p/112", "tile/0/273.p/112"]
    assert list(added) == ["tile/entries/273.p/113", "tile/0/273.p/113"]


def test_growth_from_a_torn_tile_is_refused() -> None:
    """A partial tile or bundle of the wrong length stops growth instead of spreading."""
    disk = from_nothing([leaf(number) for number in range(10)])
    for path in ("tile/0/000.p/10", "tile/entries/000.p/10"):
        torn = Disk(disk)
        torn[path] = torn[path][:-1]
        with pytest.raises(TileError):
            list(growth.grow(10, [b"next"], torn.__getitem__))


@given(SIZES, SIZES)
def test_a_plan_never_names_a_file_twice(one: int, other: int) -> None:
    """What a log of the new size has is what the old one had or what the plan adds."""
    old, new = sorted((one, other))
    added = tiles.plan(old, new)
    assert len(set(added)) == len(added)
    assert set(added).isdisjoint(tiles.plan(0, old))
    full = {which for which in tiles.plan(0, new) if which.width == 256}
    assert full <= {*tiles.plan(0, old), *added}


def test_a_log_never_shrinks() -> None:
    """There is no plan to a smaller size."""
    with pytest.raises(TileError):
        tiles.plan(2, 1)
