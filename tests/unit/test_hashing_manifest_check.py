"""What is done to a manifest, and what its judge calls it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import manifest, note
from hashing.canonical import JSON
from hashing.checkpoint import Checkpoint
from hashing.codes import WORDS
from hashing.cosignature import CosignerSigner
from hashing.entry import Entry, leaf_hash, parse
from hashing.heads import Trust
from hashing.kept import Named
from hashing.keys import SignerKey
from hashing.manifest import Absent, Manifest
from hashing.policy import Policy
from hashing.proof_check import Age, Asked, Content
from hashing.report import LISTED_PER_CODE
from hashing.succession import CHANGE
from tests.manifests import (
    TRUST,
    Made,
    codes,
    digest_of,
    judged,
    made,
    proved_anew,
    spoilt,
)
from tests.sealed import AT, KEY, ORIGIN, Sealed, long
from tests.successions import SECOND, STRANGER, Changing, changed

GOOD = made().bytes()
WITNESS = CosignerSigner.generate("central.example/w1", bytes(range(32)))
NOW_S = 1_767_225_900


def entry_of(found: Manifest, at: int, **body: JSON) -> bytes:
    """Return an entry of a manifest with other members in its body."""
    old = parse(found.entries[at])
    return Entry(
        seq=old.seq, prev=old.prev, kind=old.kind, at=old.at, body={**old.body, **body}
    ).encode()


def with_entries(*entries: bytes) -> Callable[[Manifest], Manifest]:
    """Return what puts these entries in the place of all."""
    return lambda found: replace(found, entries=entries)


def of(data: bytes) -> Manifest:
    """Return the parts of a manifest."""
    return manifest.parse(data)


# -- what holds --------------------------------------------------------------------


def test_an_untouched_manifest_tells_what_was_taken_over() -> None:
    """It verifies with the key alone, and its report has all that the entries say."""
    report = judged(GOOD)
    assert report.ok
    assert report.head is not None
    assert report.head.checkpoint.size == 300
    assert report.account is not None
    assert [clip.path for clip in report.account.clips] == ["DCIM/2-0.MP4", "DCIM/2-1.MP4"]
    assert report.as_json()["docking"] == 2


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_any_changed_bit_is_refused_and_named(at: int, bit: int) -> None:
    """Wherever one bit of a manifest is turned, a code says what is wrong."""
    bad = bytearray(GOOD)
    bad[at] ^= 1 << bit
    found = codes(bytes(bad))
    assert found
    assert {code for code, _ in found} <= WORDS.keys()


LINES = GOOD.split(b"\n\n")[0].split(b"\n")
TAIL = GOOD[len(b"\n".join(LINES)) :]


@given(st.data())
def test_any_line_taken_doubled_or_moved_is_refused(data: st.DataObject) -> None:
    """So is whatever happens to whole lines, counts put right or not."""
    lines = list(LINES)
    at = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["take", "double", "swap"])):
        case "take":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case _:
            other = data.draw(st.integers(0, len(lines) - 1).filter(lambda it: it != at))
            lines[at], lines[other] = lines[other], lines[at]
    assert codes(b"\n".join(lines) + TAIL)


# -- entries -------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_an_entry_left_out(at: int) -> None:
    """The closing entry counts: one that is not there is missed, whatever else is put right."""
    found = of(GOOD)
    rest = [entry for n, entry in enumerate(found.entries) if n != at]
    bad = spoilt(GOOD, with_entries(*rest))
    assert ("manifest-entry-missing", None) in codes(bad)
    thief = proved_anew(of(bad), made().log)
    assert ("manifest-entry-missing", None) in codes(thief.encode())


def test_the_closing_entry_left_out() -> None:
    """Without it nobody can say whether all are there."""
    bad = spoilt(GOOD, with_entries(*of(GOOD).entries[:-1]))
    assert codes(bad)[0] == ("manifest-entry-missing", None)


def test_no_entries_at_all() -> None:
    """A manifest of nothing shows nothing."""
    assert codes(spoilt(GOOD, with_entries()))[0] == ("manifest-entry-missing", None)


def test_an_entry_twice() -> None:
    """Each stands there once."""
    first, *rest = of(GOOD).entries
    assert codes(spoilt(GOOD, with_entries(first, first, *rest)))[0] == (
        "manifest-entry-extra",
        6,
    )


def test_an_entry_of_another_docking() -> None:
    """A genuine entry of the same log is none of this docking's."""
    other = made().log.entries[12]
    first, *rest = of(GOOD).entries
    assert codes(spoilt(GOOD, with_entries(first, other, *rest)))[0] == (
        "manifest-other-docking",
        12,
    )


