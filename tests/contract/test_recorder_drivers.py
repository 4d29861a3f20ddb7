"""What every driver of a recorder keeps to, whatever it speaks: one suite, all drivers.

Time is that of fake clocks, so each limit is judged to the millisecond and nothing waits.
"""

import json
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.capabilities import Capability, Driver
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.drivers.jieli_scsi import JieliScsi
from firmware_bridge.drivers.zzx_adb import ZzxAdb
from firmware_bridge.errors import (
    ChannelLostError,
    MissingCapabilityError,
    NoPasswordError,
    RecorderError,
    RecorderSilentError,
    WrongPasswordError,
)
from tests.recorders.mischief import SHANGHAI, FakeClock, FakePassword, Mischief, Trouble
from tests.recorders.rigs import CALLS, MAKERS, NEW_HOLDER, PORT, Rig

ROOT = Path(__file__).resolve().parents[2]
ABLE = {maker: make().driver.capabilities & CALLS.keys() for maker, make in MAKERS.items()}
ALL = pytest.mark.parametrize("maker", MAKERS)
EACH = pytest.mark.parametrize("capability", CALLS)
# Every capability of every driver.
ALL_THEY_CAN = pytest.mark.parametrize(
    ("maker", "capability"),
    [(maker, capability) for maker in MAKERS for capability in CALLS if capability in ABLE[maker]],
)
# Those that bring a password, as far as their recorder asks for one at all.
WITH_PASSWORD = pytest.mark.parametrize("maker", ["jieli-scsi", "cammpro-ctrl", "zzx-adb"])
DEEPEST = 12
"""No capability takes more exchanges than this, so each of them is spoilt in turn."""


def those_with(capability: Capability) -> pytest.MarkDecorator:
    """Return the drivers that state this capability."""
    return pytest.mark.parametrize(
        "maker", [maker for maker in MAKERS if capability in ABLE[maker]]
    )


def outcome(rig: Rig, capability: Capability) -> RecorderError | None:
    """Ask for what belongs to a capability; return how it went wrong, if it did."""
    try:
        CALLS[capability](rig.driver)
    except RecorderError as error:
        return error
    return None


def without_raw(value: object) -> dict[str, object]:
    """Return a value's members but its raw bytes."""
    names = [name for name in getattr(value, "__slots__", ()) if name != "raw"]
    return {name: getattr(value, name) for name in names}


@those_with(Capability.IDENTITY)
def test_recorder_says_who_it_is(maker: str) -> None:
    """The number of the recorder is what the fake has."""
    rig = MAKERS[maker]()
    assert rig.driver.identity().number == rig.number()


@those_with(Capability.HOLDER)
def test_holder_is_read_as_the_recorder_has_it(maker: str) -> None:
    """Chinese names come through, whatever the wire spells them in."""
    rig = MAKERS[maker]()
    assert without_raw(rig.driver.holder()) == without_raw(rig.holder())


@those_with(Capability.WRITE_HOLDER)
def test_holder_that_was_written_is_read_again(maker: str) -> None:
    """The recorder names the new holder, and its own number is what it was."""
    rig = MAKERS[maker]()
    before = rig.number()
    rig.driver.write_holder(NEW_HOLDER)
    assert without_raw(rig.holder()) == without_raw(NEW_HOLDER)
    assert without_raw(rig.driver.holder()) == without_raw(NEW_HOLDER)
    assert rig.driver.identity().number == rig.number() == before


@those_with(Capability.BATTERY)
def test_battery_is_told_in_percent(maker: str) -> None:
    """The battery is as full as the fake's."""
    rig = MAKERS[maker]()
    assert rig.driver.battery().percent == rig.percent()


@those_with(Capability.READ_CLOCK)
def test_clock_is_told_within_its_stated_bounds(maker: str) -> None:
    """The true error lies within half the round trip and the step in which time is told."""
    rig = MAKERS[maker]()
    true_us = rig.error_us()
    told = rig.driver.read_clock()
    middle_us = told.sent_us + told.round_trip_us // 2
    assert told.recorder_us - middle_us - told.round_trip_us // 2 <= true_us + 1
    upper_us = told.recorder_us - middle_us + told.round_trip_us // 2 + told.resolution_us
    assert true_us <= upper_us + 1


@those_with(Capability.SET_CLOCK)
def test_clock_is_set_to_the_dock_s(maker: str) -> None:
    """Afterwards the recorder is off by no more than the step and the time of the exchange."""
    rig = MAKERS[maker]()
    before_us = rig.clock.utc_us()
    done = rig.driver.set_clock()
    assert before_us <= done.sent_us <= rig.clock.utc_us()
    assert abs(rig.error_us()) <= done.resolution_us + done.round_trip_us
    if done.echo is not None:
        assert abs(done.echo.recorder_us - done.sent_us) <= 1_000_000 + done.round_trip_us


@those_with(Capability.STORAGE)
def test_room_is_told_in_bytes(maker: str) -> None:
    """Total and free room are the fake's."""
    rig = MAKERS[maker]()
    told = rig.driver.storage()
    assert (told.total_bytes, told.free_bytes) == rig.room()


