"""Media that come and go because a script says so, where umockdev is absent."""

import asyncio

from dock_daemon.bays.hotplug import Present, Tell
from dock_daemon.bays.media import MediumAppeared


class ScriptedHotplug:
    """Hotplug without udev: what is plugged and pulled here is told there, in order."""

    def __init__(self) -> None:
        self.name = "script"
        self._sights: asyncio.Queue[MediumAppeared | str] = asyncio.Queue()

    def plug(self, medium: MediumAppeared) -> None:
        """Put a medium in, or (size 0) take it out of its reader."""
        self._sights.put_nowait(medium)

    def pull(self, sys_path: str) -> None:
        """Take a disk away."""
        self._sights.put_nowait(sys_path)

    async def run(self, tell: Tell) -> None:
        """Tell of each change until cancelled."""
        present = Present()
        while True:
            match await self._sights.get():
                case MediumAppeared() as medium:
                    news = present.saw(medium)
                case sys_path:
                    news = present.lost(sys_path)
            for event in news:
                tell(event)
