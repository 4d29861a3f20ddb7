"""The attack matrix of a proof: each attack by name, its verdict and the code that names it."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from hashing import note, tlog_proof
from hashing.checkpoint import Checkpoint
from hashing.cosignature import CosignerSigner
from hashing.errors import PolicyError
from hashing.heads import Trust
from hashing.keys import SignerKey
from hashing.mldsa import MldsaSigner
from hashing.note import SignatureLine
from hashing.policy import Policy
from hashing.proof_check import Age, Asked, check_proof
from tests.proving import (
    LOG_QUANTUM,
    QUANTUM,
    TIME_S,
    W1,
    W2,
    W3,
    Kept,
    named,
    policy_text,
    seed,
    trust,
)
from tests.sealed import KEY, ORIGIN, long

LOG = Kept.of(long(70))
ANOTHER = Kept([entry.replace(b"ntp", b"rtc") for entry in LOG.entries])
AT = 69
THIEF = SignerKey.generate(ORIGIN, seed("a thief"))
OTHER_DOCK = SignerKey.generate("dock.example/0002", seed("another dock"))
TWO_OF_THREE = trust()
NOTHING_ELSE = Asked()


@dataclass(frozen=True, slots=True)
class Case:
    """What a court is shown."""

    entry: bytes = LOG.entries[AT]
    proof: bytes = LOG.proof(AT).encode()
    trust: Trust = TWO_OF_THREE
    asked: Asked = NOTHING_ELSE

    def codes(self) -> list[str]:
        """Return the codes of what is wrong with it."""
        report = check_proof(named(self.entry), named(self.proof), self.trust, self.asked)
        assert report.ok == (not report.problems)
        return [problem.code for problem in report.problems]


def proof(change: Callable[[bytes], bytes]) -> Case:
    """Return the genuine case with other bytes of the proof."""
    return Case(proof=change(LOG.proof(AT).encode()))


def swap(old: bytes, new: bytes) -> Case:
    """Return the genuine case with one piece of the proof put in place of another."""
    whole = LOG.proof(AT).encode()
    assert whole.count(old) >= 1
    return Case(proof=whole.replace(old, new, 1))


def under(checkpoint: bytes, trust: Trust = TWO_OF_THREE) -> Case:
    """Return the genuine inclusion proof under another checkpoint."""
    return Case(proof=LOG.proof(AT, checkpoint).encode(), trust=trust)


def validly(text: str) -> Case:
    """Return a proof under a text that log and witnesses validly signed, whatever it is."""
    return under(LOG.note((W1, W2), text=text))


def hashes(change: Callable[[list[bytes]], Sequence[bytes]]) -> Case:
    """Return the genuine case with other hashes."""
    genuine = LOG.proof(AT)
    return Case(proof=replace(genuine, hashes=tuple(change(list(genuine.hashes)))).encode())


def lines(change: Callable[[list[SignatureLine]], Sequence[SignatureLine]]) -> Case:
    """Return the genuine case with other signature lines."""
    text, genuine = note.parse(LOG.note())
    return under("\n".join([text, *map(str, change(list(genuine))), ""]).encode())


def raw_line(spoil: Callable[[str], str]) -> Case:
    """Return the genuine case with the last line spelled otherwise."""
    *others, last, end = LOG.note().decode().split("\n")
    return under("\n".join([*others, spoil(last), end]).encode())


def log_line(key: SignerKey, text: str) -> SignatureLine:
    """Return a log's signature line."""
    return note.parse(note.sign(text, [key]))[1][0]


TEXT = LOG.head.encode()
ROOT = base64.b64encode(LOG.head.root)
HASH = base64.b64encode(LOG.proof(AT).hashes[0])
NODE = LOG.proof(AT).hashes[0] + LOG.leaf(AT)
RELABELLED = SignatureLine(
    QUANTUM.name,
    QUANTUM.verifier().key_id,
    MldsaSigner.generate("elsewhere.example", QUANTUM.seed).cosign(TEXT, TIME_S).signature,
)
LATER = (TIME_S + 1).to_bytes(8, "big")
MANY = [SignatureLine(f"stranger.example/{at}", at, b"a signature") for at in range(40)]
QUANTUM_TRUST = trust(policy_text(witnesses=(W1, QUANTUM), quorum="all"))
ALL_THREE = trust(policy_text(quorum="all"))
NOBODY = trust(policy_text(quorum="none"))
TWO_KEYS = trust(policy_text(logs=(KEY, LOG_QUANTUM)))
ONLY_QUANTUM = trust(policy_text(logs=(LOG_QUANTUM,)))

