"""The whole dock with recorders that are asked first: a control worker, a line, a card image."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from dock_daemon.bays.media import ChannelAppeared
from dock_daemon.docking.events import Checked, Identified, Released
from dock_daemon.recorders.matching import Seen
from dock_daemon.rehearsal.usb import ScriptedPort
from firmware_bridge.drivers.open import OpenDriver
from tests.cards import make_fat_card
from tests.docks import DockIn
from tests.journals import KEY, NUMBER, Script
from tests.recorders.control_socket import DyingAtBattery, StumblingAtJournal, workers_at
from tests.recorders.on_pty import OnPty, on_pty
from tests.recorders.open_fake import OpenFake
from tests.sim.test_dock import FILES, PORTS, SETTINGS, Running, medium, serving

TTY = "/dev/ttyACM0"
SERIAL = Seen(
    kind="serial",
    vendor_id="1d6b",
    product_id="0104",
    manufacturer="sealdock",
    product="sealdock open recorder",
)
QUICK = f"{SETTINGS}[clocks]\nset = false\nexchanges = 1\n"


def line(number: int, port: str, *, serial: str = "") -> ChannelAppeared:
    """Return what udev would tell of the serial line of an open recorder."""
    return ChannelAppeared(
        sys_path=f"/sys/devices/test/{number}/tty",
        node=TTY,
        port=port,
        seen=replace(SERIAL, serial=serial),
    )


def recorder(number: str = "ZF-0007") -> OpenFake:
    """Return an open recorder without a journal."""
    return OpenFake(number=number, vkey="", journal=[], faults=OpenFake().faults)


@dataclass
class Bench:
    """A dock that is being served, and one recorder on a line."""

    running: Running
    pty: OnPty

    def plug(self, number: int = 1) -> None:
        """Put the recorder in: its serial line comes first."""
        self.running.hotplug.plug(line(number, PORTS["1"]))

    def pull_line(self, number: int = 1) -> None:
        """Let the line leave the port."""
        self.running.hotplug.pull(f"/sys/devices/test/{number}/tty")

    def told(self, kind: type[Any]) -> list[Any]:
        """Return the events of a kind so far."""
        return [event for _bay, event in self.running.events if isinstance(event, kind)]


@asynccontextmanager
async def bench(
    dock: DockIn, card: Path, fake: OpenFake, *, settings: str = QUICK
) -> AsyncIterator[Bench]:
    """Serve a dock whose first bay opens a recorder's line, and this card, in place of devices."""
    with on_pty(fake) as pty:
        async with serving(dock, {TTY: Path(pty.node), "/dev/test1": card}, settings) as running:
            yield Bench(running, pty)


def bodies(dock: DockIn, kind: str) -> list[dict[str, Any]]:
    """Return what the entries of a kind say."""
    return [cast("dict[str, Any]", one.body) for one in dock.parsed(kind)]


async def test_greeted_switched_docked_checked_released(dock: DockIn, tmp_path: Path) -> None:
    """It answers on its line, shows its card when told to, and is taken over with what it said."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    async with bench(dock, card, fake) as at:
        at.plug()
        view = await at.running.until_shown("1", "checking")
        assert view.recorder == "ZF-0007"
        assert fake.exported
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        view = await at.running.until_shown("1", "done")
        assert (view.sealed, view.recorder) == (2, "ZF-0007")
        (identified,), (checked,) = at.told(Identified), at.told(Checked)
        assert identified.recorder == "ZF-0007"
        battery = next(item for item in checked.items if item.item == "battery")
        assert battery.value == fake.battery.percent
        at.running.hotplug.pull("/sys/devices/test/1")
        at.pull_line()
        await at.running.until_shown("1", "empty")
    assert bodies(dock, "docked")[0]["profile"] == "open"
    assert bodies(dock, "docked")[0]["occasion"] == "plugged"
    dock.assert_holds("ZF-0007", "王小明", "012345")


async def test_it_comes_back_as_another_device_on_the_same_port(
    dock: DockIn, tmp_path: Path
) -> None:
    """Control channel first, then gone, then a disk of another make's id: still the same."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        at.plug()
        await at.running.until_shown("1", "checking")
        at.pull_line()
        disk = Seen(kind="disk", vendor_id="0781", product_id="5567", product="Some Storage")
        at.running.hotplug.plug(replace(medium(1, PORTS["1"]), seen=disk))
        view = await at.running.until_shown("1", "done")
        assert (view.recorder, view.sealed) == ("ZF-0007", 2)
    assert [one["profile"] for one in bodies(dock, "docked")] == ["open"]


