"""What sets each maker's driver apart: the order of its questions, and what it does not trust."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.capabilities import Capability, Holder
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.drivers.jieli_scsi import JieliScsi
from firmware_bridge.drivers.lacking import Lacking
from firmware_bridge.drivers.one_try import OneTry
from firmware_bridge.drivers.timing import local_time, utc_of
from firmware_bridge.drivers.zzx_adb import ANSWER_WITHIN_MS, ZzxAdb
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelNotOpenedError,
    MissingCapabilityError,
    NoPasswordError,
    NotThisRecorderError,
    RecorderBusyError,
    RecorderSilentError,
    RefusedError,
    TextTooLongError,
    UnwritableTextError,
    WrongPasswordError,
)
from tests.recorders.cammpro_fake import CammproFake
from tests.recorders.jieli_fake import JieliFake
from tests.recorders.mischief import SHANGHAI, FakeClock, FakePassword, Recorder
from tests.recorders.rigs import CALLS
from tests.recorders.zzx_fake import ZzxFake, ZzxPipe

PORT = 10086


def jieli(fake: JieliFake, word: str | None = "123456") -> JieliScsi:
    """Return a driver at the other end of a Jieli recorder."""
    return JieliScsi(fake, fake.recorder.clock, zone=SHANGHAI, password=FakePassword(word))


def cammpro(fake: CammproFake, word: str | None = "123456", *, admin: bool = True) -> CammproCtrl:
    """Return a driver at the other end of a Cammpro recorder."""
    password = FakePassword(word)
    return CammproCtrl(fake, fake.recorder.clock, zone=SHANGHAI, password=password, admin=admin)


def zzx(fake: ZzxFake, word: str | None = "123456") -> ZzxAdb:
    """Return a driver at the other end of a ZZX recorder."""
    return ZzxAdb(fake, fake.recorder.clock, port=PORT, password=FakePassword(word))


def recorder() -> Recorder:
    """Return a recorder of any make."""
    return Recorder(FakeClock())


# Jieli


def test_jieli_reads_without_a_password_and_never_sends_ours() -> None:
    """Reading shows who it is without one; changing compares, and ours stays in the dock."""
    fake = JieliFake(recorder())
    driver = jieli(fake)
    identity = driver.identity()
    assert (identity.number, identity.maker, identity.model) == (
        "8888888",
        "HACH8",
        "DV16 DEVICE V1.00",
    )
    assert identity.raw == fake.record()
    assert driver.battery().percent == 47
    assert fake.password_shown == 0
    driver.set_clock()
    driver.write_holder(Holder(user_no="1"))
    driver.switch_to_storage()
    assert fake.password_shown == 1
    assert not any(b"123456" in data for data in fake.sent)


def test_jieli_recorder_with_another_password_is_not_changed() -> None:
    """Where the two differ nothing is written, and the recorder's own is kept nowhere."""
    fake = JieliFake(recorder())
    driver = jieli(fake, "000000")
    driver.identity()
    written = len(fake.sent)
    for change in (driver.set_clock, driver.switch_to_storage):
        with pytest.raises(WrongPasswordError) as caught:
            change()
        assert "123456" not in repr(vars(caught.value)) + str(caught.value)
    assert len(fake.sent) == written
    assert fake.password_shown == 1
    assert driver.holder().user_no == "012345"


def test_another_disk_is_no_jieli_recorder() -> None:
    """A disk of another make is left alone after its INQUIRY: no vendor command reaches it."""
    fake = JieliFake(recorder())
    fake.inquiry = bytes(8) + b"SanDisk Ultra           1.00"
    with pytest.raises(NotThisRecorderError):
        jieli(fake).identity()
    assert fake.way.exchanges == 1


def test_jieli_recorder_without_a_card_does_not_switch() -> None:
    """The card is asked for first, and its want is named."""
    fake = JieliFake(recorder())
    fake.recorder.has_card = False
    with pytest.raises(RefusedError, match="want of a card"):
        jieli(fake).switch_to_storage()
    assert not fake.recorder.shows_storage


def test_jieli_s_own_status_is_a_refusal() -> None:
    """A command that went through and failed is found by asking how it went."""
    fake = JieliFake(recorder())
    fake.status = 5
    with pytest.raises(RefusedError) as caught:
        jieli(fake).battery()
    assert (caught.value.command, caught.value.status) == ("READ_BATTERY", 5)


def test_jieli_is_told_the_time_of_its_zone() -> None:
    """The bytes are local, the year little-endian, whatever zone the dock itself is in."""
    fake = JieliFake(recorder())
    jieli(fake).set_clock()
    assert fake.sent[-1] == bytes.fromhex("ea07 0b16 0b00 00")


# Cammpro


