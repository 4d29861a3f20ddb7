"""One proof for many leaves: it is as short as can be, and shows them all or nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import multiproof, proofs
from hashing.errors import ProofError
from hashing.merkle import EMPTY_ROOT, leaf_hash, node_hash
from tests.manifests import Files

ENTRIES = [b"%d" % at for at in range(700)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def root_of(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:cut]), root_of(leaves[cut:]))


def some_leaves() -> st.SearchStrategy[tuple[int, list[int]]]:
    """Return sizes, each with some leaves of a tree of that size, ascending."""
    return st.integers(1, 700).flatmap(
        lambda size: st.tuples(
            st.just(size), st.sets(st.integers(0, size - 1), min_size=1, max_size=60).map(sorted)
        )
    )


def proved(size: int, indices: list[int]) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """Return leaves and their proof."""
    proof = multiproof.make(indices, size, Files(ENTRIES[:size]).read)
    return [(index, LEAVES[index]) for index in indices], proof


@given(some_leaves())
def test_leaves_and_proof_make_the_root(what: tuple[int, list[int]]) -> None:
    """Whichever leaves are chosen, and however many there are."""
    size, indices = what
    leaves, proof = proved(size, indices)
    assert multiproof.root(leaves, size, proof) == root_of(LEAVES[:size])
    assert multiproof.count(indices, size) == len(proof)


@given(st.integers(1, 700).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_the_proof_of_one_leaf_is_its_audit_path(what: tuple[int, int]) -> None:
    """The same hashes as RFC 6962's, from left to right instead of from below."""
    size, index = what
    _, proof = proved(size, [index])
    path = proofs.inclusion(index, size, Files(ENTRIES[:size]).read)
    assert sorted(proof) == sorted(path)


@given(some_leaves(), st.data())
def test_any_other_leaf_hash_or_place_gives_another_root(
    what: tuple[int, list[int]], data: st.DataObject
) -> None:
    """No leaf, hash or place can be changed and the root stay."""
    size, indices = what
    leaves, proof = proved(size, indices)
    right = root_of(LEAVES[:size])
    victim = data.draw(st.integers(0, len(leaves) + len(proof) - 1))
    other = hashlib.sha256(b"another").digest()
    if victim < len(leaves):
        leaves[victim] = (leaves[victim][0], other)
    else:
        proof[victim - len(leaves)] = other
    assert multiproof.root(leaves, size, proof) != right


@given(some_leaves(), st.sampled_from(["more", "less"]), st.data())
def test_a_hash_too_many_or_too_few_is_no_proof(
    what: tuple[int, list[int]], how: str, data: st.DataObject
) -> None:
    """The leaves and the size say how many hashes there are."""
    size, indices = what
    leaves, proof = proved(size, indices)
    if how == "more":
        proof.insert(data.draw(st.integers(0, len(proof))), bytes(32))
    elif proof:
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    else:
        return
    with pytest.raises(ProofError):
        multiproof.root(leaves, size, proof)


@given(some_leaves(), st.integers(-3, 800))
def test_leaves_out_of_order_or_beyond_the_tree_are_none(
    what: tuple[int, list[int]], stray: int
) -> None:
    """Twice, backwards, before the first or after the last: there is no such proof."""
    size, indices = what
    wrong = [*indices, stray]
    if stray > indices[-1] and stray < size:
        return
    with pytest.raises(ProofError):
        multiproof.count(wrong, size)
    with pytest.raises(ProofError):
        multiproof.root([(index, bytes(32)) for index in wrong], size, [])


def test_nothing_proves_nothing() -> None:
    """A proof of no leaf would be the root itself, said by whoever wrote it."""
    with pytest.raises(ProofError):
        multiproof.root([], 5, [bytes(32)])


@given(
    st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=40))),
    st.integers(-1, 60),
    st.lists(st.binary(max_size=40), max_size=9),
)
def test_any_input_is_a_root_or_an_error(
    leaves: list[tuple[int, bytes]], size: int, proof: list[bytes]
) -> None:
    """Nothing but ProofError is raised, whatever is given."""
    try:
        assert len(multiproof.root(leaves, size, proof)) == 32
    except ProofError:
        return


def test_hashes_are_shared() -> None:
    """A run of leaves costs two paths to its ends, not a path for each."""
    assert multiproof.count(range(1000, 11_000), 1_000_000) <= 40
    assert multiproof.count(range(0, 1 << 20, 2), 1 << 20) == 1 << 19
