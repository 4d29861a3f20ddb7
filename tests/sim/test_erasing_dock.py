"""Erasing end to end: a dock that is served, a mirror, and the companion itself as the recorder.

The recorder's gadget is played here: when the companion shows its volume, the card image becomes
what its folder holds, and the port shows a medium; when it takes it back, the medium is gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.inotify import Inotify
from tests.agents import NUMBER, AgentIn
from tests.cards import Clip, make_fat_card
from tests.docks import DockIn, some_bytes
from tests.sim.test_bay_channels import TTY, line
from tests.sim.test_dock import PORTS, SETTINGS, Running, medium, serving
from tests.witnessed import Core, Witness

CLIPS = {"A.MP4": some_bytes("a", 50_000), "B.MP4": some_bytes("b", 70_000)}
MIRROR = Witness("mirror", "mirror")
ON = {"enabled": "true", "cool_down_h": "0", "shown_within_s": "20"}


def settings(*cosigners: Witness, **erasing: str) -> str:
    """Return a configuration with these cosigners, and with erasing as told."""
    lines = "".join(f"{name} = {value}\n" for name, value in {**ON, **erasing}.items())
    told = "".join(one.settings() for one in cosigners)
    return f"{SETTINGS}{told}[clocks]\nset = false\nexchanges = 1\n[erasing]\n{lines}"


@dataclass
class Bench:
    """A dock, the recorder in its first bay, and the recorder's gadget."""

    dock: DockIn
    running: Running
    agent: AgentIn
    card: Path
    notify: Inotify
    shows: bool = False

    def plug(self) -> None:
        """Put the recorder in: its line comes first."""
        self.running.hotplug.plug(line(1, PORTS["1"]))

    def pull(self) -> None:
        """Take it out."""
        self.running.hotplug.pull("/sys/devices/test/1/tty")
        self.running.hotplug.pull("/sys/devices/test/1")
        self.shows = False

    def look(self) -> None:
        """Do what the gadget does: show the card as the companion left it, or nothing."""
        list(self.notify.read())
        shows = bool(self.agent.lun)
        if shows and not self.shows:
            there = {one.name for one in self.agent.clips.iterdir()}
            make_fat_card(
                self.card,
                {name: Clip(data=data, deleted=name not in there) for name, data in CLIPS.items()},
            )
            self.running.hotplug.plug(medium(1, PORTS["1"]))
        elif self.shows and not shows:
            self.running.hotplug.pull("/sys/devices/test/1")
        self.shows = shows

    def vouch(self, mirror: Witness) -> None:
        """Let a cosigner cosign the head as it is."""
        core = Core(self.running.state)
        core.tell("cosigned", note=mirror.cosign(core.head))

    async def taken_over(self) -> None:
        """Put it in, and wait until all is sealed, published and at rest."""
        self.plug()
        view = await self.running.until_shown("1", "done")
        assert (view.recorder, view.erases) == (NUMBER, True)
        await asyncio.to_thread(self.publish)

    def publish(self) -> None:
        """Have everything signed."""
        state, at = self.running.state, self.dock.clock.at()
        state.sealer.ask(lambda ledger: state.signing.publish(ledger, at))

    async def erase(self) -> dict[str, Any]:
        """Ask for a turn, and wait until it is over."""
        turn = self.running.bay("1").turn
        (said,) = (await self.running.ask(tell="erase", bay="1"))["bays"]
        if said["erase"] == "started":
            await self.running.until(
                lambda: (
                    self.running.bay("1").turn > turn
                    and self.running.bay("1").state in {"done", "attention", "fault", "empty"}
                )
            )
        return dict(said)

    async def reasons(self) -> dict[str, list[str]]:
        """Return what keeps each clip, as far as the ledger knows."""
        (bay,) = (await self.running.ask(ask="erasing", bay="1"))["bays"]
        return {clip["path"]: clip["reasons"] for clip in bay["clips"]}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentIn]:
    """Return a recorder with two clips, and the companion that runs on it."""
    found = AgentIn(tmp_path / "recorder")
    for name, data in CLIPS.items():
        (found.clips / name).write_bytes(data)
    assert found.run("key", "make").returncode == 0
    found.start()
    yield found
    found.close()


@asynccontextmanager
async def bench(dock: DockIn, agent: AgentIn, card: Path, told: str) -> AsyncIterator[Bench]:
    """Serve a dock with the recorder's line and card in place of devices."""
    dock.register(f"{NUMBER},012345,王小明,市应急局")
    notify = Inotify.open()
    notify.watch(os.fsencode(agent.folder))
    async with serving(dock, {TTY: agent.line, "/dev/test1": card}, told) as running:
        at = Bench(dock, running, agent, card, notify)
        asyncio.get_running_loop().add_reader(notify.fileno(), at.look)
        try:
            yield at
        finally:
            asyncio.get_running_loop().remove_reader(notify.fileno())
            notify.close()


def steps(dock: DockIn) -> list[tuple[str, str]]:
    """Return step and reason of each entry about erasing."""
    return [(str(one.body["step"]), str(one.body["reason"])) for one in dock.parsed("erased")]


async def test_erased_once_all_holds(dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path) -> None:
    """Sealed, mirrored, re-read, erased by the recorder itself, listed; later nothing is missed."""
    dock = dock_on_disk
    async with bench(dock, agent, tmp_path / "card", settings(MIRROR)) as at:
        await at.taken_over()
        assert set(map(tuple, (await at.reasons()).values())) == {
            ("not-mirrored", "cooling-at-mirror")
        }
        at.vouch(MIRROR)
        assert await at.reasons() == {"A.MP4": [], "B.MP4": []}
        assert (await at.erase())["erase"] == "started"
        assert at.running.bay("1").state == "done"
        assert await at.reasons() == {}
        assert list(agent.clips.iterdir()) == []
        at.pull()
        await at.running.until_shown("1", "empty")
        agent.stop()
        agent.start()
        at.plug()
        view = await at.running.until_shown("1", "done")
        assert (view.findings, view.known, view.sealed) == (0, 0, 0)
    assert steps(dock) == [("intended", ""), ("done", "")] * 2
    assert dock.parsed("finding") == []
    assert [one.body["occasion"] for one in dock.parsed("docked")] == [
        "plugged",
        "erase",
        "plugged",
    ]
    assert agent.kinds().count("erased") == 2
    dock.assert_holds(NUMBER, "王小明", "A.MP4", "B.MP4")
