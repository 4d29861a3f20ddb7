"""Media and channels that come and go because a script says so, where umockdev is absent."""

import asyncio
from collections.abc import Iterable

from dock_daemon.bays.hotplug import Present, Tell, at_start
from dock_daemon.bays.media import Appeared


class ScriptedHotplug:
    """Hotplug without udev: what is plugged and pulled here is told there, in order.

    `there` sits in the dock before it starts.
    """

    def __init__(self, there: Iterable[Appeared] = ()) -> None:
        self.name = "script"
        self._there = tuple(there)
        self._sights: asyncio.Queue[Appeared | str] = asyncio.Queue()

    def plug(self, thing: Appeared) -> None:
        """Put a medium or a channel in, or (size 0) take a medium out of its reader."""
        self._sights.put_nowait(thing)

    def pull(self, sys_path: str) -> None:
        """Take away what is at a place."""
        self._sights.put_nowait(sys_path)

    async def run(self, tell: Tell) -> None:
        """Tell of each change until cancelled."""
        present = Present()
        for event in present.looked(at_start(self._there)):
            tell(event)
        while True:
            sight = await self._sights.get()
            news = present.lost(sight) if isinstance(sight, str) else present.saw(sight)
            for event in news:
                tell(event)