@those_with(Capability.SWITCH_TO_STORAGE)
def test_storage_is_shown_when_told_to(maker: str) -> None:
    """A switch to storage reaches the recorder."""
    rig = MAKERS[maker]()
    rig.driver.switch_to_storage()
    assert rig.shows_storage()


@ALL
def test_storage_is_taken_back_when_told_to(maker: str) -> None:
    """Who can be told to show its storage by SMP takes it back; of the others none can."""
    rig = MAKERS[maker]()
    if maker != "open":
        with pytest.raises(MissingCapabilityError, match="switch-to-storage"):
            rig.driver.take_storage_back()
        return
    rig.driver.switch_to_storage()
    rig.driver.take_storage_back()
    assert not rig.shows_storage()
    rig.driver.take_storage_back()
    rig.driver.switch_to_storage()
    assert rig.shows_storage()


@ALL
@EACH
def test_what_a_model_cannot_do_it_says(maker: str, capability: Capability) -> None:
    """A missing capability is named, without asking the recorder."""
    rig = MAKERS[maker]()
    if capability in rig.driver.capabilities:
        return
    with pytest.raises(MissingCapabilityError) as caught:
        CALLS[capability](rig.driver)
    assert str(capability) in str(caught.value)
    assert rig.asked() == 0


def mischiefs() -> Iterator[Trouble]:
    """Yield each way to misbehave, from each exchange on, lasting and once."""
    for kind in Mischief:
        for at in range(DEEPEST):
            yield Trouble(kind, at=at, seed=at)
            yield Trouble(kind, at=at, once=True, seed=at + 100)


@ALL_THEY_CAN
def test_no_misbehaviour_hangs_or_breaks_a_driver(maker: str, capability: Capability) -> None:
    """Whatever goes wrong, and when: an answer or a named error, within the driver's limits."""
    for trouble in mischiefs():
        rig = MAKERS[maker](trouble)
        began_us = rig.clock.monotonic_us()
        assert type(outcome(rig, capability)) is not RecorderError, trouble
        took_ms = (rig.clock.monotonic_us() - began_us) // 1000
        assert took_ms <= rig.longest_ms, trouble
        rig.driver.close()


@WITH_PASSWORD
@pytest.mark.parametrize("kind", [Mischief.LOSS, Mischief.SILENCE, Mischief.GARBAGE])
def test_driver_is_of_use_after_a_bad_exchange(maker: str, kind: Mischief) -> None:
    """One bad exchange spoils one answer: what is asked next is answered for what it is."""
    for capability in ABLE[maker]:
        for at in range(DEEPEST):
            rig = MAKERS[maker](Trouble(kind, at=at, once=True, seed=at))
            for _attempt in range(DEEPEST):
                outcome(rig, capability)
            try:
                number = rig.driver.identity().number
            except (NoPasswordError, WrongPasswordError):
                continue  # the bad answer was that to the one try of the password
            assert number == rig.number()


@WITH_PASSWORD
def test_driver_gives_up_before_its_worker_is_given_up(maker: str) -> None:
    """A recorder at its slowest ends in the driver's own error, not in a killed worker."""
    shipped = tomllib.loads((ROOT / "config" / "data" / "dock.toml").read_text("utf-8"))
    assert MAKERS[maker]().longest_ms < 1000 * shipped["control"]["timeout_s"]


@ALL
def test_recorder_that_is_pulled_out_is_gone(maker: str) -> None:
    """Every question ends in "gone", at once."""
    for capability in ABLE[maker]:
        rig = MAKERS[maker](Trouble(Mischief.VANISH))
        began_us = rig.clock.monotonic_us()
        assert isinstance(outcome(rig, capability), ChannelLostError)
        assert rig.clock.monotonic_us() - began_us < 1_000_000


def everything(rig: Rig) -> Iterator[RecorderError]:
    """Ask all that the model can, twice over; yield the errors."""
    for capability in [*CALLS, *CALLS]:
        if capability in rig.driver.capabilities:
            error = outcome(rig, capability)
            if error is not None:
                yield error


@WITH_PASSWORD
def test_wrong_password_is_tried_once(maker: str) -> None:
    """However much is asked, the recorder sees one wrong try, and the source hears of it once."""
    rig = MAKERS[maker](word="654321")
    errors = list(everything(rig))
    assert any(isinstance(error, WrongPasswordError) for error in errors)
    assert (rig.password.taken, rig.password.refusals) == (1, 1)
    assert rig.tries() <= 1


@WITH_PASSWORD
@pytest.mark.parametrize("kind", Mischief)
def test_password_is_not_sent_again_while_nothing_is_known_of_it(
    maker: str, kind: Mischief
) -> None:
    """A try whose answer was lost may have been a wrong one: it stays the only one."""
    for at in range(DEEPEST):
        rig = MAKERS[maker](Trouble(kind, at=at), word="654321")
        list(everything(rig))
        assert rig.tries() <= 1
        assert rig.password.taken <= 1


