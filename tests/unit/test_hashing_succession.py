"""How a log's key is changed: who must sign, from when on, and what is no change."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import base64s, note
from hashing.canonical import JSON
from hashing.entry import GENESIS_PREV, Entry, leaf_hash, parse
from hashing.errors import EvidenceError, SuccessionError
from hashing.keys import SignerKey, VerifierKey, key_id
from hashing.succession import CHANGE, RETIRED, Succession, body, statement
from hashing.verify import verify_log
from tests.sealed import AT, KEY, ORIGIN, Sealed
from tests.spoiling import codes, rewrite_bundle
from tests.successions import SECOND, STRANGER, THIRD, Changing, changed

FIRST_KEY, SECOND_KEY, THIRD_KEY = (key.verifier() for key in (KEY, SECOND, THIRD))
PREV = bytes(range(32))
ELSEWHERE = SignerKey.generate("dock.example/0002", KEY.seed)


def turn(  # noqa: PLR0913  what a key entry is made of
    kind: str,
    old: SignerKey,
    new: SignerKey,
    *,
    seq: int = 7,
    prev: bytes = PREV,
    spoilt: dict[str, JSON] | None = None,
) -> Entry:
    """Return an entry that changes or retires a key."""
    facts = {**body(kind, seq=seq, prev=prev, old=old, new=new), **(spoilt or {})}
    return Entry(seq=seq, prev=prev, kind=kind, at=AT, body=facts)


def refused(succession: Succession, entry: Entry) -> str:
    """Return the code with which an entry is refused; the succession stays as it was."""
    before = (succession.keys, succession.all)
    with pytest.raises(SuccessionError) as caught:
        succession.take(entry)
    assert (succession.keys, succession.all) == before
    return caught.value.code


# -- the statement ---------------------------------------------------------------


def test_what_both_keys_sign_is_six_lines_that_no_checkpoint_is() -> None:
    """The bytes of docs/formats/entry.md section 6.2."""
    assert statement(CHANGE, seq=7, prev=PREV, old=FIRST_KEY, new=SECOND_KEY) == (
        b"sealdock key-change v1\n"
        b"origin dock.example/0001\n"
        b"seq 7\n"
        b"prev 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        b"old %s\nnew %s\n" % (str(FIRST_KEY).encode(), str(SECOND_KEY).encode())
    )


def test_signatures_of_a_change_never_change() -> None:
    """Golden vector: Ed25519 signs the same text the same way, today and in ten years."""
    made = body(CHANGE, seq=7, prev=PREV, old=KEY, new=SECOND)
    assert made["old_signature"] == (
        "4IAA28tpv4zVQUQpmKXSdrSvPI35CC11uGrDzKwyu14PfNqZwInPYRgUIZOKxT+1C1HmCGlNMWqAVDOa6h8LDg=="
    )
    assert made["new_signature"] == (
        "T82A2t3qjRhbfQ7WKhD4UWO5MbkFDRguSdyOGxtz+LaM4m2etaLIgfNMowg6xj5QQlrM1yX0qI+FaK6lNH1FDw=="
    )


# -- one change after the other ----------------------------------------------------


def test_a_change_joins_and_a_retirement_leaves() -> None:
    """Between the two, both keys sign; each counts from the first checkpoint that covers it."""
    keys = Succession(FIRST_KEY)
    keys.take(turn(CHANGE, KEY, SECOND, seq=7))
    keys.take(turn(RETIRED, KEY, SECOND, seq=9))
    keys.take(turn(CHANGE, SECOND, THIRD, seq=20))
    told = [keys.keys_at(size) for size in (0, 7, 8, 9, 10, 20, 21, 10**9)]
    one, two, three = FIRST_KEY, SECOND_KEY, THIRD_KEY
    assert told == [
        (one,),
        (one,),
        (one, two),
        (one, two),
        (two,),
        (two,),
        (two, three),
        (two, three),
    ]
    assert keys.keys == (two, three)
    assert keys.all == (one, two, three)
    assert [size for size, _ in keys.history] == [0, 8, 10, 21]


def test_other_entries_change_no_key() -> None:
    """Entries of every other kind are passed over."""
    log = changed()
    keys = Succession.of(FIRST_KEY, map(parse, log.entries))
    assert keys.all == (FIRST_KEY, SECOND_KEY)


SIGNED_BY_STRANGER = base64s.spell(
    STRANGER.sign(statement(CHANGE, seq=7, prev=PREV, old=FIRST_KEY, new=SECOND_KEY))
)


@pytest.mark.parametrize("who", ["old", "new"])
@pytest.mark.parametrize("signature", [SIGNED_BY_STRANGER, base64s.spell(bytes(64))])
def test_a_change_that_one_of_the_two_has_not_signed(who: str, signature: str) -> None:
    """The key that did not sign is named."""
    entry = turn(CHANGE, KEY, SECOND, spoilt={f"{who}_signature": signature})
    assert refused(Succession(FIRST_KEY), entry) == f"key-change-{who}"


@pytest.mark.parametrize("who", ["old", "new"])
def test_a_retirement_that_one_of_the_two_has_not_signed(who: str) -> None:
    """A key can't be put out, nor left alone, without both."""
    keys = Succession.of(FIRST_KEY, [turn(CHANGE, KEY, SECOND)])
    spoilt: dict[str, JSON] = {f"{who}_signature": base64s.spell(bytes(64))}
    assert refused(keys, turn(RETIRED, KEY, SECOND, seq=9, spoilt=spoilt)) == f"key-change-{who}"


