"""One bay's decisions over recorders that are disks and nothing else."""

import pytest

from dock_daemon.bays.bay import step
from dock_daemon.bays.bay_states import (
    Again,
    Answered,
    Done,
    Empty,
    Ended,
    Event,
    Failed,
    Faulted,
    Inside,
    Interrupted,
    Late,
    LettingGo,
    Start,
    Stop,
    Working,
)
from dock_daemon.bays.media import ChannelGone, MediumGone
from tests.bays import ERROR, A, B, C, T, after, end, inside, met


def test_the_good_way() -> None:
    """In, taken over, out."""
    working = Working(turn=1, inside=inside(A), medium=A)
    done = Done(turn=1, inside=inside(A), ends=(end(),))
    assert after(A) == (working, [Start(1, A)])
    assert after(A, Ended(1, end())) == (done, [Start(1, A)])
    assert after(A, Ended(1, end()), MediumGone("a"))[0] == Empty(1)
    state = after(A, Ended(1, end()), MediumGone("a"), B)[0]
    assert state == Working(turn=2, inside=inside(B), medium=B)


def test_pulled_too_early() -> None:
    """The job is stopped; only when it has ended is the bay free for the next."""
    state, orders = after(A, MediumGone("a"))
    assert (state, orders) == (LettingGo(turn=1, inside=Inside()), [Start(1, A), Stop()])
    assert step(state, A) == (LettingGo(turn=1, inside=inside(A), todo=(A,)), None)
    state, orders = after(A, MediumGone("a"), Ended(1, end("interrupted")))
    assert state == Interrupted(turn=1, inside=Inside(), end=end("interrupted"))
    assert step(state, A) == (Working(turn=2, inside=inside(A), medium=A), Start(2, A))


def test_put_back_before_the_job_has_ended() -> None:
    """It starts at once when it has."""
    state, orders = after(A, MediumGone("a"), A, Ended(1, end("interrupted")))
    assert state == Working(turn=2, inside=inside(A), medium=A)
    assert orders == [Start(1, A), Stop(), Start(2, A)]


def test_pulled_just_when_all_was_done() -> None:
    """Nothing has to be put back."""
    assert after(A, MediumGone("a"), Ended(1, end()))[0] == Empty(1)
    assert after(A, MediumGone("a"), Failed(1, ERROR))[0] == Empty(1)


def test_the_copy_notices_before_udev() -> None:
    """The medium's later going leaves the bay as interrupted as it was."""
    state, _ = after(A, Ended(1, end("interrupted")))
    assert state == Interrupted(turn=1, inside=inside(A), end=end("interrupted"))
    left = step(state, MediumGone("a"))[0]
    assert left == Interrupted(turn=1, inside=Inside(), end=end("interrupted"))


def test_a_medium_beside_one_that_was_interrupted() -> None:
    """The one that is still there is not forgotten, nor that it was not finished."""
    state, _ = after(A, Ended(1, end("interrupted")), B)
    expected = Working(turn=2, inside=inside(A, B), medium=B, ends=(end("interrupted"),))
    assert state == expected
    assert step(state, Failed(2, ERROR))[0] == Faulted(turn=2, inside=inside(A, B), error=ERROR)


def test_two_media_of_one_recorder() -> None:
    """One after the other; the recorder may be taken when both are done."""
    state, orders = after(A, B, Ended(1, end()))
    assert state == Working(turn=2, inside=inside(A, B), medium=B, ends=(end(),))
    assert orders[-1] == Start(2, B)
    state, _ = after(A, B, Ended(1, end()), Ended(2, end("partial")))
    assert state == Done(turn=2, inside=inside(A, B), ends=(end(), end("partial")))
    left = after(MediumGone("a"), state=state)[0]
    assert left == Done(turn=2, inside=inside(B), ends=(end(), end("partial")))
    assert after(MediumGone("a"), MediumGone("b"), state=state)[0] == Empty(2)


def test_the_second_medium_leaves_before_its_turn() -> None:
    """Nothing is started on what has gone."""
    state, orders = after(A, B, MediumGone("b"), Ended(1, end()))
    assert state == Done(turn=1, inside=inside(A), ends=(end(),))
    assert orders == [Start(1, A)]


def test_the_second_medium_is_pulled_when_all_was_done() -> None:
    """The first, which is still there, is not forgotten."""
    state, _ = after(A, B, Ended(1, end()), MediumGone("b"), Ended(2, end()))
    assert state == Done(turn=2, inside=inside(A), ends=(end(),))
    faulted = after(B, Failed(3, ERROR), state=state)[0]
    assert faulted == Faulted(turn=3, inside=inside(A, B), error=ERROR)


def test_a_second_medium_after_all_was_done() -> None:
    """It is taken over, and the first still counts as done."""
    state, orders = after(A, Ended(1, end()), B)
    assert state == Working(turn=2, inside=inside(A, B), medium=B, ends=(end(),))
    assert orders[-1] == Start(2, B)


def test_a_fault_rests_until_everything_is_out() -> None:
    """New media do not start anything in a faulted bay."""
    state, _ = after(A, B, Failed(1, ERROR))
    assert state == Faulted(turn=1, inside=inside(A, B), error=ERROR)
    state, orders = after(C, T, MediumGone("a"), MediumGone("b"), ChannelGone("t"), state=state)
    assert (state, orders) == (Faulted(turn=1, inside=inside(C), error=ERROR), [])
    assert step(state, MediumGone("c")) == (Empty(1), None)


@pytest.mark.parametrize("news", [Ended(1, end()), Failed(1, ERROR), Ended(7, end())])
def test_late_news_is_no_news(news: Event) -> None:
    """What an earlier job says is not said of this one."""
    state, _ = after(A, MediumGone("a"), A, Ended(1, end()))
    assert isinstance(state, Working)
    assert step(state, news) == (state, None)


@pytest.mark.parametrize(
    "event",
    [
        MediumGone("x"), ChannelGone("x"), Ended(0, end()), Failed(3, ERROR), Late(0),
        Answered(0, met()), Again("asked"),
    ],
)  # fmt: skip
def test_an_empty_bay_stays_empty(event: Event) -> None:
    """Nothing but a recorder fills it."""
    assert step(Empty(), event) == (Empty(), None)
