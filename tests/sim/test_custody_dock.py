"""Recorders are handed out by a dock that runs: by command, over its socket."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dock_daemon import answering, control
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.dock import Dock
from dock_daemon.docking.rules import Rules
from dock_daemon.errors import DaemonUnreachableError
from dock_daemon.evidence import questions
from dock_daemon.evidence.state import State
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from tests.cards import make_fat_card
from tests.commanded import Ended
from tests.custodies import RECORDER, ROWS, WANG, ZHANG, Office
from tests.docks import some_bytes

PORT = "pci-0000:00:14.0-usb-0:1"
SETTINGS = f'[[bays]]\nname = "1"\nports = ["{PORT}"]\n'
PARAM = f"[ZFY]\r\nDevNo={RECORDER}\r\n".encode()
OVERRIDE = ("--override", "电池现场更换", "--second", WANG)


@dataclass
class Served:
    """A dock that is being served, with one bay."""

    office: Office
    state: State
    dock: Dock
    hotplug: ScriptedHotplug
    card: Path
    medium: MediumAppeared

    async def run(self, *arguments: str) -> Ended:
        """Run a command against it."""
        return await asyncio.to_thread(self.office.run, *arguments)

    async def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command that ends well."""
        done = await self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return done.json

    async def until(self, state: str) -> None:
        """Wait until the bay shows `state`."""
        async with asyncio.timeout(60):
            while self.dock.views[0].state != state:
                await asyncio.to_thread(self.state.sealer.ask, lambda _ledger: None)

    async def plug(self) -> None:
        """Put the recorder in, and wait until all is taken over."""
        self.hotplug.plug(self.medium)
        await self.until("done")

    async def pull(self) -> None:
        """Take it out."""
        self.hotplug.pull("/sys/devices/test/1")
        await self.until("empty")


@asynccontextmanager
async def serving(
    office: Office, folder: Path, *clips: str, bay: str = "1", there: bool = False
) -> AsyncIterator[Served]:
    """Serve the office's dock, with the recorder in it or not; stop it in good order on leaving."""
    files = {name: some_bytes(name, 5000) for name in ("A.MP4", *clips)}
    card = make_fat_card(folder / "card", {**files, "Param.ini": PARAM})
    medium = MediumAppeared(
        sys_path="/sys/devices/test/1", node="/dev/test1", port=PORT, major=8, minor=16,
        size_bytes=1 << 20,
    )  # fmt: skip
    settings = SETTINGS.replace('name = "1"', f'name = "{bay}"')
    office.now()
    loaded = office.dock.settings(settings)
    hotplug, ready = ScriptedHotplug([medium] if there else []), asyncio.Event()
    with office.dock.open(settings) as state:
        dock = Dock(
            state, loaded, Rules.of(loaded), office.dock.clock, hotplug,
            stand_ins={"/dev/test1": str(card)},
        )  # fmt: skip
        task = asyncio.create_task(dock.serve(ready=ready.set, alive=lambda: None))
        await ready.wait()
        try:
            yield Served(office, state, dock, hotplug, card, medium)
        finally:
            dock.stop()
            await task


@pytest.fixture
def office(memory_path: Path) -> Office:
    """Return an office whose recorders are registered."""
    return Office.at(memory_path)


async def test_a_docked_recorder_is_issued_and_comes_back(office: Office, tmp_path: Path) -> None:
    """Issued from its bay, gone, out; docked again it is back, and a return may be registered."""
    async with serving(office, tmp_path) as served:
        await served.plug()
        told = await served.json("issue", RECORDER, "--to", ZHANG)
        assert (told["holder"]["user_no"], told["how"]) == (ZHANG, "passed")
        await served.pull()
        assert [one["issue"] for one in (await served.json("custody"))["out"]] == [told["seq"]]
        office.now()
        await served.plug()
        assert (await served.json("custody"))["out"] == []
        history = (await served.json("custody", RECORDER))["history"]
        assert [(row["event"], row["how"]) for row in history] == [
            ("return", "docked"), ("issue", "passed"),
        ]  # fmt: skip
        office.now()
        back = await served.json("return", RECORDER)
        assert back["at_ms"] == history[0]["when_ms"]
    office.dock.assert_holds(RECORDER, ZHANG, "张䶮")


async def issued_and_left_in(office: Office, folder: Path) -> None:
    """Dock the recorder and issue it; the dock ends while it still sits in its bay."""
    async with serving(office, folder) as served:
        await served.plug()
        await served.json("issue", RECORDER, "--to", ZHANG)


