"""Canonical JSON, entries and documents: one spelling each, and nothing else accepted."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import canonical, document, entry
from hashing.bodies import DOCKING_KINDS, KINDS
from hashing.canonical import MAX_INT
from hashing.entry import At, Entry
from hashing.errors import CanonicalError, DocumentError, EntryError, EvidenceError
from tests.sealed import AT, small

KEYS = st.text(st.characters(max_codepoint=127), max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTS = st.integers(-MAX_INT, MAX_INT)
VALUES = st.recursive(
    st.none() | st.booleans() | INTS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(OBJECTS)
def test_it_is_what_rfc_8785_asks_for(value: dict[str, Any]) -> None:
    """Another implementation of RFC 8785 writes the same bytes, and ours reads them back."""
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.decode(data) == value


def test_every_escape_is_the_rfcs() -> None:
    """Control characters are escaped as RFC 8785 says, all others stand as is."""
    text = "".join(map(chr, range(0x100))) + "\u2028\ud7ff\ue000\uffff\U0010ffff"
    assert canonical.encode({"a": text}) == rfc8785.dumps({"a": text})


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_are_the_spelling(data: bytes) -> None:
    """Whatever is read is written again as the very same bytes; nothing else is raised."""
    try:
        value = canonical.decode(data)
    except CanonicalError:
        return
    assert canonical.encode(value) == data


@given(OBJECTS, st.data())
@settings(max_examples=200)
def test_a_damaged_spelling_never_reads_as_the_same(
    value: dict[str, Any], data: st.DataObject
) -> None:
    """One byte changed, gone or added gives other content or none."""
    spelled = canonical.encode(value)
    at = data.draw(st.integers(0, len(spelled) - 1))
    more = data.draw(st.binary(max_size=2))
    changed = spelled[:at] + more + spelled[at + data.draw(st.integers(0, 1)) :]
    try:
        read = canonical.decode(changed)
    except CanonicalError:
        return
    assert (read == value) == (changed == spelled)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{} ",
        b" {}",
        b"{}\n",
        b'{"a": 1}',
        b'{"a":1,}',
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\\u000a"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'{"a":"\t"}',
        b"{'a':1}",
        b'{"\xc3\xa9":1}',
        b'{"\\u00e9":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    """What RFC 8785 or the profile writes differently, or not at all, is refused."""
    with pytest.raises(CanonicalError):
        canonical.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.5},
        {"a": MAX_INT + 1},
        {"a": -MAX_INT - 1},
        {"a": "\ud800"},
        {"\u00e9": 1},
        {1: 1},
        {"a": b"bytes"},
        {"a": (1,)},
        {"a": {1, 2}},
        {None: 1},
    ],
)
def test_values_outside_the_profile_are_refused(value: object) -> None:
    """What could not be read back the same is never written."""
    with pytest.raises(CanonicalError):
        canonical.encode(value)


def test_the_deepest_nesting() -> None:
    """Thirty-two levels are read, thirty-three refused, and a value that holds itself too."""
    value: Any = 1
    for _ in range(32):
        value = {"a": value}
    assert canonical.decode(canonical.encode(value)) == value
    with pytest.raises(CanonicalError):
        canonical.encode({"a": value})
    value = []
    value.append(value)
    with pytest.raises(CanonicalError):
        canonical.encode(value)


# -- entries -------------------------------------------------------------------

HEARTBEAT = Entry(seq=3, prev=bytes(range(32)), kind="heartbeat", at=AT, body={"n": 1})


def test_bytes_of_an_entry_never_change() -> None:
    """The example of docs/formats/entry.md, byte for byte."""
    assert HEARTBEAT.encode() == (
        b'{"at":{"boot":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","boot_ms":5000,"source":"ntp",'
        b'"sync":"synchronized","utc_ms":1767225600000},"body":{"n":1},"kind":"heartbeat",'
        b'"prev":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","seq":3,"v":1}'
    )
    assert entry.leaf_hash(HEARTBEAT.encode()).hex() == (
        "9cb7b0c1e067248fae7dda552b4ec3a181717f0d1c92e3fbb70b5f9c390b0305"
    )


# Of their bodies.
DEMANDING = {
    "access", "clock-step", "cosigned", "genesis", "issue", "key-change", "key-retired", "overdue",
    "return", "trip",
}  # fmt: skip


@given(
    seq=st.integers(0, MAX_INT),
    prev=st.binary(min_size=32, max_size=32),
    kind=st.sampled_from(sorted(KINDS - DOCKING_KINDS - DEMANDING)),
    at=st.builds(
        At,
        utc_ms=st.integers(0, MAX_INT),
        sync=st.sampled_from(sorted(entry.SYNC)),
        source=TEXTS,
        boot=TEXTS,
        boot_ms=st.integers(0, MAX_INT),
    ),
    body=OBJECTS.filter(lambda body: "document" not in body),
)
def test_an_entry_is_read_back(
    seq: int, prev: bytes, kind: str, at: At, body: dict[str, Any]
) -> None:
    """What is written is read back equal."""
    made = Entry(seq=seq, prev=prev, kind=kind, at=at, body=body)
    assert entry.parse(made.encode()) == made


def spoilt(path: str, value: object) -> bytes:
    """Return the example with one member replaced, or taken out if `value` is Ellipsis."""
    whole = json.loads(HEARTBEAT.encode())
    *folders, name = path.split(".")
    target = whole
    for folder in folders:
        target = target[folder]
    if value is ...:
        del target[name]
    else:
        target[name] = value
    return canonical.encode(whole)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(
            (name, ...)
            for name in ("v", "kind", "seq", "prev", "at", "body", "at.utc_ms", "at.boot")
        ),
        ("extra", 1),
        ("at.extra", 1),
        ("v", 2),
        ("v", True),
        ("v", "1"),
        ("kind", "unheard-of"),
        ("kind", 1),
        ("kind", "genesis"),
        ("kind", "docked"),
        ("kind", "clip"),
        ("seq", -1),
        ("seq", "3"),
        ("seq", True),
        ("prev", "00"),
        ("prev", "AA" * 32),
        ("prev", "0" * 63 + "\n"),
        ("prev", None),
        ("at", 1),
        ("at.sync", "maybe"),
        ("at.sync", None),
        ("at.source", 1),
        ("at.boot", None),
        ("at.utc_ms", -1),
        ("at.utc_ms", "1"),
        ("at.boot_ms", None),
        ("body", []),
        ("body.document", "short"),
        ("body.document", None),
    ],
)
def test_what_is_no_entry(path: str, value: object) -> None:
    """A member too many, too few or of another type makes it no entry."""
    with pytest.raises(EntryError):
        entry.parse(spoilt(path, value))


DIGEST = "ab" * 32
SIGNATURE = "A" * 86 + "=="
KEY_PAIR = {
    "old_vkey": "a+b+c",
    "new_vkey": "a+d+e",
    "old_signature": SIGNATURE,
    "new_signature": SIGNATURE,
}
BODIES: dict[str, dict[str, Any]] = {
    "genesis": {"origin": "dock.example/1", "vkey": "a+b+c", "profile": 1},
    "docked": {"docking": 1, "document": DIGEST},
    "checked": {"docking": 1, "document": DIGEST},
    "clip": {"docking": 1, "sha256": DIGEST, "size": 0, "document": DIGEST},
    "finding": {"docking": 1, "document": DIGEST},
    "released": {"docking": 1, "entries": 0, "digest": DIGEST},
    "key-change": KEY_PAIR,
    "key-retired": KEY_PAIR,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, body in BODIES.items() for name in body]
)
def test_what_a_verifier_relies_on_must_be_there(kind: str, name: str) -> None:
    """Each member that verification uses is there, and is of its type."""
    body = BODIES[kind]
    entry.parse(Entry(seq=0, prev=bytes(32), kind=kind, at=AT, body=body).encode())
    others: list[Any] = [None, "", -1, [], True]
    for value in others:
        with pytest.raises(EntryError):
            Entry(seq=0, prev=bytes(32), kind=kind, at=AT, body={**body, name: value}).encode()
    less = {key: value for key, value in body.items() if key != name}
    with pytest.raises(EntryError):
        Entry(seq=0, prev=bytes(32), kind=kind, at=AT, body=less).encode()


def test_the_longest_entry() -> None:
    """An entry of 65,535 bytes is one; one byte more is none, to write or to read."""
    room = entry.MAX_ENTRY - len(
        Entry(seq=0, prev=bytes(32), kind="heartbeat", at=AT, body={"x": ""}).encode()
    )
    whole = Entry(seq=0, prev=bytes(32), kind="heartbeat", at=AT, body={"x": "y" * room})
    assert len(whole.encode()) == 65_535
    assert entry.parse(whole.encode()) == whole
    with pytest.raises(EntryError):
        Entry(seq=0, prev=bytes(32), kind="heartbeat", at=AT, body={"x": "y" * (room + 1)}).encode()
    with pytest.raises(EntryError):
        entry.parse(whole.encode().replace(b"yy", b"yyy", 1))


@given(st.binary(max_size=100))
def test_any_bytes_are_an_entry_or_an_error(data: bytes) -> None:
    """Reading an entry raises nothing but errors of evidence."""
    with pytest.raises(EvidenceError):
        entry.parse(data)


# -- documents -----------------------------------------------------------------


@given(OBJECTS.filter(lambda facts: "salt" not in facts), st.binary(min_size=32, max_size=32))
def test_a_document_is_read_back(facts: dict[str, Any], salt: bytes) -> None:
    """What is sealed is read back, with its salt."""
    assert document.parse(document.seal(facts, salt)) == {**facts, "salt": salt.hex()}


def test_bytes_of_a_document_never_change() -> None:
    """The example of docs/formats/document.md, byte for byte."""
    data = document.seal({"path": "DCIM/100MEDIA/甲_0001.MP4"}, bytes(range(32)))
    assert (
        data
        == (
            '{"path":"DCIM/100MEDIA/甲_0001.MP4",'
            '"salt":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}'
        ).encode()
    )
    assert (
        document.digest(data) == "dac1894ae17eced9ea614ac3f4054c07535009c3e04d663d4ed193b309841ad7"
    )


def test_the_same_facts_never_have_the_same_digest() -> None:
    """Another salt gives another digest: nobody can guess a name and try."""
    digests = {document.digest(document.seal({"a": 1}, bytes([n]) * 32)) for n in range(10)}
    assert len(digests) == 10


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    """A salt is 32 bytes."""
    with pytest.raises(DocumentError):
        document.seal({}, salt)


def test_facts_that_bring_their_own_salt_are_refused() -> None:
    """No caller can choose the member that hides the rest."""
    with pytest.raises(DocumentError):
        document.seal({"salt": "00" * 32}, bytes(32))


def test_documents_are_bounded() -> None:
    """Nobody has to read more than 16 MiB to know a document."""
    with pytest.raises(DocumentError):
        document.seal({"a": "x" * document.MAX_DOCUMENT}, bytes(32))
    with pytest.raises(DocumentError):
        document.parse(bytes(document.MAX_DOCUMENT + 1))


@pytest.mark.parametrize("data", [b"{}", b'{"salt":1}', b'{"salt":"00"}', b'{"salt":null}'])
def test_a_document_without_a_salt_is_none(data: bytes) -> None:
    """The salt must be there and be 64 hexadecimal digits."""
    with pytest.raises(DocumentError):
        document.parse(data)


def test_no_personal_data_in_the_test_logs_entries() -> None:
    """What the documents hold appears in no entry."""
    log = b"".join(small().entries)
    assert "甲".encode() not in log
    assert b"DCIM" not in log