def test_camera_on_the_same_chip_is_no_cammpro_recorder() -> None:
    """A camera that stalls the ping is told nothing else: no login reaches it."""
    fake = CammproFake(recorder())
    fake.answers_pings = False
    with pytest.raises(NotThisRecorderError):
        cammpro(fake).identity()
    assert len(fake.sent) == 1
    assert fake.recorder.presented == []


def test_cammpro_is_logged_into_once() -> None:
    """The first question that wants it logs in, as administrator, and that lasts."""
    fake = CammproFake(recorder())
    driver = cammpro(fake)
    driver.identity()
    driver.battery()
    driver.write_holder(Holder(user_no="12345678", unit_name="支队"))
    assert fake.recorder.presented == ["123456"]
    assert fake.sent[1] == bytes.fromhex("a1b2c3d4 00e1 00 10 00") + b"123456"
    assert (fake.recorder.user_no, fake.recorder.user_name) == ("12345678", "")


def test_cammpro_may_be_logged_into_as_user() -> None:
    """Where the dock knows the user's password only, that login is made, and no other."""
    fake = CammproFake(recorder())
    with pytest.raises(WrongPasswordError):  # the fake has no such user
        cammpro(fake, admin=False).battery()
    assert [data[7] for data in fake.sent] == [0x11]


def test_cammpro_that_leaves_at_once_has_switched() -> None:
    """Once it was told to show its card, being gone is an answer too."""
    fake = CammproFake(recorder())
    fake.leaves_at_once = True
    cammpro(fake).switch_to_storage()
    assert fake.recorder.shows_storage


def test_cammpro_answers_the_setting_with_its_time() -> None:
    """The answer is kept beside the setting, as UTC, and the year goes out big-endian."""
    fake = CammproFake(recorder())
    done = cammpro(fake).set_clock()
    assert fake.sent[-1][9:] == bytes.fromhex("07ea 0b16 0b00 00")
    assert done.echo is not None
    assert done.echo.recorder_us == done.sent_us // 1_000_000 * 1_000_000


def test_password_that_cammpro_cannot_take_is_never_sent() -> None:
    """One of seven characters stays here, and is not counted as a try by the recorder."""
    fake = CammproFake(recorder())
    with pytest.raises(NoPasswordError):
        cammpro(fake, "1234567").battery()
    assert fake.sent == []


# ZZX


def test_zzx_that_records_does_not_switch() -> None:
    """A refusal to switch is that it is busy: the recording has to be ended."""
    fake = ZzxFake(recorder())
    fake.recorder.is_recording = True
    with pytest.raises(RecorderBusyError):
        zzx(fake).switch_to_storage()


def test_zzx_that_leaves_at_once_has_switched() -> None:
    """When its password is known to be right, being gone after the order is an answer too."""
    fake = ZzxFake(recorder())
    fake.leaves_at_once = True
    driver = zzx(fake)
    driver.battery()
    driver.switch_to_storage()
    assert fake.recorder.shows_storage


def test_zzx_is_told_milliseconds_and_tells_seconds() -> None:
    """The two clocks of the protocol differ by a thousand, and neither is mistaken."""
    fake = ZzxFake(recorder())
    driver = zzx(fake)
    done = driver.set_clock()
    assert done.resolution_us == 1_000
    assert f'"Time":{done.sent_us // 1000}}}'.encode() in fake.sent[-1]
    told = driver.read_clock()
    assert (told.resolution_us, told.recorder_us % 1_000_000) == (1_000_000, 0)
    assert told.recorder_us <= told.sent_us + told.round_trip_us


def test_zzx_server_that_starts_slowly_is_awaited() -> None:
    """Two refused connections are "not yet", and cost two seconds; a third is the end."""
    fake = ZzxFake(recorder())
    fake.starts_after = 2
    assert zzx(fake).battery().percent == 47
    fake.starts_after = 3
    with pytest.raises(ChannelNotOpenedError):
        zzx(fake).battery()
    assert 4_000_000 < fake.recorder.clock.monotonic - FakeClock().monotonic < 5_000_000


def test_way_that_is_not_there_costs_no_password() -> None:
    """The one try is not spent on a recorder that is not reached."""
    fake = ZzxFake(recorder())
    fake.starts_after = 3
    driver = zzx(fake)
    with pytest.raises(ChannelNotOpenedError):
        driver.battery()
    assert driver.battery().percent == 47


class TricklingFake(ZzxFake):
    """A recorder on whose pipes something comes for ever."""

    def connect(self, port: int, *, within_ms: int) -> "Trickling":
        """Return such a pipe."""
        super().connect(port, within_ms=within_ms)
        return Trickling(self)


class Trickling(ZzxPipe):
    """A pipe on which something comes for ever, and never a whole line."""

    def receive(self, *, within_ms: int) -> bytes:
        """Give one byte."""
        self.clock.pass_ms(min(within_ms, 100))
        return b"{"


