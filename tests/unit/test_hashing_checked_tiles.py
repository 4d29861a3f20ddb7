"""Tiles held against the signed root: whichever file is forged, it is named and never used."""

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import growth, proofs, tiles
from hashing.checked_tiles import CheckedTiles
from hashing.errors import ProofError, TileForgedError
from hashing.merkle import EMPTY_ROOT, Frontier, leaf_hash, perfect_root
from hashing.tiles import Tile, pack_bundle, unpack_bundle, unpack_tile

LONG = 65_536 + 700  # three levels, each with a partial tile, the lowest with full ones beside it


@cache
def entries() -> list[bytes]:
    """Return the entries of the longest log here."""
    return [b'{"seq":%d}' % number for number in range(LONG)]


@cache
def log_of(size: int) -> tuple[bytes, dict[str, bytes]]:
    """Return root and files of the log of the first `size` entries."""
    files: dict[str, bytes] = {}
    files.update(growth.grow(0, entries()[:size], files.__getitem__))
    frontier = Frontier()
    for entry in entries()[:size]:
        frontier.append(leaf_hash(entry))
    return frontier.root(), files


class Log:
    """The files of a log, to be forged; it remembers what was read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.root, files = log_of(size)
        self.files = dict(files)
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        """Return a file."""
        self.reads.append(path)
        return self.files[path]

    def tiles(self) -> CheckedTiles:
        """Return its tiles, nothing checked yet."""
        return CheckedTiles(self.size, self.root, self.read)

    def flip(self, path: str, hash_at: int = 0) -> None:
        """Change one bit of one hash of a tile."""
        data = bytearray(self.files[path])
        data[hash_at * 32 + 7] ^= 4
        self.files[path] = bytes(data)


def everything(log: Log) -> None:
    """Use every tile of a log."""
    checked = log.tiles()
    checked.leaves(0, log.size)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 512, 700, LONG])
def test_sound_tiles_give_leaves_and_proofs(size: int) -> None:
    """Of a sound log, leaves are the entries' own, and each proof is as from unchecked tiles."""
    log = Log(size)
    checked = log.tiles()
    assert checked.leaves(0, size) == [leaf_hash(entry) for entry in entries()[:size]]
    for index in sorted({0, size // 3, size - 1}):
        assert checked.leaf(index) == leaf_hash(entries()[index])
        assert checked.inclusion(index) == proofs.inclusion(index, size, log.read)
        assert checked.consistency(index) == proofs.consistency(index, size, log.read)


def test_nothing_is_read_before_it_is_needed() -> None:
    """Making it reads nothing; one leaf costs the right edge and one tile a level; then no more."""
    log = Log(LONG)
    checked = log.tiles()
    assert log.reads == []
    checked.leaf(300)
    assert len(log.reads) == 5
    checked.leaf(301)
    checked.inclusion(300)
    assert len(log.reads) == 5


def test_its_memory_is_bounded() -> None:
    """After a whole log of 257 tiles was used, 64 of them are held, and the rest are read again."""
    log = Log(LONG)
    checked = log.tiles()
    checked.leaves(0, LONG)
    log.reads.clear()
    checked.leaves(0, 1)
    assert "tile/0/000" in log.reads
    log.reads.clear()
    checked.leaves(65_536 - 256, LONG)
    assert log.reads == []


@pytest.mark.parametrize("size", [1, 256, 257, 300, 700])
def test_every_forged_tile_is_named(size: int) -> None:
    """Whichever tile is forged, in its first hash or its last, it is named once it is used."""
    for path in [path for path in log_of(size)[1] if not path.startswith("tile/entries/")]:
        for last in (False, True):
            log = Log(size)
            log.flip(path, len(log.files[path]) // 32 - 1 if last else 0)
            with pytest.raises(TileForgedError) as caught:
                everything(log)
            assert caught.value.path == path, size


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_forged_hash_anywhere_is_found(data: st.DataObject) -> None:
    """In a log of three levels too: one forged hash, and the tile is named before it is used."""
    log = Log(LONG)
    names = sorted(path for path in log.files if not path.startswith("tile/entries/"))
    path = data.draw(st.sampled_from(names))
    which = tiles.parse_path(path)
    assert isinstance(which, Tile)
    log.flip(path, data.draw(st.integers(0, which.width - 1)))
    span = 256**which.level
    first = min(which.index * 256 * span, LONG - 1)
    with pytest.raises(TileForgedError) as caught:
        log.tiles().leaf(first)
    assert caught.value.path == path


def test_a_tile_forged_together_with_its_bundle_is_found() -> None:
    """CVE-2026-56865: a tile that shares its neighbours with the right edge is checked as well.

    The affected reader took the hashes of the right edge out of tiles that it never
    compared with their parents, so a level-0 tile and a bundle, forged to agree, passed.
    """
    for size in (257, 300, 511, 512, 700, LONG):
        for victim in {0, (size - 1) // 256, max(0, size // 256 - 1)}:
            log = Log(size)
            width = min(256, size - victim * 256)
            bundle, tile = tiles.entries_path(victim, width), tiles.tile_path(0, victim, width)
            forged = [b"forged", *unpack_bundle(log.files[bundle], width)[1:]]
            log.files[bundle] = pack_bundle(forged)
            log.files[tile] = b"".join(map(leaf_hash, forged))
            for use in using(victim * 256, size):
                with pytest.raises(TileForgedError) as caught:
                    use(log.tiles())
                assert caught.value.path == tile


def using(index: int, size: int) -> list[Callable[[CheckedTiles], object]]:
    """Return every way to use the tile over a leaf."""
    return [
        lambda checked: checked.leaf(index),
        lambda checked: checked.leaves(0, size),
        lambda checked: checked.inclusion(index),
        lambda checked: checked.tile(0, index // 256),
    ]


def test_tiles_forged_up_to_the_edge_are_found() -> None:
    """A tile forged with the one above it, where that is the right edge, does not pass either."""
    log = Log(700)
    forged = [leaf_hash(b"forged"), *unpack_tile(log.files["tile/0/000"], 256)[1:]]
    log.files["tile/0/000"] = b"".join(forged)
    above = log.files["tile/1/000.p/2"]
    log.files["tile/1/000.p/2"] = perfect_root(forged) + above[32:]
    for use in using(0, 700):
        with pytest.raises(TileForgedError, match="does not give the signed root"):
            use(log.tiles())


def test_another_root_is_no_root_of_these_tiles() -> None:
    """Sound tiles under a root that is not theirs are used for nothing."""
    log = Log(300)
    for root in (leaf_hash(b"other"), log_of(301)[0], b"", bytes(31)):
        log.root = root
        with pytest.raises(TileForgedError):
            log.tiles().leaf(0)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_tile_of_another_length_is_named(path: str) -> None:
    """A torn or lengthened tile is named."""
    for change in (lambda data: data[:-1], lambda data: data + bytes(32), lambda _: b""):
        log = Log(300)
        log.files[path] = change(log.files[path])
        with pytest.raises(TileForgedError) as caught:
            everything(log)
        assert caught.value.path == path


def test_the_full_tile_that_replaced_a_partial_one_is_named() -> None:
    """Where a full tile stands in for a partial one, it is judged, and named by its own path."""
    log, longer = Log(300), Log(600)
    del log.files["tile/0/001.p/44"]
    log.files["tile/0/001"] = longer.files["tile/0/001"]
    log.files["tile/1/000.p/1"] = longer.files["tile/1/000.p/2"][:32]
    assert log.tiles().leaves(0, 300) == [leaf_hash(entry) for entry in entries()[:300]]
    log.flip("tile/0/001", 43)
    with pytest.raises(TileForgedError) as caught:
        everything(log)
    assert caught.value.path == "tile/0/001"
    log.flip("tile/0/001", 43)
    log.flip("tile/0/001", 44)  # beyond this size: nobody's business here
    everything(log)


def test_a_missing_tile_is_no_forged_one() -> None:
    """What is not there is told as its reader tells it, whatever else is wrong."""
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"):
        log = Log(300)
        del log.files[path]
        with pytest.raises(KeyError, match=path):
            everything(log)


def test_a_forged_edge_is_named_though_tiles_below_are_gone() -> None:
    """Blame does not depend on files that a forger can take away."""
    log = Log(700)
    log.flip("tile/1/000.p/2", 1)
    del log.files["tile/0/000"]
    with pytest.raises(TileForgedError) as caught:
        log.tiles().leaf(600)
    assert caught.value.path == "tile/1/000.p/2"
    del log.files["tile/0/001"]
    with pytest.raises(TileForgedError, match="together with"):
        log.tiles().leaf(600)


def test_an_empty_log_has_no_leaves() -> None:
    """Of no entries there is the one root, and nothing else."""
    empty = CheckedTiles(0, EMPTY_ROOT, Log(1).read)
    assert empty.leaves(0, 0) == []
    assert empty.consistency(0) == []
    with pytest.raises(ProofError):
        empty.leaf(0)
    with pytest.raises(ProofError, match="one root only"):
        CheckedTiles(0, leaf_hash(b""), Log(1).read).tile(0, 0)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 301), (5, 4), (301, 301)])
def test_there_are_no_other_leaves(start: int, end: int) -> None:
    """Leaves beyond the log, or backwards, are asked for in vain."""
    with pytest.raises(ProofError):
        Log(300).tiles().leaves(start, end)
    with pytest.raises(ProofError):
        Log(300).tiles().inclusion(300)
    with pytest.raises(ProofError):
        Log(300).tiles().consistency(301)
