"""What core and control worker say to each other."""

import json
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import errors
from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Driver,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.control import shapes, wire
from firmware_bridge.errors import ControlFailedError, RecorderError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
NATURAL = st.integers(0, shapes.MOST)
RAW = st.binary(max_size=64)
TIME = st.integers(-shapes.EARLIEST_US, shapes.MOST)
EXCHANGES = st.builds(
    ClockExchange,
    sent_us=NATURAL,
    round_trip_us=NATURAL,
    recorder_us=TIME,
    resolution_us=NATURAL,
)
HOLDERS = st.builds(Holder, user_no=TEXT, user_name=TEXT, unit_no=TEXT, unit_name=TEXT, raw=RAW)
FAULTS = st.builds(Fault, code=TEXT, detail=TEXT, at_ms=st.none() | TIME)
LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"))
JOURNALS = st.builds(
    lambda first, lines, more: JournalPiece(
        first=first, next=first + len(lines), size=first + len(lines) + more, data=b"".join(lines)
    ),
    st.integers(0, 10**9),
    LINES,
    st.integers(0, 10**9),
)
FAILURES = st.one_of(
    st.builds(errors.ChannelLostError, TEXT),
    st.builds(errors.ChannelNotOpenedError, place=TEXT, reason=TEXT),
    st.builds(errors.RecorderSilentError, command=TEXT, waited_ms=NATURAL),
    st.builds(errors.BadAnswerError, command=TEXT, reason=TEXT),
    st.builds(errors.RefusedError, command=TEXT, status=st.integers(-(2**31), 2**32 - 1)),
    st.builds(errors.RecorderBusyError, command=TEXT),
    st.builds(errors.WrongPasswordError),
    st.builds(errors.NoPasswordError, TEXT),
    st.builds(errors.MissingCapabilityError, TEXT),
    st.builds(errors.NotThisRecorderError, TEXT),
    st.builds(errors.TextTooLongError, field=TEXT, limit=NATURAL, got=NATURAL),
    st.builds(errors.UnwritableTextError, TEXT),
    st.builds(errors.ControlFailedError, TEXT),
)
REQUESTS = st.one_of(
    st.builds(
        wire.Open,
        driver=TEXT,
        channel=st.builds(
            wire.Channel,
            kind=st.sampled_from(["serial", "scsi", "usb", "adb"]),
            node=TEXT,
            serial=TEXT,
        ),
        zone=TEXT,
        password=TEXT,
        passwords=TEXT,
        salt=st.binary(min_size=wire.SALT_BYTES, max_size=wire.SALT_BYTES),
        params=st.dictionaries(TEXT, TEXT | st.integers(), max_size=16),
    ),
    st.sampled_from(sorted(wire.QUESTIONS)).map(wire.Question),
    st.builds(wire.WriteHolder, HOLDERS),
    st.builds(wire.AskJournal, NATURAL),
    st.builds(
        wire.Erase,
        path=TEXT,
        sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
        size=NATURAL,
    ),
    st.builds(wire.MayTry, st.booleans()),
)
ANSWERS = st.one_of(
    st.builds(
        wire.Opened, name=TEXT, capabilities=st.frozensets(st.sampled_from(list(Capability)))
    ),
    st.builds(Identity, number=TEXT, maker=TEXT, model=TEXT, firmware=TEXT, vkey=TEXT, raw=RAW),
    HOLDERS,
    st.builds(
        Battery,
        percent=st.integers(0, 100),
        charging=st.none() | st.booleans(),
        health_percent=st.none() | st.integers(0, 1000),
        cycles=st.none() | st.integers(0, 10**6),
    ),
    EXCHANGES,
    st.builds(
        ClockSetting,
        sent_us=NATURAL,
        round_trip_us=NATURAL,
        resolution_us=NATURAL,
        echo=st.none() | EXCHANGES,
    ),
    st.builds(Storage, total_bytes=NATURAL, free_bytes=NATURAL),
    JOURNALS,
    st.lists(FAULTS, max_size=wire.MAX_FAULTS).map(tuple).map(wire.Faults),
    st.just(wire.Done()),
    st.builds(wire.Trying, st.binary(min_size=32, max_size=32)),
    st.just(wire.PasswordRefused()),
)


def payload(frame: wire.Request | wire.Answering) -> bytes:
    """Return a frame's JSON, after its way through the framing."""
    buffer = bytearray(wire.encode(frame))
    found = wire.next_frame(buffer)
    assert found is not None
    assert not buffer
    return found


@given(request=REQUESTS)
def test_every_request_comes_through_as_it_was_sent(request: wire.Request) -> None:
    """What the worker reads is what the core wrote."""
    assert wire.read_request(payload(request)) == request


@given(answer=ANSWERS)
def test_every_answer_comes_through_as_it_was_sent(answer: wire.Answering) -> None:
    """What the core reads is what the worker wrote."""
    assert wire.read_answer(payload(answer)) == answer


@given(error=FAILURES)
def test_every_error_is_the_same_on_the_other_side(error: RecorderError) -> None:
    """Class, sentence and facts of an error survive the wire."""
    read = wire.read_answer(payload(wire.Failed(error)))
    assert isinstance(read, wire.Failed)
    assert (type(read.error), str(read.error)) == (type(error), str(error))
    assert vars(read.error) == vars(error)


