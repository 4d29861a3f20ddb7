"""The dock's side of an open recorder, on lines good and bad."""

import hashlib
from collections.abc import Callable

import pytest

from firmware_bridge.capabilities import Capability, Holder
from firmware_bridge.drivers.open import LONGEST_MS, OpenDriver
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    MissingCapabilityError,
    NotThisRecorderError,
    RecorderBusyError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
    TextTooLongError,
    UnwritableTextError,
)
from firmware_bridge.wire import smp, smp_lines
from firmware_bridge.wire.cbor import Map
from tests.recorders.open_fake import OpenFake, Wire

CLIP = "DCIM/A.MP4"
SHA256 = hashlib.sha256(b"clip").hexdigest()
USABLE = [Wire.SOUND, Wire.BYTE_BY_BYTE, Wire.LOSSY, Wire.NOISY]

ASKS: dict[str, Callable[[OpenDriver], object]] = {
    "identity": OpenDriver.identity,
    "holder": OpenDriver.holder,
    "write_holder": lambda driver: driver.write_holder(Holder(user_no="1")),
    "battery": OpenDriver.battery,
    "read_clock": OpenDriver.read_clock,
    "set_clock": OpenDriver.set_clock,
    "storage": OpenDriver.storage,
    "faults": OpenDriver.faults,
    "switch_to_storage": OpenDriver.switch_to_storage,
    "journal": lambda driver: driver.journal(0),
    "erase": lambda driver: driver.erase(CLIP, SHA256, 4),
    "reset": OpenDriver.reset,
}
ask = pytest.mark.parametrize("name", ASKS)


def test_everything_that_the_recorder_knows_is_told() -> None:
    """Who it is, whose, how full, what is wrong with it: each as the recorder has it."""
    fake = OpenFake()
    driver = fake.driver()
    identity = driver.identity()
    assert (identity.number, identity.model, identity.vkey) == ("ZF-0007", "PZ2-CAM", fake.vkey)
    assert driver.holder().user_name == "王小明"
    assert driver.battery().health_percent == 91
    assert driver.storage().free_bytes == 16_000_000_000
    assert [fault.code for fault in driver.faults()] == ["io-error"]
    driver.write_holder(Holder(user_no="654321", user_name="李雷"))
    assert (driver.holder().user_no, driver.holder().user_name) == ("654321", "李雷")
    driver.switch_to_storage()
    assert fake.exported


@pytest.mark.parametrize("wire", USABLE)
def test_journal_comes_whole_in_pieces(wire: Wire) -> None:
    """However bad a line that still carries something, the journal arrives as it was written."""
    fake = OpenFake()
    driver = fake.driver(wire)
    journal, first = b"", 0
    while (piece := driver.journal(first)).data:
        journal, first = journal + piece.data, piece.next
    assert journal == b"".join(fake.journal)
    assert (piece.first, piece.next, piece.size) == (900, 900, 900)


def test_clock_exchange_is_bounded_by_its_round_trip() -> None:
    """What the recorder told lies, by the dock's clock, between question and answer."""
    fake = OpenFake(clock_error_us=-3_000_000)
    exchange = fake.driver().read_clock()
    true_us = exchange.recorder_us + 3_000_000
    assert exchange.sent_us <= true_us <= exchange.sent_us + exchange.round_trip_us
    assert exchange.round_trip_us == 500
    assert exchange.resolution_us == 1


def test_late_time_is_not_measured_against_a_later_question() -> None:
    """An answer that comes after its question was given up is dropped, not taken for the next's."""
    fake = OpenFake()
    with pytest.raises(RecorderSilentError):
        fake.driver(Wire.LATE).read_clock()


def test_late_answer_to_a_repeated_question_is_taken() -> None:
    """What is no matter of time may be answered late: the question was the same."""
    assert OpenFake().driver(Wire.LATE).battery().percent == 52


