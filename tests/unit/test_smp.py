"""SMP as bytes: messages, their CBOR, and the lines that carry them."""

import binascii
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import WireError
from firmware_bridge.wire import cbor, smp, smp_lines
from firmware_bridge.wire.smp_lines import Noise

ECHO_ANSWER = bytes.fromhex("0b00000600000100a16172626869")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PLAIN = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | TEXT | st.binary(max_size=40)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MAPS = st.dictionaries(TEXT, VALUES, max_size=5)
MESSAGES = st.builds(
    smp.Message,
    op=st.sampled_from(smp.Op),
    group=st.integers(0, 2**16 - 1),
    command=st.integers(0, 255),
    seq=st.integers(0, 255),
    payload=st.binary(max_size=200),
    version=st.sampled_from([1, 2]),
)


def depth(value: cbor.Value) -> int:
    """Return how many maps and lists stand in one another."""
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
        case _:
            return 0


def test_bytes_of_an_answer_never_change() -> None:
    """The answer to an echo, as an independent server gave it (docs/formats/smp.md, section 2)."""
    message = smp.Message(
        op=smp.Op.WRITE_ANSWER, group=0, command=0, seq=1, payload=cbor.encode({"r": "hi"})
    )
    assert message.encode() == ECHO_ANSWER
    assert smp.decode(ECHO_ANSWER) == message
    assert message.members() == {"r": "hi"}


def test_check_sum_is_the_one_that_consoles_use() -> None:
    """CRC-16/XMODEM has a published check value, and a line for it that never changes."""
    assert binascii.crc_hqx(b"123456789", 0) == 0x31C3
    lines = smp_lines.encode(b"123456789")
    assert lines == b"\x06\x09AAsxMjM0NTY3ODkxww==\n"
    assert smp_lines.Deframer().feed(lines) == [b"123456789"]


@given(message=MESSAGES)
def test_message_survives_the_wire(message: smp.Message) -> None:
    """What was said is what is read."""
    assert smp.decode(message.encode()) == message


@given(members=MAPS)
def test_map_survives_the_wire_if_it_is_shallow_enough(members: dict[str, cbor.Value]) -> None:
    """Every map of the profile comes back as it was; one that is too deep is refused."""
    data = cbor.encode(members)
    if depth(members) > cbor.MAX_DEPTH:
        with pytest.raises(WireError):
            cbor.decode(data)
    else:
        assert cbor.decode(data) == members


@given(data=st.binary(max_size=300))
@settings(max_examples=300)
def test_bytes_that_are_no_map_are_refused(data: bytes) -> None:
    """Random bytes are a map of the profile or a WireError, never another error."""
    try:
        members = cbor.decode(data)
    except WireError:
        return
    assert cbor.decode(cbor.encode(members)) == members


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "it is no map"),
        ("80", "it is no map"),
        ("a0a0", "bytes follow"),
        ("a161", "cut short"),
        ("a16161", "cut short"),
        ("a10000", "key is no text"),
        ("a2616101616102", "Duplicate"),
        ("a161ff00", "text"),
        ("a16161c11a00000000", "tag"),  # a time
        ("a16161c482381f01", "tag"),  # a decimal fraction, whose exponent could be anything
        ("a16161d81c80", "tag"),  # a value that shares itself
        ("a16161f97e00", "head of no meaning"),  # a float that is no number
        ("a16161f93c00", "head of no meaning"),
        ("a16161f7", "no meaning"),  # undefined
        ("a161615f41014102ff", "head of no meaning"),  # bytes in pieces
        ("a161611c", "head of no meaning"),
        ("a161615bffffffffffffffff", "cut short"),
        ("a161619bffffffffffffffff", "cut short"),
        ("bbffffffffffffffff", "cut short"),
        ("a16161ff", "no meaning"),
        ("a16161" + "81" * 4 + "00", "nested"),
        ("a16161" + "81" * 3000 + "00", "nested"),
        ("bf" * 3000, "key is no text"),
    ],
)
def test_cbor_beyond_the_profile_is_refused(data: str, why: str) -> None:
    """Tags, floats, lies about lengths, doubled keys and depth never get as far as a value."""
    with pytest.raises(WireError, match=why):
        cbor.decode(bytes.fromhex(data))


def test_maps_without_a_length_are_read() -> None:
    """A map that ends with a break, as Zephyr writes it, is a map like others."""
    assert cbor.decode(bytes.fromhex("bf61729f0102ffff")) == {"r": [1, 2]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ECHO_ANSWER[:7],
        ECHO_ANSWER[:-1],
        ECHO_ANSWER + b"\0",
        b"\x1b" + ECHO_ANSWER[1:],  # a version that is not out yet
        b"\x0c" + ECHO_ANSWER[1:],  # an operation that is none
        bytes(smp.MAX_MESSAGE + 1),
    ],
)
def test_message_that_is_none_is_refused(data: bytes) -> None:
    """Wrong lengths, versions and operations are named, not guessed at."""
    with pytest.raises(WireError):
        smp.decode(data)