def test_a_heartbeat_among_them() -> None:
    """An entry that is no docking's at all is called the same."""
    log = made().log
    made_up = Entry(seq=8, prev=bytes(32), kind="heartbeat", at=AT, body={"docking": 2}).encode()
    entries = of(GOOD).entries
    bad = spoilt(GOOD, with_entries(*entries[:2], made_up, *entries[3:]))
    assert codes(bad)[0] == ("manifest-other-docking", 8)
    assert log.entries[8] == entries[2]


def test_an_entry_made_up() -> None:
    """One that the docking never had is one too many."""
    found = of(GOOD)
    old = parse(found.entries[3])
    more = Entry(seq=9, prev=old.prev, kind="finding", at=AT, body=old.body).encode()
    moved = Entry(seq=50, prev=bytes(32), kind="released", at=AT, body=parse(found.entries[4]).body)
    bad = with_entries(*found.entries[:3], more, found.entries[3], moved.encode())
    assert codes(spoilt(GOOD, bad))[0][0] == "manifest-entry-extra"


def test_two_entries_exchanged() -> None:
    """They stand in the order of their seq."""
    one, two, three, *rest = of(GOOD).entries
    assert codes(spoilt(GOOD, with_entries(one, three, two, *rest)))[0] == ("manifest-order", 7)


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_an_edited_entry_is_named(at: int) -> None:
    """The entry that the next one does not follow from is the edited one."""
    found = of(GOOD)
    entries = list(found.entries)
    entries[at] = entry_of(found, at, bay="9")
    assert codes(spoilt(GOOD, with_entries(*entries))) == [("manifest-entry-edited", 6 + at)]


def test_an_edited_entry_among_others_between() -> None:
    """Where other dockings' entries lie between, it is edited, and nobody can say which."""
    log = Sealed()
    log.genesis()
    log.add("docked", docking=1, document=log.document(n=1))
    log.add("heartbeat")
    log.add("clip", docking=1, document=log.document(n=2), sha256="ab" * 32, size=4)
    log.add("heartbeat")
    mine = [log.entries[1], log.entries[3]]
    log.add("released", docking=1, entries=2, digest=digest_of(mine))
    data = Made(log, 1).bytes()
    assert judged(data).ok
    found = of(data)
    edited = entry_of(found, 1, size=5)
    bad = spoilt(data, with_entries(found.entries[0], edited, found.entries[2]))
    assert codes(bad) == [("manifest-entry-edited", None)]


def test_an_edited_closing_entry() -> None:
    """What it says of the docking's end is under the root like all the rest."""
    found = of(GOOD)
    edited = entry_of(found, 4, result="interrupted")
    assert codes(spoilt(GOOD, with_entries(*found.entries[:4], edited))) == [("inclusion", None)]


def test_an_entry_and_the_closing_one_edited_together() -> None:
    """Count and digest put right, it is still not under the root."""
    found = of(GOOD)
    edited = entry_of(found, 2, size=1)
    entries = [*found.entries[:2], edited, found.entries[3]]
    closing = entry_of(found, 4, digest=digest_of(entries))
    assert codes(spoilt(GOOD, with_entries(*entries, closing))) == [("inclusion", None)]


def test_a_line_that_is_no_entry() -> None:
    """It is called what it is in a log."""
    found = of(GOOD)
    bad = spoilt(GOOD, with_entries(*found.entries[:2], b"{}", *found.entries[3:]))
    assert codes(bad) == [("entry-malformed", None)]


def test_another_dockings_number() -> None:
    """The number on it must be that of its entries."""
    assert codes(spoilt(GOOD, lambda it: replace(it, docking=3)))[0] == (
        "manifest-other-docking",
        6,
    )


# -- documents ------------------------------------------------------------------------


def with_documents(how: Callable[[list[bytes | Absent]], object]) -> list[tuple[str, int | None]]:
    """Return what is said of a manifest whose documents were changed."""
    papers = list(of(GOOD).documents or ())
    how(papers)
    return codes(spoilt(GOOD, lambda it: replace(it, documents=tuple(papers))))


def test_documents_that_are_not_those_of_the_entries() -> None:
    """Each way of changing them has its name, and the entry concerned."""

    def edit(papers: list[bytes | Absent]) -> None:
        papers[2] = b'{"path":"x","salt":"%s"}' % (b"0" * 64)

    assert with_documents(lambda it: it.pop(2)) == [("manifest-document-missing", 8)]
    assert with_documents(lambda it: it.append(it[0])) == [("manifest-document-extra", None)]
    assert with_documents(lambda it: it.append(b"{}")) == [("manifest-document-extra", None)]
    assert with_documents(edit) == [("manifest-document-edited", 8)]
    assert with_documents(lambda it: it.reverse()) == [("manifest-order", None)]


