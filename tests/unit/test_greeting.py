"""What is asked of a recorder when it is docked, in which order, and what is made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from config.presets import Preset
from config.profiles import RecorderProfile, recorder_profile
from config.toml import SHIPPED
from dock_daemon.recorders.clock_measured import ClockMeasured
from dock_daemon.recorders.greeting import (
    MOST_JOURNAL_S,
    DockTime,
    Greeting,
    Patience,
    Wants,
    greet,
    switch_after_all,
)
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
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ControlFailedError,
    MissingCapabilityError,
    NoPasswordError,
    NotThisRecorderError,
    RecorderBusyError,
    RecorderError,
    RecorderSilentError,
    WrongPasswordError,
)
from hashing.canonical import encode
from tests.recorders.open_fake import OpenFake
from tests.recorders.rigs import MAKERS, cammpro

PROFILE: Final[Preset[RecorderProfile]] = recorder_profile("open", SHIPPED)
ALL: Final = frozenset(Capability)
NOW_US: Final = 1_790_000_000_000_000
SILENT: Final = RecorderSilentError(command="x", waited_ms=1)
KILLED: Final = ControlFailedError("killed")
SYNCED: Final = DockTime(sync="synchronized", source="chrony", uncertainty_us=900)


@dataclass
class Obedient(Driver):
    """A recorder that can do anything, notes what it was asked, and fails where it is told to."""

    fails: dict[str, RecorderError] = field(default_factory=dict)
    capabilities: frozenset[Capability] = ALL
    records: int = 7
    asked: list[str] = field(default_factory=list)
    name: str = "open"

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    def identity(self) -> Identity:
        """Return a number."""
        self._note("identity")
        return Identity(number="ZF-1")

    def holder(self) -> Holder:
        """Return somebody."""
        self._note("holder")
        return Holder(user_no="012345", user_name="王小明", raw=b"\xff")

    def battery(self) -> Battery:
        """Return half."""
        self._note("battery")
        return Battery(percent=50)

    def storage(self) -> Storage:
        """Return some room."""
        self._note("storage")
        return Storage(total_bytes=1 << 35, free_bytes=1 << 34)

    def faults(self) -> tuple[Fault, ...]:
        """Return one."""
        self._note("faults")
        return (Fault(code="io-error", at_ms=5),)

    def read_clock(self) -> ClockExchange:
        """Return a time 2 s ahead, told in whole ms, each answer quicker than the last."""
        self._note("read-clock")
        took_us = 10_000 // self.asked.count("read-clock")
        return ClockExchange(
            sent_us=NOW_US,
            round_trip_us=took_us,
            recorder_us=NOW_US + 2_000_000,
            resolution_us=1000,
        )

    def set_clock(self) -> ClockSetting:
        """Take it."""
        self._note("set-clock")
        echo = ClockExchange(
            sent_us=NOW_US, round_trip_us=100, recorder_us=NOW_US, resolution_us=1_000_000
        )
        return ClockSetting(sent_us=NOW_US, round_trip_us=100, resolution_us=1_000_000, echo=echo)

    def journal(self, first: int) -> JournalPiece:
        """Return two records at a time."""
        self._note("journal")
        after = min(first + 2, self.records)
        data = b"".join(b"%d\n" % n for n in range(first, after))
        return JournalPiece(first=first, next=max(first, after), size=self.records, data=data)

    def switch_to_storage(self) -> None:
        """Show it."""
        self._note("switch-to-storage")

    def write_holder(self, holder: Holder) -> None:
        """Is not asked for here."""
        raise AssertionError(holder)

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Is not asked for here."""
        raise AssertionError(path, sha256, size)

    def take_storage_back(self) -> None:
        """Is not asked for here."""
        raise AssertionError

    def reset(self) -> None:
        """Is not asked for here."""
        raise AssertionError

    def close(self) -> None:
        """Hang up."""
        self.asked.append("close")


