"""One bay's decisions while clips are erased on its recorder: the medium goes and comes."""

from dataclasses import replace

import pytest

from dock_daemon.bays.bay import step
from dock_daemon.bays.bay_states import (
    Again,
    Done,
    Empty,
    Ended,
    Erase,
    Erasing,
    Failed,
    Faulted,
    Show,
    Start,
    State,
    Stop,
    Working,
)
from dock_daemon.bays.media import ChannelGone, MediumGone
from dock_daemon.bays.resting import readiness
from tests.bays import ERROR, A, B, T, after, end, inside, met

ENDS = (end(),)
REST = Done(turn=4, inside=inside(T, A), ends=ENDS, met=met())
BUSY = Erasing(turn=5, inside=inside(T, A), medium=A, met=met(), ends=ENDS)


def test_a_recorder_at_rest_is_erased_on() -> None:
    """It can be asked still, and shows one medium: the order names both, and how it was docked."""
    assert step(REST, Again("erase")) == (BUSY, Erase(5, T, A, met(), ENDS))
    assert readiness(BUSY) == "busy"


@pytest.mark.parametrize(
    "state",
    [
        Empty(1),
        replace(REST, met=None),
        replace(REST, inside=inside(A)),
        replace(REST, inside=inside(T)),
        replace(REST, inside=inside(T, A, B)),
        replace(REST, met=met().later()),
        BUSY,
        Faulted(turn=1, inside=inside(T, A), error=ERROR),
        Working(turn=1, inside=inside(T, A), medium=A),
    ],
)
def test_nothing_is_erased_on_others(state: State) -> None:
    """Nobody to ask, nothing or too much to erase on, or at work: all stays as it is."""
    assert step(state, Again("erase")) == (state, None)


def test_its_medium_goes_and_comes() -> None:
    """That is no unplug: whoever erases is told, and the recorder rests again in the end."""
    state, orders = after(MediumGone("a"), A, Ended(5, end()), state=BUSY)
    assert state == Done(turn=5, inside=inside(T, A), ends=ENDS, met=met())
    assert orders == [Show(None), Show(A)]


def test_it_is_pulled() -> None:
    """Its channel goes: whoever erases stops, and the bay is free in the end."""
    state, orders = after(MediumGone("a"), ChannelGone("t"), Failed(5, ERROR), state=BUSY)
    assert (state, orders) == (Empty(5), [Show(None), Stop()])


@pytest.mark.parametrize("news", [Ended(5, end("partial")), Failed(5, ERROR)])
def test_what_went_wrong_is_taken_over_anew(news: Ended | Failed) -> None:
    """What it shows may be another's by now; and it is not erased on until it is asked afresh."""
    state, orders = after(news, state=BUSY)
    assert orders == [Start(6, A, met().later())]
    assert isinstance(state, Working)
    state, orders = after(Ended(6, end()), Again("erase"), state=state)
    assert isinstance(state, Done)
    assert orders == []


def test_what_came_meanwhile_is_taken_over() -> None:
    """A second medium is not lost because the first was at work."""
    state, orders = after(B, Ended(5, end()), state=BUSY)
    assert orders == [Show(B), Start(6, B, met().later())]
    assert isinstance(state, Working)
    assert state.ends == ENDS


def test_a_medium_that_stays_away_is_seen() -> None:
    """Failed or cut short without a medium: somebody has to look."""
    state, _ = after(MediumGone("a"), Failed(5, ERROR), state=BUSY)
    assert state == Faulted(turn=5, inside=inside(T), error=ERROR)
    cut = end("interrupted")
    state, _ = after(MediumGone("a"), Ended(5, cut), state=BUSY)
    assert state == Done(turn=5, inside=inside(T), ends=(*ENDS, cut), met=met().later())