def test_clock_is_told_the_time_of_the_question_that_arrived() -> None:
    """When the first telling is lost, the next one tells the time anew."""
    fake = OpenFake()
    setting = fake.driver(Wire.LOSSY).set_clock()
    assert fake.clock_error_us == -200
    assert fake.clock.utc_us() == setting.sent_us + setting.round_trip_us


def test_nothing_is_done_twice_when_an_answer_is_lost() -> None:
    """A repeated question keeps its number, by which the recorder knows it."""
    fake = OpenFake()
    driver = fake.driver(Wire.LOSSY)
    driver.switch_to_storage()
    assert fake.done == ["exported"]


def test_clip_is_erased_only_as_the_one_that_is_meant() -> None:
    """Another content, a clip that is not there, a time when it cannot be: each is named."""
    fake = OpenFake()
    driver = fake.driver()
    with pytest.raises(RefusedError) as differs:
        driver.erase(CLIP, "00" * 32, 4)
    with pytest.raises(RefusedError) as missing:
        driver.erase("DCIM/B.MP4", SHA256, 4)
    assert (differs.value.status, missing.value.status) == (3, 2)
    fake.busy = True
    with pytest.raises(RecorderBusyError):
        driver.erase(CLIP, SHA256, 4)
    fake.busy = False
    driver.erase(CLIP, SHA256, 4)
    assert fake.clips == {}


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a//b", "a/./b", "", "a\nb"])
def test_path_that_leads_elsewhere_is_never_sent(path: str) -> None:
    """Only what lies below the clip volume can be named to a recorder."""
    fake = OpenFake()
    line = fake.link()
    with pytest.raises(UnwritableTextError):
        OpenDriver(line, fake.clock).erase(path, SHA256, 4)
    assert line.sent == []


def test_holder_that_does_not_fit_is_never_sent() -> None:
    """Too long a name, or one with control characters, is refused by its field."""
    fake = OpenFake()
    with pytest.raises(TextTooLongError) as caught:
        fake.driver().write_holder(Holder(user_no="1", user_name="长" * 33))
    assert (caught.value.field, caught.value.limit, caught.value.got) == ("user_name", 96, 99)
    with pytest.raises(UnwritableTextError):
        fake.driver().write_holder(Holder(user_no="1\n2"))
    assert fake.done == []


def test_recorder_lists_what_it_can() -> None:
    """Capabilities that a recorder does not list are refused without asking it."""
    fake = OpenFake(can=("identity", "battery", "read-clock", "fly"))
    driver = fake.driver()
    driver.identity()
    assert driver.capabilities == {
        Capability.IDENTITY,
        Capability.BATTERY,
        Capability.READ_CLOCK,
    }
    with pytest.raises(MissingCapabilityError):
        driver.journal(0)


@pytest.mark.parametrize("version", [1, 2])
def test_command_that_is_not_supported_is_a_missing_capability(version: int) -> None:
    """A recorder that calls a command unsupported is believed, in either version's words."""
    fake = OpenFake(unsupported={(65, 0)})
    driver = OpenDriver(Downgraded(fake, version), fake.clock)
    assert Capability.BATTERY in driver.capabilities
    with pytest.raises(MissingCapabilityError) as caught:
        driver.battery()
    assert caught.value.capability == "battery"
    with pytest.raises(MissingCapabilityError):
        driver.battery()
    assert Capability.BATTERY not in driver.capabilities
    assert driver.holder().user_no == "012345"


def test_server_without_the_companions_group_still_has_a_clock() -> None:
    """A plain SMP server tells no number, and can do nothing but tell and take the time."""
    fake = OpenFake(unsupported={(65, command) for command in range(8)})
    driver = fake.driver()
    identity = driver.identity()
    assert (identity.number, identity.firmware) == ("", "fake 1")
    assert Capability.BATTERY not in driver.capabilities
    assert driver.read_clock().recorder_us > 0


def test_device_that_echoes_something_else_is_no_recorder() -> None:
    """What does not say back what it was told is not believed any further."""
    fake = Saying({"r": "polly"})
    with pytest.raises(NotThisRecorderError):
        fake.driver().identity()