def test_a_document_said_to_be_absent_that_no_entry_names() -> None:
    """Not even what is not there can be made up."""
    assert with_documents(lambda it: it.append(Absent("00" * 32))) == [
        ("manifest-document-extra", None)
    ]


def test_a_sealed_document_that_is_none() -> None:
    """Its digest is right, and it is no document all the same."""
    log = Sealed()
    log.genesis()
    log.docking(1, [b"x"])
    found = of(Made(log, 1).bytes())
    wrong = document_of(log, b'{"no":"salt"}')
    assert wrong == [("document-malformed", 1)]
    assert found.documents is not None


def document_of(log: Sealed, data: bytes) -> list[tuple[str, int | None]]:
    """Return what is said where the dock itself sealed something that is no document."""
    import hashlib  # noqa: PLC0415  for this one digest

    digest = hashlib.sha256(data).hexdigest()
    fresh = Sealed()
    fresh.genesis()
    first = fresh.add("docked", docking=1, document=digest)
    closing = digest_of(fresh.entries[first:])
    fresh.add("released", docking=1, entries=1, digest=closing)
    bare = of(Made(fresh, 1).bytes())
    assert log.entries[0] == fresh.entries[0]
    return codes(replace(bare, documents=(data,)).encode())


# -- head and proof ----------------------------------------------------------------------


def test_a_proof_with_a_hash_too_many_or_too_few() -> None:
    """The way to the root has one length."""
    for how in (lambda it: it[:-1], lambda it: (*it, bytes(32)), lambda it: it[::-1]):
        bad = spoilt(GOOD, lambda it, how=how: replace(it, proof=how(it.proof)))  # type: ignore[misc]  # one of three
        assert codes(bad) == [("inclusion", None)]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"\n300\n", b"\n0300\n", "checkpoint-malformed"),
        (b"\n300\n", b"\n301\n", "log-signature"),
        (b"=\n\n\xe2\x80\x94", b"=\nextension\n\n\xe2\x80\x94", "extension-line"),
        (b"\ndock.example/0001\n300", b"\ndock.example/0002\n300", "other-origin"),
        (b"\xe2\x80\x94 dock.example/0001", b"\xe2\x80\x94 dock.example/0002", "log-unsigned"),
    ],
)
def test_an_edited_checkpoint(old: bytes, new: bytes, code: str) -> None:
    """It is called what it is called under a proof."""
    at = GOOD.rindex(old)
    assert codes(GOOD[:at] + new + GOOD[at + len(old) :])[0] == (code, None)


def test_a_checkpoint_by_another_key() -> None:
    """A stranger of the same name is no log."""
    bad = proved_anew(of(GOOD), made().log, STRANGER)
    assert codes(bad.encode()) == [("other-log-key", None)]


def test_a_checkpoint_over_another_log() -> None:
    """Another head of the same key does not vouch for these entries."""
    other = long(290)
    head = other.checkpoint(290)
    assert codes(spoilt(GOOD, lambda it: replace(it, note=head))) == [("inclusion", None)]


def test_a_checkpoint_from_before_the_docking_ended() -> None:
    """It covers not all of them."""
    early = made().log.checkpoint(9)
    found = codes(spoilt(GOOD, lambda it: replace(it, note=early)))
    assert found == [("manifest-uncovered", 10)]


def cosigned(data: bytes, time_s: int) -> bytes:
    """Return a manifest whose checkpoint a witness has cosigned."""
    found = of(data)
    line = WITNESS.cosign(note.parse(found.note)[0], time_s)
    return replace(found, note=note.with_lines(found.note, [line])).encode()


POLICY = Policy.parse(
    f"log {KEY.verifier()}\nwitness w1 {WITNESS.verifier()}\ngroup all all w1\nquorum all\n"
)
DEMANDING = Trust(logs=(KEY.verifier(),), policy=POLICY)


def test_a_policy_and_an_age_count_for_it_too() -> None:
    """A manifest that nobody cosigned, or long ago, is not enough for who asks for more."""
    fresh, old = cosigned(GOOD, NOW_S), cosigned(GOOD, NOW_S - 7200)
    asked = Asked(age=Age(NOW_S, 3600))
    assert codes(GOOD, DEMANDING) == [("quorum", None)]
    report = judged(fresh, DEMANDING, asked)
    assert report.ok
    assert report.head is not None
    assert [each.key.name for each in report.head.cosigned] == [WITNESS.name]
    assert [it.code for it in judged(old, DEMANDING, asked).problems] == ["stale"]
    spoiled = fresh.replace(b"central.example/w1 ", b"central.example/w2 ")
    assert codes(spoiled, DEMANDING) == [("quorum", None)]