@pytest.mark.parametrize(
    ("clips", "bay", "out"), [((), "1", 1), (("B.MP4",), "1", 0), ((), "2", 0)]
)
async def test_a_dock_that_starts_again_books_back_only_what_was_out(
    office: Office, tmp_path: Path, clips: tuple[str, ...], bay: str, out: int
) -> None:
    """Left in its bay with nothing new it is issued still; with a new clip, or elsewhere, back."""
    await issued_and_left_in(office, tmp_path)
    async with serving(office, tmp_path, *clips, bay=bay, there=True) as served:
        await served.until("done")
        assert len((await served.json("custody"))["out"]) == out
    docked = [one.body["occasion"] for one in office.dock.parsed("docked")]
    assert docked == ["plugged", "start"]


async def test_a_recorder_that_is_in_no_bay_is_not_handed_out(
    office: Office, tmp_path: Path
) -> None:
    """The running dock knows what sits in its bays, whatever was docked once."""
    office.docked()
    async with serving(office, tmp_path) as served:
        done = await served.run("issue", RECORDER, "--to", ZHANG, "--json")
        assert [one["code"] for one in done.error["refused"]] == ["not-docked"]
        await served.plug()
        await served.json("issue", RECORDER, "--to", ZHANG)


async def test_what_became_overdue_is_seen_when_something_is_entered(
    office: Office, tmp_path: Path
) -> None:
    """The clock jumps past a deadline; the next issue makes the dock look, and raise its alarm."""
    async with serving(office, tmp_path) as served:
        await served.plug()
        await served.json("issue", RECORDER, "--to", ZHANG, *OVERRIDE)
        office.now(ago_ms=-72 * 3_600_000)
        await served.json("issue", "ZFY-00318", "--to", ZHANG, *OVERRIDE)
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(
                served.state.sealer.ask, lambda ledger: ledger.rows("SELECT * FROM overdue")
            ):
                continue
    assert len(office.dock.parsed("overdue")) == 1


async def test_what_is_told_must_make_sense(office: Office, tmp_path: Path) -> None:
    """Unknown members, absurd times and endless texts are refused before anything is done."""
    async with serving(office, tmp_path) as served:
        root = office.dock.root
        for request in (
            {"tell": "issue", "recorder": RECORDER},
            {"tell": "issue", "recorder": "", "to": ZHANG},
            {"tell": "issue", "recorder": RECORDER, "to": ZHANG, "mood": "good"},
            {"tell": "return", "recorder": RECORDER, "at_ms": -1},
            {"tell": "return", "recorder": "x" * 121},
            {"tell": "trip-begin", "recorder": RECORDER, "until_ms": 1 << 60, "reason": "x"},
            {"tell": "trip-begin", "recorder": RECORDER, "until_ms": 1, "reason": ""},
        ):
            with pytest.raises(DaemonUnreachableError):
                await asyncio.to_thread(control.ask, root, request)
        assert await asyncio.to_thread(served.state.sealer.ask, questions.custody) == []


def test_only_the_docks_own_user_and_root_tell() -> None:
    """Neither the web face nor the sync may hand a recorder out."""
    for what in ("issue", "return", "trip-begin", "trip-end"):
        request = {"tell": what, "recorder": RECORDER}
        assert answering.may(request, 0)
        assert answering.may(request, os.geteuid())
        assert not answering.may(request, 54_321)


async def test_an_imported_register_counts_from_the_next_docking(
    office: Office, tmp_path: Path
) -> None:
    """The dock runs on; a file that is spoilt or emptied leaves the last sound one in force."""
    office.dock.register("ZFY-00318,880318,赵某,执法二科")
    file = tmp_path / "new.csv"
    text = "\n".join(["recorder,user_no,name,unit", *ROWS, ""])
    file.write_text(text, encoding="utf-8")
    async with serving(office, tmp_path) as served:
        await served.plug()
        assert not served.dock.views[0].registered
        await served.pull()
        await served.json("register", "import", str(file))
        await served.plug()
        assert served.dock.views[0].holder == "张䶮"
        await served.pull()
        for spoilt in ("nonsense", ""):
            (office.dock.config / "register.csv").write_text(spoilt, encoding="utf-8")
            await served.plug()
            assert served.dock.views[0].holder == "张䶮"
            await served.pull()
        (office.dock.config / "register.csv").unlink()
        await served.plug()
        assert served.dock.views[0].holder == "张䶮"
    first, *rest = (one.body["register_sha256"] for one in office.dock.parsed("docked"))
    assert len({*rest}) == 1
    assert first not in rest