@ask
@pytest.mark.parametrize("wire", USABLE)
def test_usable_line_carries_every_question(wire: Wire, name: str) -> None:
    """Slices, losses and noise cost time, and nothing else; but a reset is asked for once."""
    driver = OpenFake().driver(wire)
    if (wire, name) == (Wire.LOSSY, "reset"):
        with pytest.raises(RecorderSilentError):
            driver.reset()
    else:
        ASKS[name](driver)


@ask
@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (Wire.SILENT, RecorderSilentError),
        (Wire.HALF, RecorderSilentError),
        (Wire.CHATTERING, BadAnswerError),
        (Wire.GONE, ChannelLostError),
    ],
)
def test_useless_line_ends_in_a_named_error(
    wire: Wire, error: type[RecorderError], name: str
) -> None:
    """Whatever is asked of a line that carries nothing, it ends, in its time, by its name."""
    fake = OpenFake()
    began_us = fake.clock.monotonic_us()
    with pytest.raises(error):
        ASKS[name](fake.driver(wire))
    assert fake.clock.monotonic_us() - began_us <= LONGEST_MS * 1000


@ask
def test_recorder_that_leaves_is_lost_unless_it_was_told_to(name: str) -> None:
    """A channel that goes is an error, but for the two questions after which it may go."""
    driver = OpenFake().driver(Wire.VANISHING)
    if name in {"switch_to_storage", "reset"}:
        ASKS[name](driver)
    else:
        with pytest.raises(ChannelLostError):
            ASKS[name](driver)


@pytest.mark.parametrize(
    ("first", "after", "size", "data"),
    [(1, 2, 9, b"x\n"), (0, 0, 9, b""), (0, 1, 9, b"x"), (0, 2, 9, b"x\n"), (0, 3, 1, b"\n\n\n")],
)
def test_journal_piece_that_is_none_is_refused(
    first: int, after: int, size: int, data: bytes
) -> None:
    """Another record than was asked for, half a line, a wrong count or no progress is no answer."""
    fake = Saying({"first": first, "next": after, "size": size, "data": data})
    with pytest.raises(BadAnswerError):
        fake.driver().journal(0)


def test_closing_lets_go_of_the_line() -> None:
    """Once the driver is closed, so is its line."""
    fake = OpenFake()
    line = fake.link()
    OpenDriver(line, fake.clock).close()
    assert line.closed


class Saying(OpenFake):
    """A recorder that says the same to every question."""

    def __init__(self, members: Map) -> None:
        super().__init__()
        self.members = members

    def answer(self, question: smp.Message, now_us: int) -> smp.Message:
        """Say it."""
        assert now_us > 0
        return smp.answer(question, self.members)


class Downgraded:
    """A line on which every question arrives in another version of SMP, and so is answered."""

    def __init__(self, fake: OpenFake, version: int) -> None:
        self._line = fake.link()
        self._version = version
        self._deframer = smp_lines.Deframer()

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Carry a question over, in its other version."""
        for body in self._deframer.feed(data):
            assert isinstance(body, bytes)
            changed = bytes([(self._version - 1) << 3 | body[0] & 7]) + body[1:]
            self._line.send(smp_lines.encode(changed), within_ms=within_ms)

    def receive(self, *, within_ms: int) -> bytes:
        """Give what has come."""
        return self._line.receive(within_ms=within_ms)

    def close(self) -> None:
        """Hang up."""
        self._line.close()


@pytest.mark.parametrize("number", ["  ", "0000000", "DSJ-00-00000", "abcde", "\u3000"])
def test_number_that_a_factory_leaves_is_none(number: str) -> None:
    """Two recorders that nobody has numbered are not one: neither has a number."""
    assert OpenFake(number=number).driver().identity().number == ""


def test_number_that_was_set_is_told_as_it_is() -> None:
    """Zeros within a number are part of it."""
    assert OpenFake(number="0000007").driver().identity().number == "0000007"
