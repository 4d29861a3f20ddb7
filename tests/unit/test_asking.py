"""Questions: page by page, alike with a daemon and without, and never a crash for nonsense."""

import asyncio

import pytest

from dock_daemon import control
from dock_daemon.asking import ask
from dock_daemon.errors import DaemonUnreachableError
from dock_daemon.evidence import questions
from dock_daemon.evidence.records import FindingRow, Record
from dock_daemon.evidence.state import State
from tests.docks import DockIn

MANY = 2 * questions.PAGE + 5


@pytest.fixture
def full(dock: DockIn) -> DockIn:
    """Return a dock with more findings than two pages hold."""
    row = FindingRow(
        finding="missing", key="k", volume="v", path="p", clip=None, facts={}, found_ms=1
    )
    document = "00" * 32
    record = Record(
        kind="finding",
        docking=1,
        body={"docking": 1, "finding": "missing", "document": document},
        row=row,
        document=document,
    )
    with dock.open() as state:
        state.sealer.ask(lambda ledger: ledger.append([record] * MANY, dock.clock.at()))
    return dock


def asked(dock: DockIn, limit: int = 0) -> list[int]:
    """Return the numbers of the findings that are told."""
    rows, _ = ask(dock.settings(), {"ask": "findings", "docking": None, "limit": limit})
    assert isinstance(rows, list)
    return [row["seq"] for row in rows]


WANTED = [(0, MANY), (1, 1), (questions.PAGE, questions.PAGE), (questions.PAGE + 1,) * 2]


@pytest.mark.parametrize(("limit", "count"), WANTED)
def test_all_pages_of_a_ledger(full: DockIn, limit: int, count: int) -> None:
    """Every row comes once, the newest first."""
    assert asked(full, limit) == list(range(MANY, MANY - count, -1))


async def test_all_pages_of_a_daemon(full: DockIn) -> None:
    """It never has to hold more than a page, and all of them arrive."""
    longest = 0

    with full.open() as state:

        async def answer(request: control.Request) -> object:
            nonlocal longest
            rows = state.sealer.ask(lambda ledger: questions.answer(ledger, request))
            assert isinstance(rows, list)
            longest = max(longest, len(rows))
            return rows

        async with control.serving(full.root, answer):
            for limit, count in WANTED:
                told = await asyncio.to_thread(asked, full, limit)
                assert told == list(range(MANY, MANY - count, -1))
            everything = await asyncio.to_thread(
                control.ask, full.root, {"ask": "findings", "limit": MANY}
            )
    assert isinstance(everything, list)
    assert longest == len(everything) == questions.PAGE


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"ask": "everything"},
        {"ask": ["clips"]},
        {"ask": "clips", "limit": 2**70},
        {"ask": "clips", "limit": -1},
        {"ask": "clips", "docking": [1]},
        {"ask": "clips", "docking": "1"},
        {"ask": "findings", "before": 1.5},
        {"ask": "findings", "late": 3},
        {"ask": "status", "other": 1},
    ],
)
async def test_nonsense_is_refused(dock: DockIn, request_: control.Request) -> None:
    """Whoever asks for what cannot be is told so, and the next one gets an answer."""

    def answer_of(state: State, request: control.Request) -> object:
        return state.sealer.ask(lambda ledger: questions.answer(ledger, request))

    with dock.open() as state:

        async def answer(request: control.Request) -> object:
            return answer_of(state, request)

        with pytest.raises(ValueError, match=r"\S"):
            answer_of(state, request_)
        async with control.serving(dock.root, answer):
            with pytest.raises(DaemonUnreachableError):
                await asyncio.to_thread(control.ask, dock.root, request_)
            assert await asyncio.to_thread(control.ask, dock.root, {"ask": "clips"}) == []
