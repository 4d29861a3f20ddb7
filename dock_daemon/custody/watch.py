"""Watches the deadlines of recorders that are out, and says once of each that it has passed.

Decided anew at the start, whenever something was entered, and when the next deadline passes;
at least every hour, since the wall clock can be set. An alarm is an entry `overdue` and a line
in the dock's own log; one issue has one alarm per deadline, also across starts.
"""

import asyncio
import logging
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from dock_daemon.clock import Clock
from dock_daemon.custody import book
from dock_daemon.custody.overdue import Out, Terms, next_due, outs
from dock_daemon.custody.standing import Standing
from dock_daemon.errors import DockError
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.sealer import Sealer

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What is overdue and has no alarm yet, and the next deadline (ms UTC), if there is one."""

    news: tuple[Out, ...]
    next_ms: int | None


def judge(
    standings: dict[str, Standing], alarmed: set[tuple[int, int]], now_ms: int, terms: Terms
) -> Looked:
    """Decide which alarms are to be raised now; pure."""
    found = outs(standings, terms)
    news = [
        out
        for out in found
        if out.overdue(now_ms) and (out.issue.seq, out.due.due_ms) not in alarmed
    ]
    return Looked(tuple(news), next_due(found, now_ms))


class OverdueWatch:
    """Raises the alarms of one running dock."""

    def __init__(self, sealer: Sealer, clock: Clock, terms: Terms) -> None:
        self._sealer = sealer
        self._clock = clock
        self._terms = terms
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Look again: something was entered. Call it on the event loop."""
        self._changed.set()

    async def run(self, executor: Executor) -> None:
        """Look again and again until cancelled; `executor` is where waiting is allowed."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            try:
                next_ms = await loop.run_in_executor(executor, self.look)
            except DockError as error:  # a full disk, or doubt, which stops the dock elsewhere
                log.warning("overdue recorders could not be looked for: %s", error)
                next_ms = None
            try:
                async with asyncio.timeout(self._wait_s(next_ms)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def look(self) -> int | None:
        """Enter the alarms that are due; return the next deadline (ms UTC), if there is one.

        Raises DockError where they could not be entered: they are tried again.
        """

        def asked(ledger: Ledger) -> Looked:
            now_ms = self._clock.at().utc_ms
            return judge(book.standings(ledger), book.alarmed(ledger), now_ms, self._terms)

        looked = self._sealer.ask(asked)
        for out in looked.news:
            self._sealer.submit(book.overdue(out)).result()
            log.warning(
                "overdue recorder=%s user_no=%s issued_ms=%d due_ms=%d rule=%s",
                out.recorder,
                out.issue.holder.user_no,
                out.issue.issued_ms,
                out.due.due_ms,
                out.due.rule,
            )
        return looked.next_ms

    def _wait_s(self, next_ms: int | None) -> float:
        if next_ms is None:
            return _LOOK_EVERY_S
        # A deadline has passed one millisecond after it.
        left_s = (next_ms + 1 - self._clock.at().utc_ms) / 1000
        return min(max(left_s, 0.0), _LOOK_EVERY_S)
