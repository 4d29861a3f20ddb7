"""Keys, signed notes and checkpoints, against the vectors of other implementations."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.errors import (
    BadSignatureError,
    CheckpointError,
    KeyFormatError,
    NoteError,
    UnknownSignersError,
)
from hashing.keys import SignerKey, VerifierKey
from hashing.merkle import EMPTY_ROOT
from hashing.note import SignatureLine

GOLDEN = Path(__file__).parent.parent / "golden" / "hashing"
NOTES: list[dict[str, str]] = json.loads((GOLDEN / "notes.json").read_text("utf-8"))["notes"]
LOG300: dict[str, Any] = json.loads((GOLDEN / "log300.json").read_text("utf-8"))
LOG_KEY = VerifierKey.parse(LOG300["log_vkey"])
OURS = SignerKey.generate("dock.example/7", bytes(range(32)))
OTHER = SignerKey.generate("dock.example/8", bytes(32))
TEXT = "a text\n"


def whole(vector: dict[str, str]) -> bytes:
    """Return a golden note as bytes."""
    return f"{vector['text']}\n{vector['line']}\n".encode()


def head300() -> str:
    """Return the text of the golden checkpoint."""
    return f"{LOG300['origin']}\n300\n{LOG300['roots']['300']}\n"


@pytest.mark.parametrize("vector", NOTES, ids=lambda vector: vector["name"])
def test_notes_of_other_implementations(vector: dict[str, str]) -> None:
    """Notes that others signed verify, and their keys are written as they write them."""
    key = VerifierKey.parse(vector["vkey"])
    assert str(key) == vector["vkey"]
    opened = note.open_note(whole(vector), [key])
    assert opened.text == vector["text"]
    assert [str(line) for line in opened.signatures] == [vector["line"]]


def test_a_signer_key_of_another_implementation() -> None:
    """The Go signer key is read, written and signs to the same bytes."""
    vector = NOTES[1]
    key = SignerKey.parse(vector["skey"])
    assert key.encode() == vector["skey"]
    assert str(key.verifier()) == vector["vkey"]
    assert note.sign(vector["text"], [key]) == whole(vector)


def test_the_golden_log_is_signed_to_the_same_bytes() -> None:
    """The golden seed gives the golden key and the golden signature."""
    key = SignerKey.generate(LOG300["origin"], bytes.fromhex(LOG300["log_seed"]))
    assert str(key.verifier()) == LOG300["log_vkey"]
    head = checkpoint.parse(head300())
    assert note.sign(head.encode(), [key]) == f"{head300()}\n{LOG300['log_line']}\n".encode()


@pytest.mark.parametrize("others", [["witness_line"], ["sm2_line"], ["witness_line", "sm2_line"]])
def test_lines_of_others_are_ignored(others: list[str]) -> None:
    """Cosignatures and other algorithms, even under our name, stand beside our line unharmed."""
    lines = [LOG300[name] for name in [*others, "log_line"]]
    opened = note.open_note("\n".join([head300(), *lines, ""]).encode(), [LOG_KEY])
    assert [str(line) for line in opened.signatures] == [LOG300["log_line"]]
    assert [str(line) for line in opened.unverified] == lines[:-1]


def test_nobody_known_signed() -> None:
    """A note without a line of a known key is refused, and says who signed it."""
    data = "\n".join([head300(), LOG300["witness_line"], ""]).encode()
    with pytest.raises(UnknownSignersError) as caught:
        note.open_note(data, [LOG_KEY])
    assert caught.value.present == (("central.example/w1", 0x8E99A747),)


def test_a_known_key_that_fails_spoils_the_note() -> None:
    """One good signature does not save a note in which another known key's line is bad."""
    data = note.sign(TEXT, [OURS])
    bad = SignatureLine(OTHER.name, OTHER.verifier().key_id, OTHER.sign(b"another text\n"))
    both = data + f"{bad}\n".encode()
    with pytest.raises(BadSignatureError) as caught:
        note.open_note(both, [OURS.verifier(), OTHER.verifier()])
    assert caught.value.name == OTHER.name
    assert note.open_note(both, [OURS.verifier()]).text == TEXT