@dataclass
class Waiting:
    """A dock's patience: time passes only while it waits, and somebody may end it."""

    seconds: float = 0.0
    told: int = 0
    ends: bool = False

    def pause(self, seconds: float) -> bool:
        """Let time pass; return whether all is to end."""
        self.seconds += seconds
        return self.ends

    def busy(self) -> None:
        """Hear that a recorder is being waited for."""
        self.told += 1

    def patience(self) -> Patience:
        """Return it as a greeting takes it."""
        return Patience(now_s=lambda: self.seconds, pause=self.pause, busy=self.busy)


def wants(
    *,
    waiting: Waiting | None = None,
    not_set: Callable[[ClockMeasured | None], str] = lambda _measured: "",
    journal_from: int = 0,
    switch: bool = True,
) -> Wants:
    """Return what a docking usually wants."""
    return Wants(
        exchanges=3,
        dock_time=lambda: SYNCED,
        now_ms=lambda: NOW_US // 1000,
        not_set=not_set,
        journal_from=lambda _identity: journal_from,
        patience=(waiting or Waiting()).patience(),
        switch=switch,
    )


def fails_at(what: str, error: RecorderError = SILENT) -> Obedient:
    """Return a recorder that fails at one thing."""
    return Obedient(fails={what: error})


def test_everything_is_asked_in_its_order() -> None:
    """Identity first, the switch that may take the recorder away last, the clock around its set."""
    recorder = Obedient()
    greeting = greet(recorder, PROFILE, wants())
    assert recorder.asked == [
        *("identity", "holder", "battery", "storage", "faults"),
        *["read-clock"] * 3,
        "set-clock",
        *["read-clock"] * 3,
        *["journal"] * 4,
        "switch-to-storage",
    ]
    assert greeting.identity == Identity(number="ZF-1")
    assert greeting.battery == Battery(percent=50)
    assert greeting.faults == (Fault(code="io-error", at_ms=5),)
    assert b"".join(piece.data for piece in greeting.journal) == b"0\n1\n2\n3\n4\n5\n6\n"
    assert (greeting.switched, greeting.troubles) == (True, {})
    assert greeting.asked_ms == NOW_US // 1000


def test_surest_exchange_counts_and_names_the_docks_time() -> None:
    """Of several exchanges the quickest gives the offset; the dock's own source goes with it."""
    clock = greet(Obedient(), PROFILE, wants()).clock
    assert clock == ClockMeasured(
        offset_us=2_000_500 - 3333 // 2,
        uncertainty_us=1667 + 1000,
        sync="synchronized",
        source="chrony",
        dock_uncertainty_us=900,
    )


def test_clock_is_left_alone_where_that_is_decided() -> None:
    """Whoever decides sees what was measured, and the reason is kept."""
    seen: list[ClockMeasured | None] = []

    def decide(measured: ClockMeasured | None) -> str:
        seen.append(measured)
        return "dock-unsynchronised"

    recorder = Obedient()
    greeting = greet(recorder, PROFILE, wants(not_set=decide))
    assert "set-clock" not in recorder.asked
    assert seen == [greeting.clock]
    assert (greeting.clock_set, greeting.clock_not_set) == (None, "dock-unsynchronised")


def test_clock_that_only_can_be_set_shows_what_it_echoes() -> None:
    """A model that can't be read says nothing before, and after it what its answer said."""
    recorder = Obedient(capabilities=ALL - {Capability.READ_CLOCK})
    greeting = greet(recorder, PROFILE, wants())
    assert greeting.clock is None
    assert greeting.clock_set is not None
    assert greeting.clock_set.before is None
    assert greeting.clock_set.after is not None
    assert greeting.clock_set.after.offset_us == 500_000 - 50


def test_what_a_model_cannot_do_is_no_trouble() -> None:
    """A recorder that can only say who it is gives a greeting with nothing in it."""
    recorder = Obedient(capabilities=frozenset({Capability.IDENTITY}))
    greeting = greet(recorder, PROFILE, wants())
    assert recorder.asked == ["identity"]
    assert (greeting.holder, greeting.battery, greeting.clock, greeting.faults) == (None,) * 4
    assert (greeting.journal, greeting.switched, greeting.troubles) == ((), False, {})


