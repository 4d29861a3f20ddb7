"""The alarm for an overdue recorder: entered once, said in the dock's log, and watched for."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC

import pytest

from dock_daemon.clock import Clock
from dock_daemon.custody import book
from dock_daemon.custody.overdue import Due, Terms
from dock_daemon.custody.standing import Person
from dock_daemon.custody.watch import OverdueWatch
from dock_daemon.evidence.state import State
from hashing import document
from hashing.entry import At
from tests.docks import HOUR_MS, NOW_MS, DockIn, StandingClock

ZHANG = Person(user_no="880317", name="张䶮", unit="执法一科")
RECORDER = "ZFY-00317"


def due_from(base_ms: int) -> Due:
    """Return a deadline 24 hours after its base."""
    return Due(rule="R-24H", due_ms=base_ms + 24 * HOUR_MS)


TERMS = Terms(due_from=due_from, zone=UTC, trips=True)


def issue(state: State, *, shift_end_ms: int) -> int:
    """Enter an issue; return its entry."""
    word = book.Word(
        kind="issue", how="passed", recorder=RECORDER, holder=ZHANG, until_ms=shift_end_ms
    )
    return state.sealer.submit(book.piece(word)).result().seq


def test_an_alarm_is_entered_once(dock: DockIn, caplog: pytest.LogCaptureFixture) -> None:
    """Before the deadline nothing; after it one entry and one warning, also after a restart."""
    caplog.set_level(logging.WARNING)
    due_ms = NOW_MS + 25 * HOUR_MS
    with dock.open() as state:
        seq = issue(state, shift_end_ms=NOW_MS + HOUR_MS)
        watch = OverdueWatch(state.sealer, dock.clock, TERMS)
        dock.clock.utc_ms = due_ms
        assert watch.look() == due_ms
        dock.clock.utc_ms = due_ms + 1
        assert watch.look() is None
        assert watch.look() is None
    with dock.open() as state:
        assert OverdueWatch(state.sealer, dock.clock, TERMS).look() is None
    (alarm,) = dock.parsed("overdue")
    assert (alarm.body["rule"], alarm.body["due_ms"], alarm.body["issue"]) == ("R-24H", due_ms, seq)
    digest = str(alarm.body["document"])
    told = document.parse((dock.root / "store/documents" / digest[:2] / digest).read_bytes())
    assert (told["recorder"], told["rule"], told["due_ms"]) == (RECORDER, "R-24H", due_ms)
    assert told["holder"] == {"user_no": "880317", "name": "张䶮", "unit": "执法一科"}
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert line.startswith(f"overdue recorder={RECORDER} user_no=880317 ")
    assert line.endswith(f" due_ms={due_ms} rule=R-24H")
    dock.assert_holds(RECORDER, "880317", "张䶮")


class PassingClock(StandingClock):
    """A clock that goes on by 40 ms whenever it is read."""

    def at(self) -> At:
        """Return the time, a little later than before."""
        self.utc_ms += 40
        return super().at()


async def alarmed(state: State) -> None:
    """Wait until an alarm was entered."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(state.sealer.ask, book.alarmed):
            continue


@asynccontextmanager
async def watching(state: State, clock: Clock) -> AsyncIterator[OverdueWatch]:
    """Run a watch."""
    watch = OverdueWatch(state.sealer, clock, TERMS)
    with ThreadPoolExecutor(max_workers=1) as executor:
        task = asyncio.create_task(watch.run(executor))
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_the_watch_looks_again_when_the_deadline_passes(dock: DockIn) -> None:
    """At its start nothing is overdue yet; it comes back by itself when something is."""
    with dock.open() as state:
        issue(state, shift_end_ms=NOW_MS - 24 * HOUR_MS)
        async with watching(state, PassingClock(NOW_MS - 50)):
            await alarmed(state)
    assert len(dock.parsed("overdue")) == 1


async def test_the_watch_looks_again_when_something_was_entered(dock: DockIn) -> None:
    """An issue whose deadline has passed already is told at once, not after an hour."""
    with dock.open() as state:
        async with watching(state, dock.clock) as watch:
            await asyncio.to_thread(issue, state, shift_end_ms=NOW_MS - 25 * HOUR_MS)
            watch.changed()
            await alarmed(state)
    assert len(dock.parsed("overdue")) == 1