@pytest.mark.parametrize("what", [{"seq": 8}, {"prev": bytes(32)}])
def test_a_change_taken_to_another_place(what: dict[str, int]) -> None:
    """The signatures hold the entry's own place and predecessor."""
    made = turn(CHANGE, KEY, SECOND)
    moved = Entry(seq=what.get("seq", 7), prev=bytes(32), kind=CHANGE, at=AT, body=made.body)
    assert refused(Succession(FIRST_KEY), moved) == "key-change-old"


def test_a_change_that_is_done_again() -> None:
    """Signatures that already stand in the log do not count a second time."""
    made = turn(CHANGE, KEY, SECOND)
    keys = Succession.of(FIRST_KEY, [made, turn(RETIRED, KEY, SECOND, seq=9)])
    assert refused(keys, turn(CHANGE, SECOND, KEY, seq=12)) == "key-change-replayed"
    spoilt: dict[str, JSON] = {"old_signature": made.body["old_signature"]}
    assert refused(keys, turn(CHANGE, SECOND, THIRD, seq=12, spoilt=spoilt)) == (
        "key-change-replayed"
    )


def test_a_change_of_another_log() -> None:
    """A change that another dock signed, with the very same key even, changes nothing here."""
    new = SignerKey.generate("dock.example/0002", SECOND.seed)
    assert refused(Succession(FIRST_KEY), turn(CHANGE, ELSEWHERE, new)) == "key-change-replayed"


def test_keys_that_are_not_the_logs() -> None:
    """Only a key that signs the log now can be followed or retired."""
    assert refused(Succession(FIRST_KEY), turn(CHANGE, STRANGER, SECOND)) == "key-change-unknown"
    assert refused(Succession(FIRST_KEY), turn(RETIRED, KEY, SECOND)) == "key-change-unknown"
    done = [turn(CHANGE, KEY, SECOND), turn(RETIRED, KEY, SECOND, seq=9)]
    keys = Succession.of(FIRST_KEY, done)
    assert refused(keys, turn(CHANGE, KEY, THIRD, seq=12)) == "key-change-unknown"


def test_one_change_at_a_time() -> None:
    """A change must end before the next begins, and a retirement must end the open one."""
    keys = Succession.of(FIRST_KEY, [turn(CHANGE, KEY, SECOND)])
    assert refused(keys, turn(CHANGE, SECOND, THIRD, seq=9)) == "key-change-open"
    assert refused(keys, turn(RETIRED, SECOND, KEY, seq=9)) == "key-change-open"
    keys.take(turn(RETIRED, KEY, SECOND, seq=9))
    assert refused(keys, turn(RETIRED, KEY, SECOND, seq=12)) == "key-change-open"