async def test_the_port_of_a_rehearsal(dock: DockIn, tmp_path: Path) -> None:
    """Where umockdev is not installed a script tells the same: line, gone, disk, gone."""
    card = make_fat_card(tmp_path / "card", FILES)
    port = ScriptedPort(PORTS["1"])
    with on_pty(recorder()) as pty:
        stand_ins = {port.line: Path(pty.node), port.node: card}
        async with serving(dock, stand_ins, QUICK, hotplug=port.hotplug) as running:
            port.plug_line()
            await running.until_shown("1", "checking")
            port.come_back(1 << 20)
            view = await running.until_shown("1", "done")
            assert (view.recorder, view.sealed) == ("ZF-0007", 2)
            port.pull()
            await running.until_shown("1", "empty")


async def test_it_comes_back_at_another_port(dock: DockIn, tmp_path: Path) -> None:
    """Then it is another docking in another bay, with nothing of what was said at the first."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        at.plug()
        await at.running.until_shown("1", "checking")
        at.pull_line()
        at.running.hotplug.plug(medium(1, PORTS["2"]))
        view = await at.running.until_shown("2", "done")
        assert (view.recorder, view.sealed) == ("", 2)
        assert at.running.bay("1").state == "checking"
    assert [one["profile"] for one in bodies(dock, "docked")] == ["fs-only"]


async def test_its_storage_never_comes(dock: DockIn, tmp_path: Path) -> None:
    """A recorder that refuses shows none: what it told stands in the ledger all the same."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    fake.can = ("identity", "battery", "holder", "read-clock")
    async with bench(dock, card, fake) as at:
        at.plug()
        view = await at.running.until_shown("1", "attention")
        assert view.recorder == "ZF-0007"
        assert at.told(Checked)[0].verdict == "unfit"
    (finding,) = bodies(dock, "finding")
    assert finding["finding"] == "medium-unread"
    dock.assert_holds("ZF-0007")


async def test_its_storage_comes_once_it_is_no_longer_busy(dock: DockIn, tmp_path: Path) -> None:
    """A recorder that still hashes what it recorded is shown as busy, asked again, taken over."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    fake.busy = True
    async with bench(dock, card, fake) as at:
        at.plug()
        await at.running.until_shown("1", "preparing")
        fake.busy = False
        await at.running.until_shown("1", "checking")
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        view = await at.running.until_shown("1", "done")
        assert (view.sealed, view.recorder) == (2, "ZF-0007")
    assert len(dock.parsed("docked")) == 1


@pytest.mark.parametrize("first", [DyingAtBattery, StumblingAtJournal])
async def test_its_clips_come_though_a_worker_failed(
    dock: DockIn, tmp_path: Path, first: type[OpenDriver]
) -> None:
    """Another worker lets it show its storage; the checklist says what nobody could ask."""
    card, path = make_fat_card(tmp_path / "card", FILES), tmp_path / "control"
    settings = f'{QUICK}[control]\nsocket = "{path}"\n'
    with workers_at(path, first, OpenDriver) as opened:
        async with bench(dock, card, recorder(), settings=settings) as at:
            at.plug()
            await at.running.until_shown("1", "checking")
            at.pull_line()
            at.running.hotplug.plug(medium(1, PORTS["1"]))
            view = await at.running.until_shown("1", "done")
            assert (view.recorder, view.sealed) == ("ZF-0007", 2)
            (checked,) = at.told(Checked)
    assert opened == [first.__name__, "OpenDriver"]
    battery = next(item for item in checked.items if item.item == "battery")
    if first is DyingAtBattery:
        assert (battery.verdict, battery.facts["error"]) == ("unknown", "control-failed")
    else:
        assert battery.value == OpenFake().battery.percent
    assert len(bodies(dock, "clip")) == 2


async def test_unplugged_while_it_is_asked(dock: DockIn, tmp_path: Path) -> None:
    """Nothing stands in the ledger, no fault is shown, and the bay takes the next."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    async with bench(dock, card, fake) as at:
        at.pty.pull()
        at.plug()
        at.pull_line()
        await at.running.until_shown("1", "detecting")
        at.running.hotplug.plug(medium(1, PORTS["2"]))
        await at.running.until_shown("2", "done")
        await at.running.until_shown("1", "empty")
    assert len(dock.parsed("docked")) == 1


