"""The bytes of Jieli, Cammpro and ZZX recorders: golden vectors, round trips, hostile answers."""

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import BadAnswerError, NoPasswordError, RecorderError, RefusedError
from firmware_bridge.wire import cammpro, jieli, zzx
from firmware_bridge.wire.jieli import Command
from tests.recorders.vendor_parsers import VENDOR_PARSERS

NOON = datetime(2026, 11, 22, 12, 34, 56)  # noqa: DTZ001  recorders know no zones
LOCAL = st.datetimes(datetime(1970, 1, 1), datetime(2105, 12, 31))  # noqa: DTZ001  nor here


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        (jieli.read_cdb(Command.GET_DEV_INFO), "fd81 00000003 0059 0000000000000000"),
        (jieli.read_cdb(Command.GET_JL_PASSWORD), "fd81 0000000d 0010 0000000000000000"),
        (jieli.write_cdb(Command.INIT), "fb82 00000001 0000 0000000000000000"),
        (jieli.write_cdb(Command.SYNC_DEV_TIME), "fb82 00000005 0007 0000000000000000"),
        (jieli.pack_time(NOON), "ea07 0b 16 0c 22 38"),
        (jieli.INQUIRY, "12 00 00 00 24 00"),
        (cammpro.build(cammpro.PING), "a1b2c3d4 00 e1 00 20 00 0000000000"),
        (cammpro.build(cammpro.ADMIN_LOGIN, b"12345"), "a1b2c3d4 00 e1 00 10 00 313233343500"),
        (cammpro.build(cammpro.STORAGE_MODE), "a1b2c3d4 00 e1 00 51 00"),
        (cammpro.pack_time(NOON), "07ea 0b 16 0c 22 38"),
    ],
)
def test_bytes_never_change(made: bytes, golden: str) -> None:
    """Golden vectors 2 to 11 of docs/formats/vendor-recorders.md, written there by hand."""
    assert made == bytes.fromhex(golden)


def test_lines_never_change() -> None:
    """Golden vector 12: a question as one line, ASCII whatever it says."""
    line = zzx.build(zzx.Command.GET_ZFY_INFO, {"password": "口令"})
    assert line == (
        b'{"header":{"version":"1.0","device":"ZZX2080","id":3},'
        b'"body":{"password":"\\u53e3\\u4ee4"}}\r\n'
    )


@given(local=LOCAL)
def test_times_round_trip_in_both_byte_orders(local: datetime) -> None:
    """A time that is told is the time that is read, to the second."""
    whole = local.replace(microsecond=0)
    assert jieli.unpack_time(jieli.pack_time(local)) == whole
    assert cammpro.unpack_time(cammpro.pack_time(local)) == whole


@pytest.mark.parametrize("data", [b"", bytes(7), b"\xff" * 7, b"\xea\x07\x0d\x01\0\0\0", bytes(8)])
def test_what_is_no_time_is_refused(data: bytes) -> None:
    """Month 13, year 0 and wrong lengths are bad answers."""
    with pytest.raises(BadAnswerError):
        jieli.unpack_time(data)
    with pytest.raises(BadAnswerError):
        cammpro.unpack_time(data)


@pytest.mark.parametrize(
    ("vendor", "product", "named"),
    [
        (b"DV16    ", b"DEVICE V1.00    ", "DV16 DEVICE V1.00"),
        (b"dv16 dev", b"ICE V1.00\0      ", "dv16 devICE V1.00"),
        (b"Generic ", b"Flash Disk      ", None),
        (b"DV16    ", b"DEVICE V2.00    ", None),
        (b"\xff" * 8, b"\xff" * 16, None),
    ],
)
def test_inquiry_tells_a_recorder_from_other_disks(
    vendor: bytes, product: bytes, named: str | None
) -> None:
    """Vendor and product together name the recorder; spaces and capitals do not count."""
    assert jieli.parse_inquiry(bytes(8) + vendor + product + b"1.00") == named


@pytest.mark.parametrize("percent", [101, 255, 2**31, 2**32 - 1])
def test_battery_beyond_full_is_no_answer(percent: int) -> None:
    """A battery is filled to 100 percent at the most."""
    with pytest.raises(BadAnswerError):
        jieli.parse_battery(percent.to_bytes(4, "little"))
    with pytest.raises(BadAnswerError):
        cammpro.parse_battery(bytes((percent & 0xFF | 0x65,)))


@pytest.mark.parametrize("status", [0, 1, 0x7F, 0x81, 0xFF])
def test_status_of_a_cammpro_answer_is_a_refusal(status: int) -> None:
    """Anything but 80 in byte 6 is a no, with its number."""
    answer = bytearray(cammpro.build(cammpro.BATTERY, b"\x2f"))
    answer[6] = status
    with pytest.raises(RefusedError) as caught:
        cammpro.parse_reply(cammpro.BATTERY, bytes(answer))
    assert caught.value.status == status
    answer[6] = 0x80
    assert cammpro.parse_reply(cammpro.BATTERY, bytes(answer)) == b"\x2f"


@pytest.mark.parametrize(
    "carried", [bytes(5), b"\xff" * 5, b"AB\0CD", b"A B\0\0", b"\x01\x02\x03\x04\x05"]
)
def test_ping_that_names_no_maker_is_no_answer(carried: bytes) -> None:
    """Another device that happens to answer is not taken for a recorder."""
    with pytest.raises(BadAnswerError):
        cammpro.parse_ping(carried)


