"""What feeds systemd's watchdog."""

import asyncio
import threading
from typing import Any, cast

from dock_daemon import control
from dock_daemon.dock import Dock
from dock_daemon.docking.rules import Rules
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from tests.docks import DockIn
from tests.witnessed import Witness, begun


async def test_a_busy_sealer_is_not_taken_for_a_dead_one(dock: DockIn) -> None:
    """Reading a large clip back takes minutes, in which the dock must not be restarted."""
    begun, over = threading.Event(), threading.Event()

    def work(_ledger: Ledger) -> None:
        begun.set()
        over.wait()

    with dock.open() as state:
        loaded = dock.settings()
        serving = Dock(state, loaded, Rules.of(loaded), dock.clock, ScriptedHotplug())
        busy = asyncio.create_task(asyncio.to_thread(state.sealer.ask, work))
        await asyncio.to_thread(begun.wait)
        fed = asyncio.Event()
        task = asyncio.create_task(serving.serve(ready=lambda: None, alive=fed.set))
        try:
            async with asyncio.timeout(60):
                await fed.wait()
        finally:
            over.set()
        await busy
        serving.stop()
        await task


async def test_a_running_dock_hears_its_witnesses(dock: DockIn) -> None:
    """Asked and told over its socket, it signs once one has agreed, its heartbeat first of all."""
    witness = Witness()
    begun(dock, witness)
    loaded, ready = dock.settings(witness.settings()), asyncio.Event()

    async def said(**request: object) -> dict[str, Any]:
        answer = await asyncio.to_thread(control.ask, dock.root, request)
        return cast("dict[str, Any]", answer)

    with dock.open(witness.settings()) as state:
        serving = Dock(state, loaded, Rules.of(loaded), dock.clock, ScriptedHotplug())
        task = asyncio.create_task(serving.serve(ready=ready.set, alive=lambda: None))
        async with asyncio.timeout(60):
            await ready.wait()
            before = await said(ask="signing")
            assert before["state"] == "asking"
            assert (await said(ask="status"))["signing"]["state"] == "asking"
            note = witness.cosign(before["head"]["note"])
            assert (await said(tell="cosigned", note=note))["kept"]
            while (await said(ask="signing"))["published"] == before["published"]:
                pass  # whoever asks all the time keeps nothing from being published
        serving.stop()
        await task
    assert len(dock.parsed("heartbeat")) == 1
    dock.assert_holds()


async def test_a_dock_that_lives_says_so_in_its_log(dock: DockIn) -> None:
    """The first thing after a start: how often it will, and nothing about anybody."""
    loaded = dock.settings("[log]\nheartbeat_s = 600\n")
    ready = asyncio.Event()
    with dock.open("[log]\nheartbeat_s = 600\n") as state:
        serving = Dock(state, loaded, Rules.of(loaded), dock.clock, ScriptedHotplug())
        task = asyncio.create_task(serving.serve(ready=ready.set, alive=lambda: None))
        async with asyncio.timeout(60):
            await ready.wait()
        serving.stop()
        await task
    (beat,) = dock.parsed("heartbeat")
    assert beat.body["interval_s"] == 600
    assert beat.body.keys() == {"interval_s", "software", "free_gib", "full_in_days", "waiting"}
    dock.assert_holds()