async def test_nobody_answers_on_the_line(dock: DockIn, tmp_path: Path) -> None:
    """A device that only looks like a recorder is shown as a fault; its disk is still read."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        at.pty.pull()
        at.plug()
        view = await at.running.until_shown("1", "fault")
        assert view.error
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        view = await at.running.until_shown("1", "done")
        assert view.sealed == 2
        (checked,) = at.told(Checked)
        unasked = {item.item: item.facts.get("error") for item in checked.items}
        assert unasked["battery"] == unasked["fault"] == "channel-not-opened"
    assert [one["profile"] for one in bodies(dock, "docked")] == ["fs-only"]


async def test_a_mute_recorder_whose_storage_is_shown_is_taken_over(
    dock: DockIn, tmp_path: Path
) -> None:
    """Its clips come first; the checklist says what could not be asked, and keeps it here."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        at.pty.pull()
        at.running.hotplug.plug(replace(medium(1, PORTS["1"]), seen=replace(SERIAL, kind="disk")))
        at.plug()
        view = await at.running.until_shown("1", "done")
        assert (view.sealed, view.verdict) == (2, "unfit")
        (checked,) = at.told(Checked)
        battery = next(item for item in checked.items if item.item == "battery")
        assert (battery.verdict, battery.reason) == ("unknown", "untold")
        assert battery.facts["error"] == "channel-not-opened"


async def test_a_disk_that_comes_before_its_line(dock: DockIn, tmp_path: Path) -> None:
    """A recorder that is both at once is asked before its disk is read, whatever comes first."""
    card = make_fat_card(tmp_path / "card", FILES)
    disk = replace(medium(1, PORTS["1"]), seen=replace(SERIAL, kind="disk"))
    async with bench(dock, card, recorder()) as at:
        at.running.hotplug.plug(disk)
        at.plug()
        view = await at.running.until_shown("1", "done")
        assert (view.recorder, view.sealed) == ("ZF-0007", 2)
        assert not at.pty.fake.exported, "its storage was there already"
    assert len(dock.parsed("docked")) == 1


async def test_another_recorders_card_in_its_place(dock: DockIn, tmp_path: Path) -> None:
    """What the first one told is written down, and nothing of it is said of the other's card."""
    settings = b"[ZFY]\r\nDevNo=OTHER-1\r\n"
    card = make_fat_card(tmp_path / "card", {**FILES, "Param.ini": settings})
    async with bench(dock, card, recorder()) as at:
        at.plug()
        await at.running.until_shown("1", "checking")
        at.pull_line()
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        await at.running.until_shown("1", "done")
        assert [event.recorder for event in at.told(Identified)] == ["ZF-0007", "OTHER-1"]
    assert [one["profile"] for one in bodies(dock, "docked")] == ["open", "fs-only"]


