"""Meeting a recorder: which profiles may ask, who it is when it comes back, what is told of it."""

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from msgspec import structs

from config.loader import load
from config.profiles import recorder_profile
from dock_daemon.bays.bay_states import Met
from dock_daemon.bays.media import ChannelAppeared
from dock_daemon.errors import StoppedError
from dock_daemon.meeting import Meeting, Ways, told
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet
from dock_daemon.recorders.greeting import DockTime, Greeting, Patience, Wants
from dock_daemon.recorders.journal_book import ASKED_BEFORE
from dock_daemon.recorders.matching import Profile, Seen
from firmware_bridge.capabilities import Battery, Capability, Identity, JournalPiece
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import ChannelLostError, ChannelNotOpenedError, NotThisRecorderError
from tests.recorders.control_socket import (
    DyingAtBattery,
    DyingAtSwitch,
    HeldByAnother,
    StumblingAtJournal,
    workers_at,
)
from tests.recorders.on_pty import on_pty
from tests.recorders.open_fake import OpenFake

OPEN = recorder_profile("open", Path("/nowhere"))
SEEN = Seen(
    kind="serial",
    vendor_id="1d6b",
    product_id="0104",
    manufacturer="sealdock",
    product="sealdock open recorder",
)
BEFORE = ClockMeasured(
    offset_us=9, uncertainty_us=1, sync="synchronized", source="test", dock_uncertainty_us=1
)
AFTER = replace(BEFORE, offset_us=0)
GREETING = Greeting(
    profile=OPEN,
    identity=Identity(number="ZF-7", vkey="k"),
    battery=Battery(percent=50),
    clock_set=ClockSet(before=BEFORE, after=AFTER),
    clock=BEFORE,
    journal=(JournalPiece(first=0, next=1, size=1, data=b"x\n"),),
    capabilities=frozenset({Capability.IDENTITY, Capability.BATTERY, Capability.JOURNAL}),
    switched=True,
)
MET = Met(greeting=GREETING, channel="t", within_s=20, switched=True)


@dataclass
class Bench:
    """A meeting whose recorders are at the end of pseudo-terminals."""

    profiles: tuple[Profile, ...] = (OPEN,)
    stop: threading.Event = field(default_factory=threading.Event)
    # Where control workers are started; else they are children.
    socket: Path | None = None
    # Whether what waits is called off.
    hurries: bool = True

    def meet(self, node: str, before: Met | None = None, *, switch: bool = True) -> Met:
        """Meet what is at a node."""
        loaded = load(env={}, host="test")
        wants = Wants(
            exchanges=1,
            dock_time=lambda: DockTime(sync="synchronized", source="test", uncertainty_us=1),
            now_ms=lambda: 0,
            not_set=lambda _measured: "forbidden",
            journal_from=lambda _identity: 0,
            patience=Patience(now_s=lambda: 0.0, pause=lambda _s: self.hurries, busy=lambda: None),
        )
        ways = Ways.of(loaded, None)
        if self.socket is not None:
            ways = replace(ways, control=structs.replace(ways.control, socket=str(self.socket)))
        meeting = Meeting(profiles=self.profiles, ways=ways, wants=lambda *_: wants)
        channel = ChannelAppeared(sys_path="t2", node=node, port="p", seen=SEEN)
        return meeting.greet(channel, before, switch=switch, stop=self.stop)


def test_it_is_met_and_switched() -> None:
    """What it told comes back with how long its storage is to be waited for."""
    fake = OpenFake(journal=[])
    with on_pty(fake) as pty:
        met = Bench().meet(pty.node)
    assert met.greeting.identity is not None
    assert met.greeting.identity.number == fake.number
    assert (met.channel, met.within_s, met.switched) == ("t2", OPEN.content.storage.within_s, True)
    assert fake.exported


def test_what_could_not_be_switched_is_not_waited_for() -> None:
    """A recorder that is recording shows nothing, and nobody waits for it."""
    with on_pty(OpenFake(journal=[], busy=True)) as pty:
        met = Bench().meet(pty.node)
    assert (met.within_s, met.switched) == (0, False)
    assert met.greeting.troubles == {"switch-to-storage": "recorder-busy"}


def test_the_same_recorder_is_asked_no_more_than_who_it_is() -> None:
    """Back from the switch, on whatever channel: what it told before stands."""
    fake = OpenFake(journal=[])
    with on_pty(fake) as pty:
        first = Bench().meet(pty.node)
        fake.done.clear()
        again = Bench().meet(pty.node, first)
        assert again.greeting is first.greeting
        assert fake.done == []
        other = Bench().meet(pty.node, MET)
        assert other.greeting is not MET.greeting
        assert fake.done == ["exported"]


