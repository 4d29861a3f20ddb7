"""A recorder's journal: its bytes, and that whatever is done to them is named."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import base64s, journal
from hashing.canonical import JSON
from hashing.errors import CanonicalError, JournalError
from hashing.journal import MAX_LINE, START, Moment, Position, Record, Walk
from hashing.journal_bodies import MAX_PATH, TAIL, closed, read_path, spell_path
from hashing.keys import VerifierKey
from tests.journals import BEGAN_MS, BOOT, KEY, OTHER_KEY, Script

GOLDEN = Path(__file__).parents[1] / "golden" / "journal"
VKEY = KEY.verifier()


def walked(lines: list[bytes], position: Position = START) -> Walk:
    """Return the walk of lines under the key of the tests."""
    return journal.walk(lines, vkey=VKEY, position=position)


def script() -> Script:
    """Return a journal of a short day."""
    made = Script()
    made.start()
    made.clip("DCIM/a.mp4", "aa")
    made.add("alive")
    made.clip("DCIM/b.mp4", "bb")
    made.add("stop", {"reason": "signal"})
    return made


LINES = script().lines
DATA = b"".join(LINES)


def record(body: dict[str, JSON], kind: str = "alive", **members: object) -> Record:
    """Return a record with these members."""
    told: dict[str, object] = {
        "seq": 1,
        "prev": bytes(32),
        "kind": kind,
        "at": Moment(utc_ms=BEGAN_MS, boot=BOOT, boot_ms=5),
        "body": body,
    }
    return Record(**(told | members))  # type: ignore[arg-type]  # members of any type are tried


# -- the bytes ---------------------------------------------------------------------------


def test_journal_made_by_others_holds() -> None:
    """Lines made with openssl and sha256sum alone are followed to their end."""
    vkey = VerifierKey.parse((GOLDEN / "vkey").read_text().strip())
    lines = journal.split((GOLDEN / "journal").read_bytes())
    walk = journal.walk(lines, vkey=vkey)
    assert walk.broken is None
    assert walk.position == Position(7, hashlib.sha256(lines[-1]).digest())
    assert [one.kind for one in walk.records][-2:] == ["some-later-kind", "stop"]
    clip = closed(walk.records[3].body)
    assert clip.place.text == "DCIM/甲_0001.mp4"
    assert clip.sha256 == hashlib.sha256(b"clip").hexdigest()
    assert read_path(walk.records[4].body["now"]).raw == b"\xb2\xe2.mp4"


def test_bytes_of_a_line_never_change() -> None:
    """What we write is, byte for byte, what openssl made of the same key and records."""
    lines = journal.split((GOLDEN / "journal").read_bytes())
    for line in lines:
        told, _ = journal.parse(line)
        assert journal.sign(told, KEY) == line


def test_signature_is_bound_to_journals() -> None:
    """The key's signature over the record alone, without the tag, is no signature of a record."""
    text = LINES[0][89:-1]
    spelled = base64s.spell(KEY.sign(text)).encode()
    walk = walked([spelled + b" " + text + b"\n"])
    assert walk.broken is not None
    assert walk.broken.code == "signature"


# -- what is done to it is named -----------------------------------------------------------


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_any_changed_byte_is_named(at: int, by: int) -> None:
    """Whichever byte is changed, the walk ends at its line or, where a line end went, before."""
    spoilt = bytearray(DATA)
    spoilt[at] ^= by
    walk = walked(journal.split(bytes(spoilt)))
    assert walk.broken is not None
    assert walk.broken.seq == DATA[:at].count(b"\n")
    assert walk.lines == tuple(LINES[: walk.broken.seq])


@given(st.integers(0, len(DATA) - 1), st.binary(min_size=1, max_size=3))
def test_any_added_bytes_are_named(at: int, more: bytes) -> None:
    """Whatever is put in somewhere, the walk ends there."""
    spoilt = DATA[:at] + more + DATA[at:]
    if spoilt[: len(DATA)] == DATA:
        return
    walk = walked(journal.split(spoilt))
    assert walk.broken is not None
    assert walk.broken.seq <= DATA[:at].count(b"\n") + 1


@given(st.integers(1, len(DATA) - 1))
def test_any_cut_is_torn_or_shorter(end: int) -> None:
    """A journal that ends early ends in a torn line, or has fewer records than it had."""
    walk = walked(journal.split(DATA[:end]))
    assert walk.position.next < len(LINES)
    if walk.broken is not None:
        assert walk.broken.code == "torn"


