"""Cosigners' keys and lines, of both types, against other implementations' and spoilt ones."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing import mldsa, note
from hashing.cosignature import MAX_TIME, CosignerKey, CosignerSigner, time_of
from hashing.cosigners import (
    AnyCosignerSigner,
    parse_cosigner,
    parse_cosigner_signer,
    parse_log_key,
    parse_verifier,
)
from hashing.errors import (
    BadSignatureError,
    CheckpointError,
    DoubleSignatureError,
    KeyFormatError,
    NoteError,
    UnknownSignersError,
)
from hashing.keys import SignerKey, Verifier, VerifierKey
from hashing.mldsa import MldsaKey, MldsaSigner
from hashing.note import SignatureLine
from tests.proving import LOG_QUANTUM, QUANTUM, TIME_S, W1, W2, seed
from tests.sealed import KEY

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "hashing"
LOG300: dict[str, Any] = json.loads((GOLDEN / "log300.json").read_text("utf-8"))
PROOFS: dict[str, Any] = json.loads((GOLDEN / "proofs.json").read_text("utf-8"))
TEXT: str = f"{LOG300['origin']}\n300\n{LOG300['roots']['300']}\n"
COSIGNERS = (W1, QUANTUM)
each_cosigner = pytest.mark.parametrize("signer", COSIGNERS, ids=["04", "06"])


def signed(*lines: SignatureLine, text: str = TEXT) -> bytes:
    """Return a note of `text` under these lines."""
    return "\n".join([text, *map(str, lines), ""]).encode()


def reads(parse: Callable[[str], object], text: str) -> bool:
    """Tell whether a class takes a key's text."""
    try:
        parse(text)
    except KeyFormatError:
        return False
    return True


def test_the_golden_cosignature() -> None:
    """The golden seed gives the golden witness key and the golden line, byte for byte."""
    signer = CosignerSigner.generate("central.example/w1", bytes.fromhex(PROOFS["witness_seed"]))
    assert str(signer.verifier()) == PROOFS["witness_vkey"]
    line = signer.cosign(TEXT, PROOFS["time_s"])
    assert str(line) == LOG300["witness_line"]
    assert time_of(line) == PROOFS["time_s"]


def test_a_line_of_another_implementation_of_ml_dsa() -> None:
    """A cosignature of type 06 that others made verifies, with its key and its time."""
    key = parse_cosigner(PROOFS["mldsa_vkey"])
    assert str(key) == PROOFS["mldsa_vkey"]
    (line,) = note.read_lines(f"{PROOFS['mldsa_line']}\n".encode())
    assert note.open_note(signed(line), [key]).signatures == (line,)
    assert time_of(line) == PROOFS["time_s"]


@pytest.mark.parametrize("vkey", PROOFS["foreign_vkeys"])
def test_keys_of_other_witnesses(vkey: str) -> None:
    """Keys of witnesses that others run are read, and written as they write them."""
    assert str(parse_cosigner(vkey)) == vkey


@each_cosigner
def test_one_way_to_read_each_type(signer: AnyCosignerSigner) -> None:
    """The type's byte says which class reads a key; a cosigner's key is none of the others'."""
    vkey = str(signer.verifier())
    assert parse_verifier(vkey) == parse_cosigner(vkey) == signer.verifier()
    assert parse_cosigner_signer(signer.encode()) == signer
    assert repr(signer.seed) not in repr(signer)
    readers: list[Callable[[str], object]] = [VerifierKey.parse, CosignerKey.parse, MldsaKey.parse]
    assert [reads(parse, vkey) for parse in readers].count(True) == 1
    readers = [SignerKey.parse, CosignerSigner.parse, MldsaSigner.parse]
    assert [reads(parse, signer.encode()) for parse in readers].count(True) == 1


def test_a_log_signs_with_its_own_types() -> None:
    """A log's key is of type 01 or 06, and a cosigner's of 04 or 06."""
    for key in (KEY.verifier(), LOG_QUANTUM.verifier()):
        assert parse_log_key(str(key)) == key
    assert parse_verifier(str(KEY.verifier())) == KEY.verifier()
    with pytest.raises(KeyFormatError):
        parse_log_key(str(W1.verifier()))
    with pytest.raises(KeyFormatError):
        parse_cosigner(str(KEY.verifier()))
    with pytest.raises(KeyFormatError):
        parse_cosigner_signer(KEY.encode())