def test_a_known_key_signs_once() -> None:
    """A second line of one known key is refused, good or bad; of a stranger it is ignored."""
    data = note.sign(TEXT, [OURS])
    line = data.rpartition(b"\n\n")[2]
    with pytest.raises(NoteError):
        note.open_note(data + line, [OURS.verifier()])
    stranger = note.sign(TEXT, [OTHER]).rpartition(b"\n\n")[2]
    assert len(note.open_note(data + stranger + stranger, [OURS.verifier()]).unverified) == 2


def test_right_name_and_id_but_another_length() -> None:
    """A line that claims our key and holds no signature of ours is bad, not unknown."""
    line = SignatureLine(OURS.name, OURS.verifier().key_id, b"short")
    with pytest.raises(BadSignatureError):
        note.open_note(f"{TEXT}\n{line}\n".encode(), [OURS.verifier()])


def test_many_lines() -> None:
    """Sixteen lines and more are read; beyond a hundred the note is refused."""
    keys = [SignerKey.generate(f"w{number}", bytes([number]) * 32) for number in range(100)]
    assert len(note.open_note(note.sign(TEXT, keys), [keys[50].verifier()]).unverified) == 99
    with pytest.raises(NoteError):
        note.sign(TEXT, [*keys, OURS])


def test_a_text_with_empty_lines() -> None:
    """The last empty line parts text from signatures."""
    text = "one\n\n— two\n\n\n"
    assert note.open_note(note.sign(text, [OURS]), [OURS.verifier()]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a\rb\n", "a\tb\n", "\0\n", "\ud800\n"])
def test_texts_that_are_not_signed(text: str) -> None:
    """A text that no verifier would read is not signed."""
    with pytest.raises(NoteError):
        note.sign(text, [OURS])


def test_a_note_needs_a_signer() -> None:
    """Signing with no key makes no note."""
    with pytest.raises(NoteError):
        note.sign(TEXT, [])


def mangled(how: Callable[[bytes], bytes]) -> bytes:
    """Return a good note, changed."""
    return how(note.sign(TEXT, [OURS]))


@pytest.mark.parametrize(
    "how",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + b"x",
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data.replace("— ".encode(), b"- "),
        lambda data: data.replace("— ".encode(), "—".encode()),
        lambda data: data.replace(b"dock.example/7 ", b"dock.example/7  "),
        lambda data: data.replace(b"dock.example/7 ", b"dock.example/7\t"),
        lambda data: data.replace(b"dock.example/7 ", b"dock+example/7 "),
        lambda data: data.replace(b"dock.example/7 ", "dock\u3000example/7 ".encode()),
        lambda data: data.replace(b"dock.example/7 ", b" "),
        lambda data: data.replace(b"=\n", b"\n"),
        lambda data: data.replace(b"=\n", b"==\n"),
        lambda data: data[:-4] + b"-_=\n",
        lambda data: b"\xff" + data,
        lambda data: b"\0" + data,
        lambda data: b"a" * (note.MAX_NOTE + 1) + data,
        lambda data: data.rpartition("— ".encode())[0],
        lambda data: data.rpartition(b" ")[0] + b" AAAAAA==\n",
        lambda data: data[:0],
    ],
)
def test_malformed_notes(how: Callable[[bytes], bytes]) -> None:
    """What is not exactly a signed note is refused before any signature is looked at."""
    with pytest.raises(NoteError) as caught:
        note.parse(mangled(how))
    assert type(caught.value) is NoteError


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_an_error(data: bytes) -> None:
    """Reading a note raises NoteError and nothing else; what is read is written the same."""
    try:
        text, lines = note.parse(data)
    except NoteError:
        return
    assert "\n".join([text, *map(str, lines), ""]).encode() == data


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_of_a_signed_note_can_change(at: int, mask: int) -> None:
    """Every change of a byte is refused."""
    data = bytearray(note.sign(TEXT, [OURS]))
    data[at % len(data)] ^= mask
    with pytest.raises(NoteError):
        note.open_note(bytes(data), [OURS.verifier()])


# -- keys --------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20))
def test_keys_are_read_back(seed: bytes, name: str) -> None:
    """Whatever may name a key, both halves are read back as written; the seed shows nowhere."""
    try:
        key = SignerKey.generate(name, seed)
    except KeyFormatError:
        return
    assert SignerKey.parse(key.encode()) == key
    assert VerifierKey.parse(str(key.verifier())) == key.verifier()
    assert seed.hex() not in repr(key)
    assert repr(seed) not in repr(key)