def test_what_turns_out_missing_is_no_trouble_either() -> None:
    """A capability that the driver claims and the recorder denies is struck from the list."""
    greeting = greet(fails_at("battery", MissingCapabilityError("battery")), PROFILE, wants())
    assert (greeting.battery, greeting.troubles) == (None, {})
    assert greeting.capabilities == ALL - {Capability.BATTERY}


@pytest.mark.parametrize(
    "what",
    ["holder", "battery", "storage", "faults", "read-clock", "set-clock", "journal"],
)
def test_one_trouble_does_not_hide_the_rest(what: str) -> None:
    """Whatever fails is named with its code, and all others are asked all the same."""
    sound = greet(Obedient(), PROFILE, wants())
    greeting = greet(fails_at(what), PROFILE, wants())
    assert greeting.troubles == {what: "recorder-silent"}
    for name in ("holder", "battery", "storage", "faults"):
        told = None if name == what else getattr(sound, name)
        assert getattr(greeting, name) == told
    assert greeting.switched


def test_one_lost_exchange_leaves_the_clock_known() -> None:
    """A clock that answered once is measured, even if the next answer is lost."""

    class Flaky(Obedient):
        def read_clock(self) -> ClockExchange:
            if self.asked.count("read-clock") == 1:
                self.asked.append("read-clock")
                raise SILENT
            return super().read_clock()

    greeting = greet(Flaky(), PROFILE, wants(not_set=lambda _measured: "not-wanted"))
    assert greeting.clock is not None
    assert greeting.troubles == {}


@pytest.mark.parametrize("what", ["identity", "holder", "read-clock", "set-clock", "journal"])
def test_lost_channel_ends_it(what: str) -> None:
    """A recorder that was pulled is not greeted half."""
    with pytest.raises(ChannelLostError):
        greet(fails_at(what, ChannelLostError("pulled")), PROFILE, wants())


def test_worker_that_fails_at_the_probe_has_met_nobody() -> None:
    """Without an answer to who it is, nothing shows that it is a recorder of this profile."""
    with pytest.raises(ControlFailedError):
        greet(fails_at("identity", KILLED), PROFILE, wants())


def test_worker_that_fails_is_asked_nothing_more() -> None:
    """What came before stands; all else that the recorder can is unknown, and says why."""
    recorder = fails_at("faults", KILLED)
    greeting = greet(recorder, PROFILE, wants())
    assert recorder.asked == ["identity", "holder", "battery", "storage", "faults"]
    assert (greeting.identity, greeting.battery) == (Identity(number="ZF-1"), Battery(percent=50))
    assert (greeting.faults, greeting.clock, greeting.journal) == (None, None, ())
    assert not greeting.switched
    assert greeting.troubles == dict.fromkeys(
        ["faults", "read-clock", "set-clock", "journal", "switch-to-storage"], "control-failed"
    )


def cut_short(what: str = "journal") -> Greeting:
    """Return what was told until the worker failed."""
    return greet(fails_at(what, KILLED), PROFILE, wants())


def test_after_a_failed_worker_it_is_asked_to_show_its_storage() -> None:
    """Only who it is and the switch are asked; what the first worker left open stays unknown."""
    recorder, before = Obedient(), cut_short()
    after = switch_after_all(recorder, before, wants())
    assert recorder.asked == ["identity", "switch-to-storage"]
    assert after == replace(before, switched=True, troubles={"journal": "control-failed"})


@pytest.mark.parametrize("error", [SILENT, KILLED, ChannelLostError("gone")])
def test_the_second_worker_has_no_third(error: RecorderError) -> None:
    """Whoever does not even say who it is now shows nothing, and the last reason is kept."""
    before = cut_short()
    after = switch_after_all(fails_at("identity", error), before, wants())
    assert not after.switched
    assert after.troubles == {"journal": "control-failed", "switch-to-storage": error.code}


def test_another_recorder_on_the_line_is_not_switched() -> None:
    """What was told by one is not continued with another."""
    recorder = Obedient()
    before = replace(cut_short(), identity=Identity(number="ZF-2"))
    after = switch_after_all(recorder, before, wants())
    assert recorder.asked == ["identity"]
    assert not after.switched
    assert after.troubles["switch-to-storage"] == "not-this-recorder"


