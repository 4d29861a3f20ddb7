"""Inclusion and consistency proofs: made from tiles, checked from hashes alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import proofs
from hashing.checkpoint import MAX_SIZE
from hashing.errors import ProofError, TileError, TileForgedError
from hashing.merkle import EMPTY_ROOT, leaf_hash
from hashing.tile_reads import read_tile
from tests.trees import (
    LEAVES,
    Files,
    Uniform,
    holds_by,
    proof_by_definition,
    root_by_definition,
)

SIZES = st.one_of(st.integers(1, 1100), st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1024]))
FEW = settings(max_examples=60, deadline=None)


def subtrees() -> st.SearchStrategy[tuple[int, int, int]]:
    """Return (start, end, size) of subtrees that are in a tree."""

    @st.composite
    def draw(draw: st.DrawFn) -> tuple[int, int, int]:
        size = draw(SIZES)
        end = draw(st.integers(1, size))
        length = draw(st.integers(1, end))
        node = 1 << (length - 1).bit_length()
        start = (end - 1) // node * node
        return start, draw(st.integers(start + 1, min(end, start + node))), size

    return draw()


@FEW
@given(subtrees())
def test_a_proof_is_the_one_of_the_definition(case: tuple[int, int, int]) -> None:
    """Whatever the subtree, its proof is the draft's, and the check takes it."""
    start, end, size = case
    proof = proofs.subtree_consistency(start, end, size, Files(size).read)
    assert proof == proof_by_definition(start, end, size)
    roots = root_by_definition(start, end), root_by_definition(0, size)
    proofs.check_subtree(start, end, size, roots[0], proof, roots[1])


@FEW
@given(SIZES, st.data())
def test_every_leaf_and_every_earlier_tree_is_proved(size: int, data: st.DataObject) -> None:
    """Inclusion and consistency are proved at any index and any earlier size."""
    files, root = Files(size), root_by_definition(0, size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    leaf_proof = proofs.inclusion(index, size, files.read)
    proofs.check_inclusion(index, size, LEAVES[index], leaf_proof, root)
    proof = proofs.consistency(old, size, files.read)
    proofs.check_consistency(old, size, root_by_definition(0, old), root, proof)


@FEW
@given(subtrees(), st.data())
def test_any_changed_proof_is_refused(case: tuple[int, int, int], data: st.DataObject) -> None:
    """A hash changed, dropped, added, doubled or moved, or another place or size, is refused."""
    start, end, size = case
    proof = proof_by_definition(start, end, size)
    inner, outer = root_by_definition(start, end), root_by_definition(0, size)
    changed = data.draw(st.sampled_from(spoilt(proof, data)))
    assert not holds_by(proofs.check_subtree, start, end, size, inner, changed, outer)
    other = data.draw(st.sampled_from([inner[::-1], b"\0" * 32, inner[:31], inner + b"\0"]))
    assert not holds_by(proofs.check_subtree, start, end, size, other, proof, outer)
    assert not holds_by(proofs.check_subtree, start, end, size, inner, proof, other)


def spoilt(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """Return proofs that are nearly `proof`."""
    if not proof:
        return [[bytes(32)], [b""]]
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = bytearray(proof[at])
    flipped[bit // 8] ^= 1 << bit % 8
    found = [
        [*proof[:at], bytes(flipped), *proof[at + 1 :]],
        [*proof[:at], *proof[at + 1 :]],
        [*proof[:at], proof[at], *proof[at:]],
        [*proof[:at], proof[at][:-1], *proof[at + 1 :]],
        [*proof, bytes(32)],
        [],
    ]
    if proof != proof[::-1]:
        found.append(proof[::-1])
    return found


def test_a_leaf_is_proved_at_its_own_place_only() -> None:
    """In trees up to 40, the proof of one place is taken for no other place."""
    for size in range(1, 41):
        root = root_by_definition(0, size)
        for index in range(size):
            proof = proof_by_definition(index, index + 1, size)
            taken = [
                at
                for at in range(-1, size + 2)
                if holds_by(proofs.check_inclusion, at, size, LEAVES[index], proof, root)
            ]
            assert taken == [index]


def test_a_node_does_not_pass_for_a_leaf() -> None:
    """The hash over two nodes, hashed as a leaf, is in no tree."""
    pair = LEAVES[0] + LEAVES[1]
    proof = proof_by_definition(0, 2, 4)
    root = root_by_definition(0, 4)
    assert not holds_by(proofs.check_inclusion, 0, 2, leaf_hash(pair), proof, root)


@FEW
@given(subtrees())
def test_the_root_of_a_subtree_is_that_of_its_leaves(case: tuple[int, int, int]) -> None:
    """Out of the tiles of a log comes the root of any of its subtrees, an earlier tree's too."""
    start, end, size = case
    tiles = proofs.tiles_of(size, Files(size).read)
    assert proofs.range_root(start, end, tiles) == root_by_definition(start, end)


# What is no proof ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "size"),
    [
        (0, 0, 5),
        (2, 2, 5),
        (3, 2, 5),
        (-1, 1, 5),
        (0, 6, 5),
        (1, 3, 5),  # begins at no node over two leaves
        (256, 513, 600),
        (0, 1, 0),
        (0, 1, MAX_SIZE + 1),
    ],
)
def test_what_is_no_subtree(start: int, end: int, size: int) -> None:
    """Where no subtree is, none is proved and none is checked."""
    with pytest.raises(ProofError, match="no subtree"):
        proofs.subtree_consistency(start, end, size, Uniform().read)
    with pytest.raises(ProofError, match="no subtree"):
        proofs.check_subtree(start, end, size, bytes(32), [], bytes(32))


@pytest.mark.parametrize(("start", "end"), [(0, 0), (2, 1), (-1, 0), (1, 3), (256, 513)])
def test_what_is_no_subtree_has_no_root(start: int, end: int) -> None:
    """Leaves that are no subtree have no root of their own."""
    with pytest.raises(ProofError, match="no subtree"):
        proofs.range_root(start, end, proofs.tiles_of(600, Uniform().read))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (1, MAX_SIZE + 1)])
