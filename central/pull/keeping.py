"""What a centre does by itself while it runs: pulls, reads what came, takes stock at night."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from sqlalchemy import select

from central.centre import Centre
from central.cosigning.cosigner import MIRROR, WITNESS
from central.cosigning.heads import head_of
from central.cosigning.judging import Head
from central.database.tables import HEADS
from central.fleet.assembly import entries_in, index_of
from central.fleet.records import Records
from central.fleet.reports import Report
from central.pull import inventory
from central.pull.catching_up import CatchingUp
from central.pull.manifests import Manifests
from central.pull.nights import Nights
from central.pull.puller import Parts, Puller
from central.pull.round import Holders
from central.register.docks import Dock
from transport.client import Link

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 3  # beside those of the centre: both together have database connections enough
_STOCK_S: Final = 6 * 3600.0  # that taking stock of one dock may last


class Keeping:
    """All that is done beside answering. Close it when done."""

    def __init__(self, centre: Centre) -> None:
        """Raise TlsFileError where a certificate for pulling cannot be used."""
        self._centre = centre
        self._settings = centre.loaded.settings
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="keeping")
        self._records = Records(centre.database)
        index = index_of(centre.loaded, centre.database, centre.clock)
        self.reading = CatchingUp(index, self.call)
        self.holders = self._holders()
        self.puller = Puller(self._parts())

    async def run(self) -> None:
        """Do all of it until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.puller.run())
            group.create_task(self.reading.run())
            if self._settings.inventory.at:
                group.create_task(self._nights().run(self._settings.inventory.at))

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what blocks in a thread of its own kind, so that answers wait for none of it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Finish what is under way in threads."""
        self._threads.shutdown(wait=True)

    async def take_stock(self, dock: Dock, *, samples: int, within_s: float = _STOCK_S) -> Report:
        """Hold one dock's store against its log, and keep what was found.

        Samples that would come later than `within_s` are told as such. Raises PullError,
        LinkError, CentralError or OSError.
        """
        size = await self.call(mirrored_size, self._centre, dock.origin)
        entries = entries_in(self._centre.loaded)
        ledger = await self.call(inventory.ledger_of, entries, dock.origin, size)
        async with Link(dock.url, self.puller.tls, self._settings.pull.timeout_s) as link:
            report = await inventory.of_store(
                dock, link, ledger, size=size, samples=samples, within_s=within_s,
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

    def _nights(self) -> Nights:
        centre = self._centre
        return Nights(
            docks=centre.register.docks,
            take_stock=self.take_stock,
            samples=self._settings.inventory.samples,
            call=self.call,
            clock=centre.clock,
            zone=centre.loaded.zone,
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
