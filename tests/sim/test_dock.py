"""The whole dock, two bays and its socket, with card images in place of devices."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from dock_daemon import control
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.dock import Dock
from dock_daemon.docking.events import Event, Progress, Released
from dock_daemon.docking.rules import Rules
from dock_daemon.errors import LedgerDoubtError
from dock_daemon.evidence.state import State
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from tests.cards import Clip, make_exfat_card, make_fat_card
from tests.docks import DockIn, some_bytes

PORTS = {"1": "pci-0000:00:14.0-usb-0:1", "2": "pci-0000:00:14.0-usb-0:2"}
SETTINGS = "".join(
    f'[[bays]]\nname = "{name}"\nports = ["{port}"]\n' for name, port in PORTS.items()
)
# Copied in steps so small that the rest takes longer than the loop needs to hear of anything.
SLOWLY = f"{SETTINGS}[ingest]\nchunk_bytes = 4096\n"
Files = dict[str, bytes | Clip]
BIG: Files = {"BIG.MP4": Clip(data=b"big", size=64 << 20), "SMALL.MP4": Clip(data=b"small")}
FILES: Files = {"A.MP4": some_bytes("a", 5000), "B.MP4": some_bytes("b", 6000)}


def medium(number: int, port: str) -> MediumAppeared:
    """Return what udev would tell of disk `number` at a port."""
    return MediumAppeared(
        sys_path=f"/sys/devices/test/{number}",
        node=f"/dev/test{number}",
        port=port,
        major=8,
        minor=16 * number,
        size_bytes=1 << 20,
    )


@dataclass
class Running:
    """A dock that is being served, and what it has shown so far."""

    dock: Dock
    state: State
    hotplug: ScriptedHotplug
    served: asyncio.Task[None]
    views: dict[str, list[BayView]] = field(default_factory=dict)
    events: list[tuple[str, Event]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    # A docking waits here at its first copied bytes; set it to let it go on.
    gate: threading.Event = field(default_factory=threading.Event)

    def bay(self, name: str) -> BayView:
        """Return what there is to see of a bay now."""
        return next(view for view in self.dock.views if view.bay == name)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something was shown or heard that makes `condition` true."""
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(condition)

    async def until_shown(self, bay: str, state: str) -> BayView:
        """Wait until a bay shows `state`."""
        await self.until(lambda: self.bay(bay).state == state)
        return self.bay(bay)

    async def ask(self, **request: object) -> dict[str, Any]:
        """Ask on the dock's socket, as the commands do."""
        answer = await asyncio.to_thread(control.ask, self.state.root, request)
        return cast("dict[str, Any]", answer)

    async def until_copying(self) -> None:
        """Wait until the first bytes were copied; the docking then waits at the gate."""
        await self.until(lambda: any(isinstance(told, Progress) for _bay, told in self.events))

    def ends(self) -> list[tuple[str, str]]:
        """Return bay and result of each docking that is over."""
        return [(bay, told.result) for bay, told in self.events if isinstance(told, Released)]


@asynccontextmanager
async def serving(
    dock: DockIn,
    stand_ins: dict[str, Path],
    settings: str = SETTINGS,
    *,
    gated: bool = False,
    hotplug: ScriptedHotplug | None = None,
) -> AsyncIterator[Running]:
    """Serve a dock; on leaving, stop it in good order unless it has ended by itself."""
    loaded = dock.settings(settings)
    hotplug = hotplug or ScriptedHotplug()
    ready = asyncio.Event()
    news = asyncio.Condition()
    gate = threading.Event()
    views: dict[str, list[BayView]] = {}
    events: list[tuple[str, Event]] = []
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def notify() -> None:
        async with news:
            news.notify_all()

    def wake() -> None:
        task = loop.create_task(notify())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def shown(view: BayView) -> None:
        views.setdefault(view.bay, []).append(view)
        wake()

    def heard(bay: str, event: Event) -> None:
        events.append((bay, event))
        loop.call_soon_threadsafe(wake)
        if gated and isinstance(event, Progress):
            assert gate.wait(60)

    with dock.open(settings) as state:
        whole = Dock(
            state,
            loaded,
            Rules.of(loaded),
            dock.clock,
            hotplug,
            stand_ins={node: str(path) for node, path in stand_ins.items()},
            heard=heard,
            shown=shown,
        )
        served = asyncio.create_task(whole.serve(ready=ready.set, alive=lambda: None))
        await ready.wait()
        running = Running(whole, state, hotplug, served, views, events, news, gate)
        try:
            yield running
        finally:
            gate.set()
            whole.stop()
            await served
    await asyncio.gather(*tasks)