ACCEPTED = {
    "genuine": Case(),
    "no quorum asked for": Case(trust=NOBODY),
    "no policy at all": Case(trust=Trust(logs=(KEY.verifier(),))),
    "extra data": Case(proof=replace(LOG.proof(AT), extra=b"trust me").encode()),
    "unknown signature lines": lines(lambda all_: [*MANY, *all_]),
    "more than sixteen lines": lines(lambda all_: [*all_, *MANY, *MANY]),
    "an unknown line under the log's name": lines(
        lambda all_: [SignatureLine(ORIGIN, 0x54F8_9A11, b"SM2, perhaps"), *all_]
    ),
    "a stranger twice": lines(lambda all_: [*all_, MANY[0], MANY[0]]),
    "the first of all entries": Case(entry=LOG.entries[0], proof=LOG.proof(0).encode()),
    "the only entry": Case(entry=LOG.entries[0], proof=LOG.at(1).proof(0).encode()),
    "all of three witnesses": under(LOG.note((W1, W2, W3)), trust=ALL_THREE),
    "ML-DSA among the witnesses": under(LOG.note((W1, QUANTUM)), trust=QUANTUM_TRUST),
    "the log's second line": under(LOG.note((W1, W2, LOG_QUANTUM)), trust=TWO_KEYS),
    "the log's second line missing": Case(trust=TWO_KEYS),
    "the log's second line alone trusted": under(
        LOG.note((W1, W2, LOG_QUANTUM)), trust=ONLY_QUANTUM
    ),
}

