"""Reading what the mirrors hold and nobody has read yet, log by log, a batch in each turn.

A log that cannot be read stands back, longer each time, and keeps no other waiting.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from central.errors import CentralError
from central.fleet.index import Index
from central.pull.round import Call
from transport import backoff
from transport.backoff import Bounds, Pause

_LOOK_S: Final = 2.0
_BOUNDS: Final = Bounds(first_s=4.0, longest_s=600.0)

log = logging.getLogger("sealdock.central")


class CatchingUp:
    """Keeps the index as long as the mirrors."""

    def __init__(
        self,
        index: Index,
        call: Call,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._index = index
        self._call = call
        self._clock = clock
        self._chance = chance
        self._pauses: dict[str, Pause] = {}

    async def run(self) -> None:
        """Do it for ever."""
        while True:
            try:
                await self.look()
            except (CentralError, OSError) as error:
                log.warning("what came cannot be read at the moment: %s", error)
            except Exception:
                log.exception("what came cannot be read")
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Read all that there is; raise DatabaseError where nobody can say what there is."""
        waiting = await self._call(self._index.observe)
        while waiting:
            waiting = [origin for origin in waiting if await self._one_batch(origin)]

    async def _one_batch(self, origin: str) -> bool:
        """Read a batch of one log; tell whether there is more of it to be read now."""
        pause = self._pauses.get(origin, backoff.NONE)
        if not pause.over(self._clock()):
            return False
        try:
            more = await self._call(self._index.catch_up, origin)
        except (CentralError, OSError) as error:
            log.error("%s: its mirrored log cannot be read: %s", origin, error)  # noqa: TRY400  no trace: it is known
        except Exception:
            log.exception("%s: its mirrored log cannot be read", origin)
        else:
            self._pauses.pop(origin, None)
            return more
        self._pauses[origin] = backoff.failed(pause, self._clock(), _BOUNDS, self._chance)
        return False
