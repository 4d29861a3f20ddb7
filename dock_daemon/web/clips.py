"""Clips, upstream: for central servers, whole or in ranges, each access an entry of the log.

No byte leaves before the core has sealed an `access` entry (R-NOCOPY, R-ACCESS). Ranges that one
caller takes of one clip within ten minutes of that entry are one access.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from dock_daemon.web.core import Core, Row, silent
from dock_daemon.web.proofs import as_json
from dock_daemon.web.published import OCTETS
from dock_daemon.web.requests import demand, is_digest, number, parameters
from transport import files
from transport.callers import CENTRAL, Caller
from transport.files import Answer
from transport.problems import ProblemError
from transport.threads import Threads

ONE_ACCESS_S: Final = 600.0
MOST_ITEMS: Final = 1000
REASON: Final = "pull"
_REMEMBERED: Final = 10_000
_GROUP: Final = 2  # hexadecimal digits of the folder that a clip lies in


class Clips:
    """`/v1/clips` and `/v1/inventory`."""

    def __init__(
        self,
        core: Core,
        clips: Path,
        threads: Threads,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads = threads
        self._core = core
        self._clips = clips
        self._clock = clock
        self._sealing = asyncio.Lock()  # ranges that come at once are one access too
        self._sealed: OrderedDict[tuple[str, str], float] = OrderedDict()

    @property
    def routes(self) -> list[Route]:
        """The paths of clips."""
        return [
            Route("/v1/clips/sha256/{sha256}", self._get, methods=["GET"]),
            Route("/v1/inventory", self._inventory, methods=["GET"]),
        ]

    async def _get(self, request: Request) -> Answer:
        caller = demand(request, CENTRAL)
        parameters(request)
        sha256 = request.path_params["sha256"]
        if not is_digest(sha256):
            raise ProblemError(404, "no-clip")
        row = await self._core.row({"ask": "clip", "sha256": sha256}, missing="no-clip")
        try:
            file = await self._threads.run(
                files.open_below, self._clips, f"{sha256[:_GROUP]}/{sha256}"
            )
        except FileNotFoundError as error:
            raise ProblemError(410, "clip-gone") from error
        if file.size != row["size"]:
            file.close()
            raise ProblemError(410, "clip-damaged")

        async def seal() -> None:
            await self._seal(caller, sha256)

        return Answer(
            body=file,
            media_type=OCTETS,
            etag=sha256,
            sha256=sha256,
            cache=files.PRIVATE,
            before=seal,
            aside=self._threads.run,
        )

    async def _seal(self, caller: Caller, sha256: str) -> None:
        """Have the access sealed, unless it is one that is; raise ProblemError if it can't be."""
        who = (caller.fingerprint, sha256)
        async with self._sealing:
            now = self._clock()
            if now - self._sealed.get(who, -math.inf) < ONE_ACCESS_S:
                return
            access = {
                "tell": "access",
                "sha256": sha256,
                "who": caller.name,
                "fingerprint": caller.fingerprint,
                "roles": sorted(caller.roles),
                "reason": REASON,
            }
            if await self._core.ask(access) is None:
                raise silent()
            self._sealed[who] = now
            self._sealed.move_to_end(who)
            while len(self._sealed) > _REMEMBERED:
                self._sealed.popitem(last=False)

    async def _inventory(self, request: Request) -> Answer:
        demand(request, CENTRAL)
        told = parameters(request, "after", "limit")
        after = told.get("after", "")
        if after and not is_digest(after):
            raise ProblemError(400, "query", parameter="after")
        limit = number(told, "limit", least=1, most=MOST_ITEMS, default=MOST_ITEMS)
        past = {"after": after} if after else {}
        items: list[Row] = await self._core.rows({"ask": "inventory", "limit": limit, **past})
        more = items[-1]["sha256"] if len(items) == limit else None
        return as_json({"items": items, "next": more})
