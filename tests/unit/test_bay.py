"""One bay's decisions: whatever happens, in whatever order, one job at a time."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.bay import (
    Done,
    Empty,
    Ended,
    Event,
    Failed,
    Faulted,
    Interrupted,
    LettingGo,
    Order,
    Start,
    State,
    Stop,
    Working,
    step,
)
from dock_daemon.bays.media import MediumAppeared, MediumGone
from dock_daemon.docking.events import Released


def medium(name: str) -> MediumAppeared:
    """Return a medium at a place of that name."""
    return MediumAppeared(
        sys_path=name, node=f"/dev/{name}", port="p", major=8, minor=0, size_bytes=1
    )


def end(result: str = "complete") -> Released:
    """Return how a docking ended."""
    return Released(
        docking=1, result=result, sealed=0, known=0, unread=0, incomplete=0, findings=0, late=0,
        bytes=0, remaining=0,
    )  # fmt: skip


A, B, C = medium("a"), medium("b"), medium("c")
ERROR = RuntimeError("a test")


def after(*events: Event, state: State | None = None) -> tuple[State, list[Order]]:
    """Return the state after these events, and every order on the way."""
    now: State = state or Empty()
    orders: list[Order] = []
    for event in events:
        now, order = step(now, event)
        if order is not None:
            orders.append(order)
    return now, orders


def test_the_good_way() -> None:
    """In, taken over, out."""
    assert after(A) == (Working(1, A), [Start(1, A)])
    assert after(A, Ended(1, end())) == (Done(1, ("a",), (end(),)), [Start(1, A)])
    assert after(A, Ended(1, end()), MediumGone("a"))[0] == Empty(1)
    assert after(A, Ended(1, end()), MediumGone("a"), B)[0] == Working(2, B)


def test_pulled_too_early() -> None:
    """The job is stopped; only when it has ended is the bay free for the next."""
    state, orders = after(A, MediumGone("a"))
    assert (state, orders) == (LettingGo(1), [Start(1, A), Stop()])
    assert step(state, A) == (LettingGo(1, (A,)), None)
    state, orders = after(A, MediumGone("a"), Ended(1, end("interrupted")))
    assert state == Interrupted(1, end("interrupted"))
    assert step(state, A) == (Working(2, A), Start(2, A))


def test_put_back_before_the_job_has_ended() -> None:
    """It starts at once when it has."""
    state, orders = after(A, MediumGone("a"), A, Ended(1, end("interrupted")))
    assert state == Working(2, A)
    assert orders == [Start(1, A), Stop(), Start(2, A)]


def test_pulled_just_when_all_was_done() -> None:
    """Nothing has to be put back."""
    assert after(A, MediumGone("a"), Ended(1, end()))[0] == Empty(1)
    assert after(A, MediumGone("a"), Failed(1, ERROR))[0] == Empty(1)


def test_the_copy_notices_before_udev() -> None:
    """The medium's later going leaves the bay as interrupted as it was."""
    state, _ = after(A, Ended(1, end("interrupted")))
    assert state == Interrupted(1, end("interrupted"), ("a",))
    assert step(state, MediumGone("a"))[0] == Interrupted(1, end("interrupted"))


def test_a_medium_beside_one_that_was_interrupted() -> None:
    """The one that is still there is not forgotten, nor that it was not finished."""
    state, _ = after(A, Ended(1, end("interrupted")), B)
    assert state == Working(2, B, (), ("a",), (end("interrupted"),))
    assert step(state, Failed(2, ERROR))[0] == Faulted(2, ERROR, ("b", "a"))


def test_two_media_of_one_recorder() -> None:
    """One after the other; the recorder may be taken when both are done."""
    state, orders = after(A, B, Ended(1, end()))
    assert (state, orders[-1]) == (Working(2, B, (), ("a",), (end(),)), Start(2, B))
    state, _ = after(A, B, Ended(1, end()), Ended(2, end("partial")))
    assert state == Done(2, ("a", "b"), (end(), end("partial")))
    assert after(MediumGone("a"), state=state)[0] == Done(2, ("b",), (end(), end("partial")))
    assert after(MediumGone("a"), MediumGone("b"), state=state)[0] == Empty(2)


def test_the_second_medium_leaves_before_its_turn() -> None:
    """Nothing is started on what has gone."""
    state, orders = after(A, B, MediumGone("b"), Ended(1, end()))
    assert (state, orders) == (Done(1, ("a",), (end(),)), [Start(1, A)])


