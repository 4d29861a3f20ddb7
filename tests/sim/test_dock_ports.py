"""The dock, told of media at a bay, at a disabled bay and at a port that is no bay."""

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import pytest

from dock_daemon import control
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.dock import Dock
from dock_daemon.docking.rules import Rules
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from tests.cards import make_fat_card
from tests.docks import DockIn

PORTS = "pci-0000:00:14.0-usb-0:"
SETTINGS = f"""
[[bays]]
name = "left"
ports = ["{PORTS}1"]
[[bays]]
name = "right"
ports = ["{PORTS}2"]
enabled = false
"""


def medium(letter: str, number: int, card: Path) -> MediumAppeared:
    """Return a disk at port `number`, whose node is /dev/sd + `letter`."""
    return MediumAppeared(
        sys_path=f"/sys/block/sd{letter}",
        node=f"/dev/sd{letter}",
        port=f"{PORTS}{number}",
        major=8,
        minor=number,
        size_bytes=card.stat().st_size,
    )


async def test_only_what_is_at_a_bay_is_taken_over(
    dock: DockIn, caplog: pytest.LogCaptureFixture
) -> None:
    """A disabled bay is named as that; a port that is no bay is named, ready to be made one."""
    caplog.set_level(logging.WARNING)
    card = make_fat_card(dock.folder / "card.img", {"DCIM/A.MP4": b"clip"})
    shown = asyncio.Queue[BayView]()
    hotplug = ScriptedHotplug()
    loaded = dock.settings(SETTINGS)
    with dock.open(SETTINGS) as state:
        serving = Dock(
            state,
            loaded,
            Rules.of(loaded),
            dock.clock,
            hotplug,
            stand_ins={f"/dev/sd{letter}": str(card) for letter in "abc"},
            shown=shown.put_nowait,
        )
        ready = asyncio.Event()
        task = asyncio.create_task(serving.serve(ready=ready.set, alive=lambda: None))
        await ready.wait()
        for letter, number in (("c", 3), ("b", 2), ("a", 1)):
            hotplug.plug(medium(letter, number, card))
        while (await shown.get()).state != "done":
            continue
        answer = await asyncio.to_thread(control.ask, dock.root, {"ask": "status"})
        serving.stop()
        await task
    told = cast("dict[str, Any]", answer)
    assert {bay["bay"]: bay["state"] for bay in told["bays"]} == {
        "left": "done",
        "right": "disabled",
    }
    assert told["unmapped"] == [{"node": "/dev/sdc", "port": f"{PORTS}3"}]
    assert told["totals"]["dockings"] == 1
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings[0].startswith(f"/dev/sdc is at port {PORTS}3, which is no bay;")
    assert f'ports = ["{PORTS}3"]' in warnings[0]
    assert warnings[1:] == ["/dev/sdb is in bay right, which is disabled"]