@pytest.mark.parametrize("line_stays", [True, False])
async def test_checked_where_it_is(dock: DockIn, tmp_path: Path, *, line_stays: bool) -> None:
    """A check on demand is a docking of its own; a recorder that can be asked is asked afresh."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    async with bench(dock, card, fake) as at:
        at.plug()
        await at.running.until_shown("1", "checking")
        if not line_stays:
            at.pull_line()
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        await at.running.until_shown("1", "done")
        fake.battery = replace(fake.battery, percent=99)
        answer = await at.running.ask(tell="check", bay="1")
        assert [one["check"] for one in answer["bays"]] == ["started"]
        await at.running.until(lambda: len(at.told(Checked)) == 2)
        await at.running.until_shown("1", "done")
        second = at.told(Checked)[1]
        battery = next(item for item in second.items if item.item == "battery")
        assert battery.value == (99 if line_stays else None)
        assert [event.recorder for event in at.told(Identified)] == ["ZF-0007"] * 2
        answer = await at.running.ask(tell="check", bay=None)
        assert {one["bay"]: one["check"] for one in answer["bays"]} == {
            "1": "started", "2": "empty",
        }  # fmt: skip
    assert [one["occasion"] for one in bodies(dock, "docked")][:2] == ["plugged", "asked"]
    assert len(dock.parsed("clip")) == 2


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_journal_is_held_against_memory_and_card(
    dock: DockIn, tmp_path: Path, *, deleted: bool
) -> None:
    """A clip that lies on the other medium is not missing; one that lies on neither is."""
    script = Script()
    script.start()
    for path, content in FILES.items():
        assert isinstance(content, bytes)
        script.clip(path, sha256(content).hexdigest(), size=len(content))
    first, second = list(FILES)
    memory = make_fat_card(tmp_path / "memory", {first: FILES[first]})
    card = make_fat_card(tmp_path / "card", {} if deleted else {second: FILES[second]})
    fake = recorder(NUMBER)
    fake.vkey, fake.journal = str(KEY.verifier()), script.lines
    with on_pty(fake) as pty:
        stand_ins = {TTY: Path(pty.node), "/dev/test1": memory, "/dev/test2": card}
        async with serving(dock, stand_ins, QUICK) as running:
            running.hotplug.plug(line(1, PORTS["1"]))
            await running.until_shown("1", "checking")
            running.hotplug.plug(medium(1, PORTS["1"]))
            running.hotplug.plug(medium(2, PORTS["1"]))
            await running.until(
                lambda: sum(isinstance(event, Released) for _, event in running.events) == 2
            )
    assert [one["unjudged"] for one in bodies(dock, "released")] == [1, 0]
    found = [(one["finding"], one["docking"]) for one in bodies(dock, "finding")]
    assert [one for one in found if one[0] == "journal-missing"] == (
        [("journal-missing", 2)] if deleted else []
    )


async def test_a_check_of_no_bay(dock: DockIn, tmp_path: Path) -> None:
    """A bay that does not exist is named as such; nonsense is refused."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        answer = await at.running.ask(tell="check", bay="9")
        assert answer["bays"] == [{"bay": "9", "check": "unknown", "turn": 0}]


async def test_only_channels_that_a_profile_knows_are_anybodys(
    dock: DockIn, tmp_path: Path
) -> None:
    """A modem at a bay's port is left alone; a recorder's line at no bay is named."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        modem = replace(line(2, PORTS["2"]), seen=replace(SERIAL, product="LTE Modem"))
        at.running.hotplug.plug(modem)
        at.running.hotplug.plug(line(3, "pci-0000:00:14.0-usb-0:9"))
        at.plug()
        await at.running.until_shown("1", "checking")
        assert at.running.bay("2").state == "empty"
        told = await at.running.ask(ask="status")
        assert told["unmapped"] == [{"node": TTY, "port": "pci-0000:00:14.0-usb-0:9"}]