@given(st.integers(0, len(LINES) - 2))
def test_lost_record_is_named(lost: int) -> None:
    """Taking a line out says at which number one is missing."""
    walk = walked([*LINES[:lost], *LINES[lost + 1 :]])
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == ("sequence", lost)


@given(st.integers(0, len(LINES) - 1))
def test_doubled_record_is_named(twice: int) -> None:
    """A line that is there twice is named at its second place."""
    walk = walked([*LINES[: twice + 1], LINES[twice], *LINES[twice + 1 :]])
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == ("sequence", twice + 1)


@given(st.integers(0, len(LINES) - 2))
def test_exchanged_records_are_named(first: int) -> None:
    """Two lines that changed places are named at the first of them."""
    lines = [*LINES]
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    walk = walked(lines)
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == ("sequence", first)


def test_fork_is_named() -> None:
    """A record that the key signed and that follows another one does not join."""
    made = script()
    other = made.branch()
    made.add("alive")
    other.add("stop", {"reason": "other"})
    other.add("alive")
    walk = walked([*made.lines, other.lines[-1]])
    assert walk.broken is not None
    assert walk.broken.code == "link"


def test_another_key_is_named() -> None:
    """A journal that somebody else signed throughout holds at no record."""
    walk = walked(Script(OTHER_KEY).lines)
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == ("signature", 0)


def test_first_record_says_whose_journal_it_is() -> None:
    """A journal begins with `begun` of its own key, and has it nowhere else."""
    body: dict[str, JSON] = {"number": "1", "vkey": str(OTHER_KEY.verifier())}
    stated_other = journal.sign(record(body, "begun", seq=0), KEY)
    none = journal.sign(record({}, seq=0), KEY)
    again = Script()
    again.add("begun", {"number": "1", "vkey": str(VKEY)})
    for lines, at in (([stated_other], 0), ([none], 0), (again.lines, 1)):
        walk = walked(lines)
        assert walk.broken is not None
        assert (walk.broken.code, walk.broken.seq) == ("begun", at)


def test_time_since_a_start_never_goes_back() -> None:
    """Within one start the time since then grows; another start begins anew."""
    made = Script()
    made.add("alive", after_ms=5000)
    back = made.branch()
    back.add("alive", after_ms=-1)
    made.reboot()
    made.add("alive")
    assert walked(made.lines).broken is None
    walk = walked(back.lines)
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == ("time", 2)


@given(st.integers(0, len(LINES)))
def test_walk_goes_on_where_another_ended(at: int) -> None:
    """Walked in two parts or in one, a journal ends at the same position."""
    first = walked(LINES[:at])
    second = walked(LINES[at:], first.position)
    assert second.broken is None
    assert second.position == walked(LINES).position
    assert first.records + second.records == walked(LINES).records


