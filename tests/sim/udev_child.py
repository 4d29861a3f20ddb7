"""Run by test_udev_hotplug.py under umockdev: plug and pull, and print what is told.

One JSON line per step: the step's name and the events told in it.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field, replace

from dock_daemon.bays.hotplug import HotplugEvent, UdevHotplug
from dock_daemon.bays.media import ChannelAppeared, ChannelGone, MediumAppeared
from dock_daemon.rehearsal.umockdev import Testbed
from dock_daemon.rehearsal.usb import RECORDER, STORAGE

_PORT = "pci-0000:00:14.0-usb-0:"
_PORT_3 = "pci-0000:00:14.0-usbv3-0:3.2"
_SIZE = 64 << 20
_MARK = "sdz"  # a disk that is plugged and pulled to know that all before it was told


@dataclass(slots=True)
class Story:
    """The testbed, and what the hotplug under test has told."""

    bed: Testbed
    told: list[HotplugEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, event: HotplugEvent) -> None:
        """Keep what is told."""
        self.told.append(event)
        self.news.set()

    async def step(self, name: str) -> None:
        """Wait until a disk plugged now was told, and print what came before it."""
        mark = self.bed.add_disk(_MARK, f"{_PORT}9", size_bytes=_SIZE)
        while not any(
            isinstance(event, MediumAppeared) and event.node == mark.node for event in self.told
        ):
            self.news.clear()
            await self.news.wait()
        self.bed.remove_disk(mark)
        while getattr(self.told[-1], "sys_path", "") != mark.sys_path or isinstance(
            self.told[-1], MediumAppeared
        ):
            self.news.clear()
            await self.news.wait()
        lines = [_line(event) for event in self.told if event.sys_path != mark.sys_path]
        sys.stdout.write(json.dumps({"step": name, "told": lines}) + "\n")
        self.told.clear()


def _line(event: HotplugEvent) -> list[str | int]:
    if isinstance(event, MediumAppeared):
        return ["appeared", event.node, *event.ports, event.major, event.minor, event.size_bytes]
    if isinstance(event, ChannelAppeared):
        seen = event.seen
        return ["channel", seen.kind, event.node, *event.ports, seen.usb, seen.product]
    word = "channel gone" if isinstance(event, ChannelGone) else "gone"
    return [word, event.sys_path.rsplit("/", 1)[-1]]


async def _play(bed: Testbed, *, look_again_s: float) -> None:
    story = Story(bed)
    early = bed.add_disk("sdb", f"{_PORT}2", size_bytes=_SIZE)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(UdevHotplug(look_again_s=look_again_s).run(story.tell))
        await story.step("there before the dock")
        late = bed.add_disk("sdc", _PORT_3, size_bytes=_SIZE)
        await story.step("plugged")
        bed.resize_disk(late, 0)
        await story.step("card out of its reader")
        bed.resize_disk(late, 2 * _SIZE)
        await story.step("larger card in")
        bed.remove_disk(early)
        await story.step("pulled")
        early = bed.add_disk("sdb", f"{_PORT}2", size_bytes=_SIZE)
        bed.remove_disk(early)
        await story.step("in and out before anybody looked")
        bed.vanish_disk(late)
        while story.told == []:
            story.news.clear()
            await story.news.wait()
        await story.step("pulled, and the message lost")
        await _play_recorder(bed, story)
        task.cancel()


async def _play_recorder(bed: Testbed, story: Story) -> None:
    """Plug a recorder that is asked first, let it show a disk, and come back as another."""
    usb = bed.add_usb(f"{_PORT}4", replace(RECORDER, serial="ZF-7"))
    tty = bed.add_tty("ttyACM0", f"{_PORT}4")
    await story.step("a recorder with a line")
    disk = bed.add_disk("sdd", f"{_PORT}4", size_bytes=_SIZE)
    await story.step("its disk beside the line")
    bed.remove_disk(disk)
    bed.remove(tty)
    bed.remove(usb)
    bed.add_usb(f"{_PORT}4", STORAGE)
    bed.add_disk("sdd", f"{_PORT}4", size_bytes=_SIZE)
    await story.step("back as a disk of another id")
    # A gadget's disk is on the bus from the start, without a medium until its volume is shown.
    empty = bed.add_disk("sde", f"{_PORT}2", size_bytes=0)
    await story.step("a disk without a medium")
    bed.resize_disk(empty, _SIZE)
    await story.step("its medium")


if __name__ == "__main__":
    with Testbed() as testbed:
        asyncio.run(_play(testbed, look_again_s=float(sys.argv[1])))