def test_a_type_that_nobody_knows() -> None:
    """A key of another type, or of none, is no key of any of ours."""
    name, key_id, material = str(KEY.verifier()).split("+", 2)
    for head in (b"\x02", b"\x05", b"\xff", b""):
        spelled = base64.b64encode(head + base64.b64decode(material)[1:] if head else b"").decode()
        for parse in (parse_verifier, parse_cosigner, parse_log_key):
            with pytest.raises(KeyFormatError):
                parse(f"{name}+{key_id}+{spelled}")
        with pytest.raises(KeyFormatError):
            parse_cosigner_signer(f"PRIVATE+KEY+{name}+{key_id}+{spelled}")


@each_cosigner
@pytest.mark.parametrize(
    "how",
    [
        lambda text: text[:-1],
        lambda text: text + "=",
        lambda text: text + "\n",
        lambda text: text.replace("witness", "Witness"),
        lambda text: text.replace("witness", "wit ness"),
        lambda text: text.replace("example", "example+0"),
        lambda text: text[1:],
    ],
)
def test_malformed_keys(signer: AnyCosignerSigner, how: Callable[[str], str]) -> None:
    """A key's text has one spelling, and its id is that of its name, type and key."""
    for text in (str(signer.verifier()), signer.encode()):
        spoilt = how(text)
        with pytest.raises(KeyFormatError):
            parse_verifier(spoilt)
        with pytest.raises(KeyFormatError):
            parse_cosigner_signer(spoilt)


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
def test_weak_points_are_no_cosigners(y: int, sign: int) -> None:
    """Points of small order and second spellings are refused for type 04 as for type 01."""
    point = bytearray(y.to_bytes(32, "little"))
    point[31] |= sign
    with pytest.raises(KeyFormatError):
        CosignerKey("witness.example/1", bytes(point))


@each_cosigner
@pytest.mark.parametrize("size", [0, 31, 33, 1311, 1313])
def test_keys_of_another_length(signer: AnyCosignerSigner, size: int) -> None:
    """Seeds and public keys have one length each."""
    with pytest.raises(KeyFormatError):
        type(signer).generate("a", bytes(size))
    with pytest.raises(KeyFormatError):
        type(signer.verifier())("a", b"\3" * size)


@each_cosigner
@pytest.mark.parametrize("time_s", [-1, 0, MAX_TIME + 1, 2**64])
def test_times_that_none_can_sign(signer: AnyCosignerSigner, time_s: int) -> None:
    """A cosignature is of a time that is not zero, and below 2^63."""
    with pytest.raises(KeyFormatError):
        signer.cosign(TEXT, time_s)


@each_cosigner
@pytest.mark.parametrize("time_s", [1, TIME_S, MAX_TIME])
def test_times_that_can_be_signed(signer: AnyCosignerSigner, time_s: int) -> None:
    """The time is part of what is signed, and can be read from the line."""
    line = signer.cosign(TEXT, time_s)
    assert time_of(line) == time_s
    assert signer.verifier().verifies(TEXT.encode(), line.signature)
    later = (time_s - 1 if time_s == MAX_TIME else time_s + 1).to_bytes(8, "big")
    assert not signer.verifier().verifies(TEXT.encode(), later + line.signature[8:])


@each_cosigner
@pytest.mark.parametrize("stamp", [bytes(8), b"\x80" + bytes(7), b"\xff" * 8])
def test_lines_that_state_no_time(signer: AnyCosignerSigner, stamp: bytes) -> None:
    """A line whose time is zero or beyond the range is bad, whatever is signed."""
    line = signer.cosign(TEXT, TIME_S)
    bad = SignatureLine(line.name, line.key_id, stamp + line.signature[8:])
    with pytest.raises(NoteError):
        time_of(bad)
    with pytest.raises(BadSignatureError):
        note.open_note(signed(bad), [signer.verifier()])


@each_cosigner
@pytest.mark.parametrize("length", [1, 8, 9, 64, 71, 73, 2427, 2429])
def test_lines_of_another_length(signer: AnyCosignerSigner, length: int) -> None:
    """A line with a known name and id, and more or less than a cosignature, is bad."""
    whole = signer.cosign(TEXT, TIME_S).signature
    cut = (whole + bytes(2429))[:length]
    line = SignatureLine(signer.name, signer.verifier().key_id, cut)
    with pytest.raises(BadSignatureError):
        note.open_note(signed(line), [signer.verifier()])