REFUSED = {
    # the entry
    "edited leaf": ("inclusion", Case(entry=LOG.entries[AT].replace(b"ntp", b"NTP"))),
    "edited leaf, no entry any more": ("inclusion", Case(entry=LOG.entries[AT][:-1])),
    "other leaf": ("leaf-other", Case(entry=LOG.entries[AT - 1])),
    "entry of another log at the same place": ("inclusion", Case(entry=ANOTHER.entries[AT])),
    "entry with a blank after it": ("inclusion", Case(entry=LOG.entries[AT] + b" ")),
    "entry longer than any": ("entry-malformed", Case(entry=b"x" * 70_000)),
    # the place
    "index plus one": ("leaf-other", swap(b"index 69", b"index 70")),
    "index beyond the size": (
        "index-beyond-size",
        Case(proof=replace(LOG.proof(AT), note=LOG.at(60).note()).encode()),
    ),
    "index just beyond the size": (
        "index-beyond-size",
        Case(proof=replace(LOG.proof(AT), note=LOG.at(AT).note()).encode()),
    ),
    "index 069": ("proof-malformed", swap(b"index 69", b"index 069")),
    "index of 20 digits": ("proof-malformed", swap(b"index 69", b"index " + b"9" * 20)),
    # the hashes
    "a hash dropped": ("inclusion", hashes(lambda all_: all_[1:])),
    "a hash added": ("inclusion", hashes(lambda all_: [*all_, bytes(32)])),
    "two hashes swapped": ("inclusion", hashes(lambda all_: [all_[1], all_[0], *all_[2:]])),
    "a hash changed": ("inclusion", hashes(lambda all_: [bytes(32), *all_[1:]])),
    "no hashes": ("inclusion", hashes(lambda _all: [])),
    "more than 63 hashes": ("proof-malformed", swap(HASH, b"\n".join([HASH] * 64))),
    "a hash in another spelling": ("proof-malformed", swap(HASH, HASH[:-2] + b"1=")),
    "a hash without padding": ("proof-malformed", swap(HASH, HASH.rstrip(b"="))),
    "a node passed off as a leaf": (
        "inclusion",
        Case(entry=NODE, proof=replace(LOG.proof(AT), hashes=LOG.proof(AT).hashes[1:]).encode()),
    ),
    # the checkpoint's text
    "root edited": ("log-signature", swap(ROOT, base64.b64encode(LOG.at(60).head.root))),
    "size edited": ("log-signature", swap(b"\n70\n", b"\n71\n")),
    "origin edited": ("other-origin", swap(b"\ndock.example/0001\n", b"\ndock.example/0009\n")),
    "size 070, validly signed": ("checkpoint-malformed", validly(TEXT.replace("\n70", "\n070"))),
    "size beyond 2^63": ("checkpoint-malformed", validly(TEXT.replace("\n70", f"\n{2**63}"))),
    "an extension line, validly signed": ("extension-line", validly(TEXT + "extension\n")),
    "another root, validly signed": (
        "inclusion",
        validly(Checkpoint(ORIGIN, 70, bytes(32)).encode()),
    ),
    "a shorter root of 31 bytes": (
        "checkpoint-malformed",
        validly(f"{ORIGIN}\n70\n{base64.b64encode(bytes(31)).decode()}\n"),
    ),
    "two lines": ("checkpoint-malformed", validly(f"{ORIGIN}\n70\n")),
    # who signed
    "another dock's whole note": (
        "other-origin",
        under(Kept(LOG.entries, key=OTHER_DOCK).note()),
    ),
    "the log's name, another key": ("other-log-key", under(Kept(LOG.entries, key=THIEF).note())),
    "the right id, another key": (
        "log-signature",
        lines(
            lambda all_: [
                SignatureLine(ORIGIN, KEY.verifier().key_id, THIEF.sign(TEXT.encode())),
                *all_[1:],
            ]
        ),
    ),
    "log signature stripped": ("log-unsigned", lines(lambda all_: all_[1:])),
    "log signature of another text": (
        "log-signature",
        lines(lambda all_: [log_line(KEY, "a text\n"), *all_[1:]]),
    ),
    "the log signed twice": ("same-key-twice", lines(lambda all_: [all_[0], *all_])),
    "cosignature stripped": ("quorum", lines(lambda all_: all_[:-1])),
    "all cosignatures stripped": ("quorum", lines(lambda all_: all_[:1])),
    "cosignature time changed": (
        "cosignature-invalid",
        lines(lambda all_: [*all_[:2], replace(all_[2], signature=LATER + all_[2].signature[8:])]),
    ),
    "cosignature of time zero": (
        "cosignature-invalid",
        lines(
            lambda all_: [*all_[:2], replace(all_[2], signature=bytes(8) + all_[2].signature[8:])]
        ),
    ),
    "cosignature of another head": (
        "cosignature-invalid",
        lines(lambda all_: [*all_[:2], W2.cosign(LOG.at(60).head.encode(), TIME_S)]),
    ),
    "plain signature in a cosignature's place": (
        "cosignature-invalid",
        lines(
            lambda all_: [
                *all_[:2],
                SignatureLine(
                    W2.name,
                    W2.verifier().key_id,
                    SignerKey.generate(W2.name, W2.seed).sign(TEXT.encode()),
                ),
            ]
        ),
    ),
    "one witness twice": ("same-key-twice", lines(lambda all_: [*all_[:2], all_[1]])),
    "one witness at two times": (
        "same-key-twice",
        lines(lambda all_: [*all_[:2], W1.cosign(TEXT, TIME_S + 1)]),
    ),
    "one witness under another's name": (
        "cosignature-invalid",
        lines(
            lambda all_: [
                *all_[:2],
                replace(all_[1], name=W2.name, key_id=W2.verifier().key_id),
            ]
        ),
    ),
    "a stranger as witness": (
        "quorum",
        lines(
            lambda all_: [
                *all_[:2],
                CosignerSigner.generate(W2.name, seed("stranger")).cosign(TEXT, TIME_S),
            ]
        ),
    ),
    "an ML-DSA line made under another name": (
        "cosignature-invalid",
        under(
            note.with_lines(LOG.note((W1,)), [RELABELLED]),
            trust=QUANTUM_TRUST,
        ),
    ),
    "the log's second line of another head": (
        "log-signature",
        under(
            note.with_lines(LOG.note(), [LOG_QUANTUM.cosign(LOG.at(60).head.encode(), 1)]),
            trust=TWO_KEYS,
        ),
    ),
    "fewer witnesses than all": ("quorum", Case(trust=ALL_THREE)),
    # bytes
    "CRLF in the whole file": ("proof-malformed", proof(lambda all_: all_.replace(b"\n", b"\r\n"))),
    "CRLF in the checkpoint": (
        "checkpoint-malformed",
        under(LOG.note().replace(b"\n", b"\r\n")),
    ),
    "no final newline": ("checkpoint-malformed", proof(lambda all_: all_[:-1])),
    "an empty line after the end": ("checkpoint-malformed", proof(lambda all_: all_ + b"\n")),
    "cut in the middle": ("checkpoint-malformed", proof(lambda all_: all_[:-100])),
    "no checkpoint": ("proof-malformed", proof(lambda all_: all_.partition(b"\n\n")[0])),
    "an empty file": ("proof-malformed", Case(proof=b"")),
    "another version": ("proof-malformed", swap(b"@v1", b"@v2")),
    "a line without padding": ("checkpoint-malformed", raw_line(lambda line: line.rstrip("="))),
    "a line in another alphabet": (
        "checkpoint-malformed",
        raw_line(lambda line: line[:-8] + "-_" + line[-6:]),
    ),
    "a line with a second spelling": ("checkpoint-malformed", raw_line(lambda line: line + "=")),
    "more than a hundred lines": (
        "checkpoint-malformed",
        lines(lambda all_: [*all_, *MANY, *MANY, *MANY]),
    ),
}


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED)
def test_what_verifies(case: Case) -> None:
    """What is genuine verifies, whatever else stands beside it."""
    assert case.codes() == []