@pytest.mark.parametrize(
    "error", [SILENT, NotThisRecorderError("x"), BadAnswerError(command="x", reason="y")]
)
def test_probe_that_fails_is_no_recorder_of_this_profile(error: RecorderError) -> None:
    """Silence, nonsense and another make are raised: another profile may fit."""
    with pytest.raises(type(error)):
        greet(fails_at("identity", error), PROFILE, wants())


@pytest.mark.parametrize(
    "error", [WrongPasswordError(), NoPasswordError("none"), RecorderBusyError(command="x")]
)
def test_recorder_that_wants_a_password_is_one_of_this_profile(error: RecorderError) -> None:
    """Who asks for a password, or for time, has understood the question."""
    greeting = greet(fails_at("identity", error), PROFILE, wants())
    assert greeting.identity is None
    assert greeting.troubles["identity"] == error.code
    assert greeting.battery == Battery(percent=50)


def test_recorder_that_leaves_rather_than_answer_has_switched() -> None:
    """A channel that is lost in the switch itself is waited for as storage."""
    lost = fails_at("switch-to-storage", ChannelLostError("gone"))
    assert greet(lost, PROFILE, wants()).switched
    assert not greet(fails_at("switch-to-storage"), PROFILE, wants()).switched
    assert not greet(Obedient(), PROFILE, wants(switch=False)).switched


def test_journal_is_read_from_where_the_dock_knows_it() -> None:
    """Only new records are asked for; none at all is an empty piece that tells the size."""
    assert [piece.first for piece in greet(Obedient(), PROFILE, wants(journal_from=4)).journal] == [
        4,
        6,
    ]
    (piece,) = greet(Obedient(), PROFILE, wants(journal_from=9)).journal
    assert (piece.first, piece.next, piece.size, piece.data) == (9, 9, 7, b"")


def test_journal_that_does_not_move_is_not_asked_for_ever() -> None:
    """A recorder that claims more and gives nothing is believed once."""

    class Stuck(Obedient):
        def journal(self, first: int) -> JournalPiece:
            self.asked.append("journal")
            return JournalPiece(first=first, next=first, size=100, data=b"")

    recorder = Stuck()
    greet(recorder, PROFILE, wants())
    assert recorder.asked.count("journal") == 1


def test_journal_that_trickles_does_not_keep_the_bay() -> None:
    """What came within some minutes is taken; the next docking goes on from there."""
    waiting = Waiting()

    class Trickling(Obedient):
        def journal(self, first: int) -> JournalPiece:
            waiting.seconds += 1.0
            return JournalPiece(first=first, next=first + 1, size=1_000_000, data=b"x\n")

    greeting = greet(Trickling(), PROFILE, wants(waiting=waiting))
    assert len(greeting.journal) == int(MOST_JOURNAL_S)
    assert (greeting.troubles, greeting.switched) == ({}, True)


@pytest.mark.parametrize("recorder", [Obedient(), Obedient(capabilities=frozenset())])
def test_facts_are_what_a_document_takes(recorder: Obedient) -> None:
    """All of a greeting but the records can be written into a document, bytes in hexadecimal."""
    facts = greet(recorder, PROFILE, wants()).facts()
    assert encode(facts)
    assert facts["profile"] == {"name": "open", "sha256": PROFILE.sha256}
    if recorder.capabilities:
        assert facts["holder"] == {
            "user_no": "012345",
            "user_name": "王小明",
            "unit_no": "",
            "unit_name": "",
            "raw": "ff",
        }
        assert facts["journal"] == {"first": 0, "next": 7, "size": 7}
    assert encode(Greeting(profile=PROFILE).facts())


