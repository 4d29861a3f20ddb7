"""What a proof is held against besides itself: clips, documents, kept heads, a log."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.messages import LANGUAGES, say, term
from hashing import heads, note, proofs, tlog_proof
from hashing.codes import PROBLEMS
from hashing.cosigners import parse_cosigner
from hashing.errors import HeadError
from hashing.heads import Trust
from hashing.kept import LogTiles, Named
from hashing.keys import SignerKey, VerifierKey
from hashing.merkle import leaf_hash
from hashing.policy import Policy
from hashing.proof_check import Asked, Content, ProofReport, check_proof
from hashing.proof_codes import PROOF_CODES
from hashing.report import CODES, NOTICES, Problem
from hashing.submission import Submission
from tests.proving import TIME_S, W1, W2, Kept, named, policy_text, seed, trust
from tests.sealed import AT, KEY, ORIGIN, Sealed, long

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "hashing"
LOG300: dict[str, Any] = json.loads((GOLDEN / "log300.json").read_text("utf-8"))
PROOFS: dict[str, Any] = json.loads((GOLDEN / "proofs.json").read_text("utf-8"))
TESSERA: dict[str, Any] = json.loads((GOLDEN / "tessera15.json").read_text("utf-8"))
NOTES: list[dict[str, str]] = json.loads((GOLDEN / "notes.json").read_text("utf-8"))["notes"]

SEALED = long(70)
LOG = Kept.of(SEALED)
FORKED = Kept([*LOG.entries[:40], *(raw.replace(b"ntp", b"rtc") for raw in LOG.entries[40:])])
CLIP = 3  # the first clip's entry
CONTENT = b"clip 1.1"


def judged(log: Kept, index: int, /, **asked: Any) -> ProofReport:
    """Return what is said of a genuine proof under these circumstances."""
    proof = named(log.proof(index).encode(), "the proof")
    return check_proof(named(log.entries[index]), proof, trust(), Asked(**asked))


def codes(report: ProofReport) -> list[str]:
    """Return the codes of the problems of a report."""
    return [problem.code for problem in report.problems]


def content(data: bytes, size: int | None = None) -> Content:
    """Return a file that somebody holds."""
    return Content("mine", len(data) if size is None else size, hashlib.sha256(data).hexdigest())


def on_disk(log: Kept) -> LogTiles:
    """Return a log directory."""
    return LogTiles("the log", log.head, log.read)


# -- golden ---------------------------------------------------------------------------


def test_the_golden_proof() -> None:
    """A proof that another implementation wrote is judged sound, with its witness, to the byte."""
    text = f"log {LOG300['log_vkey']}\nwitness w {PROOFS['witness_vkey']}\nquorum w\n"
    believed = Policy.parse(text)
    everyone = Trust(logs=tuple(each.key for each in believed.logs), policy=believed)
    for spelled in (PROOFS["proof_256"], PROOFS["proof_256_extra"]):
        proof = tlog_proof.parse(spelled.encode())
        head = heads.read_head(proof.note, everyone)
        assert [each.time_s for each in head.cosigned] == [PROOFS["time_s"]]
        assert list(heads.quorum_faults(head, everyone)) == []
        leaf = leaf_hash(b'{"seq":256,"clip":"clip-000256.mp4"}')
        size, root = head.checkpoint.size, head.checkpoint.root
        proofs.check_inclusion(proof.index, size, leaf, proof.hashes, root)


def test_the_files_of_our_golden_proof() -> None:
    """Proofs, entry, policy and consistency proof are written to the bytes that were handed out."""
    folder = GOLDEN / "proof"
    files = {
        "clip.entry": LOG.entries[CLIP],
        "clip.mp4": CONTENT,
        "clip.tlog-proof": LOG.proof(CLIP).encode(),
        "older.tlog-proof": LOG.at(40).proof(CLIP).encode(),
        "from-40": link(LOG, 40).data,
        "trust.policy": policy_text().encode(),
    }
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_an_entry_that_is_none_of_ours() -> None:
    """What a log truly holds, and is no entry of this format, is said to be that."""
    believed = Policy.parse(f"log {LOG300['log_vkey']}\nquorum none\n")
    everyone = Trust(logs=tuple(each.key for each in believed.logs), policy=believed)
    proof = named(PROOFS["proof_256"].encode())
    leaf = b'{"seq":256,"clip":"clip-000256.mp4"}'
    assert codes(check_proof(named(leaf), proof, everyone)) == ["entry-malformed"]
    assert codes(check_proof(named(leaf + b" "), proof, everyone)) == ["inclusion"]


def test_the_golden_log_of_another_implementation() -> None:
    """Every checkpoint of a foreign log verifies, and each continues all before it."""
    key = VerifierKey.parse(TESSERA["vkey"])
    everyone = Trust(logs=(key,))
    entries = [bytes.fromhex(raw) for raw in TESSERA["entries"]]
    log = Kept(entries)
    assert log.files["tile/0/000.p/15"] == base64.b64decode(TESSERA["tile"])
    states = [heads.read_head(text.encode(), everyone) for text in TESSERA["checkpoints"]]
    assert [state.checkpoint.size for state in states] == list(range(16))
    newest = states[-1].checkpoint
    for state in states:
        size, root = state.checkpoint.size, state.checkpoint.root
        shown = proofs.consistency(size, 15, log.read)
        proofs.check_consistency(size, 15, root, newest.root, shown)


def test_an_origin_that_is_not_the_name_of_its_key() -> None:
    """The Go checksum database signs under another name than its origin: no log of ours does."""
    vector = NOTES[2]
    whole = f"{vector['text']}\n{vector['line']}\n".encode()
    with pytest.raises(HeadError) as caught:
        heads.read_head(whole, Trust(logs=(VerifierKey.parse(vector["vkey"]),)))
    assert caught.value.code in {"other-origin", "checkpoint-malformed"}


def test_the_ml_dsa_line_of_another_implementation_makes_a_quorum() -> None:
    """A policy that asks for a foreign ML-DSA witness is satisfied by that witness's line."""
    lines = [LOG300["log_line"], PROOFS["mldsa_line"]]
    head = f"{LOG300['origin']}\n300\n{LOG300['roots']['300']}\n"
    text = f"log {LOG300['log_vkey']}\nwitness w {PROOFS['mldsa_vkey']}\nquorum w\n"
    believed = Policy.parse(text)
    everyone = Trust(logs=tuple(each.key for each in believed.logs), policy=believed)
    state = heads.read_head("\n".join([head, *lines, ""]).encode(), everyone)
    assert [each.key for each in state.cosigned] == [parse_cosigner(PROOFS["mldsa_vkey"])]
    assert list(heads.quorum_faults(state, everyone)) == []