async def test_a_recorder_comes_and_goes(dock: DockIn, tmp_path: Path) -> None:
    """Empty, at work, done with all taken over; empty again once it is taken out."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with serving(dock, {"/dev/test1": card}) as running:
        assert running.bay("1").state == "empty"
        running.hotplug.plug(medium(1, PORTS["1"]))
        view = await running.until_shown("1", "done")
        assert (view.sealed, view.clips, view.unread, view.registered) == (2, 2, 0, False)
        running.hotplug.pull("/sys/devices/test/1")
        await running.until_shown("1", "empty")
        assert running.bay("2").state == "empty"
        states = [view.state for view in running.views["1"]]
    assert list(dict.fromkeys(states)) == [
        "detecting", "checking", "pulling", "verifying", "done", "empty",
    ]  # fmt: skip
    dock.assert_holds()


async def test_two_bays_work_at_once(dock: DockIn, tmp_path: Path) -> None:
    """Recorders that come together get a docking each; their entries may interleave."""
    cards = {
        f"/dev/test{number}": make_fat_card(
            tmp_path / f"card{number}",
            {f"{number}-{i}.MP4": some_bytes(f"{number}-{i}", 3000) for i in range(30)},
            volume_serial=number,
        )
        for number in (1, 2)
    }
    async with serving(dock, cards) as running:
        for number in (1, 2):
            running.hotplug.plug(medium(number, PORTS[str(number)]))
        await running.until(lambda: len(running.ends()) == 2)
        await running.until_shown("1", "done")
        await running.until_shown("2", "done")
    assert sorted(running.ends()) == [("1", "complete"), ("2", "complete")]
    assert sorted(cast("int", one.body["docking"]) for one in dock.parsed("docked")) == [1, 2]
    assert len(dock.parsed("clip")) == 60
    dock.assert_holds()


async def test_two_equal_cards_at_once(dock: DockIn, tmp_path: Path) -> None:
    """Cloned cards show the same facts in two bays; the ledger takes both."""
    files: Files = {"A.MP4": b"a", "GONE.MP4": Clip(data=b"gone", deleted=True)}
    cards = {
        f"/dev/test{number}": make_exfat_card(tmp_path / f"card{number}", files)
        for number in (1, 2)
    }
    async with serving(dock, cards) as running:
        for number in (1, 2):
            running.hotplug.plug(medium(number, PORTS[str(number)]))
        await running.until(lambda: len(running.ends()) == 2)
    assert {one.body["finding"] for one in dock.parsed("finding")} == {"deleted-unseen"}
    dock.assert_holds()


async def test_pulled_midway_and_put_back(dock: DockIn, tmp_path: Path) -> None:
    """Pulled early shows as interrupted; put back, it goes on and ends well."""
    card = make_exfat_card(tmp_path / "card", BIG, 128 << 20)
    size = card.stat().st_size
    async with serving(dock, {"/dev/test1": card}, SLOWLY, gated=True) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        await running.until_copying()
        os.truncate(card, 1 << 20)
        running.hotplug.pull("/sys/devices/test/1")
        await running.until_shown("1", "interrupted")
        running.gate.set()
        await running.until(lambda: running.ends() == [("1", "interrupted")])
        make_exfat_card(card, BIG, size)
        running.hotplug.plug(medium(1, PORTS["1"]))
        await running.until_shown("1", "done")
    assert running.ends() == [("1", "interrupted"), ("1", "complete")]
    kinds = {one.body["finding"] for one in dock.parsed("finding")}
    assert kinds == set()
    assert {one.body["size"] for one in dock.parsed("clip")} == {64 << 20, 5}
    dock.assert_holds()


async def test_a_card_that_vanishes_before_udev_tells(dock: DockIn, tmp_path: Path) -> None:
    """The copy notices first; what udev tells afterwards changes nothing."""
    card = make_exfat_card(tmp_path / "card", BIG, 128 << 20)
    async with serving(dock, {"/dev/test1": card}, SLOWLY, gated=True) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        await running.until_copying()
        os.truncate(card, 0)
        running.gate.set()
        await running.until_shown("1", "interrupted")
        running.hotplug.pull("/sys/devices/test/1")
        running.hotplug.plug(medium(2, PORTS["2"]))
        await running.until_shown("2", "fault")
        assert running.bay("1").state == "interrupted"
    dock.assert_holds()


async def test_a_second_medium_at_the_same_port(dock: DockIn, tmp_path: Path) -> None:
    """A recorder may show its memory and a card: one is taken over after the other."""
    cards = {
        "/dev/test1": make_fat_card(tmp_path / "card1", FILES, volume_serial=1),
        "/dev/test2": make_exfat_card(tmp_path / "card2", {"C.MP4": b"c"}),
    }
    async with serving(dock, cards) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        running.hotplug.plug(medium(2, PORTS["1"]))
        await running.until(lambda: len(running.ends()) == 2)
        await running.until_shown("1", "done")
        running.hotplug.pull("/sys/devices/test/1")
        running.hotplug.pull("/sys/devices/test/2")
        await running.until_shown("1", "empty")
    assert running.ends() == [("1", "complete"), ("1", "complete")]
    assert len(dock.parsed("clip")) == 3
    dock.assert_holds()


async def test_a_fault_rests_until_the_recorder_is_taken_out(dock: DockIn, tmp_path: Path) -> None:
    """One bay's fault touches no other bay, and a bay is itself again once it is empty."""
    bad = tmp_path / "bad"
    bad.write_bytes(bytes(1 << 20))
    good = make_fat_card(tmp_path / "good", FILES)
    async with serving(dock, {"/dev/test1": bad, "/dev/test2": good}) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        view = await running.until_shown("1", "fault")
        assert view.error
        running.hotplug.plug(medium(2, PORTS["2"]))
        await running.until_shown("2", "done")
        assert running.bay("1").state == "fault"
        running.hotplug.pull("/sys/devices/test/1")
        await running.until_shown("1", "empty")
        running.hotplug.pull("/sys/devices/test/2")
        await running.until_shown("2", "empty")
        running.hotplug.plug(medium(2, PORTS["1"]))
        view = await running.until_shown("1", "done")
        assert (view.known, view.error) == (2, "")
    dock.assert_holds()


