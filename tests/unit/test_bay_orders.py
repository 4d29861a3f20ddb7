"""One bay's decisions: whatever happens, in whatever order, one job at a time."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.bays.bay import step
from dock_daemon.bays.bay_states import (
    Again,
    Answered,
    Await,
    Done,
    Empty,
    Ended,
    Erase,
    Erasing,
    Event,
    Failed,
    Faulted,
    Greet,
    Greeting,
    Inside,
    Interrupted,
    Late,
    LettingGo,
    Show,
    Start,
    State,
    Stop,
    Unanswered,
    Working,
)
from dock_daemon.bays.media import ChannelAppeared, ChannelGone, MediumAppeared, MediumGone
from tests.bays import ERROR, A, B, C, T, U, end, met


@dataclass
class World:
    """What a bay may be told: things come and go in pairs, and jobs and waits end once."""

    state: State = field(default_factory=Empty)
    present: dict[str, MediumAppeared | ChannelAppeared] = field(default_factory=dict)
    running: Start | Greet | Erase | None = None
    waits: list[int] = field(default_factory=list)
    started: set[tuple[str, int]] = field(default_factory=set)
    arrivals: dict[str, int] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        """Tell the bay and check what must hold after each step."""
        before = self.state
        self.state, order = step(before, event)
        match order:
            case Start(turn) | Greet(turn) | Erase(turn):
                self._began(order, turn, before)
            case Stop():
                assert isinstance(self.running, Start | Erase)
            case Show(medium):
                assert isinstance(self.running, Erase)
                assert medium is None or self.present[medium.sys_path] == medium
            case Await(turn):
                assert self.running is None
                assert turn == self.state.turn
                self.waits.append(turn)
            case None:
                pass
        busy = isinstance(self.state, Working | LettingGo | Greeting | Erasing)
        assert (self.running is not None) == busy
        held = Inside() if isinstance(self.state, Empty) else self.state.inside
        there = {one.sys_path for one in held.channels} | {one.sys_path for one in held.media}
        assert there == set(self.present), "it knows what is in it"
        if isinstance(before, Faulted) and not isinstance(self.state, Faulted):
            assert self.state == Empty(before.turn)
            assert not self.present
        if isinstance(self.state, Working) and self.state.medium is not None:
            assert self.state.medium.sys_path in self.present

    def _began(self, order: Start | Greet | Erase, turn: int, before: State) -> None:
        assert self.running is None, "one job at a time"
        assert turn == self.state.turn > before.turn
        self.running = order
        if isinstance(order, Greet | Erase):
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
        if isinstance(job, Start | Erase):
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
                world.tell(Again(data.draw(st.sampled_from(["asked", "erase"]))))
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