# -- what the entry says ----------------------------------------------------------------


def test_what_a_sound_proof_tells() -> None:
    """A sound proof tells the log, its size and root, the entry, and who cosigned when."""
    told = judged(LOG, CLIP).as_json()
    assert told == {
        "ok": True,
        "origin": ORIGIN,
        "size": 70,
        "root": LOG.head.root.hex(),
        "index": CLIP,
        "kind": "clip",
        "utc_ms": AT.utc_ms,
        "cosigners": [
            {"name": key.name, "key_id": f"{key.verifier().key_id:08x}", "time_s": TIME_S}
            for key in (W1, W2)
        ],
        "problems": [],
    }


def test_a_clip_and_its_document() -> None:
    """The entry must seal the very content that is shown, of that size, and that document."""
    sealed = next(digest for digest in SEALED.documents if digest in str(LOG.entries[CLIP]))
    paper = content(SEALED.documents[sealed])
    assert judged(LOG, CLIP, clips=[content(CONTENT)], documents=[paper]).ok
    for other in (content(b"clip 1.2"), content(CONTENT, size=9)):
        assert codes(judged(LOG, CLIP, clips=[other])) == ["clip-other"]
    assert codes(judged(LOG, CLIP, documents=[content(CONTENT)])) == ["document-other"]
    assert codes(judged(LOG, CLIP - 1, clips=[content(CONTENT)])) == ["clip-other"]
    assert codes(judged(LOG, 0, documents=[paper])) == ["document-other"]


def test_a_genesis_of_another_log() -> None:
    """An entry that begins another log is refused, though this log truly holds it."""
    foreign = Sealed(origin="dock.example/0002")
    foreign.genesis()
    assert codes(judged(Kept(foreign.entries), 0)) == ["genesis"]


# -- what others kept -----------------------------------------------------------------


def link(log: Kept, old: int) -> Named:
    """Return the file that shows that a log continues its state at `old`."""
    shown = proofs.consistency(old, len(log.entries), log.read)
    return named(Submission(old, tuple(shown), log.note()).encode(), f"link {old}")


@pytest.mark.parametrize("size", [1, 2, 30, 64, 69])
def test_two_sizes_and_nothing_between(size: int) -> None:
    """Of two heads of different sizes nothing is known without tiles or a consistency proof."""
    older = named(LOG.at(size).proof(0).encode(), "kept")
    assert codes(judged(LOG, CLIP, also=[older])) == ["consistency-unknown"]
    assert judged(LOG, CLIP, also=[older], consistency=[link(LOG, size)]).ok
    assert judged(LOG, CLIP, also=[older], log=on_disk(LOG)).ok
    newer = named(LOG.note(), "kept")
    early = LOG.at(size)
    assert codes(judged(early, 0, also=[newer])) == ["consistency-unknown"]
    assert judged(early, 0, also=[newer], consistency=[link(LOG, size)]).ok
    assert judged(early, 0, also=[newer], log=on_disk(LOG)).ok


