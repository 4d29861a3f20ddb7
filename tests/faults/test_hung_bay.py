"""A read that hangs for good in one bay: the others go on, and the screen shows which one it is."""

import asyncio
import threading
from pathlib import Path

from tests.cards import make_fat_card
from tests.docks import DockIn, some_bytes
from tests.faults.sick_card import hanging, sick
from tests.listed import read_image
from tests.sim.test_dock import PORTS, SETTINGS, medium, serving

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 200_000) for name in ("A", "B", "C")}


async def test_the_other_bay_goes_on(dock: DockIn, tmp_path: Path) -> None:
    """Bay 1 hangs in its second clip while bay 2 is done; let go, it ends whole as well."""
    hung = make_fat_card(tmp_path / "hung.img", FILES, volume_serial=1)
    well = make_fat_card(tmp_path / "well.img", FILES, volume_serial=2)
    (extent,) = read_image(hung).live("DCIM/B.MP4").extents
    go_on, reached = threading.Event(), threading.Event()
    answer = hanging(hung, (extent.offset + 100_000, 4096), go_on, reached)
    with sick(hung, answer) as place:
        settings = f"{SETTINGS}[ingest]\ngroup_clips = 1\nchunk_bytes = 65536\n"
        async with serving(dock, {"/dev/test1": place, "/dev/test2": well}, settings) as running:
            try:
                running.hotplug.plug(medium(1, PORTS["1"]))
                await asyncio.to_thread(reached.wait, 60)
                running.hotplug.plug(medium(2, PORTS["2"]))
                done = await running.until_shown("2", "done")
                assert (done.sealed, done.unread) == (3, 0)
                stuck = running.bay("1")
                assert stuck.state == "pulling", "the screen shows which one is not done"
                assert stuck.sealed < stuck.clips == len(FILES)
                assert await running.ask(ask="status"), "the dock answers meanwhile"
            finally:
                go_on.set()  # whoever waits for the end of a docking waits for its last read
            assert (await running.until_shown("1", "done")).sealed == len(FILES)
    dock.assert_holds()