def test_the_second_medium_is_pulled_when_all_was_done() -> None:
    """The first, which is still there, is not forgotten."""
    state, _ = after(A, B, Ended(1, end()), MediumGone("b"), Ended(2, end()))
    assert state == Done(2, ("a",), (end(),))
    assert after(B, Failed(3, ERROR), state=state)[0] == Faulted(3, ERROR, ("b", "a"))


def test_a_second_medium_after_all_was_done() -> None:
    """It is taken over, and the first still counts as done."""
    state, orders = after(A, Ended(1, end()), B)
    assert (state, orders[-1]) == (Working(2, B, (), ("a",), (end(),)), Start(2, B))


def test_a_fault_rests_until_everything_is_out() -> None:
    """New media do not start anything in a faulted bay."""
    state, _ = after(A, B, Failed(1, ERROR))
    assert state == Faulted(1, ERROR, ("a", "b"))
    state, orders = after(C, MediumGone("a"), MediumGone("b"), state=state)
    assert (state, orders) == (Faulted(1, ERROR, ("c",)), [])
    assert step(state, MediumGone("c")) == (Empty(1), None)


@pytest.mark.parametrize("news", [Ended(1, end()), Failed(1, ERROR), Ended(7, end())])
def test_late_news_is_no_news(news: Event) -> None:
    """What an earlier job says is not said of this one."""
    state, _ = after(A, MediumGone("a"), A, Ended(1, end()))
    assert state == Working(2, A)
    assert step(state, news) == (state, None)


@pytest.mark.parametrize("event", [MediumGone("x"), Ended(0, end()), Failed(3, ERROR)])
def test_an_empty_bay_stays_empty(event: Event) -> None:
    """Nothing but a medium fills it."""
    assert step(Empty(), event) == (Empty(), None)


@dataclass
class World:
    """What a bay may be told: media come and go in pairs, and jobs end once."""

    state: State = field(default_factory=Empty)
    present: dict[str, MediumAppeared] = field(default_factory=dict)
    running: int | None = None
    stopped: bool = False

    def tell(self, event: Event) -> None:
        """Tell the bay and check what must hold after each step."""
        before = self.state
        self.state, order = step(before, event)
        match order:
            case Start(turn, started):
                assert self.running is None, "one job at a time"
                assert turn == self.state.turn > before.turn
                assert self.present[started.sys_path] == started, "started on what is there"
                self.running, self.stopped = turn, False
            case Stop():
                assert self.running is not None
                self.stopped = True
            case None:
                assert isinstance(self.state, type(before)) or not isinstance(self.state, Working)
        assert (self.running is not None) == isinstance(self.state, Working | LettingGo)
        if isinstance(before, Faulted) and not isinstance(self.state, Faulted):
            assert isinstance(event, MediumGone)
            assert self.state == Empty(before.turn)
            assert not self.present
        if isinstance(self.state, Working):
            assert self.state.medium.sys_path in self.present
            assert not self.stopped
            assert {one.sys_path for one in self.state.waiting} <= set(self.present)


@given(data=st.data())
def test_any_sequence_of_events(data: st.DataObject) -> None:
    """No order of comings, goings and endings makes two jobs, or wakes a faulted bay."""
    world = World()
    media = {one.sys_path: one for one in (A, B, C)}
    for _ in range(data.draw(st.integers(1, 30), label="events")):
        choices: list[Event] = [one for one in media.values() if one.sys_path not in world.present]
        choices += [MediumGone(name) for name in world.present]
        choices += [Ended(world.state.turn - 1, end()), Failed(world.state.turn + 1, ERROR)]
        if world.running is not None:
            turn = world.running
            choices += [Ended(turn, end(result)) for result in ("complete", "interrupted")]
            choices.append(Failed(turn, ERROR))
        event = data.draw(st.sampled_from(choices), label="event")
        match event:
            case MediumAppeared():
                world.present[event.sys_path] = event
            case MediumGone(sys_path):
                del world.present[sys_path]
            case Ended(turn) | Failed(turn) if turn == world.running:
                world.running = None
        world.tell(event)
    # Left alone, every bay becomes empty, or says that something has to be put back.
    for name in list(world.present):
        del world.present[name]
        world.tell(MediumGone(name))
    if world.running is not None:
        turn, world.running = world.running, None
        world.tell(Ended(turn, end()))
    assert isinstance(world.state, Empty | Interrupted)
