"""Taking stock of every dock that can be reached, once a night, a few at once."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from central.errors import CentralError
from central.fleet.reports import Report
from central.pull.errors import PullError
from central.pull.round import Call
from central.register.docks import Dock
from transport.errors import LinkError

AT_ONCE: Final = 4
"""So many docks: the clips of as many logs are held in memory."""

DOCK_S: Final = 3600.0
"""What one dock may take of a night; who is slower keeps a fourth of it, and no more."""

log = logging.getLogger("sealdock.central")


class TakeStock(Protocol):
    """Holds one dock's store against its log."""

    async def __call__(self, dock: Dock, *, samples: int, within_s: float) -> Report:
        """Return what was found; raise PullError, LinkError, CentralError or OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Every night of a centre."""

    docks: Callable[[], tuple[Dock, ...]]
    """All enrolled docks; it blocks."""
    take_stock: TakeStock
    samples: int
    call: Call
    clock: Callable[[], int]
    zone: ZoneInfo

    async def run(self, at: str) -> None:
        """Take stock whenever clocks of our zone show `at` (hh:mm), for ever."""
        while True:
            now = datetime.fromtimestamp(self.clock() / 1000, UTC)
            await asyncio.sleep(until(at, now, self.zone))
            await self.one()

    async def one(self) -> None:
        """Take stock of all docks that have an address; what goes wrong is told."""
        try:
            docks = await self.call(self.docks)
        except (CentralError, OSError) as error:
            log.error("no stock is taken this night, the register cannot be read: %s", error)  # noqa: TRY400  no trace: it is known
            return
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for dock in docks:
                if dock.url:
                    group.create_task(self._of(dock, room))

    async def _of(self, dock: Dock, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                report = await self.take_stock(dock, samples=self.samples, within_s=DOCK_S)
            except (PullError, LinkError, CentralError, OSError) as error:
                log.warning("%s: no stock could be taken: %s", dock.origin, error)
            except Exception:
                log.exception("%s: no stock could be taken", dock.origin)
            else:
                if report.missing:
                    log.error("%s: %d clips are gone or damaged", dock.origin, report.missing)


def until(at: str, now: datetime, zone: ZoneInfo) -> float:
    """Return the seconds from `now` to the next time that clocks of `zone` show `at` (hh:mm)."""
    hour, minute = map(int, at.split(":"))
    local = now.astimezone(zone)
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due <= local:
        due += timedelta(days=1)
    return (due.astimezone(UTC) - now).total_seconds()