@pytest.mark.parametrize("maker", MAKERS)
def test_every_driver_can_be_greeted(maker: str) -> None:
    """Each driver with its recorder behind it tells all it can, without a trouble."""
    rig = MAKERS[maker]()
    greeting = greet(rig.driver, PROFILE, wants())
    assert greeting.troubles == {}
    assert greeting.identity is not None
    assert greeting.identity.number == rig.number()
    assert greeting.battery is not None
    assert greeting.battery.percent == rig.percent()
    assert greeting.switched == rig.shows_storage()
    assert encode(greeting.facts())


def test_wrong_password_is_a_trouble_of_what_needs_it() -> None:
    """A recorder that refuses the password is known, and each thing it kept says why."""
    greeting = greet(cammpro(word="000000").driver, PROFILE, wants())
    assert set(greeting.troubles.values()) == {"wrong-password"}
    assert greeting.holder is None


def test_open_recorder_is_set_right() -> None:
    """The clock of an open recorder is 42 s ahead before, and right after, within its bound."""
    fake = OpenFake()
    clock_set = greet(fake.driver(), PROFILE, wants()).clock_set
    assert clock_set is not None
    assert clock_set.before is not None
    assert clock_set.after is not None
    assert abs(clock_set.before.offset_us - 42_000_000) <= clock_set.before.uncertainty_us
    assert abs(clock_set.after.offset_us - fake.clock_error_us) <= clock_set.after.uncertainty_us
    assert abs(fake.clock_error_us) < 1_000_000


@dataclass
class Hashing(Obedient):
    """A recorder that is busy with its clips for some questions."""

    busy_for: int = 3

    def switch_to_storage(self) -> None:
        """Show it once all is hashed."""
        super().switch_to_storage()
        if self.asked.count("switch-to-storage") <= self.busy_for:
            raise RecorderBusyError(command="storage-mode")


def test_a_recorder_that_still_hashes_its_clips_is_asked_again() -> None:
    """Until it shows its storage; nothing that it said on the way is a trouble then."""
    recorder, waiting = Hashing(), Waiting()
    greeting = greet(recorder, PROFILE, wants(waiting=waiting))
    assert (greeting.switched, greeting.troubles) == (True, {})
    assert (recorder.asked.count("switch-to-storage"), waiting.told) == (4, 3)


def test_a_recorder_that_stays_busy_is_not_asked_for_ever() -> None:
    """After the time that its profile gives it stands among the troubles, and in what is told."""
    recorder, waiting = Hashing(busy_for=10**6), Waiting()
    greeting = greet(recorder, PROFILE, wants(waiting=waiting))
    assert waiting.seconds == PROFILE.content.storage.busy_s
    assert (greeting.switched, greeting.troubles) == (False, {"switch-to-storage": "recorder-busy"})


def test_nobody_waits_for_a_busy_recorder_when_the_dock_stops() -> None:
    """The first pause that is called off is the last."""
    recorder = Hashing()
    assert not greet(recorder, PROFILE, wants(waiting=Waiting(ends=True))).switched
    assert recorder.asked.count("switch-to-storage") == 1


@pytest.mark.parametrize("pulled", [False, True])
def test_a_busy_recorder_that_leaves_is_asked_no_more(*, pulled: bool) -> None:
    """Gone when it is told again, its port will tell; gone in the pause before, it was pulled."""
    recorder, waiting = Hashing(), Waiting()

    def pause(seconds: float) -> bool:
        recorder.fails["identity" if pulled else "switch-to-storage"] = ChannelLostError("x")
        return waiting.pause(seconds)

    patience = replace(waiting.patience(), pause=pause)
    greeting = greet(recorder, PROFILE, replace(wants(), patience=patience))
    assert greeting.switched is not pulled
    assert greeting.troubles == (
        {"switch-to-storage": "channel-lost"} if pulled else {"switch-to-storage": "recorder-busy"}
    )
    assert recorder.asked.count("switch-to-storage") == (1 if pulled else 2)


def test_another_trouble_is_no_reason_to_ask_again() -> None:
    """Only who is busy is waited for."""
    waiting = Waiting()
    recorder = fails_at("switch-to-storage")
    assert not greet(recorder, PROFILE, wants(waiting=waiting)).switched
    assert (recorder.asked.count("switch-to-storage"), waiting.told) == (1, 0)
