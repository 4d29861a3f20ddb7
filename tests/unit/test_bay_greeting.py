"""One bay's decisions over recorders that are asked first, and those that are checked again."""

from dataclasses import replace

import pytest

from dock_daemon.bays.bay import CHANNEL_WITHIN_S, step
from dock_daemon.bays.bay_states import (
    Again,
    Answered,
    Await,
    Awaiting,
    Done,
    Empty,
    Ended,
    Expecting,
    Failed,
    Faulted,
    Greet,
    Greeting,
    Inside,
    Interrupted,
    Late,
    LettingGo,
    Start,
    State,
    Unanswered,
    Working,
)
from dock_daemon.bays.media import ChannelGone, MediumGone
from dock_daemon.bays.resting import readiness
from firmware_bridge.errors import ChannelLostError, RecorderSilentError
from tests.bays import ERROR, A, B, T, U, after, end, inside, met

# --- a recorder with a control channel --------------------------------------------------


def test_asked_then_switched_then_taken_over() -> None:
    """It answers, leaves the port as it was told to, and comes back as a disk of another id."""
    met_ = met()
    state, orders = after(T, Answered(1, met_), ChannelGone("t"))
    assert state == Awaiting(turn=1, inside=Inside(), met=met_)
    assert orders == [Greet(1, T), Await(1, 20)]
    state, orders = after(A, state=state)
    assert state == Working(turn=2, inside=inside(A), medium=A, met=met_)
    assert orders == [Start(2, A, met_)]
    state, orders = after(Late(1), Ended(2, end()), MediumGone("a"), state=state)
    assert (state, orders) == (Empty(2), [])


def test_it_leaves_before_it_is_heard_that_it_answered() -> None:
    """Its going, and even its coming back as a disk, are no unplug."""
    state, orders = after(T, ChannelGone("t"), A, Answered(1, met()))
    assert state == Working(turn=2, inside=inside(A), medium=A, met=met())
    assert orders == [Greet(1, T), Start(2, A, met())]


def test_it_never_comes_back() -> None:
    """What it told is written down, without a medium; the bay then takes anything."""
    state, orders = after(T, Answered(1, met()), ChannelGone("t"), Late(1))
    assert state == Working(turn=2, inside=Inside(), medium=None, met=met())
    assert orders[-1] == Start(2, None, met())
    state, orders = after(Ended(2, end("partial")), B, state=state)
    assert orders == [Start(3, B, met().further())]


def test_its_storage_comes_late() -> None:
    """While the docking without a medium is written, or after: it is still taken over, as its."""
    state, orders = after(T, Answered(1, met()), Late(1), A, Ended(2, end("partial")))
    assert orders[-1] == Start(3, A, met().further())
    assert isinstance(state, Working)
    assert state.ends == (end("partial"),)


def test_it_shows_no_storage_at_all() -> None:
    """Nothing is waited for."""
    never = met(switched=False, within_s=0)
    assert after(T, Answered(1, never))[1] == [Greet(1, T), Start(2, None, never)]


def test_pulled_after_it_answered_and_before_its_storage_came() -> None:
    """One that does not leave by itself was pulled; what it told stands in the ledger."""
    stays = met(switched=False)
    state, orders = after(T, Answered(1, stays), ChannelGone("t"))
    assert orders[-1] == Start(2, None, stays)
    assert after(T, ChannelGone("t"), Answered(1, stays))[1][-1] == Start(2, None, stays)
    assert after(Ended(2, end("partial")), state=state)[0] == Done(
        turn=2, inside=Inside(), ends=(end("partial"),), met=stays.further()
    )


def test_pulled_while_it_is_asked() -> None:
    """The job finds out; then the bay is empty, and no fault is shown."""
    assert after(T, ChannelGone("t"), Failed(1, ERROR)) == (Empty(1), [Greet(1, T)])


def test_put_back_while_the_job_still_asks_it() -> None:
    """It is asked anew when the job has given up."""
    state, orders = after(T, ChannelGone("t"), T, Failed(1, ERROR))
    assert state == Greeting(turn=2, inside=inside(T), channel=T)
    assert orders == [Greet(1, T), Greet(2, T)]


