"""The puller: every dock with an address in its turn, none at the expense of another.

So many docks are asked at once. A dock gets a share of bytes and of time in each round; who
takes long waits longer for the next, who fails waits twice as long each time, with jitter.
What is missing is fetched round by round from where the last one ended: a dock that was
offline for a month, or a centre that was, just goes on.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from central.errors import CentralError
from central.fleet.records import Records
from central.pull.errors import PullError
from central.pull.manifests import Manifests
from central.pull.round import Call, Holders, Round
from central.pull.source import Source
from central.pull.turns import Turns
from central.register.docks import Dock
from config.central_settings import Pull
from transport import tls
from transport.client import Link
from transport.errors import LinkError

_SHARE_BYTES: Final = 32 << 20  # that one dock may send in one round
_ROUND_S: Final = 60.0
_TICK_S: Final = 1.0

log = logging.getLogger("sealdock.central")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the puller works with."""

    settings: Pull
    holders: Holders
    manifests: Manifests
    records: Records
    docks: Callable[[], tuple[Dock, ...]]
    """All enrolled docks; it blocks."""
    call: Call


@dataclass(frozen=True, slots=True)
class _Went:
    """How one round went."""

    good: bool
    more: bool


class Puller:
    """Pulls until it is cancelled."""

    def __init__(
        self,
        parts: Parts,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Load who we are to docks; raise TlsFileError where that cannot be used."""
        self._parts = parts
        self._clock = clock
        settings = parts.settings
        self._turns = Turns(
            interval_s=settings.interval_s, longest_s=settings.longest_wait_s, chance=chance
        )
        self.tls = _context(settings)

    async def run(self) -> None:
        """Pull all docks, for ever."""
        room = asyncio.Semaphore(self._parts.settings.at_once)
        async with asyncio.TaskGroup() as group:
            while True:
                for dock in await self._due():
                    group.create_task(self._in_turn(dock, room))
                await asyncio.sleep(_TICK_S)

    async def once(self) -> None:
        """Pull every dock until it has nothing more for us, or fails; at so many at once."""
        room = asyncio.Semaphore(self._parts.settings.at_once)

        async def whole(dock: Dock) -> None:
            async with room:
                while await self.pull(dock):
                    continue

        async with asyncio.TaskGroup() as group:
            for dock in await self._parts.call(self._parts.docks):
                if dock.url:
                    group.create_task(whole(dock))

    async def pull(self, dock: Dock) -> bool:
        """Do one round with one dock and note how it went; tell whether there is more."""
        return (await self._pull(dock)).more

    async def _pull(self, dock: Dock) -> _Went:
        problem, detail, more = "", "", False
        try:
            async with asyncio.timeout(_ROUND_S):
                more, detail = await self._round(dock)
        except TimeoutError:
            problem, detail = "timeout", f"{_ROUND_S:.0f} s"
        except PullError as error:
            problem, detail = error.problem, error.detail
        except LinkError as error:
            problem, detail = "unreachable", error.reason
        except (CentralError, OSError):  # ours, not the dock's: our caller tells it
            raise
        except Exception as error:  # nobody foresaw it, and it is this dock's alone
            log.exception("%s: pulling failed here", dock.origin)
            problem, detail = "fault", type(error).__name__
        records, now_ms = self._parts.records, self._parts.holders.clock()
        told = {"problem": problem, "detail": detail}
        await self._parts.call(records.pull_went, dock.origin, now_ms=now_ms, **told)
        if problem:
            log.warning("%s: could not be pulled: %s %s", dock.origin, problem, detail)
        return _Went(good=not problem, more=more)

    async def _round(self, dock: Dock) -> tuple[bool, str]:
        """Fetch log and manifests; return whether there is more, and what failed besides."""
        parts = self._parts
        async with Link(dock.url, self.tls, parts.settings.timeout_s) as link:
            source = Source(link, budget=_SHARE_BYTES)
            if await Round(dock, source, parts.holders, parts.call).run():
                return True, ""
            try:
                return await parts.manifests.fetch(dock, source), ""
            except PullError as error:  # the log is what counts, and that went well
                return False, f"manifests: {error}"

    async def _due(self) -> list[Dock]:
        """Return the docks whose turn it is, those that wait longest first."""
        try:
            docks = await self._parts.call(self._parts.docks)
        except (CentralError, OSError) as error:
            log.warning("the register cannot be read: %s", error)
            return []
        reached = {dock.origin: dock for dock in docks if dock.url}
        return [reached[origin] for origin in self._turns.take(reached, self._clock())]

    async def _in_turn(self, dock: Dock, room: asyncio.Semaphore) -> None:
        went = _Went(good=False, more=False)
        async with room:
            began_s = self._clock()
            try:
                went = await self._pull(dock)
            except (CentralError, OSError) as error:  # ours, not the dock's: the others go on
                log.error("%s: pulling failed here: %s", dock.origin, error)  # noqa: TRY400  no trace: it is known
            except Exception:
                log.exception("%s: pulling failed here", dock.origin)
        self._turns.ended(
            dock.origin, began_s=began_s, now_s=self._clock(), good=went.good, more=went.more
        )


def _context(settings: Pull) -> ssl.SSLContext | None:
    if not (settings.ca or settings.cert):
        return None
    return tls.client_context(ca=settings.ca, cert=settings.cert, key=settings.key)
