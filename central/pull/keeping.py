"""What a centre does by itself while it runs: pulls, reads what came, takes stock at night."""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from central.centre import Centre
from central.cosigning.cosigner import MIRROR, WITNESS
from central.cosigning.heads import head_of
from central.cosigning.judging import Head
from central.database.tables import HEADS
from central.errors import CentralError, MirrorDoubtError
from central.fleet.assembly import entries_in, index_of
from central.fleet.records import Records
from central.fleet.reports import Report
from central.pull import inventory
from central.pull.errors import PullError
from central.pull.manifests import Manifests
from central.pull.puller import Parts, Puller
from central.pull.round import Holders
from central.register.docks import Dock
from transport.client import Link
from transport.errors import LinkError

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 3  # beside those of the centre: both together have database connections enough
_LOOK_S: Final = 2.0
_STOCK_S: Final = 6 * 3600.0  # that taking stock of one dock may last

log = logging.getLogger("sealdock.central")


class Keeping:
    """All that is done beside answering. Close it when done."""

    def __init__(self, centre: Centre) -> None:
        """Raise TlsFileError where a certificate for pulling cannot be used."""
        self._centre = centre
        self._settings = centre.loaded.settings
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="keeping")
        self._records = Records(centre.database)
        self._index = index_of(centre.loaded, centre.database, centre.clock)
        self.holders = self._holders()
        self.puller = Puller(self._parts())

    async def run(self) -> None:
        """Do all of it until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.puller.run())
            group.create_task(self._read())
            if self._settings.inventory.at:
                group.create_task(self._nights(self._settings.inventory.at))

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what blocks in a thread of its own kind, so that answers wait for none of it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Finish what is under way in threads."""
        self._threads.shutdown(wait=True)

    async def look(self) -> None:
        """Read what the mirrors hold and nobody has read yet, log by log, a batch in each turn."""
        waiting = await self.call(self._index.observe)
        while waiting:
            waiting = [origin for origin in waiting if await self._one_batch(origin)]

    async def take_stock(self, dock: Dock, *, samples: int) -> Report:
        """Hold one dock's store against its log, and keep what was found.

        Raises PullError, CentralError, OSError or TimeoutError.
        """
        size = await self.call(mirrored_size, self._centre, dock.origin)
        entries = entries_in(self._centre.loaded)
        ledger = await self.call(inventory.ledger_of, entries, dock.origin, size)
        async with (
            asyncio.timeout(_STOCK_S),
            Link(dock.url, self.puller.tls, self._settings.pull.timeout_s) as link,
        ):
            report = await inventory.of_store(
                dock, link, ledger, size=size, samples=samples,
                now_ms=self._centre.clock(), call=self.call,
            )  # fmt: skip
        await self.call(keep_report, self._records, report)
        return report

    def _holders(self) -> Holders:
        centre = self._centre
        return Holders(
            witness=centre.witness,
            mirror=centre.mirror,
            witnessed=lambda origin: _witnessed(centre, origin),
            evidence=centre.evidence,
            clock=centre.clock,
        )

    def _parts(self) -> Parts:
        centre = self._centre
        return Parts(
            settings=self._settings.pull,
            holders=self.holders,
            manifests=Manifests(
                centre.loaded.state,
                self._records,
                centre.mirror,
                documents=self._settings.pull.documents,
                call=self.call,
                clock=centre.clock,
            ),
            records=self._records,
            docks=centre.register.docks,
            call=self.call,
        )

    async def _read(self) -> None:
        while True:
            try:
                await self.look()
            except CentralError as error:
                log.warning("what came cannot be read at the moment: %s", error)
            await asyncio.sleep(_LOOK_S)

    async def _one_batch(self, origin: str) -> bool:
        try:
            return await self.call(self._index.catch_up, origin)
        except (MirrorDoubtError, OSError) as error:
            log.error("%s: its mirrored log cannot be read: %s", origin, error)  # noqa: TRY400  no trace: it is known
            return False

    async def _nights(self, at: str) -> None:
        """Take stock of every dock that can be reached, once a night, one after another."""
        while True:
            now = datetime.fromtimestamp(self._centre.clock() / 1000, UTC)
            await asyncio.sleep(until(at, now, self._centre.loaded.zone))
            for dock in await self.call(self._centre.register.docks):
                if dock.url:
                    await self._one_night(dock)

    async def _one_night(self, dock: Dock) -> None:
        try:
            report = await self.take_stock(dock, samples=self._settings.inventory.samples)
        except (PullError, LinkError, CentralError, OSError, TimeoutError) as error:
            log.warning("%s: no stock could be taken: %s", dock.origin, error)
            return
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


def mirrored_size(centre: Centre, origin: str) -> int:
    """Return how much of a log is mirrored whole and cosigned."""
    mine = (HEADS.c.role == MIRROR) & (HEADS.c.origin == origin)
    with centre.database.reading() as connection:
        return int(connection.scalar(select(HEADS.c.size).where(mine)) or 0)


def keep_report(records: Records, report: Report) -> None:
    """Keep what was found when stock was taken."""
    text = json.dumps(report.as_json(), ensure_ascii=False)
    records.keep_inventory(report.origin, report.counted, text)


def _witnessed(centre: Centre, origin: str) -> Head | None:
    with centre.database.reading() as connection:
        return head_of(connection, WITNESS, origin)