def test_a_head_that_somebody_kept_counts_for_it_too() -> None:
    """A manifest out of a rewritten log does not stand beside a head of the true one."""
    kept = Named("kept", note.sign(Checkpoint(ORIGIN, 300, bytes(32)).encode(), [KEY]))
    assert [it.code for it in judged(GOOD, TRUST, Asked(also=[kept])).problems] == ["fork"]


def test_a_manifest_is_a_head_that_somebody_kept() -> None:
    """Every manifest that was handed out speaks against a log that was rewritten since."""
    early = Named("early", made().bytes(size=100))
    linked = judged(GOOD, TRUST, Asked(also=[early]))
    assert [it.code for it in linked.problems] == ["consistency-unknown"]
    other = proved_anew(of(GOOD), long(299))
    forked = Named("other", replace(other, note=note.sign(
        Checkpoint(ORIGIN, 300, bytes(32)).encode(), [KEY])).encode())  # fmt: skip
    assert [it.code for it in judged(GOOD, TRUST, Asked(also=[forked])).problems] == ["fork"]
    torn = Named("torn", b"sealdock/manifest@v1\n")
    problems = judged(GOOD, TRUST, Asked(also=[torn])).problems
    assert [it.code for it in problems] == ["also-malformed"]


def test_thousands_of_one_kind_are_counted_not_listed() -> None:
    """One cause may have many consequences; the first of them name it."""
    lines = tuple(b"{%d" % at for at in range(1000))
    report = judged(spoilt(GOOD, lambda it: replace(it, entries=lines)))
    assert [it.code for it in report.problems] == ["entry-malformed"] * LISTED_PER_CODE
    assert report.omitted == {"entry-malformed": 1000 - LISTED_PER_CODE}


def test_a_clip_that_somebody_holds() -> None:
    """It is the docking's, byte for byte, or it is not."""
    clip = made().log
    digest = next(iter(clip.clips))
    held = Content("seen.mp4", 8, str(parse(clip.entries[8]).body["sha256"]))
    assert judged(GOOD, TRUST, Asked(clips=[held])).ok
    other = replace(held, sha256=digest)
    assert [it.code for it in judged(GOOD, TRUST, Asked(clips=[other])).problems] == ["clip-other"]


# -- keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("docking", [1, 2, 3])
@pytest.mark.parametrize("key", [KEY, SECOND])
def test_a_trusted_key_leads_to_those_that_signed(docking: int, key: SignerKey) -> None:
    """A manifest from before or after a change verifies with either key of the log."""
    data = Made(changed(retired=True), docking).bytes()
    assert codes(data, Trust(logs=(key.verifier(),))) == []
    assert codes(data, Trust(logs=(STRANGER.verifier(),))) == [("other-log-key", None)]


def test_during_a_change_both_must_have_signed() -> None:
    """Whoever took one line off is told whose."""
    log = changed()
    data = Made(log, 2).bytes()
    assert codes(data) == []
    text, lines = note.parse(of(data).note)
    for line in lines:
        alone = f"{text}\n{line}\n".encode()
        bad = spoilt(data, lambda it, alone=alone: replace(it, note=alone))  # type: ignore[misc]  # one of two
        assert codes(bad) == [("checkpoint-key-missing", None)]


def test_a_change_that_the_old_key_never_signed() -> None:
    """Key entries are judged before anybody follows them."""
    log = Changing()
    log.genesis()
    log.turn(CHANGE, STRANGER, SECOND)
    log.docking(1, [b"x"])
    data = Made(log, 1).bytes()
    seen = replace(of(data), keys=())
    assert codes(seen.encode()) == [("inclusion", None)]
    forged = replace(of(data), keys=(spoilt_change(log.entries[1]),))
    assert ("key-change-old", 1) in codes(forged.encode())


def spoilt_change(data: bytes) -> bytes:
    """Return a key entry whose old key is the trusted one, and has not signed."""
    old = parse(data)
    body = {**old.body, "old_vkey": str(KEY.verifier())}
    return Entry(seq=old.seq, prev=old.prev, kind=old.kind, at=old.at, body=body).encode()


def test_other_entries_than_changes_of_key_are_too_many() -> None:
    """What the docking did not produce and changes no key has no place in it."""
    log = made().log
    bad = spoilt(GOOD, lambda it: replace(it, keys=(log.entries[0],)))
    assert codes(bad)[0] == ("manifest-entry-extra", 0)
    assert leaf_hash(log.entries[0])