def test_the_same_size() -> None:
    """Two heads of one size are the same, or the log's key has signed two histories."""
    assert judged(LOG, CLIP, also=[named(LOG.note(())), named(LOG.proof(9).encode())]).ok
    report = judged(LOG, CLIP, also=[named(FORKED.note(()), "kept")])
    assert [(it.code, it.where) for it in report.problems] == [("fork", "kept")]
    assert "the proof" in report.problems[0].detail


@pytest.mark.parametrize("size", [41, 64, 69, 70])
def test_a_fork_that_the_log_shows(size: int) -> None:
    """A kept head over another history is a fork, once the log's own tiles can be asked."""
    other = named(FORKED.at(size).note(), "kept")
    assert codes(judged(LOG, CLIP, also=[other], log=on_disk(LOG))) == ["fork"]
    assert judged(LOG, CLIP, also=[named(FORKED.at(40).note())], log=on_disk(LOG)).ok


def test_two_kept_heads_that_contradict_each_other() -> None:
    """A fork among what was kept is a fork, though the proof be of another size."""
    both = [named(LOG.at(50).note(), "a"), named(FORKED.at(50).note(), "b")]
    report = judged(LOG, CLIP, also=both, log=on_disk(LOG))
    assert [(it.code, it.where) for it in report.problems] == [("fork", "b")]
    assert codes(judged(LOG, CLIP, also=both)) == ["fork"]


def test_a_log_shorter_than_what_is_known_of_it() -> None:
    """A log directory that ends before the proof's own head, or a kept one, was cut."""
    report = judged(LOG, CLIP, log=on_disk(LOG.at(60)))
    assert [(it.code, it.where) for it in report.problems] == [("rollback", "the proof")]
    newer = named(LOG.note(), "kept")
    assert codes(judged(LOG.at(60), CLIP, also=[newer], log=on_disk(LOG.at(65)))) == ["rollback"]


def test_consistency_proofs_in_a_row() -> None:
    """Heads are joined by proofs that lead from one to the next; a gap is named."""
    states = [LOG.at(size) for size in (10, 20, 45, 70)]
    also = [named(state.note(), f"kept {len(state.entries)}") for state in states[:-1]]
    links = [link(LOG.at(20), 10), link(LOG.at(45), 20), link(LOG, 45)]
    assert judged(LOG, CLIP, also=also, consistency=links).ok
    assert judged(LOG, CLIP, also=also, consistency=links[::-1]).ok
    report = judged(LOG, CLIP, also=also, consistency=[links[0], links[2]])
    where = [(it.code, it.where) for it in report.problems]
    assert where == [("consistency-unknown", "kept 10"), ("consistency-unknown", "kept 20")]


def test_two_larger_heads_must_be_joined_too() -> None:
    """That both continue the proof's head does not say that they continue each other."""
    early, mid = LOG.at(40), FORKED.at(50)
    also = [named(mid.note(), "mid"), named(LOG.note(), "late")]
    links = [link(mid, 40), link(LOG, 40)]
    report = judged(early, CLIP, also=also, consistency=links)
    assert [(it.code, it.where) for it in report.problems] == [("consistency-unknown", "mid")]


def test_a_consistency_proof_that_proves_nothing() -> None:
    """A proof of other roots, or one that does not lead there, leaves things unknown."""
    older = named(LOG.at(30).note(), "kept")
    wrong = Submission(30, (bytes(32),), LOG.note()).encode()
    for shown in (link(FORKED, 30), link(LOG, 31), named(wrong)):
        report = judged(LOG, CLIP, also=[older], consistency=[shown])
        assert codes(report) == ["consistency-unknown"]


@pytest.mark.parametrize(
    "data", [b"", b"old 1\n", b"old 1\n\nno note\n", link(LOG, 30).data[:-1], LOG.note()]
)
def test_files_that_are_no_consistency_proof(data: bytes) -> None:
    """What is no consistency proof is named, and what it was to show stays unknown."""
    older = named(LOG.at(30).note(), "kept")
    report = judged(LOG, CLIP, also=[older], consistency=[named(data)])
    assert codes(report) == ["consistency-malformed", "consistency-unknown"]


STRANGER = SignerKey.generate("dock.example/0002", seed("another dock"))
THIEF = SignerKey.generate(ORIGIN, seed("a thief"))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "also-malformed"),
        (b"nonsense", "also-malformed"),
        (LOG.note()[:-1], "also-malformed"),
        (LOG.proof(3).encode()[:-1], "also-malformed"),
        (LOG.proof(3).encode().replace(b"index", b"Index"), "also-malformed"),
        (LOG.note(text=LOG.head.encode() + "extension\n"), "also-malformed"),
        (Kept(LOG.entries, key=STRANGER).note(), "also-other-origin"),
        (Kept(LOG.entries, key=THIEF).note(), "also-unsigned"),
        (LOG.note().replace(b"\n70\n", b"\n71\n"), "also-unsigned"),
    ],
)
def test_what_is_no_head_of_this_log(data: bytes, code: str) -> None:
    """What was kept must be of this log and signed by it, else it accuses nobody."""
    for log in (None, on_disk(LOG)):
        report = judged(LOG, CLIP, also=[named(data, "kept")], log=log)
        assert [(it.code, it.where) for it in report.problems] == [(code, "kept")]