@each_cosigner
@settings(max_examples=25)
@given(data=st.data())
def test_no_bit_of_a_cosigned_text_can_change(
    signer: AnyCosignerSigner, data: st.DataObject
) -> None:
    """Whatever byte of a cosigned note is changed, the note is refused."""
    whole = bytearray(signed(signer.cosign(TEXT, TIME_S)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoteError):
        note.open_note(bytes(whole), [signer.verifier()])


def test_ml_dsa_binds_the_signers_name() -> None:
    """A line of type 06 made under one name is none under another, though the key be one."""
    other = MldsaSigner.generate("witness.example/other", QUANTUM.seed)
    line = QUANTUM.cosign(TEXT, TIME_S)
    moved = SignatureLine(other.name, other.verifier().key_id, line.signature)
    with pytest.raises(BadSignatureError):
        note.open_note(signed(moved), [other.verifier()])


def test_ml_dsa_signs_checkpoints_only() -> None:
    """Type 06 signs what a checkpoint states: of any other text there is nothing to sign."""
    for text in ("a text\n", TEXT + "extension\n", "\n"):
        with pytest.raises(CheckpointError):
            QUANTUM.cosign(text, TIME_S)
    assert not QUANTUM.verifier().verifies(b"a text\n", QUANTUM.cosign(TEXT, TIME_S).signature)
    assert not QUANTUM.verifier().verifies(b"\xff", QUANTUM.cosign(TEXT, TIME_S).signature)


def test_names_that_ml_dsa_can_not_bind() -> None:
    """Name and origin are written after a length of one byte: a longer one is refused."""
    longest = MldsaSigner.generate("a" * 255, QUANTUM.seed)
    assert longest.verifier().verifies(TEXT.encode(), longest.cosign(TEXT, 1).signature)
    with pytest.raises(KeyFormatError):
        MldsaSigner.generate("é" * 128, QUANTUM.seed)
    _, _, rest = TEXT.partition("\n")
    with pytest.raises(KeyFormatError):
        QUANTUM.cosign(f"{'a' * 256}\n{rest}", 1)
    long = f"{'a' * 256}\n{rest}".encode()
    assert not QUANTUM.verifier().verifies(long, QUANTUM.cosign(TEXT, TIME_S).signature)


def test_a_log_signs_twice() -> None:
    """A log may sign with its two keys under one name; either line is enough, neither may fail."""
    head = TEXT.replace(LOG300["origin"], KEY.name)
    both = note.with_lines(note.sign(head, [KEY]), [LOG_QUANTUM.cosign(head, TIME_S)])
    keys: list[Verifier] = [KEY.verifier(), LOG_QUANTUM.verifier()]
    assert len(note.open_note(both, keys).signatures) == 2
    for key in keys:
        assert len(note.open_note(both, [key]).unverified) == 1
    stale = note.with_lines(both, [LOG_QUANTUM.cosign(head.replace("300", "301"), TIME_S)])
    with pytest.raises(BadSignatureError):
        note.open_note(stale, keys)
    assert note.open_note(stale, [KEY.verifier()]).text == head


def test_where_ml_dsa_is_not_to_be_had() -> None:
    """Without the algorithm a key of type 06 is refused with a reason; its lines are ignored."""
    head = TEXT.replace(LOG300["origin"], KEY.name)
    both = note.with_lines(note.sign(head, [KEY]), [QUANTUM.cosign(head, TIME_S)])
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.modules["cryptography.hazmat.primitives.asymmetric.mldsa"] = None
from hashing import cosigners, mldsa, note
from hashing.errors import KeyFormatError
print(mldsa.available())
for parse, text in ((cosigners.parse_verifier, {str(QUANTUM.verifier())!r}),
                    (cosigners.parse_cosigner_signer, {QUANTUM.encode()!r})):
    try:
        parse(text)
    except KeyFormatError as error:
        print(error)
key = cosigners.parse_verifier({str(KEY.verifier())!r})
print(len(note.open_note({both!r}, [key]).unverified))
"""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *reasons, last = done.stdout.splitlines()
    assert (first, last) == ("False", "1")
    assert len(reasons) == 2
    assert all("version 48" in reason for reason in reasons)
    assert mldsa.available()


# -- lines that are carried from one to another --------------------------------------


def test_lines_of_a_witness_are_read() -> None:
    """What a witness answers is one line or more, each read as it stands in a note."""
    lines = (W1.cosign(TEXT, TIME_S), QUANTUM.cosign(TEXT, TIME_S))
    answer = "".join(f"{line}\n" for line in lines).encode()
    assert note.read_lines(answer) == lines


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"x\n",
        str(W1.cosign(TEXT, TIME_S)).encode(),
        f"{W1.cosign(TEXT, TIME_S)}\n\n".encode(),
        f"{W1.cosign(TEXT, TIME_S)}\r\n".encode(),
        f"\n{W1.cosign(TEXT, TIME_S)}\n".encode(),
        b"\xff\n",
        f"{W1.cosign(TEXT, TIME_S)}\n".encode() * 101,
        b"a" * (note.MAX_NOTE + 1),
    ],
)
def test_answers_that_are_no_lines(answer: bytes) -> None:
    """Anything but signature lines is refused."""
    with pytest.raises(NoteError):
        note.read_lines(answer)


@given(st.binary(max_size=200))
def test_any_bytes_are_lines_or_an_error(data: bytes) -> None:
    """Reading lines raises NoteError and nothing else; what is read is written the same."""
    try:
        lines = note.read_lines(data)
    except NoteError:
        return
    assert "".join(f"{line}\n" for line in lines).encode() == data


def test_a_newer_line_of_one_key_takes_the_place_of_the_older() -> None:
    """Joining lines keeps the order, replaces those of one name and id, and adds the others."""
    data = note.with_lines(note.sign(TEXT, [KEY]), [W1.cosign(TEXT, 1), W2.cosign(TEXT, 1)])
    renewed = note.with_lines(data, [W1.cosign(TEXT, 2), QUANTUM.cosign(TEXT, 3)])
    text, lines = note.parse(renewed)
    assert text == TEXT
    assert [line.name for line in lines] == [KEY.name, W1.name, W2.name, QUANTUM.name]
    assert [time_of(line) for line in lines[1:]] == [2, 1, 3]
    assert note.with_lines(data, []) == data


def test_lines_that_can_not_be_joined() -> None:
    """What is no note, holds a key twice, or would be too long, is not made longer."""
    data = note.sign(TEXT, [KEY])
    with pytest.raises(NoteError):
        note.with_lines(b"no note", [W1.cosign(TEXT, 1)])
    with pytest.raises(NoteError):
        note.with_lines(data, [SignatureLine("a b", 1, b"x")])
    twice = data + f"{W1.cosign(TEXT, 1)}\n{W1.cosign(TEXT, 2)}\n".encode()
    with pytest.raises(DoubleSignatureError):
        note.open_note(twice, [W1.verifier()])
    with pytest.raises(NoteError):
        note.with_lines(twice, [W1.cosign(TEXT, 3)])
    many = [SignatureLine(f"w{at}", at, b"signature") for at in range(note.MAX_LINES)]
    with pytest.raises(NoteError):
        note.with_lines(data, many)
    with pytest.raises(UnknownSignersError):
        note.open_note(note.with_lines(data, many[:-1]), [W2.verifier()])


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20))
def test_cosigners_are_read_back(secret: bytes, name: str) -> None:
    """Whatever may name a key, both halves are read back as written."""
    try:
        signer = CosignerSigner.generate(name, secret)
    except KeyFormatError:
        return
    assert CosignerSigner.parse(signer.encode()) == signer
    assert CosignerKey.parse(str(signer.verifier())) == signer.verifier()


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_an_error(text: str) -> None:
    """Reading a key of whatever type raises KeyFormatError and nothing else."""
    for parse in (parse_verifier, parse_cosigner, parse_log_key, parse_cosigner_signer):
        with pytest.raises(KeyFormatError):
            parse(text)


def test_one_seed_of_two_types_makes_two_keys() -> None:
    """The type's byte is part of the key id: one seed under one name is two keys."""
    as_log = SignerKey.generate("a", seed("x")).verifier()
    as_witness = CosignerSigner.generate("a", seed("x")).verifier()
    assert as_log.public == as_witness.public
    assert as_log.key_id != as_witness.key_id
