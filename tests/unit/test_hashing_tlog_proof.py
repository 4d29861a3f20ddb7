"""The form of a tlog-proof: one spelling, and nothing else is one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import note, tlog_proof
from hashing.checkpoint import MAX_SIZE
from hashing.errors import TlogProofError
from hashing.tlog_proof import TlogProof

GOLDEN = Path(__file__).parents[1] / "golden" / "hashing"
PROOFS: dict[str, Any] = json.loads((GOLDEN / "proofs.json").read_text("utf-8"))
WHOLE = PROOFS["proof_256"].encode()
HASH = b"grnFPf0o2arPmhVs+EaTA4cqdawZfQ82yOF0WhWcVU0="


@pytest.mark.parametrize(("name", "extra"), [("proof_256", None), ("proof_256_extra", b"an extra")])
def test_proofs_of_another_implementation(name: str, extra: bytes | None) -> None:
    """A proof that others wrote is read, and written to the same bytes."""
    proof = tlog_proof.parse(PROOFS[name].encode())
    assert (proof.index, len(proof.hashes), proof.extra) == (256, 7, extra)
    assert proof.encode() == PROOFS[name].encode()
    assert note.parse(proof.note)[0].startswith("dock.example/0001\n300\n")


def test_the_first_empty_line_parts() -> None:
    """The checkpoint begins after the first empty line, and keeps its own."""
    proof = tlog_proof.parse(WHOLE)
    assert b"\n\n" in proof.note
    assert WHOLE.endswith(proof.note)
    with_more = tlog_proof.parse(WHOLE.replace(b"\n\n", b"\n\n\n", 1))
    assert with_more.note == b"\n" + proof.note


@given(
    st.integers(0, MAX_SIZE - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(min_size=1, max_size=100),
    st.none() | st.binary(max_size=100),
)
def test_what_is_written_is_read(
    index: int, hashes: list[bytes], checkpoint: bytes, extra: bytes | None
) -> None:
    """Whatever a proof holds is read back equal."""
    proof = TlogProof(index, tuple(hashes), checkpoint, extra)
    assert tlog_proof.parse(proof.encode()) == proof


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: WHOLE[:60] + tail))
def test_any_bytes_are_a_proof_or_an_error(data: bytes) -> None:
    """Reading raises TlogProofError and nothing else; what is read is written the same."""
    try:
        proof = tlog_proof.parse(data)
    except TlogProofError:
        return
    assert proof.encode() == data


@pytest.mark.parametrize(
    "how",
    [
        lambda data: data[:0],
        lambda data: data[1:],
        lambda data: b"\n" + data,
        lambda data: data.replace(b"@v1", b"@v2"),
        lambda data: data.replace(b"@v1\n", b"@v1 \n"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data.partition(b"\n\n")[0] + b"\n\n",
        lambda data: data.partition(b"\n\n")[0],
        lambda data: data.replace(b"index 256", b"index 0256"),
        lambda data: data.replace(b"index 256", b"index +256"),
        lambda data: data.replace(b"index 256", b"index -1"),
        lambda data: data.replace(b"index 256", b"index  256"),
        lambda data: data.replace(b"index 256", b"index 2_56"),
        lambda data: data.replace(b"index 256", b"index 0x100"),
        lambda data: data.replace(b"index 256", b"index " + b"9" * 20),
        lambda data: data.replace(b"index 256", b"index 9223372036854775807"),
        lambda data: data.replace(b"index 256", b"Index 256"),
        lambda data: data.replace(b"index 256", b"index"),
        lambda data: data.replace(b"index 256\n", b""),
        lambda data: data.replace(b"index 256\n", b"index 256\nindex 256\n"),
        lambda data: data.replace(b"index", b"extra\nindex"),
        lambda data: data.replace(b"index", b"extra AA\nindex"),
        lambda data: data.replace(b"index", b"extra AB==\nindex"),
        lambda data: data.replace(b"index", b"extra AA==\nextra AA==\nindex"),
        lambda data: data.replace(HASH, b"extra AA=="),
        lambda data: data.replace(HASH, HASH[:-1]),
        lambda data: data.replace(HASH, HASH + b"="),
        lambda data: data.replace(HASH, HASH[:-2] + b"1="),
        lambda data: data.replace(HASH, b" " + HASH),
        lambda data: data.replace(HASH, HASH.replace(b"+", b"-")),
        lambda data: data.replace(HASH, b"AAAA"),
        lambda data: data.replace(HASH, "é".encode()),
        lambda data: data.replace(HASH, b"\n".join([HASH] * 59)),
        lambda data: data.replace(HASH, b"\n".join([HASH] * 5000)),
        lambda data: data + b"a" * tlog_proof.MAX_PROOF,
        lambda data: data + b"a" * note.MAX_NOTE,
        lambda data: data.replace(b"index", b"extra " + b"AAAA" * 30_000 + b"\nindex"),
    ],
)
def test_malformed_proofs(how: Callable[[bytes], bytes]) -> None:
    """What is not exactly a proof in its one spelling is refused."""
    with pytest.raises(TlogProofError):
        tlog_proof.parse(how(WHOLE))


def test_parts_that_make_no_proof() -> None:
    """What could not be read again is not written."""
    for parts in (
        (-1, (), b"note"),
        (MAX_SIZE, (), b"note"),
        (0, (bytes(31),), b"note"),
        (0, (bytes(32),) * 64, b"note"),
        (0, (), b""),
        (0, (), b"note", bytes(tlog_proof.MAX_EXTRA + 1)),
    ):
        with pytest.raises(TlogProofError):
            TlogProof(*parts)