@pytest.mark.parametrize("changed", [{"seq": 256}, {"group": -1}, {"payload": bytes(4089)}])
def test_message_that_does_not_fit_is_not_sent(changed: dict[str, int | bytes]) -> None:
    """A field beyond its width, or too long a payload, is refused where it is made."""
    fields = {"op": smp.Op.READ, "group": 0, "command": 0, "seq": 0} | changed
    with pytest.raises(WireError):
        smp.Message(**fields).encode()  # type: ignore[arg-type]  # each test changes one of them


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"rc": 0}, None),
        ({"err": {"group": 65, "rc": 0}}, None),
        ({"rc": 8}, smp.Refusal(None, 8)),
        ({"err": {"group": 65, "rc": 2}}, smp.Refusal(65, 2)),
    ],
)
def test_refusal_is_read_in_both_versions(
    members: dict[str, cbor.Value], expected: smp.Refusal | None
) -> None:
    """Version 1 says a code, version 2 whose code it is; code 0 is no refusal."""
    assert smp.refusal_in(members) == expected


@pytest.mark.parametrize(
    "members", [{"rc": "8"}, {"rc": True}, {"err": 8}, {"err": {"rc": 8}}, {"err": None}]
)
def test_refusal_that_is_none_is_refused(members: dict[str, cbor.Value]) -> None:
    """A refusal of the wrong shape is not taken for a success."""
    with pytest.raises(WireError):
        smp.refusal_in(members)


@given(
    bodies=st.lists(st.binary(min_size=1, max_size=600), max_size=4),
    cuts=st.lists(st.integers(0, 4000), max_size=6),
    noise=st.lists(st.binary(max_size=60), min_size=5, max_size=5),
)
def test_messages_survive_slices_and_noise(
    bodies: list[bytes], cuts: list[int], noise: list[bytes]
) -> None:
    """However a stream is sliced, and whatever stands between messages, all of them arrive."""
    stream = b"".join(
        dirt + b"\n" + smp_lines.encode(body) for dirt, body in zip(noise, bodies, strict=False)
    )
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    deframer = smp_lines.Deframer()
    found = [item for a, b in pairwise(at) for item in deframer.feed(stream[a:b])]
    assert [item for item in found if isinstance(item, bytes)] == bodies


@given(body=st.binary(max_size=600), data=st.data())
def test_damaged_message_is_noise_and_the_next_one_is_found(
    body: bytes, data: st.DataObject
) -> None:
    """Any byte changed costs that message at most; none is ever read as another."""
    lines = bytearray(smp_lines.encode(body))
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(st.integers(0, 255).filter(lambda value: value != lines[at]))
    found = smp_lines.Deframer().feed(bytes(lines) + b"\n" + smp_lines.encode(b"next"))
    assert [item for item in found if isinstance(item, bytes)] in ([b"next"], [body, b"next"])


def test_lines_are_no_longer_than_a_console_takes() -> None:
    """The longest message goes out in lines of at most 127 bytes, and comes back."""
    body = bytes(range(256)) * 16
    lines = smp_lines.encode(body).splitlines(keepends=True)
    assert max(map(len, lines)) == 127
    assert [line[:2] for line in lines] == [b"\x06\x09", *[b"\x04\x14"] * (len(lines) - 1)]
    assert smp_lines.Deframer().feed(b"".join(lines)) == [body]
    with pytest.raises(WireError):
        smp_lines.encode(body + b"\0")


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"login: \n", "none of ours"),
        (b"\x04\x14AAAA\n", "continues nothing"),
        (b"\x06\x09A\n", "without a length"),
        (b"\x06\x09//8=\n", "a message of 65535 bytes"),
        (b"\x06\x09AAE=\n", "a message of 1 bytes"),
        (b"\x06\x09AAsx\n\x04\x14?\n", "no base64"),
        (b"\x06\x09AAsx\n\x06\x09AAsx\n", "not finished"),
        (b"\x06\x09AAIxMjM0\n", "longer than announced"),
        (b"\x06\x09AAsxMjM0NTY3ODkxwg==\n", "check sum"),
        (b"\x06\x09" + b"A" * 128 + b"\n", "without a length"),
        (b"\x06\x09AA", None),
        (b"\r\n\r\n \n", None),
    ],
)
def test_noise_says_what_is_wrong_with_it(stream: bytes, why: str | None) -> None:
    """Each way of not being a message has its name, for whoever reads the log."""
    match smp_lines.Deframer().feed(stream):
        case [Noise(reason)]:
            assert why is not None
            assert why in reason
        case found:
            assert (found, why) == ([], None)


def test_line_without_an_end_is_not_kept() -> None:
    """A stream without line ends holds no memory, and hides no message after it."""
    deframer = smp_lines.Deframer()
    found = [item for _ in range(100) for item in deframer.feed(b"\x06\x09" + b"x" * 10_000)]
    assert len(found) == 100
    assert deframer.feed(b"\n" + smp_lines.encode(b"hi"))[-1] == b"hi"


def test_terminal_that_adds_carriage_returns_is_forgiven() -> None:
    """Lines that end with CR LF are read as if they ended with LF."""
    lines = smp_lines.encode(bytes(300)).replace(b"\n", b"\r\n")
    assert smp_lines.Deframer().feed(lines) == [bytes(300)]