def test_what_is_no_leaf(index: int, size: int) -> None:
    """Where no leaf is, none is proved and none is checked."""
    with pytest.raises(ProofError, match="no leaf"):
        proofs.inclusion(index, size, Uniform().read)
    with pytest.raises(ProofError, match="no leaf"):
        proofs.check_inclusion(index, size, bytes(32), [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3), (-2, -1), (1, MAX_SIZE + 1)])
def test_what_is_no_earlier_tree(old: int, new: int) -> None:
    """A tree never begins with a larger one."""
    with pytest.raises(ProofError, match="does not begin"):
        proofs.consistency(old, new, Uniform().read)
    with pytest.raises(ProofError, match="does not begin"):
        proofs.check_consistency(old, new, bytes(32), bytes(32), [])


def test_the_empty_tree_is_consistent_with_all() -> None:
    """From no entries the proof is empty, and the root is the empty tree's and no other."""
    root = root_by_definition(0, 7)
    assert proofs.consistency(0, 7, Files(7).read) == []
    proofs.check_consistency(0, 7, EMPTY_ROOT, root, [])
    proofs.check_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    for new in (0, 7):
        with pytest.raises(ProofError, match="an empty tree has one root only"):
            proofs.check_consistency(0, new, root, root, [])
    with pytest.raises(ProofError, match="nothing is to be proved"):
        proofs.check_consistency(0, 7, EMPTY_ROOT, root, [root])


def test_one_size_has_one_root() -> None:
    """Of equal sizes the proof is empty and the roots are equal."""
    root = root_by_definition(0, 7)
    assert proofs.consistency(7, 7, Files(7).read) == []
    proofs.check_consistency(7, 7, root, root, [])
    with pytest.raises(ProofError, match="two roots of one size"):
        proofs.check_consistency(7, 7, LEAVES[0], root, [])
    with pytest.raises(ProofError, match="nothing is to be proved"):
        proofs.check_consistency(7, 7, root, root, [root])