def test_a_kept_head_of_another_trusted_log() -> None:
    """A head of another log, though that be trusted too, is none of this one."""
    both = trust(policy_text(logs=(KEY, STRANGER)))
    proof = named(LOG.proof(CLIP).encode())
    asked = Asked(also=[named(Kept(LOG.entries, key=STRANGER).note(), "kept")])
    report = check_proof(named(LOG.entries[CLIP]), proof, both, asked)
    assert codes(report) == ["also-other-origin"]


def test_cosignatures_under_a_kept_head_do_not_matter() -> None:
    """What the log signed is held against it, whatever witnesses stand beside that line."""
    text = FORKED.head.encode()
    line = W1.cosign(LOG.at(7).head.encode(), TIME_S)
    kept = named(note.with_lines(note.sign(text, [KEY]), [line]))
    assert codes(judged(LOG, CLIP, also=[kept])) == ["fork"]


@pytest.mark.parametrize(
    ("path", "spoil"),
    [
        ("tile/0/000.p/70", lambda data: data[32:] + data[:32]),
        ("tile/0/000.p/70", lambda data: data[:-1]),
        ("tile/0/000.p/70", None),
    ],
)
def test_a_log_whose_tiles_are_damaged(path: str, spoil: Callable[[bytes], bytes] | None) -> None:
    """A tile that is not the sealed one answers nothing, and accuses the log of no fork."""

    def read(asked: str) -> bytes:
        if asked != path:
            return LOG.read(asked)
        if spoil is None:
            raise FileNotFoundError(asked)
        return spoil(LOG.read(asked))

    report = judged(LOG.at(30), CLIP, log=LogTiles("the log", LOG.head, read))
    assert [(it.code, it.where) for it in report.problems] == [("log-damaged", "the log")]


def test_a_log_that_states_no_head() -> None:
    """Why a log directory could not be asked stands among the problems."""
    problem = Problem("checkpoint-missing", "log/checkpoint", None, "it is not there")
    assert judged(LOG, CLIP, log=problem).problems == (problem,)


@settings(max_examples=40)
@given(st.data())
def test_heads_of_one_honest_log_never_contradict(data: st.DataObject) -> None:
    """Whatever heads of an honest log were kept, it continues them all."""
    size = data.draw(st.integers(4, 70))
    also = [named(LOG.at(at).note(())) for at in data.draw(sizes(size))]
    assert judged(LOG.at(size), CLIP, also=also, log=on_disk(LOG.at(size))).ok


def sizes(most: int) -> st.SearchStrategy[Sequence[int]]:
    """Return some sizes that a log had."""
    return st.lists(st.integers(1, most), max_size=3)


@settings(max_examples=150)
@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(0, 300))
def test_nothing_that_comes_in_raises(junk: bytes, at: int, cut: int) -> None:
    """Whatever the files hold, a verdict comes out, and every code of it is known."""
    genuine = LOG.proof(CLIP).encode()
    at %= len(genuine)
    spoilt = genuine[:at] + junk + genuine[at + cut :]
    asked = Asked(also=[named(spoilt)], consistency=[named(spoilt)], log=on_disk(LOG))
    report = check_proof(named(LOG.entries[CLIP]), named(spoilt), trust(), asked)
    assert {problem.code for problem in report.problems} <= PROBLEMS.keys()
    assert report.ok == (spoilt == genuine) or "consistency-malformed" in codes(report)
    assert json.dumps(report.as_json())


def test_codes_are_documented_and_have_words() -> None:
    """Each code of a proof has a row in the format, and a sentence in each language."""
    table = (ROOT / "docs/formats/proof.md").read_text("utf-8")
    assert not PROOF_CODES.keys() & {**CODES, **NOTICES}.keys()
    for code, words in PROOF_CODES.items():
        assert f"| `{code}` | {words} |" in table
        assert say(f"verify-code.{code}", "en") == words
        for lang in LANGUAGES:
            assert term("verify-code", code, lang) != code


def test_proofs_replace_nothing_in_place() -> None:
    """A proof of an older head is as good as ever once the log has grown."""
    older = LOG.at(30)
    proof = replace(older.proof(CLIP), extra=None)
    report = check_proof(named(LOG.entries[CLIP]), named(proof.encode()), trust())
    assert report.ok