def test_endless_half_answer_ends_in_time() -> None:
    """A byte now and then is no answer: the limit is one for the whole of it."""
    fake = TricklingFake(recorder())
    with pytest.raises(RecorderSilentError):
        zzx(fake).battery()
    elapsed_ms = (fake.recorder.clock.monotonic - FakeClock().monotonic) // 1000
    assert elapsed_ms <= ANSWER_WITHIN_MS + 10


def test_zzx_pipe_that_failed_is_left() -> None:
    """A late answer to one question is never taken for the answer to the next."""
    fake = ZzxFake(recorder())
    driver = zzx(fake)
    driver.battery()
    fake.pipes[0].left_over(b"noise\r\n")
    with pytest.raises(BadAnswerError):
        driver.read_clock()
    assert fake.pipes[0].is_closed
    true_us = fake.recorder.ahead_us
    told = driver.read_clock()
    assert abs(told.recorder_us - told.sent_us - true_us) <= 1_002_000
    assert len(fake.pipes) == 2


@pytest.mark.parametrize(
    ("holder", "error"),
    [
        (Holder(user_no="x" * 65), TextTooLongError),
        (Holder(user_no="1", user_name="张" * 33), TextTooLongError),
        (Holder(user_no="1", unit_name="a\nb"), UnwritableTextError),
    ],
)
def test_holder_that_does_not_fit_changes_nothing(holder: Holder, error: type[Exception]) -> None:
    """Before anything is sent, text that does not fit is refused, whatever the make."""
    for fake, driver in (
        (one := JieliFake(recorder()), jieli(one)),
        (two := CammproFake(recorder()), cammpro(two)),
        (three := ZzxFake(recorder()), zzx(three)),
    ):
        with pytest.raises(error):
            driver.write_holder(holder)
        assert fake.recorder.user_no == "012345"


def test_holder_that_did_not_stick_is_not_taken_for_written() -> None:
    """What was written is read back; a recorder that forgot it is named."""
    one, two, three = JieliFake(recorder()), CammproFake(recorder()), ZzxFake(recorder())
    for fake, driver in ((one, jieli(one)), (two, cammpro(two)), (three, zzx(three))):
        fake.recorder.is_forgetful = True
        with pytest.raises(BadAnswerError, match="reads otherwise"):
            driver.write_holder(Holder(user_no="1"))


# What they share


class Nothing(Lacking):
    """A model that can do nothing."""

    name = "nothing"
    capabilities: frozenset[Capability] = frozenset()

    def close(self) -> None:
        """Let go of nothing."""


@pytest.mark.parametrize("capability", CALLS)
def test_what_a_driver_leaves_out_is_refused_by_its_name(capability: Capability) -> None:
    """No method of a driver can be forgotten: what it does not override names what is missing."""
    with pytest.raises(MissingCapabilityError) as caught:
        CALLS[capability](Nothing())
    assert caught.value.capability == capability


def test_password_is_handed_out_once_until_it_is_accepted() -> None:
    """A second try waits for the word that the first one was right; a refusal ends it."""
    source = FakePassword("123456")
    attempt = OneTry(source)
    assert attempt.word() == "123456"
    with pytest.raises(NoPasswordError):
        attempt.word()
    attempt.accepted()
    assert attempt.word() == attempt.word() == "123456"
    assert isinstance(attempt.refused(), WrongPasswordError)
    with pytest.raises(WrongPasswordError):
        attempt.word()
    assert (source.taken, source.refusals) == (1, 1)
    assert "123456" not in vars(attempt).values()


def test_password_that_never_left_may_be_tried_again() -> None:
    """Only what reached the recorder counts as a try."""
    attempt = OneTry(FakePassword("123456"))
    attempt.word()
    attempt.unsent()
    assert attempt.word() == "123456"
    with pytest.raises(NoPasswordError):
        attempt.word()


@given(
    utc_us=st.integers(0, 4_000_000_000_000_000),
    minutes=st.integers(-720, 840),
)
def test_local_time_leads_back_to_utc(utc_us: int, minutes: int) -> None:
    """In a zone of one offset, what a recorder shows says exactly when that was."""
    zone = timezone(timedelta(minutes=minutes))
    assert utc_of(local_time(utc_us, zone).replace(tzinfo=None), zone) == utc_us


def test_local_time_is_the_zone_s() -> None:
    """Shanghai is eight hours ahead; where a clock shows an hour twice the first is meant."""
    at = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert local_time(round(at.timestamp() * 1_000_000), SHANGHAI).hour == 11
    twice = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001  what a clock on a wall shows
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert utc_of(twice, ZoneInfo("Europe/Berlin")) == round(first.timestamp() * 1_000_000)
