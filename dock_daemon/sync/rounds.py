"""All couriers, round after round.

A round asks the core how signing stands, reads the published head, and sends out each
courier for whom a visit makes sense. Each goes by itself: a cosigner that answers slowly,
or a mirror that has a month to take in, holds up nobody else.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from config.settings import Settings
from dock_daemon.errors import DockError
from dock_daemon.sync.core import Core, Signing
from dock_daemon.sync.courier import Aside, Courier, Look, Surroundings
from dock_daemon.sync.party import Party
from dock_daemon.sync.published import PublishedLog
from dock_daemon.sync.told import Told
from hashing.errors import EvidenceError
from transport.backoff import Bounds
from transport.tls import client_context

log = logging.getLogger(__name__)

# The service manager hears from us this often at the least, however rare the rounds are.
_LONGEST_SLEEP_S: Final = 10.0


class Rounds:
    """Everything that runs in `sealdock sync` besides the copy of the store."""

    def __init__(
        self,
        couriers: Sequence[Courier],
        around: Surroundings,
        *,
        interval_s: float,
        changed: Callable[["Rounds"], None] = lambda _rounds: None,
    ) -> None:
        """Have `changed` called, on the loop, after a visit and where signing stands otherwise."""
        self.couriers = tuple(couriers)
        self.signing: Signing | None = None
        self.trouble = ""
        """Why the last round could not begin; empty if it could."""
        self._around = around
        self._interval_s = interval_s
        self._changed = changed
        self._away: dict[Courier, asyncio.Task[None]] = {}

    async def once(self) -> list[tuple[Courier, Told]]:
        """Send every courier out once, due or not; return what each has to tell.

        Raises CoreAwayError, DaemonUnreachableError, or EvidenceError where the published
        head cannot be read.
        """
        look = await self._look()
        told = await asyncio.gather(*(courier.visit(look) for courier in self.couriers))
        self._changed(self)
        return list(zip(self.couriers, told, strict=True))

    async def run(self, alive: Callable[[], None], stop: asyncio.Event) -> None:
        """Go round until `stop` is set. `alive` is called each time the loop has turned."""
        try:
            async with asyncio.TaskGroup() as group:
                while not stop.is_set():
                    await self.turn(group)
                    alive()
                    await self._sleep(stop, alive)
                for task in list(self._away.values()):
                    task.cancel()
        finally:
            self._away.clear()

    async def turn(self, group: asyncio.TaskGroup) -> None:
        """Do one round: send out the couriers that are due and here."""
        before = self._stands()
        try:
            look = await self._look()
        except (DockError, EvidenceError) as error:
            if str(error) != self.trouble:
                log.warning("no round: %s", error)
            self.trouble = str(error)
            self._changed(self)
            return
        self.trouble = ""
        if self._stands() != before:
            self._changed(self)
        for courier in self.couriers:
            if courier not in self._away and courier.due(look):
                self._away[courier] = group.create_task(
                    self._sent(courier, look), name=courier.party.name
                )

    async def close(self) -> None:
        """Let go of all connections, and of the core."""
        for courier in self.couriers:
            await courier.party.close()
        self._around.aside.close()

    async def _sent(self, courier: Courier, look: Look) -> None:
        try:
            await courier.visit(look)
        finally:
            del self._away[courier]
            self._changed(self)

    def _stands(self) -> tuple[str, ...]:
        """Return what is said of the core, whoever is visited."""
        signing = self.signing
        return (self.trouble, *(() if signing is None else (signing.state, signing.why)))

    async def _look(self) -> Look:
        around = self._around
        self.signing = await around.aside.run(around.core.signing)
        return Look(signing=self.signing, head=around.log.head())

    async def _sleep(self, stop: asyncio.Event, alive: Callable[[], None]) -> None:
        left_s = self._interval_s
        while left_s > 0 and not stop.is_set():
            step_s = min(left_s, _LONGEST_SLEEP_S)
            try:
                async with asyncio.timeout(step_s):
                    await stop.wait()
            except TimeoutError:
                left_s -= step_s
                alive()


def rounds_of(
    settings: Settings, core: Core, *, changed: Callable[[Rounds], None] = lambda _rounds: None
) -> Rounds:
    """Return the rounds that the settings ask for.

    Raises TlsFileError about a certificate, KeyFormatError about a cosigner's key.
    """
    sync = settings.sync
    tls = _tls(settings)
    around = Surroundings(
        log=PublishedLog(Path(settings.storage.state) / "log"),
        core=core,
        aside=Aside(),
        bounds=Bounds(min(sync.interval_s, sync.longest_wait_s), sync.longest_wait_s),
        # A heartbeat makes a new head at this interval, and with it a new cosignature. Where
        # none comes, the old head is brought again, so that the newest time stays honest.
        refresh_s=settings.log.heartbeat_s,
        now_s=time.monotonic,
        utc_s=time.time,
        random=random.SystemRandom().random,
    )
    language = settings.dock.language
    parties = [Party(one, tls, sync.timeout_s, language=language) for one in settings.cosigners]
    couriers = [Courier(party, around) for party in parties]
    return Rounds(couriers, around, interval_s=sync.interval_s, changed=changed)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return who we are to cosigners; None where none is spoken to over TLS."""
    urls = [url for one in settings.cosigners for url in (one.url, one.monitor)]
    if not any(url.startswith("https://") for url in urls):
        return None
    sync = settings.sync
    return client_context(ca=sync.ca, cert=sync.cert, key=sync.key)