def weak(point: bytes) -> str:
    """Return a vkey, well written, of a point that may be none."""
    material = b"\x01" + point
    return f"{ORIGIN}+{key_id(ORIGIN, material):08x}+{base64s.spell(material)}"


@pytest.mark.parametrize(
    "vkey",
    [
        weak(bytes(32)),
        weak((1).to_bytes(32, "little")),
        weak((2**255 - 20).to_bytes(32, "little")),
        weak((2**255 - 19).to_bytes(32, "little")),
        str(SECOND_KEY)[:-1],
        f"{SECOND_KEY} ",
        "no key",
    ],
)
def test_a_new_key_that_is_none(vkey: str) -> None:
    """A point of small order, under which one signature fits many texts, never joins."""
    entry = turn(CHANGE, KEY, SECOND, spoilt={"new_vkey": vkey})
    assert refused(Succession(FIRST_KEY), entry) == "key-change-malformed"


@given(
    st.sampled_from([CHANGE, RETIRED]),
    st.dictionaries(
        st.sampled_from(["old_vkey", "new_vkey", "old_signature", "new_signature"]),
        st.one_of(
            st.text(max_size=200),
            st.binary(min_size=64, max_size=64).map(base64s.spell),
            st.sampled_from([str(FIRST_KEY), str(SECOND_KEY), str(THIRD_KEY)]),
        ),
        min_size=1,
    ),
)
def test_nothing_but_the_real_thing_changes_a_key(kind: str, spoilt: dict[str, str]) -> None:
    """Whatever stands in a key entry's body, it is refused in words of its own."""
    keys = (
        Succession(FIRST_KEY)
        if kind == CHANGE
        else Succession.of(FIRST_KEY, [turn(CHANGE, KEY, SECOND)])
    )
    good = body(kind, seq=9, prev=PREV, old=KEY, new=SECOND)
    if {**good, **spoilt} == good:
        return
    try:
        entry = parse(Entry(seq=9, prev=PREV, kind=kind, at=AT, body={**good, **spoilt}).encode())
    except EvidenceError:
        return  # it is no entry at all
    assert refused(keys, entry).startswith("key-change-")


# -- the verifier ------------------------------------------------------------------


@pytest.mark.parametrize("retired", [False, True])
@pytest.mark.parametrize("given_key", [FIRST_KEY, SECOND_KEY])
def test_any_key_of_the_log_verifies_it(
    tmp_path: Path, given_key: VerifierKey, *, retired: bool
) -> None:
    """Trust in the first key reaches the newest one, and the newest key holds too."""
    disk = changed(retired=retired, more=300).write(tmp_path, sizes=[7, 12])
    report = verify_log(disk.log, given_key, store=disk.store)
    assert report.problems == ()
    assert report.size == (316 if retired else 311)


def test_a_checkpoint_from_before_the_change_still_holds(tmp_path: Path) -> None:
    """The change counts from the first checkpoint that covers it: until then the old key signs."""
    log = changed()
    disk = log.write(tmp_path, sizes=[6])
    disk.put("log/checkpoint", log.checkpoint(6))
    for key in (FIRST_KEY, SECOND_KEY):
        assert verify_log(disk.log, key).problems == ()


def test_a_stranger_is_no_key_of_the_log(tmp_path: Path) -> None:
    """A key of the same name that no change leads to or from is another key."""
    disk = changed(retired=True).write(tmp_path)
    assert codes(verify_log(disk.log, STRANGER.verifier())) == [
        ("checkpoint-other-key", None),
        ("vkey-other", None),
    ]


def with_signers(log: Changing, *signers: SignerKey) -> bytes:
    """Return the newest checkpoint of a log, signed by others than must."""
    text = note.parse(log.checkpoint(len(log.entries)))[0]
    return note.sign(text, list(signers))


@pytest.mark.parametrize(("retired", "signers"), [(False, [KEY]), (False, [SECOND])])
def test_during_a_change_both_must_sign(
    tmp_path: Path, signers: list[SignerKey], *, retired: bool
) -> None:
    """Whichever of the two has not signed, is named."""
    log = changed(retired=retired)
    disk = log.write(tmp_path)
    disk.put("log/checkpoint", with_signers(log, *signers))
    report = verify_log(disk.log, FIRST_KEY)
    assert codes(report) == [("checkpoint-key-missing", None)]
    absent = SECOND_KEY if signers == [KEY] else FIRST_KEY
    assert str(absent) in report.problems[0].detail


