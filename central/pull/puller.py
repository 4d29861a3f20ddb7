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
from central.register.docks import Dock
from config.central_settings import Pull
from transport import backoff, tls
from transport.backoff import Bounds, Pause
from transport.client import Link
from transport.errors import LinkError

_SHARE_BYTES: Final = 32 << 20  # that one dock may send in one round
_ROUND_S: Final = 60.0
_SLOW: Final = 4  # who takes a second of our time waits at least so many
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


@dataclass(slots=True)
class _Turn:
    """When a dock is asked next."""

    due_s: float = 0.0
    pause: Pause = backoff.NONE
    busy: bool = False


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
        self._chance = chance
        self._turns: dict[str, _Turn] = {}
        settings = parts.settings
        longest = max(settings.longest_wait_s, settings.interval_s)
        self._bounds = Bounds(first_s=settings.interval_s, longest_s=longest)
        self.tls = _context(settings)

    async def run(self) -> None:
        """Pull all docks, for ever."""
        room = asyncio.Semaphore(self._parts.settings.at_once)
        async with asyncio.TaskGroup() as group:
            while True:
                for dock, turn in await self._due():
                    turn.busy = True
                    group.create_task(self._in_turn(dock, turn, room))
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
        records, now_ms = self._parts.records, self._parts.holders.clock()
        told = {"problem": problem, "detail": detail}
        await self._parts.call(records.pull_went, dock.origin, now_ms=now_ms, **told)
        if problem:
            log.warning("%s: could not be pulled: %s %s", dock.origin, problem, detail)
        self._next(dock.origin, good=not problem)
        return more and not problem

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

    async def _due(self) -> list[tuple[Dock, _Turn]]:
        """Return the docks whose turn it is, those that wait longest first."""
        try:
            docks = await self._parts.call(self._parts.docks)
        except CentralError as error:
            log.warning("the register cannot be read: %s", error)
            return []
        now_s = self._clock()
        known = {dock.origin for dock in docks if dock.url}
        for gone in self._turns.keys() - known:
            del self._turns[gone]
        due: list[tuple[Dock, _Turn]] = []
        for dock in docks:
            if dock.url:
                turn = self._turns.setdefault(dock.origin, _Turn(due_s=now_s))
                if not turn.busy and turn.due_s <= now_s and turn.pause.over(now_s):
                    due.append((dock, turn))
        return sorted(due, key=lambda each: each[1].due_s)

    async def _in_turn(self, dock: Dock, turn: _Turn, room: asyncio.Semaphore) -> None:
        began_s = self._clock()
        try:
            async with room:
                began_s = self._clock()
                if await self.pull(dock):
                    turn.due_s = self._clock()
                    return
        except (CentralError, OSError) as error:  # ours, not the dock's: the others go on
            log.error("%s: pulling failed here: %s", dock.origin, error)  # noqa: TRY400  no trace: it is known
            self._next(dock.origin, good=False)
        finally:
            turn.busy = False
        now_s = self._clock()
        jitter = self._chance() * self._parts.settings.interval_s / 10
        wait_s = max(self._parts.settings.interval_s + jitter, _SLOW * (now_s - began_s))
        turn.due_s = now_s + wait_s

    def _next(self, origin: str, *, good: bool) -> None:
        turn = self._turns.setdefault(origin, _Turn())
        if good:
            turn.pause = backoff.NONE
        else:
            turn.pause = backoff.failed(turn.pause, self._clock(), self._bounds, self._chance)


def _context(settings: Pull) -> ssl.SSLContext | None:
    if not (settings.ca or settings.cert):
        return None
    return tls.client_context(ca=settings.ca, cert=settings.cert, key=settings.key)