@FEW
@given(
    st.integers(-1, 70),
    st.integers(-1, 70),
    st.binary(min_size=31, max_size=33),
    st.lists(st.binary(min_size=31, max_size=33), max_size=8),
)
def test_a_check_raises_nothing_else(
    one: int, other: int, digest: bytes, proof: list[bytes]
) -> None:
    """Whatever is checked, the answer is yes or ProofError."""
    holds_by(proofs.check_inclusion, one, other, digest, proof, digest)
    holds_by(proofs.check_consistency, one, other, digest, digest, proof)
    holds_by(proofs.check_subtree, one, one + 3, other, digest, proof, digest)


# What it costs, and what lies on the disk ------------------------------------------------------


@pytest.mark.parametrize("size", [1, 256, 257, 65_536, 10**6, 10**9 + 7, 2**40 - 1, 2**62 - 1])
def test_a_proof_is_short_however_long_the_log(size: int) -> None:
    """Up to 2^62 entries a proof has at most 63 hashes and reads at most two tiles a level."""
    log = Uniform()
    root, levels = log.root(size), max(1, (size.bit_length() + 7) // 8)
    for index in {0, size // 3, size - 1}:
        log.reads.clear()
        proof = proofs.inclusion(index, size, log.read)
        proofs.check_inclusion(index, size, LEAVES[0], proof, root)
        assert len(proof) <= size.bit_length()
        assert len(log.reads) <= 2 * levels
        assert len(set(log.reads)) == len(log.reads)
    for old in {size // 3, size // 2, size - 1}:
        log.reads.clear()
        proof = proofs.consistency(old, size, log.read)
        proofs.check_consistency(old, size, log.root(old) if old else EMPTY_ROOT, root, proof)
        assert len(proof) <= size.bit_length() + 1
        assert len(log.reads) <= 2 * levels


@pytest.mark.parametrize("size", [70, 300, 600])
def test_a_full_tile_stands_in_for_a_partial_one(size: int) -> None:
    """Once a partial file has gone, the full one that replaced it gives the same proofs."""
    kept, log = Files(1024, size), Files(1024)
    partial = [path for path in kept if path.startswith(f"tile/0/{size // 256:03}.p/")]
    assert partial
    assert not [path for path in partial if path in log]
    log["tile/1/000.p/1"] = kept["tile/1/000.p/4"][:32]  # of a level that is not full yet, all stay
    log["tile/1/000.p/2"] = kept["tile/1/000.p/4"][:64]
    for index in range(0, size, 7):
        proof = proofs.inclusion(index, size, log.read)
        proofs.check_inclusion(index, size, LEAVES[index], proof, root_by_definition(0, size))


def test_what_is_nowhere_is_told_by_its_own_name() -> None:
    """Where neither the partial nor the full tile is, it is the partial one that is missed."""
    nothing: dict[str, bytes] = {}
    with pytest.raises(KeyError, match=r"tile/0/000\.p/7"):
        proofs.inclusion(3, 7, nothing.__getitem__)
    with pytest.raises(KeyError, match=r"'tile/0/000'"):
        proofs.inclusion(3, 256, nothing.__getitem__)


@pytest.mark.parametrize("path", ["tile/0/000.p/7", "tile/0/000"])
def test_a_tile_of_the_wrong_length_is_named(path: str) -> None:
    """A tile that was cut or lengthened proves nothing, and is named."""
    for data in (b"", bytes(31), bytes(6 * 32), bytes(257 * 32)):
        with pytest.raises(TileForgedError) as caught:
            proofs.inclusion(3, 7, {path: data}.__getitem__)
        assert caught.value.path == path


def test_a_reader_that_breaks_is_heard() -> None:
    """What a reader raises for other reasons than a missing file comes out as it is."""

    def broken(path: str) -> bytes:
        raise ZeroDivisionError(path)

    with pytest.raises(ZeroDivisionError):
        proofs.inclusion(3, 7, broken)


def test_a_log_has_no_tiles_beyond_its_size() -> None:
    """What lies beyond the size is not read."""
    with pytest.raises(TileError, match="has no tile 1 at level 0"):
        read_tile(0, 1, 256, Files(300).read)