def test_a_retired_key_signs_nothing_any_more(tmp_path: Path) -> None:
    """Who stole the old key after its retirement cannot sign what covers the retirement."""
    log = changed(retired=True)
    disk = log.write(tmp_path)
    disk.put("log/checkpoint", with_signers(log, KEY))
    assert codes(verify_log(disk.log, FIRST_KEY)) == [("checkpoint-key-missing", None)]


def rewritten(tmp_path: Path, change: Callable[[Changing], object]) -> list[tuple[str, int | None]]:
    """Return what is said of a log that a thief of the new key wrote after the first docking."""
    log = Changing()
    log.genesis()
    log.docking(1, [b"first clip"])
    change(log)
    log.docking(2, [b"second clip"])
    disk = Sealed.write(log, tmp_path)
    disk.put("log/vkey", f"{SECOND_KEY}\n".encode())
    disk.put("log/checkpoint", with_signers(log, SECOND))
    return codes(verify_log(disk.log, FIRST_KEY))


def test_a_new_key_without_an_entry_of_the_old_one(tmp_path: Path) -> None:
    """A checkpoint by a key that nothing in the log introduces is another key's."""
    assert rewritten(tmp_path, lambda _log: None)[0] == ("checkpoint-other-key", None)


def test_a_new_key_that_introduces_itself(tmp_path: Path) -> None:
    """Without the old key's signature the entry is named, and the checkpoint is a stranger's."""

    def change(log: Changing) -> None:
        body_of = {"old_signature": base64s.spell(SECOND.sign(b"me"))}
        log.turn(CHANGE, KEY, SECOND, **body_of)

    found = rewritten(tmp_path, change)
    assert ("checkpoint-other-key", None) in found
    assert ("key-change-old", 5) in found


def test_a_genesis_that_was_replaced(tmp_path: Path) -> None:
    """A whole log under a genesis of its own is not the log of the given key."""
    log = Changing(key=SECOND, signers={SECOND_KEY: SECOND})
    log.genesis()
    log.docking(1, [b"first clip"])
    assert codes(verify_log(log.write(tmp_path).log, FIRST_KEY)) == [
        ("checkpoint-other-key", None),
        ("vkey-other", None),
    ]


def test_a_genesis_that_was_replaced_under_the_right_signature(tmp_path: Path) -> None:
    """The key that signs is the given one, and genesis states another that leads nowhere."""
    log = Changing(key=SECOND, signers={SECOND_KEY: KEY})
    log.genesis()
    log.docking(1, [b"first clip"])
    assert codes(verify_log(log.write(tmp_path).log, FIRST_KEY)) == [
        ("genesis", 0),
        ("vkey-other", None),
    ]


def test_an_edited_change_is_an_edited_entry(tmp_path: Path) -> None:
    """One who edits the entry on disk is told as that, once."""
    disk = changed().write(tmp_path)

    def edit(entries: list[bytes]) -> list[bytes]:
        old = parse(entries[6])
        spoilt = {**old.body, "old_signature": base64s.spell(bytes(64))}
        entries[6] = Entry(seq=6, prev=old.prev, kind=CHANGE, at=AT, body=spoilt).encode()
        return entries

    rewrite_bundle(disk, "tile/entries/000.p/11", edit)
    assert ("entry-edited", 6) in codes(verify_log(disk.log, FIRST_KEY))


def test_a_log_without_a_change_is_as_it_always_was(tmp_path: Path) -> None:
    """A change is no matter of the format: prev and seq hold its entry like any other."""
    log = changed()
    assert parse(log.entries[6]).prev == leaf_hash(log.entries[5])
    assert parse(log.entries[0]).prev == GENESIS_PREV
    disk = log.write(tmp_path)
    assert (disk.log / "checkpoint").read_bytes().count("— ".encode()) == 2