def test_a_medium_before_its_channel() -> None:
    """A disk whose recorder can be asked waits a moment for the channel, and no longer."""
    early = replace(A, expects_channel=True)
    state, orders = after(early)
    assert state == Expecting(turn=1, inside=inside(early))
    assert orders == [Await(1, CHANNEL_WITHIN_S)]
    assert step(state, T)[1] == Greet(2, T, switch=False)
    assert step(state, Late(1))[1] == Start(2, early)
    assert step(state, MediumGone("a")) == (Empty(1), None)
    assert after(T, Answered(2, met()), Late(1), state=state)[1][-1] == Start(3, early, met())


def test_a_channel_when_the_work_has_begun() -> None:
    """The recorder is asked once that is done, and checked again with what it tells."""
    state, orders = after(A, T, Ended(1, end()))
    assert state == Greeting(turn=2, inside=inside(A, T), channel=T)
    assert orders == [Start(1, A), Greet(2, T, switch=False)]
    assert after(Answered(2, met()), state=state)[1] == [Start(3, A, met())]


def test_a_channel_after_the_work_is_done() -> None:
    """The same; but who was asked already is not asked because its channel comes back."""
    assert after(A, Ended(1, end()), T)[1][-1] == Greet(2, T, switch=False)
    _, orders = after(T, Answered(1, met()), ChannelGone("t"), A, T, Ended(2, end()), U)
    assert orders == [Greet(1, T), Await(1, 20), Start(2, A, met())]


def test_a_composite_recorder_with_two_channels() -> None:
    """The second is asked only where the first does not answer."""
    assert after(T, U, Answered(1, met(switched=False)))[1] == [Greet(1, T), Await(1, 20)]
    assert after(T, U, Failed(1, ERROR))[1] == [Greet(1, T), Greet(2, U)]


def test_nobody_who_is_known() -> None:
    """A device that answers as no recorder is shown as one; its disk is taken over as any."""
    state, _ = after(T, Failed(1, ERROR))
    assert state == Unanswered(turn=1, inside=inside(T), error=ERROR)
    assert step(state, ChannelGone("t")) == (Empty(1), None)
    assert step(state, A)[1] == Start(2, A, unheard="control-failed")
    assert step(state, U)[1] == Greet(2, U)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecorderSilentError(command="x", waited_ms=1), "recorder-silent"),
        (ChannelLostError("x"), "recorder-failed"),
        (ERROR, "control-failed"),
    ],
)
def test_why_nothing_was_told_goes_with_what_is_taken_over(error: Exception, code: str) -> None:
    """All media of a recorder that told nothing are taken over, each with the reason."""
    orders = after(T, A, B, Failed(1, error), Ended(2, end()))[1]
    assert orders == [Greet(1, T), Start(2, A, unheard=code), Start(3, B, unheard=code)]


def test_the_same_recorder_comes_back_with_a_channel() -> None:
    """A channel after a switch is asked who it is; the same goes on being waited for."""
    again = replace(met(), channel="u")
    first = met()
    again = replace(first, channel="u")
    state, orders = after(T, Answered(1, first), ChannelGone("t"), U, Answered(2, again))
    assert state == Awaiting(turn=2, inside=inside(U), met=again)
    assert orders[2:] == [Greet(2, U, first), Await(2, 20)]
    assert after(A, state=state)[1] == [Start(3, A, again)]


def test_it_comes_back_with_a_channel_before_it_is_heard_that_it_answered() -> None:
    """The same, a moment earlier."""
    state, orders = after(T, ChannelGone("t"), T, Answered(1, met()))
    assert orders == [Greet(1, T), Greet(2, T, met())]
    assert isinstance(state, Greeting)


def test_another_recorder_while_the_first_is_waited_for() -> None:
    """Each is docked with what it told itself, and neither with what the other did."""
    first, other = met(), met("u")
    state, orders = after(T, Answered(1, first), ChannelGone("t"), U, Answered(2, other))
    assert orders[-1] == Start(3, None, first)
    state, orders = after(ChannelGone("u"), A, Ended(3, end("partial")), state=state)
    assert orders == [Start(4, A, other)]
    assert isinstance(state, Working)
    assert state.ends == ()