@WITH_PASSWORD
@pytest.mark.parametrize("kind", Mischief)
@pytest.mark.parametrize("word", ["hunter", "123456"])
def test_password_stands_in_no_error(maker: str, kind: Mischief, word: str) -> None:
    """Neither an error nor what led to it shows the password, right or wrong."""
    for at in range(DEEPEST):
        for error in everything(MAKERS[maker](Trouble(kind, at=at), word=word)):
            shown = "".join(traceback.format_exception(error)) + repr(vars(error))
            assert word not in shown


@WITH_PASSWORD
def test_without_a_password_it_is_said_that_there_is_none(maker: str) -> None:
    """Where none is configured, what wants one says so, and nothing is changed."""
    rig = MAKERS[maker](word=None)
    errors = list(everything(rig))
    assert errors
    assert {type(error) for error in errors} == {NoPasswordError}
    assert not rig.shows_storage()
    assert rig.tries() == 0


@ALL
def test_driver_lets_go_of_its_channel(maker: str) -> None:
    """After close nothing goes through any more."""
    rig = MAKERS[maker]()
    rig.driver.close()
    assert rig.is_closed()


class Babbling:
    """A way that answers anything with anything: SCSI, USB, adb and its pipes in one."""

    def __init__(self, clock: FakeClock, answers: list[bytes]) -> None:
        self._clock = clock
        self._answers = iter(answers)

    def read(self, _cdb: bytes, length: int, *, within_ms: int) -> bytes:
        """Answer a SCSI command."""
        return self._next(within_ms)[:length]

    def write(self, _cdb: bytes, _data: bytes, *, within_ms: int) -> None:
        """Take a SCSI order."""
        self._next(within_ms)

    def control_in(self, *setup: int, within_ms: int) -> bytes:
        """Answer a control transfer."""
        return self._next(within_ms)[: setup[-1]]

    def control_out(self, *_setup: object, within_ms: int) -> None:
        """Take a control transfer."""
        self._clock.pass_ms(min(within_ms, 1))

    def shell(self, _command: str, *, within_ms: int) -> bytes:
        """Print something."""
        return self._next(within_ms)

    def connect(self, _port: int, *, within_ms: int) -> "Babbling":
        """Be the pipe too."""
        self._clock.pass_ms(min(within_ms, 1))
        return self

    def send(self, _data: bytes, *, within_ms: int) -> None:
        """Take bytes."""
        self._clock.pass_ms(min(within_ms, 1))

    def receive(self, *, within_ms: int) -> bytes:
        """Give bytes."""
        return self._next(within_ms) or b"?"

    def close(self) -> None:
        """Go on babbling."""

    def _next(self, within_ms: int) -> bytes:
        self._clock.pass_ms(min(within_ms, 1))
        answer = next(self._answers, None)
        if answer is None:
            self._clock.pass_ms(within_ms)
            raise RecorderSilentError(command="babble", waited_ms=within_ms)
        return answer


def like_answers() -> st.SearchStrategy[bytes]:
    """Return bytes, some of which look like answers: right sizes, right statuses, JSON."""
    sized = st.sampled_from([4, 6, 7, 9, 10, 14, 15, 16, 36, 89, 109]).flatmap(
        lambda size: st.binary(min_size=size, max_size=size)
    )
    well = sized.map(lambda data: data[:6] + b"\x80" + data[7:])
    zeros = sized.map(lambda data: bytes(len(data)))
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    bodies = st.dictionaries(
        st.sampled_from(["password", "IDCode", "serial", "Time", "Result", "battery", "total"]),
        leaves,
    )
    lines = st.builds(
        lambda number, body: json.dumps({"header": {"id": number}, "body": body}).encode() + b"\n",
        st.sampled_from([2, 3, 4, 5, 6, 8, 16, 18, "3", None]),
        bodies | leaves,
    )
    return st.binary(max_size=200) | sized | well | zeros | lines


def drivers_on(link: Babbling, clock: FakeClock) -> list[Driver]:
    """Return a driver of each vendor at this end of it."""
    return [
        JieliScsi(link, clock, zone=SHANGHAI, password=FakePassword("123456")),
        CammproCtrl(link, clock, zone=SHANGHAI, password=FakePassword("123456")),
        ZzxAdb(link, clock, port=PORT, password=FakePassword("123456")),
    ]


@settings(max_examples=150)
@given(answers=st.lists(like_answers(), max_size=12), data=st.data())
def test_any_answers_at_all_end_in_a_value_or_a_named_error(
    answers: list[bytes], data: st.DataObject
) -> None:
    """Random answers to any question raise a RecorderError or nothing."""
    for which in range(3):
        clock = FakeClock()
        driver = drivers_on(Babbling(clock, answers), clock)[which]
        capability = data.draw(st.sampled_from(sorted(driver.capabilities)))
        with suppress(RecorderError):
            CALLS[capability](driver)
