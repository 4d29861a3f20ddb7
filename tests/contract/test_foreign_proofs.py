"""Verifiers that we did not write judge our proofs, heads and cosignatures."""

import importlib
import importlib.util
from types import ModuleType

import pytest

from hashing import note, proofs
from hashing.cosigners import AnyCosignerSigner
from tests.proving import LOG_QUANTUM, QUANTUM, TIME_S, W1, W2, Kept
from tests.require import need
from tests.sealed import KEY, ORIGIN, long

LOG = Kept.of(long(70))
VKEY = str(KEY.verifier())


def foreign(name: str) -> ModuleType:
    """Return another implementation; skip where it is not installed."""
    need(importlib.util.find_spec(name.partition(".")[0]), f"the Python package {name}")
    return importlib.import_module(name)


def vkeys(*signers: AnyCosignerSigner) -> list[str]:
    """Return the keys of cosigners as text."""
    return [str(signer.verifier()) for signer in signers]


@pytest.mark.parametrize("index", [0, 1, 31, 63, 64, 69])
def test_proofbundle_accepts_our_proofs(index: int) -> None:
    """A proof of ours, with cosignatures of both types, is accepted as a whole."""
    tlogproof = foreign("proofbundle.tlogproof")
    proof = LOG.proof(index, LOG.note((W1, W2, QUANTUM))).encode().decode()
    told = tlogproof.verify_tlog_proof(
        proof, LOG.entries[index], VKEY, vkeys(W1, W2, QUANTUM), threshold=3, expected_origin=ORIGIN
    )
    assert (told["ok"], told["index"], told["tree_size"]) == (True, index, 70)
    times = [each["timestamp"] for each in told["witnesses"].values()]
    assert times == [TIME_S] * 3


def test_proofbundle_refuses_what_was_changed() -> None:
    """It is no rubber stamp: another entry, a stripped line and a moved time are refused."""
    tlogproof = foreign("proofbundle.tlogproof")
    proof = LOG.proof(3).encode().decode()

    def ok(text: str, entry: bytes) -> bool:
        told = tlogproof.verify_tlog_proof(text, entry, VKEY, vkeys(W1, W2), threshold=2)
        return bool(told["ok"])

    assert ok(proof, LOG.entries[3])
    assert not ok(proof, LOG.entries[4])
    *others, _last, end = proof.split("\n")
    assert not ok("\n".join([*others, end]), LOG.entries[3])
    moved = [W1.cosign(LOG.head.encode(), TIME_S), W2.cosign(LOG.at(7).head.encode(), TIME_S)]
    wrong = LOG.proof(3, note.with_lines(LOG.note(), moved)).encode().decode()
    assert not ok(wrong, LOG.entries[3])


def test_proofbundle_accepts_our_ml_dsa_line() -> None:
    """A cosignature of type 06 is accepted, of a witness and as the log's own second line."""
    checkpoint = foreign("proofbundle.checkpoint")
    signed = LOG.note((QUANTUM, LOG_QUANTUM)).decode()
    for signer in (QUANTUM, LOG_QUANTUM):
        told = checkpoint.verify_cosignature(signed, str(signer.verifier()))
        assert (told["ok"], told["alg"], told["timestamp"]) == (True, "ml-dsa-44", TIME_S)
    other = checkpoint.verify_cosignature(
        signed.replace("\n70\n", "\n71\n", 1), str(QUANTUM.verifier())
    )
    assert not other["ok"]


@pytest.mark.parametrize("index", [0, 31, 64, 69])
def test_metamorphic_log_accepts_our_proofs(index: int) -> None:
    """Head and inclusion are accepted under the log's key; cosignatures do not disturb it."""
    judge = foreign("metamorphic_log")
    head = LOG.note((W1, W2, QUANTUM)).decode()
    shown = list(LOG.proof(index).hashes)
    judge.checkpoint_verify_inclusion(head, [VKEY], index, LOG.leaf(index), shown)
    with pytest.raises(judge.VerifyError):
        judge.checkpoint_verify_inclusion(head, [VKEY], index, LOG.leaf(index - 1), shown)


@pytest.mark.parametrize("size", [1, 40, 64, 69])
def test_metamorphic_log_accepts_our_consistency_proofs(size: int) -> None:
    """That a head of ours continues an older one is accepted, and the reverse is not."""
    judge = foreign("metamorphic_log")
    older, newer = LOG.at(size).note().decode(), LOG.note().decode()
    shown = proofs.consistency(size, 70, LOG.read)
    judge.checkpoint_verify_consistency(older, newer, [VKEY], shown)
    other = Kept([entry.replace(b"ntp", b"rtc") for entry in LOG.entries]).note().decode()
    with pytest.raises(judge.VerifyError):
        judge.checkpoint_verify_consistency(older, other, [VKEY], shown)