async def test_a_medium_at_no_bay_is_listed(dock: DockIn, tmp_path: Path) -> None:
    """An unmapped port is named, so that it can be made a bay; nothing is taken over there."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with serving(dock, {"/dev/test1": card, "/dev/test2": card}) as running:
        running.hotplug.plug(medium(1, "pci-0000:00:14.0-usb-0:9"))
        running.hotplug.plug(medium(2, PORTS["2"]))
        await running.until_shown("2", "done")
        told = await running.ask(ask="status")
        assert told["unmapped"] == [{"node": "/dev/test1", "port": "pci-0000:00:14.0-usb-0:9"}]
        running.hotplug.pull("/sys/devices/test/1")
        running.hotplug.pull("/sys/devices/test/2")
        await running.until_shown("2", "empty")
        assert (await running.ask(ask="status"))["unmapped"] == []
    assert len(dock.parsed("docked")) == 1


async def test_the_dock_answers_while_it_works(dock: DockIn, tmp_path: Path) -> None:
    """The socket tells bays and totals in the middle of a copy, and refuses nonsense."""
    card = make_exfat_card(tmp_path / "card", BIG, 128 << 20)
    async with serving(dock, {"/dev/test1": card}, SLOWLY, gated=True) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        await running.until_copying()
        told = await running.ask(ask="status")
        assert told["running"] is True
        assert [bay["state"] for bay in told["bays"]] == ["pulling", "empty"]
        assert told["totals"]["dockings"] == 1
        assert len(await running.ask(ask="clips", limit=5)) == 0
        with pytest.raises(Exception, match="everything"):
            await running.ask(ask="everything")
        with pytest.raises(Exception, match="nothing"):
            await running.ask(nothing="")
        running.dock.stop()
        running.gate.set()
        await running.served
    assert control.ask(dock.root, {"ask": "status"}) is None


async def test_stopping_while_it_copies(dock: DockIn, tmp_path: Path) -> None:
    """It lets go of the recorder, says so in the ledger, publishes, and ends."""
    card = make_exfat_card(tmp_path / "card", BIG, 128 << 20)
    async with serving(dock, {"/dev/test1": card}, SLOWLY, gated=True) as running:
        running.hotplug.plug(medium(1, PORTS["1"]))
        await running.until_copying()
        running.dock.stop()
        running.gate.set()
        async with asyncio.timeout(30):
            await running.served
    (released,) = dock.parsed("released")
    assert released.body["result"] == "interrupted"
    assert [one.kind for one in dock.parsed()][-1] == "released"
    dock.assert_holds()
    assert dock.take_over(card).end.result == "complete"


async def test_doubt_stops_the_whole_dock(dock: DockIn, tmp_path: Path) -> None:
    """Once evidence is in doubt nothing is sealed any more, and the dock ends with why."""
    card = make_exfat_card(tmp_path / "card", BIG, 128 << 20)
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012  it is raised on leaving
        async with serving(dock, {"/dev/test1": card}, SLOWLY, gated=True) as running:
            running.hotplug.plug(medium(1, PORTS["1"]))
            await running.until_copying()
            running.state.sealer.doubt.set_result(LedgerDoubtError("a test says so"))
            running.gate.set()
            await running.served
    assert caught.value.subgroup(LedgerDoubtError) is not None
    assert [one.kind for one in dock.parsed()] == ["genesis", "heartbeat", "docked"]
    dock.open(SLOWLY).close()  # starting again is recovery: what was cut off is ended
    assert [one.kind for one in dock.parsed()][-2:] == ["recovery", "released"]
    dock.assert_holds()