def test_a_storage_that_is_there_is_not_switched_to() -> None:
    """A check where it is changes nothing on the recorder."""
    fake = OpenFake(journal=[])
    with on_pty(fake) as pty:
        assert not Bench().meet(pty.node, switch=False).switched
    assert fake.done == []


@pytest.mark.parametrize(
    ("first", "troubles"),
    [
        (StumblingAtJournal, {"journal"}),
        (DyingAtBattery, {"battery", "storage", "faults", "read-clock", "journal"}),
        (DyingAtSwitch, set()),
    ],
)
def test_a_worker_that_fails_keeps_no_storage_hidden(
    tmp_path: Path, first: type[OpenDriver], troubles: set[str]
) -> None:
    """Another worker asks it to show its storage; what the first did not hear is unknown."""
    fake, path = OpenFake(journal=[]), tmp_path / "control"
    with on_pty(fake) as pty, workers_at(path, first, OpenDriver) as opened:
        met = Bench(socket=path).meet(pty.node)
    assert opened == [first.__name__, "OpenDriver"]
    assert fake.exported
    assert (met.switched, met.within_s) == (True, OPEN.content.storage.within_s)
    assert met.greeting.identity is not None
    assert met.greeting.troubles == dict.fromkeys(troubles, "control-failed")


def test_two_workers_that_fail_are_enough(tmp_path: Path) -> None:
    """What the recorder told is kept, and nobody waits for its storage."""
    fake, path = OpenFake(journal=[]), tmp_path / "control"
    with on_pty(fake) as pty, workers_at(path, DyingAtSwitch) as opened:
        met = Bench(socket=path).meet(pty.node)
    assert len(opened) == 2
    assert (met.switched, met.within_s) == (False, 0)
    assert met.greeting.troubles == {"switch-to-storage": "control-failed"}


@pytest.mark.parametrize("hurries", [False, True])
def test_a_failed_worker_holds_the_channel_for_a_while(tmp_path: Path, *, hurries: bool) -> None:
    """Until it lets go the line can't be opened: that is waited for, as long as it is allowed."""
    fake, path = OpenFake(journal=[]), tmp_path / "control"
    drivers = (StumblingAtJournal, HeldByAnother, HeldByAnother, OpenDriver)
    with on_pty(fake) as pty, workers_at(path, *drivers) as opened:
        met = Bench(socket=path, hurries=hurries).meet(pty.node)
    assert len(opened) == (2 if hurries else 4)
    assert met.switched is not hurries


def test_a_worker_that_fails_where_the_storage_is_there(tmp_path: Path) -> None:
    """Then there is nothing to ask another one."""
    fake, path = OpenFake(journal=[]), tmp_path / "control"
    with on_pty(fake) as pty, workers_at(path, StumblingAtJournal) as opened:
        met = Bench(socket=path).meet(pty.node, switch=False)
    assert len(opened) == 1
    assert met.greeting.troubles == {"journal": "control-failed"}


def test_no_profile_that_fits() -> None:
    """Then nobody is asked."""
    with pytest.raises(NotThisRecorderError):
        Bench(profiles=()).meet("/dev/null")


def test_what_cannot_be_opened_is_said() -> None:
    """The error of the last profile that was tried is the one that counts."""
    with pytest.raises(ChannelNotOpenedError):
        Bench().meet("/dev/null")


def test_a_lost_channel_is_not_tried_by_another_profile() -> None:
    """Whoever is gone is gone."""
    twice = (OPEN, replace(OPEN, name="second"))
    with on_pty(OpenFake(), vanishes=True) as pty, pytest.raises(ChannelLostError):
        Bench(profiles=twice).meet(pty.node)


def test_the_dock_stops_meanwhile() -> None:
    """A meeting that is called off says so, and blames no recorder."""
    bench = Bench()
    bench.stop.set()
    with on_pty(OpenFake()) as pty, pytest.raises(StoppedError):
        bench.meet(pty.node)


def test_what_is_told_goes_into_one_docking_whole() -> None:
    """Into the next of the same stay without what was written down; later only who it is."""
    assert told(None) is None
    assert told(MET) is GREETING
    further = told(MET.further())
    assert further is not None
    assert (further.battery, further.clock) == (GREETING.battery, AFTER)
    assert (further.clock_set, further.journal) == (None, ())
    assert further.troubles == {"journal": ASKED_BEFORE}
    later = told(MET.later())
    assert later is not None
    assert later.identity == GREETING.identity
    assert (later.battery, later.clock, later.clock_set) == (None, None, None)
    assert later.troubles == {"battery": "channel-lost", "journal": ASKED_BEFORE}
