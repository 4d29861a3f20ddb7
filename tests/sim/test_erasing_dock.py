"""Erasing end to end: a dock that is served, a mirror, and the companion itself as the recorder.

The recorder's gadget is played here: when the companion shows its volume, the card image becomes
what its folder holds, and the port shows a medium; when it takes it back, the medium is gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.inotify import Inotify
from tests.agents import NUMBER, AgentIn
from tests.cards import Clip, make_fat_card
from tests.commanded import command
from tests.docks import DockIn, some_bytes
from tests.recorders.on_pty import on_pty
from tests.sim.test_bay_channels import TTY, line, recorder
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
    pulled_when_taken_back: bool = False

    def dock_steps(self) -> list[object]:
        """Return the entries about erasing so far, asked of the dock that runs."""
        sql = "SELECT step FROM erasing ORDER BY seq"
        rows = self.running.state.sealer.ask(lambda ledger: ledger.rows(sql))
        return [row["step"] for row in rows]

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
            if self.pulled_when_taken_back:
                self.running.hotplug.pull("/sys/devices/test/1/tty")
        self.shows = shows

    def vouch(self, mirror: Witness) -> None:
        """Let a cosigner cosign the head as it is."""
        core = Core(self.running.state)
        core.tell("cosigned", note=mirror.cosign(core.head))

    async def taken_over(self) -> None:
        """Put it in, and wait until all is sealed, published and at rest."""
        self.plug()
        if self.agent.lun:  # it was shown before this dock began to look
            self.look()
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


WITNESS = Witness("only-witness", "witness")


async def kept(at: Bench) -> set[str]:
    """Ask for a turn; nothing may be told to go, and everything is there still."""
    before = len(at.dock_steps())
    await at.erase()
    assert len(at.dock_steps()) == before
    assert {one.name for one in at.agent.clips.iterdir()} == set(CLIPS)
    return {reason for reasons in (await at.reasons()).values() for reason in reasons}


# What is configured, who vouches, and what keeps every clip then.
LACKING = {
    "off": (settings(MIRROR, enabled="false"), (MIRROR,), {"off"}),
    "a witness only": (
        settings(WITNESS),
        (WITNESS,),
        {"not-mirrored", "cooling-at-mirror"},
    ),
    "one mirror of two": (
        settings(MIRROR, mirrors="2"),
        (MIRROR,),
        {"not-mirrored", "cooling-at-mirror"},
    ),
    "too early": (settings(MIRROR, cool_down_h="1"), (MIRROR,), {"cooling", "cooling-at-mirror"}),
}


@pytest.mark.parametrize("what", LACKING)
async def test_one_thing_that_is_lacking_keeps_every_clip(
    dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path, what: str
) -> None:
    """Whatever is asked for, by hand too: without it nothing is erased."""
    told, cosigners, reasons = LACKING[what]
    async with bench(dock_on_disk, agent, tmp_path / "card", told) as at:
        await at.taken_over()
        for one in cosigners:
            at.vouch(one)
        assert await kept(at) == reasons


async def test_a_clip_that_changed_on_the_recorder_is_kept(
    dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path
) -> None:
    """What reads otherwise than it was sealed stays; what reads as it was goes."""
    async with bench(dock_on_disk, agent, tmp_path / "card", settings(MIRROR)) as at:
        await at.taken_over()
        at.vouch(MIRROR)
        data = at.card.read_bytes()
        at.card.write_bytes(data.replace(CLIPS["A.MP4"][:64], bytes(64)))
        await at.erase()
        assert [one.name for one in agent.clips.iterdir()] == ["A.MP4"]
    assert steps(dock_on_disk) == [("intended", ""), ("done", "")]


async def test_the_recorder_compares_the_content_itself(
    dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path
) -> None:
    """What the card shows is not what the recorder holds: it refuses, and the turn is over."""
    dock = dock_on_disk
    async with bench(dock, agent, tmp_path / "card", settings(MIRROR)) as at:
        await at.taken_over()
        at.vouch(MIRROR)
        (agent.clips / "A.MP4").write_bytes(b"another")
        await at.erase()
        await at.running.until_shown("1", "done")
        assert {one.name for one in agent.clips.iterdir()} == set(CLIPS)
    assert steps(dock) == [("intended", ""), ("kept", "recorder-refused")]
    # What did not go as it should is taken over again.
    occasions = [one.body["occasion"] for one in dock.parsed("docked")]
    assert occasions == ["plugged", "erase", "plugged"]
    dock.assert_holds("A.MP4")


def on_one_disk(one: Path, other: Path) -> bool:
    """Tell whether two folders lie on one file system."""
    return one.stat().st_dev == other.stat().st_dev


async def test_a_store_in_memory_is_never_cold(
    dock: DockIn, agent: AgentIn, tmp_path: Path
) -> None:
    """Where nothing can be read back past the page cache, everything is kept."""
    if on_one_disk(dock.folder, tmp_path):
        pytest.skip("there is no file system in memory here")
    async with bench(dock, agent, tmp_path / "card", settings(MIRROR)) as at:
        await at.taken_over()
        at.vouch(MIRROR)
        assert await kept(at) == set(), "only reading it tells"
    assert steps(dock) == []


async def test_a_recorder_that_is_pulled_while_it_erases(
    dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path
) -> None:
    """The intention stays open, and is settled when the recorder is back, switched on or off."""
    dock = dock_on_disk
    async with bench(dock, agent, tmp_path / "card", settings(MIRROR)) as at:
        await at.taken_over()
        at.vouch(MIRROR)
        at.pulled_when_taken_back = True
        await at.erase()
        await at.running.until_shown("1", "empty")
    (first, *more) = steps(dock)
    assert (first, more) == (("intended", ""), [])
    agent.stop()
    agent.start()
    off = settings(MIRROR, enabled="false")
    async with bench(dock, agent, tmp_path / "card", off) as at:
        await at.taken_over()
        await at.erase()
        assert {one.name for one in agent.clips.iterdir()} >= {"B.MP4"}
        gone = not (agent.clips / "A.MP4").exists()
    assert steps(dock)[1:] == [("gone", "settled-later") if gone else ("kept", "not-carried-out")]
    assert dock.parsed("finding") == []


async def test_rests_until_it_may(dock_on_disk: DockIn, agent: AgentIn, tmp_path: Path) -> None:
    """Nobody asks: what may be erased by now is looked for again and again."""
    told = settings(MIRROR, look_every_s="1")
    async with bench(dock_on_disk, agent, tmp_path / "card", told) as at:
        await at.taken_over()
        at.vouch(MIRROR)
        await at.running.until(lambda: not list(agent.clips.iterdir()))
        await at.running.until_shown("1", "done")


async def test_a_recorder_without_the_command(dock_on_disk: DockIn, tmp_path: Path) -> None:
    """It is never erased, and the command says so."""
    fake = replace(recorder(), can=("identity", "switch-to-storage"))
    card = make_fat_card(tmp_path / "card2", {"A.MP4": b"a"})
    with on_pty(fake) as pty:
        stand_ins = {TTY: Path(pty.node), "/dev/test1": card}
        async with serving(dock_on_disk, stand_ins, settings(MIRROR)) as running:
            running.hotplug.plug(line(1, PORTS["1"]))
            await running.until_shown("1", "checking")
            running.hotplug.plug(medium(1, PORTS["1"]))
            view = await running.until_shown("1", "done")
            assert view.erases is False
            (said,) = (await running.ask(tell="erase", bay="1"))["bays"]
            assert said["erase"] == "no-command"
            done = await asyncio.to_thread(command, dock_on_disk, "erase", "1", "--json")
            assert (done.code, done.json["bays"][0]["erase"]) == (0, "no-command")
            done = await asyncio.to_thread(command, dock_on_disk, "erase", "--dry-run")
            assert (done.code, "has no command to erase with" in done.out) == (0, True)
            done = await asyncio.to_thread(command, dock_on_disk, "status")
            assert "never erased: this model has no command for it" in done.out