@pytest.mark.parametrize(("code", "case"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(code: str, case: Case) -> None:
    """Each attack is refused, and named as what it is."""
    assert case.codes() == [code]


@pytest.mark.parametrize(
    "text",
    [
        policy_text(
            f"witness again {CosignerSigner.generate('elsewhere.example', W1.seed).verifier()}"
        ),
        policy_text(
            f"witness log {CosignerSigner.generate('elsewhere.example', KEY.seed).verifier()}"
        ),
        policy_text(f"witness log {KEY.verifier()}"),
        policy_text(f"witness log {LOG_QUANTUM.verifier()}"),
    ],
    ids=["one key under two names", "the log's key", "the log's key as it is", "its second key"],
)
def test_witnesses_that_no_policy_can_name(text: str) -> None:
    """One key under two names, or the log itself, can't be made to count as a witness."""
    with pytest.raises(PolicyError):
        Policy.parse(text)


@pytest.mark.parametrize(
    ("age_s", "most_s", "codes"),
    [
        (0, 1, []),
        (3600, 3600, []),
        (3601, 3600, ["stale"]),
        (10 * 365 * 86_400, 24 * 3600, ["stale"]),
        (-300, 3600, []),
        (-301, 3600, ["from-the-future", "from-the-future", "stale"]),
    ],
)
def test_an_old_state_that_was_once_genuine(age_s: int, most_s: int, codes: list[str]) -> None:
    """A cosigned state of yesterday passes for ever, unless its age is asked for."""
    now_s = TIME_S + age_s
    assert Case(asked=Asked(age=Age(now_s, most_s))).codes() == codes
    assert Case().codes() == []


def test_one_fresh_witness_does_not_keep_an_old_state_fresh() -> None:
    """Those who signed lately must make the quorum by themselves."""
    asked = Asked(age=Age(TIME_S + 86_400, 3600))
    fresh = [W3.cosign(TEXT, TIME_S + 86_000)]
    with_one = LOG.proof(AT, note.with_lines(LOG.note(), fresh)).encode()
    assert Case(proof=with_one, asked=asked).codes() == ["stale"]
    any_one = trust(policy_text(quorum="any"))
    assert Case(proof=with_one, asked=asked, trust=any_one).codes() == []
    nobody = trust(policy_text(quorum="none"))
    assert Case(proof=with_one, asked=asked, trust=nobody).codes() == []


def test_an_age_that_nobody_tells() -> None:
    """Where no known witness signed, the age of a head is unknown, and not zero."""
    asked = Asked(age=Age(TIME_S, 3600))
    alone = under(LOG.note(()), trust=NOBODY)
    assert replace(alone, asked=asked).codes() == ["age-unknown"]
    keys_only = Trust(logs=(KEY.verifier(),))
    assert Case(trust=keys_only, asked=asked).codes() == ["age-unknown"]


def test_extra_data_is_carried_and_never_trusted() -> None:
    """What stands in the extra line has no part in the verdict, nor in what is told."""
    with_extra = replace(LOG.proof(AT), extra=b'{"ok": true}').encode()
    wrong = Case(entry=LOG.entries[AT - 1], proof=with_extra)
    assert wrong.codes() == ["leaf-other"]
    assert tlog_proof.parse(with_extra).extra == b'{"ok": true}'
    report = check_proof(named(LOG.entries[AT]), named(with_extra), trust())
    assert b'"ok": true}"' not in str(report.as_json()).encode()
