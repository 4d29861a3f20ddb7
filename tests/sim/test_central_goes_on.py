"""What nobody foresaw, over one dock, at one hour: the centre goes on with all the others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from central.cosigning.judging import Head
from central.errors import DatabaseUnreachableError
from central.fleet.assembly import entries_in
from central.fleet.index import Index
from central.fleet.reports import Report
from central.fleet.stocktaking import CLIP, Must, There
from central.fleet.view import STORE
from central.pull import stock
from central.pull.catching_up import CatchingUp
from central.pull.errors import PullError
from central.pull.nights import AT_ONCE, Nights
from central.pull.puller import Puller
from central.register.docks import Dock
from hashing.keys import SignerKey
from tests.pulling import Pulling, pulling
from tests.sealed import Sealed
from tests.wire import serving
from transport.asgi import Receive, Scope, Send
from transport.client import Link

BAD = "dock.example/0001"
GOOD = "dock.example/0002"


@pytest.fixture
async def centre(memory_path: Path) -> AsyncIterator[Pulling]:
    """Return a centre that pulls."""
    async with pulling(memory_path) as made:
        yield made


def named(origin: str) -> Sealed:
    """Return a short log of a dock."""
    made = Sealed(origin=origin, key=SignerKey.generate(origin, origin.encode().ljust(32)[:32]))
    made.genesis()
    made.add("heartbeat")
    return made


def unforeseen(origin: str) -> Head | None:
    """Fail over one dock as only a bug of ours can, and know nothing of any other."""
    if origin == BAD:
        raise ZeroDivisionError(origin)
    return None


class Dice:
    """Randomness that tells when it was asked for the second time: each dock has had its turn."""

    def __init__(self) -> None:
        self.asked = 0
        self.twice = asyncio.Event()

    def __call__(self) -> float:
        """Return the longest wait."""
        self.asked += 1
        if self.asked == 2:
            self.twice.set()
        return 0.99


async def test_the_puller_survives_what_nobody_foresaw(centre: Pulling) -> None:
    """A bug over one dock fails that dock's round, is told, and ends nobody else's."""
    parts = centre.keeping.puller._parts  # noqa: SLF001  all of it is real but for one holder
    dice = Dice()
    holders = replace(parts.holders, witnessed=unforeseen)
    puller = Puller(replace(parts, holders=holders), chance=dice)
    async with centre.dock(named(BAD)), centre.dock(named(GOOD)):
        _trust(centre, puller)
        running = asyncio.ensure_future(puller.run())
        both = asyncio.ensure_future(dice.twice.wait())
        await asyncio.wait({running, both}, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        for task in (running, both):
            task.cancel()
        await asyncio.gather(running, both, return_exceptions=True)
    assert centre.held(GOOD) == (2, 2)
    pulled = centre.view(BAD).pulled
    assert pulled is not None
    assert (pulled.problem, pulled.detail) == ("fault", "ZeroDivisionError")


def _trust(centre: Pulling, puller: Puller) -> None:
    puller.tls = centre.keeping.puller.tls


async def test_an_index_that_fails_over_one_log_reads_the_others(centre: Pulling) -> None:
    """A bug over one dock's entries: the others are read, and that one is left for a while."""
    made, asked = centre.centre, list[str]()
    real = entries_in(made.loaded)

    def entries(origin: str, start: int, end: int) -> Iterable[bytes]:
        asked.append(origin)
        if origin == BAD:
            raise ZeroDivisionError(origin)
        return real(origin, start, end)

    async with centre.dock(named(BAD)), centre.dock(named(GOOD)):
        await centre.keeping.puller.once()
    index = Index(made.database, entries, clock=centre.clock)
    reading = CatchingUp(index, centre.keeping.call, clock=lambda: 0.0, chance=lambda: 0.5)
    for _ in range(2):
        await reading.look()
    assert sorted(asked) == [BAD, GOOD]
    assert centre.view(GOOD).said.entries == 2


def night(centre: Pulling, taken: list[str], *, down: bool = False) -> Nights:
    """Return a night in which stock is taken by what notes who was asked, and fails over one."""
    now, most = list[str](), list[int]()

    async def take(dock: Dock, *, samples: int, within_s: float) -> Report:
        assert (samples, within_s > 0) == (7, True)
        now.append(dock.origin)
        most.append(len(now))
        taken.append(dock.origin)
        assert max(most) <= AT_ONCE
        await asyncio.sleep(0)
        now.remove(dock.origin)
        if dock.origin == BAD:
            raise ZeroDivisionError(dock.origin)
        return Report(origin=dock.origin, taken_ms=1, source=STORE, place="", log_size=1, stocks={})

    def docks() -> tuple[Dock, ...]:
        if down:
            raise DatabaseUnreachableError(address="a database", reason="it is down")
        return centre.centre.register.docks()

    return Nights(
        docks=docks, take_stock=take, samples=7, call=centre.keeping.call,
        clock=centre.clock, zone=ZoneInfo("UTC"),
    )  # fmt: skip


async def test_a_night_goes_on_to_the_other_docks(
    centre: Pulling, caplog: pytest.LogCaptureFixture
) -> None:
    """A few docks at once, and a bug over one of them is told and keeps no other from its turn."""
    origins = [f"dock.example/{number:04d}" for number in range(1, 10)]
    for origin in origins:
        centre.enrol(named(origin), "https://127.0.0.1:1")
    taken: list[str] = []
    await night(centre, taken).one()
    assert sorted(taken) == origins
    told = [one for one in caplog.records if one.exc_info is not None]
    assert [one.getMessage() for one in told] == [f"{BAD}: no stock could be taken"]


async def test_a_database_that_is_down_at_that_hour(
    centre: Pulling, caplog: pytest.LogCaptureFixture
) -> None:
    """The night is lost and told; the centre goes on."""
    centre.enrol(named(BAD), "https://127.0.0.1:1")
    taken: list[str] = []
    with caplog.at_level(logging.ERROR):
        await night(centre, taken, down=True).one()
    assert taken == []
    assert "no stock is taken" in caplog.text


async def endless(scope: Scope, _receive: Receive, send: Send) -> None:
    """List nothing, and always say where it goes on; each clip comes byte by byte, for ever."""
    start = {"type": "http.response.start", "status": 200}
    if scope["path"] == "/v1/inventory":
        after = scope["query_string"].decode().partition("=")[2] or "0"
        body = b'{"items": [], "next": "%064x"}' % (int(after, 16) + 1)
        await send({**start, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
        return
    await send({**start, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await asyncio.sleep(0.01)


def must(sha256: str) -> Must:
    """Return a huge clip that must be there."""
    return Must(what=CLIP, sha256=sha256, size=1 << 40, seq=3, docking=None)


async def test_pages_of_nothing_are_no_list() -> None:
    """A list that holds nothing and goes on all the same is refused at its first page."""
    async with serving(endless) as address, Link(f"http://{address}", None, 5) as link:
        with pytest.raises(PullError, match="does not go on"):
            await stock.told(link, {}, within_s=60)


async def test_a_dock_has_its_share_of_the_night_and_no_more() -> None:
    """A clip that drips is left when the dock's time is over, and the others are not asked for."""
    known = {name * 64: must(name * 64) for name in "ab"}
    there = [There(sha256, 1 << 40) for sha256 in known]
    async with serving(endless) as address, Link(f"http://{address}", None, 5) as link:
        ends_s = asyncio.get_running_loop().time() + 0.2
        found = await stock.samples(link, known, there, count=2, ends_s=ends_s)
    assert [(one.good, one.why) for one in found] == [(None, "timeout")] * 2