GOOD = NOTES[1]["vkey"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++",
        GOOD[1:],
        GOOD + "\n",
        GOOD + "=",
        GOOD.replace("+c74f20a3", "+c74f20a4"),
        GOOD.replace("+c74f20a3", "+C74F20A3"),
        GOOD.replace("+c74f20a3", "+c74f20a"),
        GOOD.replace("PeterNeumann", ""),
        GOOD.replace("PeterNeumann", "Peter Neumann"),
        GOOD.replace("PeterNeumann", "Peter\nNeumann"),
        GOOD.replace("PeterNeumann", "peterNeumann"),
        GOOD.replace("+ARpc2", "+BRpc2"),
        GOOD.replace("+ARpc2", "+ARpc3"),
        GOOD[:-2],
        GOOD + "x" * 5000,
        LOG300["sm2_line"],
    ],
)
def test_malformed_keys(text: str) -> None:
    """What is not exactly a verifier key is refused, and is no signer key either."""
    with pytest.raises(KeyFormatError):
        VerifierKey.parse(text)
    with pytest.raises(KeyFormatError):
        SignerKey.parse(text)


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize(
    "y",
    [
        0,
        1,
        2**255 - 20,
        2**255 - 19,
        2**255 - 18,
        2**255 - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    ],
)
def test_weak_points_are_no_keys(y: int, sign: int) -> None:
    """Points of small order and second spellings are refused: their signatures fit many texts."""
    point = bytearray(y.to_bytes(32, "little"))
    point[31] |= sign
    with pytest.raises(KeyFormatError):
        VerifierKey("dock.example/7", bytes(point))


def test_a_key_that_is_no_point_verifies_nothing() -> None:
    """Bytes that are no point of the curve may be written as a key; nothing verifies under it."""
    key = VerifierKey("dock.example/7", (2).to_bytes(32, "little"))
    assert not key.verifies(b"text", bytes(64))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length(size: int) -> None:
    """Seeds and public keys are 32 bytes."""
    with pytest.raises(KeyFormatError):
        SignerKey.generate("a", bytes(size))
    with pytest.raises(KeyFormatError):
        VerifierKey("a", b"\3" * size)


# -- checkpoints -------------------------------------------------------------------

ROOT = base64.b64encode(bytes(32)).decode()


@given(st.integers(1, checkpoint.MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_back(size: int, root: bytes) -> None:
    """What is written is read back equal."""
    head = Checkpoint("dock.example/7", size, root)
    assert checkpoint.parse(head.encode()) == head


def test_the_empty_log() -> None:
    """A log of no entries has one root."""
    assert checkpoint.parse(Checkpoint("a", 0, EMPTY_ROOT).encode()).size == 0
    with pytest.raises(CheckpointError):
        Checkpoint("a", 0, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"a\n1\n{ROOT}",
        f"a\n1\n{ROOT}\n\n",
        f"a\n1\n{ROOT}\nextension\n",
        f"\n1\n{ROOT}\n",
        f"a b\n1\n{ROOT}\n",
        f"a+b\n1\n{ROOT}\n",
        f"a\r\n1\r\n{ROOT}\r\n",
        f"a\n01\n{ROOT}\n",
        f"a\n+1\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n1_0\n{ROOT}\n",
        f"a\n 1\n{ROOT}\n",
        f"a\n１\n{ROOT}\n",
        f"a\n\n{ROOT}\n",
        f"a\n9223372036854775808\n{ROOT}\n",
        f"a\n{'9' * 5000}\n{ROOT}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT[:-2]}B=\n",
        f"a\n1\n{ROOT} \n",
        "a\n1\nAAAA\n",
        NOTES[2]["text"],
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    """Anything but the one spelling of three lines is refused."""
    with pytest.raises(CheckpointError):
        checkpoint.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_checkpoint_or_an_error(text: str) -> None:
    """Reading a checkpoint raises CheckpointError and nothing else."""
    with pytest.raises(CheckpointError):
        checkpoint.parse(text)