@pytest.mark.parametrize("password", ["", "1234567", "密码"])
def test_password_that_the_recorder_cannot_take_is_not_tried(password: str) -> None:
    """It is refused before it is sent, and its text is not shown."""
    with pytest.raises(NoPasswordError) as caught:
        cammpro.pack_password(password)
    assert not password or password not in str(caught.value)


@given(pieces=st.lists(st.binary(max_size=40), max_size=20))
def test_lines_are_cut_alike_however_they_arrive(pieces: list[bytes]) -> None:
    """The same bytes in other slices are the same lines."""
    lines, whole = zzx.Lines(), zzx.Lines()
    cut = [line for piece in pieces for line in lines.feed(piece)]
    assert cut == whole.feed(b"".join(pieces))


def test_line_without_end_is_refused() -> None:
    """No more than 16 KiB is ever kept while a line's end is waited for."""
    lines = zzx.Lines()
    lines.feed(b"x" * zzx.MAX_LINE)
    with pytest.raises(BadAnswerError):
        lines.feed(b"x")
    with pytest.raises(BadAnswerError):
        zzx.Lines().feed(b"x" * (zzx.MAX_LINE + 1) + b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"header":3,"body":{}}',
        b'{"header":{"id":3}}',
        b'{"header":{"id":-3},"body":{}}',
        b'{"header":{"id":true},"body":{}}',
        b'{"header":{"id":3,"id":3},"body":{}}',
        b'{"header":{"id":3},"body":[]}',
        b"\xff",
        b"[" * 10_000,
        b"1" * 10_000,
    ],
)
def test_line_that_is_no_answer_is_refused(line: bytes) -> None:
    """No JSON, another shape, a member twice: a bad answer, whatever its nesting."""
    with pytest.raises(BadAnswerError):
        zzx.parse(line, asked=zzx.Command.GET_ZFY_INFO)


def test_answer_to_another_question_is_none() -> None:
    """An answer with another id is passed over."""
    line = b'{"header":{"id":"4"},"body":{}}'
    assert zzx.parse(line, asked=zzx.Command.GET_ZFY_INFO) is None
    assert zzx.parse(line, asked=zzx.Command.WRITE_ZFY_INFO) is not None


def answer(body: dict[str, object]) -> zzx.Answer:
    """Return an answer with this body."""
    line = json.dumps({"header": {"id": 3}, "body": body}).encode()
    found = zzx.parse(line, asked=zzx.Command.GET_ZFY_INFO)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("8888888", "8888888"),
        (8888888, "8888888"),
        ("000000", ""),
        (None, ""),
        ("a\ud800", "a\ufffd"),
    ],
)
def test_text_of_a_member_is_shown_as_meant(value: object, text: str) -> None:
    """Numbers are text too; what says that nothing is set is empty."""
    assert answer({"serial": value}).text("serial") == text
    assert answer({}).text("serial") == ""


@pytest.mark.parametrize("value", [True, 1.5, [], {}, "x" * 129, 10**200])
def test_what_is_no_text_is_refused(value: object) -> None:
    """Other types and endless text are bad answers."""
    with pytest.raises(BadAnswerError):
        answer({"serial": value}).text("serial")


@pytest.mark.parametrize("value", [None, True, -1, 101, 1.0, "", "x", "-1", "1e2", "٣", "9" * 5000])
def test_what_is_no_number_is_refused(value: object) -> None:
    """A number is whole, within its range, in digits that are ASCII."""
    with pytest.raises(BadAnswerError):
        answer({"battery": value}).number("battery", high=100)


@pytest.mark.parametrize("value", [0, 100, "0", "100", "047"])
def test_number_may_be_written_as_text(value: object) -> None:
    """Android's JSON writes numbers either way."""
    assert answer({"battery": value}).number("battery", high=100) == int(str(value))


@pytest.mark.parametrize("value", [None, 0, 1, "true"])
def test_what_is_no_flag_is_refused(value: object) -> None:
    """True and false are themselves alone."""
    with pytest.raises(BadAnswerError):
        answer({"password": value}).flag("password")


@pytest.mark.parametrize("name", VENDOR_PARSERS)
def test_sound_answers_are_read(name: str) -> None:
    """The seeds that are spoilt elsewhere are sound themselves, but those meant not to be."""
    parse, seeds, _error = VENDOR_PARSERS[name]
    parse(seeds[0])


@pytest.mark.parametrize("name", VENDOR_PARSERS)
@given(data=st.data())
def test_random_answers_raise_our_errors_only(name: str, data: st.DataObject) -> None:
    """Random bytes of any size, of the right size, and spoilt answers: RecorderErrors only."""
    parse, seeds, error = VENDOR_PARSERS[name]
    assert issubclass(error, RecorderError)
    seed = data.draw(st.sampled_from(seeds))
    spoilt = bytearray(seed)
    for _change in range(data.draw(st.integers(0, 3))):
        spoilt[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    sized = st.binary(min_size=len(seed), max_size=len(seed))
    found = data.draw(st.just(bytes(spoilt)) | sized | st.binary(max_size=300))
    try:
        parse(found)
    except error:
        return
