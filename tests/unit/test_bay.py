"""One bay's decisions: whatever happens, in whatever order, one job at a time."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.profiles import recorder_profile
from dock_daemon.bays.bay import CHANNEL_WITHIN_S, readiness, step
from dock_daemon.bays.bay_states import (
    Again,
    Answered,
    Await,
    Awaiting,
    Done,
    Empty,
    Ended,
    Event,
    Expecting,
    Failed,
    Faulted,
    Greet,
    Greeting,
    Inside,
    Interrupted,
    Late,
    LettingGo,
    Met,
    Order,
    Start,
    State,
    Stop,
    Unanswered,
    Working,
)
from dock_daemon.bays.media import ChannelAppeared, ChannelGone, MediumAppeared, MediumGone
from dock_daemon.docking.events import Released
from dock_daemon.recorders.greeting import Greeting as Told
from dock_daemon.recorders.matching import Seen

PROFILE = recorder_profile("open", Path("/nowhere"))


def medium(name: str) -> MediumAppeared:
    """Return a medium at a place of that name."""
    return MediumAppeared(
        sys_path=name, node=f"/dev/{name}", port="p", major=8, minor=0, size_bytes=1
    )


def channel(name: str) -> ChannelAppeared:
    """Return a control channel at a place of that name."""
    return ChannelAppeared(sys_path=name, node=f"/dev/{name}", port="p", seen=Seen(kind="serial"))


def met(on: str = "t", *, switched: bool = True, within_s: int = 20) -> Met:
    """Return a recorder that has answered on a channel."""
    told = Told(profile=PROFILE, switched=switched)
    return Met(greeting=told, channel=on, within_s=within_s, switched=switched)


def end(result: str = "complete") -> Released:
    """Return how a docking ended."""
    return Released(
        docking=1, result=result, sealed=0, known=0, unread=0, incomplete=0, findings=0, late=0,
        bytes=0, remaining=0,
    )  # fmt: skip


A, B, C = medium("a"), medium("b"), medium("c")
T, U = channel("t"), channel("u")
ERROR = RuntimeError("a test")


def inside(*things: MediumAppeared | ChannelAppeared) -> Inside:
    """Return what is in a bay."""
    found = Inside()
    for thing in things:
        found = found.plus(thing)
    return found


def after(*events: Event, state: State | None = None) -> tuple[State, list[Order]]:
    """Return the state after these events, and every order on the way."""
    now: State = state or Empty()
    orders: list[Order] = []
    for event in events:
        now, order = step(now, event)
        if order is not None:
            orders.append(order)
    return now, orders


# --- a recorder that is a disk ----------------------------------------------------------


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
    assert step(state, A)[1] == Start(2, A)
    assert step(state, U)[1] == Greet(2, U)
    assert after(T, A, Failed(1, ERROR))[1] == [Greet(1, T), Start(2, A)]


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


# --- any order of events ----------------------------------------------------------------


@dataclass
class World:
    """What a bay may be told: things come and go in pairs, and jobs and waits end once."""

    state: State = field(default_factory=Empty)
    present: dict[str, MediumAppeared | ChannelAppeared] = field(default_factory=dict)
    running: Start | Greet | None = None
    waits: list[int] = field(default_factory=list)
    started: set[tuple[str, int]] = field(default_factory=set)
    arrivals: dict[str, int] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        """Tell the bay and check what must hold after each step."""
        before = self.state
        self.state, order = step(before, event)
        match order:
            case Start(turn) | Greet(turn):
                self._began(order, turn, before)
            case Stop():
                assert isinstance(self.running, Start)
            case Await(turn):
                assert self.running is None
                assert turn == self.state.turn
                self.waits.append(turn)
            case None:
                pass
        busy = isinstance(self.state, Working | LettingGo | Greeting)
        assert (self.running is not None) == busy
        held = Inside() if isinstance(self.state, Empty) else self.state.inside
        there = {one.sys_path for one in held.channels} | {one.sys_path for one in held.media}
        assert there == set(self.present), "it knows what is in it"
        if isinstance(before, Faulted) and not isinstance(self.state, Faulted):
            assert self.state == Empty(before.turn)
            assert not self.present
        if isinstance(self.state, Working) and self.state.medium is not None:
            assert self.state.medium.sys_path in self.present

    def _began(self, order: Start | Greet, turn: int, before: State) -> None:
        assert self.running is None, "one job at a time"
        assert turn == self.state.turn > before.turn
        self.running = order
        if isinstance(order, Greet):
            assert self.present[order.channel.sys_path] == order.channel
        elif order.medium is not None:
            place = order.medium.sys_path
            assert self.present[place] == order.medium, "started on what is there"
            self.started.add((place, self.arrivals[place]))
        else:
            assert order.met is not None, "without a medium there is something to write down"

    def appear(self, thing: MediumAppeared | ChannelAppeared) -> None:
        """Let something come."""
        self.present[thing.sys_path] = thing
        self.arrivals[thing.sys_path] = self.arrivals.get(thing.sys_path, 0) + 1
        self.tell(thing)

    def vanish(self, sys_path: str) -> None:
        """Let something go."""
        thing = self.present.pop(sys_path)
        gone = MediumGone if isinstance(thing, MediumAppeared) else ChannelGone
        self.tell(gone(sys_path))

    def finish(self, data: st.DataObject) -> None:
        """Let the job that runs come to some end."""
        job, self.running = self.running, None
        assert job is not None
        turn = job.turn
        news: list[Event] = [Failed(turn, ERROR)]
        if isinstance(job, Start):
            news += [Ended(turn, end(result)) for result in ("complete", "interrupted", "partial")]
            news = news[-1:] if job.medium is None else news
        else:
            news += [
                Answered(turn, met(job.channel.sys_path, switched=switched, within_s=within_s))
                for switched, within_s in ((True, 5), (False, 5), (False, 0))
            ]
            if job.before is not None:
                known = replace(job.before, channel=job.channel.sys_path)
                news.append(Answered(turn, known))
        self.tell(data.draw(st.sampled_from(news), label="news"))


THINGS = {one.sys_path: one for one in (A, B, replace(C, expects_channel=True), T, U)}


@given(data=st.data())
def test_any_sequence_of_events(data: st.DataObject) -> None:
    """No order of events makes two jobs, wakes a faulted bay, or loses a medium that stays."""
    world = World()
    for _ in range(data.draw(st.integers(1, 40), label="events")):
        choices = ["come"] * bool(THINGS.keys() - world.present.keys())
        choices += ["go"] * bool(world.present)
        choices += ["finish"] * (world.running is not None)
        choices += ["late"] * bool(world.waits) + ["again", "stale"]
        match data.draw(st.sampled_from(choices), label="what"):
            case "come":
                absent = sorted(THINGS.keys() - world.present.keys())
                world.appear(THINGS[data.draw(st.sampled_from(absent))])
            case "go":
                world.vanish(data.draw(st.sampled_from(sorted(world.present))))
            case "finish":
                world.finish(data)
            case "late":
                world.tell(Late(world.waits.pop(0)))
            case "again":
                world.tell(Again("asked"))
            case _:
                world.tell(data.draw(st.sampled_from(stale(world.state.turn))))
    settle(world, data)


def stale(turn: int) -> list[Event]:
    """Return news of other turns than this one."""
    return [Ended(turn - 1, end()), Failed(turn + 1, ERROR), Answered(turn - 1, met()), Late(-1)]


def settle(world: World, data: st.DataObject) -> None:
    """Left alone a bay comes to rest, with every medium dealt with; emptied, it is empty."""
    for _ in range(40):
        if world.running is not None:
            world.finish(data)
        elif world.waits:
            world.tell(Late(world.waits.pop(0)))
        else:
            break
    resting = isinstance(world.state, Empty | Done | Interrupted | Faulted | Unanswered)
    assert resting
    media = {one.sys_path for one in world.present.values() if isinstance(one, MediumAppeared)}
    started = {place for place, arrival in world.started if world.arrivals[place] == arrival}
    assert media <= started or isinstance(world.state, Faulted)
    for name in list(world.present):
        world.vanish(name)
    assert isinstance(world.state, Empty | Interrupted | Done)
    if isinstance(world.state, Done):
        assert world.state.ends, "it says what became of who never showed a storage"
