"""The sealer's end: whoever waits for it is told, and nobody waits for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dock_daemon.errors import DockError, DoubtError, LedgerDoubtError, StoppedError
from dock_daemon.evidence.inbox import Inbox
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Piece, Sealed
from dock_daemon.evidence.state import State
from tests.docks import DockIn

NOTE = Piece(kind="recovery", docking=None, finish=lambda _outcome: ({"recovered": "x"}, None))


def size(ledger: Ledger) -> int:
    """Ask how many entries there are."""
    return ledger.size


def held(state: State, meanwhile: Callable[[], None]) -> None:
    """Keep the sealer's thread busy while something is done."""
    begun, over = threading.Event(), threading.Event()

    def work(_ledger: Ledger) -> None:
        begun.set()
        over.wait()

    with ThreadPoolExecutor(1) as other:
        busy = other.submit(state.sealer.ask, work)
        begun.wait()
        meanwhile()
        over.set()
        busy.result()


def failed(state: State) -> Future[Sealed]:
    """Make the sealer's thread fail in a way that nobody foresaw; return what waited for it."""
    waiting: list[Future[Sealed]] = []

    def meanwhile() -> None:
        # Nobody takes back what was handed over: the thread falls over it.
        assert state.sealer.submit(NOTE).cancel()
        waiting.append(state.sealer.submit(NOTE))

    held(state, meanwhile)
    return waiting[0]


def stumble(waiting: Future[Sealed]) -> None:
    """Fail for a reason of one's own after the sealer has."""
    assert waiting.exception() is not None
    raise ZeroDivisionError


def test_a_thread_that_fails_leaves_nobody_waiting(dock: DockIn) -> None:
    """What waited fails, what comes later fails at once, and closing tells the doubt."""
    state = dock.open()
    with pytest.raises(LedgerDoubtError):
        failed(state).result()
    assert isinstance(state.sealer.doubt.result(), LedgerDoubtError)
    with pytest.raises(LedgerDoubtError):
        state.sealer.ask(size)
    with pytest.raises(LedgerDoubtError):
        state.sealer.submit(NOTE).result()
    with pytest.raises(LedgerDoubtError):
        state.close()
    assert not state.sealer.alive
    dock.open().close()
    dock.assert_holds()


def test_a_doubt_does_not_hide_another_error(dock: DockIn) -> None:
    """Left by an exception, the state lets that one through; left quietly, it raises the doubt."""
    with pytest.raises(ZeroDivisionError), dock.open() as state:
        stumble(failed(state))
    with pytest.raises(DoubtError), dock.open() as state:
        failed(state)
    dock.open().close()


def test_after_the_end_nothing_is_taken(dock: DockIn) -> None:
    """A bay that comes too late is told so."""
    state = dock.open()
    assert state.sealer.submit(NOTE).result().seq == 1
    state.close()
    with pytest.raises(StoppedError):
        state.sealer.ask(size)
    with pytest.raises(StoppedError):
        state.sealer.submit(NOTE).result()
    state.sealer.abandon(1)
    assert state.unpublished == 0


def test_groups_are_taken_up_to_their_bounds() -> None:
    """A group ends with the item that fills it; a closed inbox is emptied first."""
    refused: list[tuple[int, DockError]] = []
    inbox: Inbox[int] = Inbox(
        refuse=lambda item, error: refused.append((item, error)),
        weigh=lambda item: item,
        group_items=3,
        group_weight=10,
    )
    for item in (1, 1, 1, 1, 9, 50, 2):
        inbox.put(item)
    inbox.close()
    assert [inbox.next_group(None) for _ in range(2)] == [[1, 1, 1], [1, 9]]
    assert [inbox.next_group(None) for _ in range(3)] == [[50], [2], None]
    assert refused == []


def test_what_is_left_in_an_inbox_is_refused() -> None:
    """For the first reason that was given, in order, whether it came before the end or after."""
    refused: list[tuple[int, DockError]] = []
    inbox: Inbox[int] = Inbox(
        refuse=lambda item, error: refused.append((item, error)),
        weigh=lambda item: item,
        group_items=3,
        group_weight=10,
    )
    reason = LedgerDoubtError("a test")
    inbox.put(2)
    inbox.end(reason)
    inbox.put(3)
    inbox.refuse([1])
    inbox.put(4)
    assert refused == [(3, reason), (1, reason), (2, reason), (4, reason)]