# -- what is no record -------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_named(line: bytes) -> None:
    """Whatever a recorder says, only JournalError comes of it."""
    try:
        journal.parse(line)
    except JournalError:
        return


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("begun", {"number": "1"}),
        ("begun", {"number": "", "vkey": str(VKEY)}),
        ("begun", {"number": "1", "vkey": "nonsense"}),
        ("start", {"alive_s": 0, "watched": [], "software": "x"}),
        ("start", {"alive_s": True, "watched": [], "software": "x"}),
        ("start", {"alive_s": 1, "watched": [1], "software": "x"}),
        ("stop", {"reason": ""}),
        ("opened", {"path": ""}),
        ("opened", {"path": "x" * (MAX_PATH + 1)}),
        ("opened", {"path": {"raw": "eA"}}),
        ("opened", {"path": {"raw": ""}}),
        ("opened", {"path": {"raw": 1}}),
        ("opened", {"path": {"raw": "eA==", "more": 1}}),
        ("opened", {"path": {"tail": "eA==", "sha256": "short"}}),
        ("clip", {"path": "a", "sha256": "0" * 64, "size": 1, "start_ms": 1, "end_ms": 1}),
        ("clip", {"path": "a", "sha256": "0" * 63, "size": 1, "start_ms": None, "end_ms": 1,
                  "late": False}),
        ("clip", {"path": "a", "sha256": "0" * 64, "size": -1, "start_ms": 1, "end_ms": 1,
                  "late": False}),
        ("clip", {"path": "a", "sha256": "0" * 64, "size": 1, "start_ms": 1, "end_ms": 1,
                  "late": 0}),
        ("clock", {"before_ms": 1, "after_ms": 1, "by": "me"}),
        ("recovered", {"torn_bytes": 0}),
        ("No-kind", {}),
        ("x" * 33, {}),
    ],
)  # fmt: skip
def test_body_that_lacks_what_its_kind_needs_is_no_record(kind: str, body: dict[str, JSON]) -> None:
    """What is relied on must be there, and of its type, before it can be signed at all."""
    with pytest.raises(JournalError) as caught:
        record(body, kind).text()
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    "members",
    [
        {"seq": -1},
        {"prev": b"short"},
        {"at": Moment(utc_ms=-1, boot=BOOT, boot_ms=5)},
        {"at": Moment(utc_ms=1, boot="", boot_ms=5)},
        {"at": Moment(utc_ms=1, boot="Ö", boot_ms=5)},
        {"at": Moment(utc_ms=1, boot=BOOT, boot_ms=-5)},
        {"body": {"much": "x" * MAX_LINE}},
    ],
)
def test_record_that_breaks_a_bound_is_not_written(members: dict[str, object]) -> None:
    """Who writes is held to the same rules as who reads."""
    with pytest.raises((JournalError, CanonicalError)):
        record(**{"body": {}, **members}).text()  # type: ignore[arg-type]  # members of any type


def test_other_members_of_a_body_are_let_be() -> None:
    """A newer recorder may say more, in a body or in a kind of its own."""
    made = Script()
    made.add("alive", {"mood": "good"})
    made.add("later-kind", {"anything": None})
    assert walked(made.lines).broken is None


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda line: line.replace(b'"v":1', b'"v":2'), "version"),
        (lambda line: line.replace(b" ", b"  ", 1), "malformed"),
        (lambda line: line.replace(b"}\n", b"} \n"), "malformed"),
        (lambda line: line[1:], "malformed"),
        (lambda line: b"=" + line[1:], "malformed"),
        (lambda line: line[:-1] + b"x" * MAX_LINE + b"\n", "malformed"),
        (lambda line: line[:-1], "torn"),
        (lambda _: b"\n", "malformed"),
    ],
)
def test_spoilt_line_is_called_by_what_is_wrong(spoil: Callable[[bytes], bytes], code: str) -> None:
    """The code says what is wrong with the line."""
    walk = walked([LINES[0], spoil(LINES[1])])
    assert walk.broken is not None
    assert (walk.broken.code, walk.broken.seq) == (code, 1)


def test_lines_end_at_a_line_feed_alone() -> None:
    """Other bytes that some readers take for the end of a line do not end it."""
    data = b"a\rb\x0bc\x85\n\nd"
    assert journal.split(data) == [b"a\rb\x0bc\x85\n", b"\n", b"d"]
    assert journal.split(b"") == []


# -- paths ---------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=2 * MAX_PATH))
def test_any_path_is_kept(raw: bytes) -> None:
    """Whatever a path is, it fits a record, and its bytes can be read again up to the bound."""
    spelled = spell_path(raw)
    place = read_path(spelled)
    body: dict[str, JSON] = {"path": spelled, "now": spelled}
    assert len(journal.sign(record(body, "renamed"), KEY)) <= MAX_LINE
    if len(raw) > MAX_PATH:
        assert (place.whole, place.raw) == (False, raw[-TAIL:])
    else:
        assert place.whole
        assert (place.raw or place.text.encode()) == raw


@pytest.mark.parametrize("raw", [b'"' * MAX_PATH, b"\x01" * MAX_PATH, b"\xff" * MAX_PATH])
def test_longest_path_fits_a_line_twice(raw: bytes) -> None:
    """The worst that a path can be to JSON still fits, as both names of a renaming."""
    body: dict[str, JSON] = {"path": spell_path(raw), "now": spell_path(raw)}
    at = Moment(utc_ms=2**53 - 1, boot="z" * 64, boot_ms=2**53 - 1)
    line = journal.sign(record(body, "renamed", seq=2**53 - 1, at=at), KEY)
    assert len(line) <= MAX_LINE