def test_another_recorder_that_does_not_answer() -> None:
    """Its medium is not taken for the first one's."""
    _, orders = after(
        T, Answered(1, met()), ChannelGone("t"), U, A, Failed(2, ERROR), Ended(3, end("partial"))
    )
    assert orders[-2:] == [Start(3, None, met()), Start(4, A)]


def test_a_flickering_channel_is_waited_for() -> None:
    """One that goes again while it is asked who it is proves nothing: the wait goes on."""
    state, orders = after(
        T, Answered(1, met()), ChannelGone("t"), U, ChannelGone("u"), Failed(2, ERROR)
    )
    assert state == Awaiting(turn=2, inside=Inside(), met=met())
    assert orders[-1] == Await(2, 20)
    assert after(A, state=state)[1] == [Start(3, A, met())]


def test_its_second_medium_has_no_share_in_what_was_written_down_already() -> None:
    """What the recorder told goes into its first docking whole, and into the next in part."""
    _, orders = after(T, Answered(1, met()), A, B, Ended(2, end()))
    assert orders[-2:] == [Start(2, A, met()), Start(3, B, replace(met(), use="further"))]


# --- checked where it is ----------------------------------------------------------------


def test_checked_again_over_its_channel() -> None:
    """It is asked afresh, not switched again, and docked anew, as asked for."""
    state, _ = after(T, Answered(1, met(switched=False)), A, Ended(2, end()))
    state, orders = after(Again("asked"), Answered(3, met()), state=state)
    assert orders == [Greet(3, T, switch=False), Start(4, A, met(), "asked")]


def test_checked_again_without_a_channel() -> None:
    """What it told before still says who it is."""
    state, _ = after(T, Answered(1, met()), ChannelGone("t"), A, Ended(2, end()))
    _, orders = after(Again("shift"), state=state)
    assert orders == [Start(3, A, met().later(), "shift")]
    assert after(A, Ended(1, end()), Again("asked"))[1][-1] == Start(2, A, None, "asked")


def test_checked_again_and_not_answering() -> None:
    """The check takes place all the same, with who it is known to be."""
    state, _ = after(T, Answered(1, met(switched=False)), A, Ended(2, end()))
    _, orders = after(Again("asked"), Failed(3, ERROR), state=state)
    assert orders[-1] == Start(4, A, met(switched=False).later(), "asked")


def test_who_does_not_answer_can_be_asked_again() -> None:
    """That is what a check of it means."""
    assert after(T, Failed(1, ERROR), Again("asked"))[1][-1] == Greet(2, T)


STATES = [
    (Empty(), "empty"),
    (Done(turn=1, inside=inside(A), ends=()), "ready"),
    (Done(turn=1, inside=Inside(), ends=()), "empty"),
    (Unanswered(turn=1, inside=inside(T), error=ERROR), "ready"),
    (Interrupted(turn=1, inside=Inside(), end=end()), "empty"),
    (Faulted(turn=1, inside=inside(A), error=ERROR), "fault"),
    (Working(turn=1, inside=inside(A), medium=A), "busy"),
    (LettingGo(turn=1, inside=Inside()), "busy"),
    (Expecting(turn=1, inside=inside(A)), "busy"),
    (Greeting(turn=1, inside=inside(T), channel=T), "busy"),
    (Awaiting(turn=1, inside=Inside(), met=met()), "busy"),
]


@pytest.mark.parametrize(("state", "said"), STATES)
def test_only_what_is_at_rest_is_checked_again(state: State, said: str) -> None:
    """A bay that says it is ready starts a job; one that does not, changes nothing."""
    assert readiness(state) == said
    next_state, order = step(state, Again("asked"))
    assert (order is not None) == (said == "ready")
    assert said == "ready" or next_state == state


def test_what_is_known_of_a_recorders_other_media() -> None:
    """None but this one; one still to come; one that was read whole, and one that was not."""
    alone, _ = after(A)
    first, _ = after(A, B)
    good, _ = after(Ended(1, end()), state=first)
    bad, _ = after(Ended(1, end("partial")), state=first)
    states = (alone, first, good, bad)
    assert [one.others for one in states if isinstance(one, Working)] == [
        "none", "unseen", "seen", "unseen",
    ]  # fmt: skip