def kinds(base: type[RecorderError]) -> Iterator[type[RecorderError]]:
    """Yield a class and all below it."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def test_no_error_is_without_a_shape() -> None:
    """Each kind of RecorderError travels under its own code."""
    for kind in kinds(RecorderError):
        if kind is not RecorderError:
            shaped = next(base for base in kind.__mro__ if base in shapes.ERRORS)
            assert shaped.code == kind.code  # type: ignore[attr-defined]  # all of them have one


def test_every_method_of_a_driver_has_a_question() -> None:
    """A capability that the port has is one that the wire can ask for."""
    methods = {name for name in vars(Driver) if not name.startswith("_")}
    asked = {name.replace("-", "_") for name in wire.QUESTIONS}
    others = {"write_holder", "journal", "erase", "close", "name"}
    assert methods - others == asked


def test_reasons_are_cut_not_refused() -> None:
    """A long reason, with what no wire carries in it, still tells what happened."""
    told = wire.read_answer(payload(wire.Failed(errors.ChannelLostError("x\ud800" + "y" * 9999))))
    assert isinstance(told, wire.Failed)
    assert str(told.error).startswith("the recorder is gone: x?yyy")


def test_bytes_of_the_first_request_never_change() -> None:
    """The example of docs/formats/control-wire.md, section 2."""
    request = wire.Open(
        driver="open",
        channel=wire.Channel(kind="serial", node="/dev/ttyACM0"),
        zone="Asia/Shanghai",
    )
    assert wire.encode(request) == (
        b"\0\0\0\xd3"
        b'{"kind":"open","version":1,"driver":"open","channel":{"kind":"serial",'
        b'"node":"/dev/ttyACM0","serial":""},"zone":"Asia/Shanghai","password":"",'
        b'"passwords":"","salt":"00000000000000000000000000000000","params":[]}'
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"kind":"what"}',
        b'{"kind":7}',
        b'{"kind":["done"]}',
        b'{"kind":"done","more":1}',
        b'{"kind":"done","kind":"done"}',
        b'{"kind":"failed","code":"recorder-failed"}',
        b'{"kind":"failed","code":"channel-lost"}',
        b'{"kind":"failed","code":"channel-lost","reason":"' + b"x" * 513 + b'"}',
        b'{"kind":"battery","percent":101,"charging":null,"health_percent":null,"cycles":null}',
        b'{"kind":"battery","percent":true,"charging":null,"health_percent":null,"cycles":null}',
        b'{"kind":"battery","percent":1.0,"charging":null,"health_percent":null,"cycles":null}',
        b'{"kind":"storage","total_bytes":9007199254740992,"free_bytes":0}',
        b'{"kind":"storage","total_bytes":-1,"free_bytes":0}',
        b'{"kind":"journal","first":0,"next":1,"size":1,"data":""}',
        b'{"kind":"journal","first":0,"next":0,"size":1,"data":"41"}',
        b'{"kind":"journal","first":1,"next":0,"size":1,"data":""}',
        b'{"kind":"opened","name":"open","capabilities":["fly"]}',
        b'{"kind":"opened","name":"open","capabilities":["reset","reset"]}',
        b'{"kind":"faults","faults":[{"code":"x","detail":"","at_ms":"now"}]}',
        b'{"kind":"trying","digest":"00"}',
        b'{"kind":"done"}\xff',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_refused(text: bytes) -> None:
    """An answer with a member too many, too few, out of range or of another type is none."""
    with pytest.raises(ControlFailedError):
        wire.read_answer(text)


@given(frame=REQUESTS | ANSWERS, data=st.data())
def test_spoilt_frames_raise_nothing_else(
    frame: wire.Request | wire.Answering, data: st.DataObject
) -> None:
    """However a frame is damaged, either reader returns a value or raises ControlFailedError."""
    spoilt = bytearray(payload(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at] = data.draw(st.integers(0, 255))
    for read in (wire.read_request, wire.read_answer):
        try:
            read(bytes(spoilt))
        except ControlFailedError:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KINDS = sorted({*wire.QUESTIONS, "open", "journal", "erase", "opened", "failed", "faults"})


@given(kind=st.sampled_from(KINDS), members=st.dictionaries(st.text(max_size=12), JSON))
def test_any_members_raise_nothing_else(kind: str, members: dict[str, object]) -> None:
    """A frame of a known kind with members of any shape is read or refused, never a crash."""
    text = json.dumps({**members, "kind": kind}).encode()
    for read in (wire.read_request, wire.read_answer):
        try:
            read(text)
        except ControlFailedError:
            continue


@given(data=st.binary(max_size=64))
def test_any_bytes_are_frames_or_none(data: bytes) -> None:
    """A stream of any bytes gives frames, waits for more, or is refused."""
    buffer = bytearray(data)
    try:
        while wire.next_frame(buffer) is not None:
            continue
    except ControlFailedError:
        assert int.from_bytes(buffer[:4], "big") > wire.MAX_FRAME


def test_frames_are_bounded_both_ways() -> None:
    """A frame beyond its bound is neither made nor waited for."""
    huge = Identity(number="x" * wire.MAX_FRAME)
    with pytest.raises(ControlFailedError):
        wire.encode(huge)
    with pytest.raises(ControlFailedError):
        wire.next_frame(bytearray((wire.MAX_FRAME + 1).to_bytes(4, "big")))


def test_each_value_on_the_wire_is_one_of_the_port() -> None:
    """The table of values is the table of what a driver returns."""
    assert set(shapes.VALUES) - {Fault} == set(get_args(wire.Value))
