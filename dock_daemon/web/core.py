"""The core of the dock, asked over its socket from another process."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from dock_daemon import control
from dock_daemon.errors import DaemonUnreachableError
from transport.problems import ProblemError
from transport.threads import Threads

log = logging.getLogger(__name__)

_AT_ONCE: Final = 4  # fewer than the socket takes, so that the technician gets through too
_WAITING: Final = 32  # who comes when so many wait would wait longer than he likes
RETRY_S: Final = 5
"""When whoever could not be answered may ask again."""

Row = Mapping[str, Any]  # what the core answers is JSON; each route knows its own


class Core:
    """The core that holds a state directory; it may be away, and come back."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._waiting = 0
        # Threads of its own: while the core is slow, files are served all the same.
        self._threads = Threads(_AT_ONCE, "core")

    def close(self) -> None:
        """Let go of the threads, whether or not they have an answer yet."""
        self._threads.close()

    async def ask(self, request: control.Request) -> object:
        """Return what the core answers; raise ProblemError (503) where it does not.

        `None` is an answer too: there is no such thing.
        """
        answer = await self._once(request)
        # The socket's client says None for nobody there, and for null.
        if answer is None and await self._once({"ask": "signing"}) is None:
            raise silent()
        return answer

    async def row(self, request: control.Request, *, missing: str) -> Row:
        """Return an answer that is an object; raise ProblemError, 404 with `missing` for null."""
        answer = await self.ask(request)
        if answer is None:
            raise ProblemError(404, missing)
        return cast("Row", answer)

    async def rows(self, request: control.Request) -> list[Row]:
        """Return an answer that is a list of objects; raise ProblemError."""
        return cast("list[Row]", await self.ask(request))

    async def _once(self, request: control.Request) -> object | None:
        if self._waiting >= _WAITING:
            raise silent()
        self._waiting += 1
        try:
            return await self._threads.run(control.ask, self._state, request)
        except (DaemonUnreachableError, OSError) as error:
            log.warning("asked for %s, the core: %s", request.get("ask", "access"), error)
            raise silent() from error
        finally:
            self._waiting -= 1


def silent() -> ProblemError:
    """Return what is told while the core does not answer."""
    return ProblemError(503, "core-silent", headers={"retry-after": str(RETRY_S)})
