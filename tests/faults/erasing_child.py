"""A dock that takes a recorder over and erases on it, until it kills itself: `FOLDER STEP`.

    FOLDER/recorder   the recorder, whose companion somebody else has started
    FOLDER/card       its card
    FOLDER/state      the dock

Steps are the calls that matter for erasing, and their returns, counted from the first listing.
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from dock_daemon import erasure
from dock_daemon.erasing import book
from dock_daemon.recorders import session
from tests.agents import AgentIn
from tests.docks import DockIn
from tests.sim.test_erasing_dock import MIRROR, bench, settings

# Where each step is, and its name there.
STEPS: Final = {
    (erasure.__file__, "look"),
    (book.__file__, "intend"),
    (session.__file__, "take_storage_back"),
    (session.__file__, "erase"),
    (session.__file__, "switch_to_storage"),
    (book.__file__, "end"),
}


class Killer:
    """Ends this process at a step, as kill -9 does."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._steps = 0
        self.armed = False

    def hear(self, frame: FrameType, event: str, _arg: object) -> None:
        """Be told of each call and return in a bay's thread."""
        code = frame.f_code
        if not self.armed or event not in {"call", "return"}:
            return
        if (code.co_filename, code.co_name) in STEPS:
            self._steps += 1
            if self._steps == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


async def live(folder: Path, at: int) -> None:
    """Take over, let the mirror vouch, erase."""
    killer = Killer(at)
    threading.setprofile(killer.hear)
    agent = AgentIn(folder / "recorder")
    async with bench(DockIn(folder), agent, folder / "card", settings(MIRROR)) as here:
        await here.taken_over()
        here.vouch(MIRROR)
        killer.armed = True
        await here.erase()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2])))
