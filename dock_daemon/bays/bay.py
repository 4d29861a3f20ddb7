"""One bay's decisions: what it knows, what happened, what to do next.

`step` is pure and total. It starts nothing and waits for nothing; bay_runner.py
carries its orders out and reports back with events. A recorder is asked over its control
channel first, where it has one, and may come back as another device when it is told to show
its storage. It may show more than one medium (memory and card): they are taken over one after
the other. At most one job, a greeting or a docking, runs at any time.
"""

from dataclasses import replace
from typing import Final, assert_never

from dock_daemon.bays import orders
from dock_daemon.bays.bay_states import (
    Again,
    Answered,
    Await,
    Awaiting,
    Done,
    Empty,
    Ended,
    Erase,
    Erasing,
    Event,
    Expecting,
    Failed,
    Faulted,
    Greeting,
    Inside,
    Interrupted,
    Late,
    LettingGo,
    Met,
    Occasion,
    Show,
    State,
    Stop,
    Unanswered,
    Working,
)
from dock_daemon.bays.media import (
    ChannelAppeared,
    ChannelGone,
    MediumAppeared,
    MediumGone,
)
from dock_daemon.bays.orders import Step
from dock_daemon.bays.resting import channel_of
from dock_daemon.docking.events import Released

# The channel of a recorder that is disk and serial port in one comes with its disk, give or
# take what the kernel needs to look at each interface.
CHANNEL_WITHIN_S: Final = 2.0


def step(state: State, event: Event) -> Step:
    """Return the bay's next state, and what must be done to deserve it."""
    match event:
        case MediumAppeared():
            return _medium(state, event)
        case ChannelAppeared():
            return _channel(state, event)
        case MediumGone(sys_path) | ChannelGone(sys_path):
            return _gone(state, sys_path)
        case Again(occasion):
            return _again(state, occasion)
        case Answered() | Ended() | Failed() | Late():
            # News of an earlier turn is no news.
            return _over(state, event) if event.turn == state.turn else (state, None)
        case _:
            assert_never(event)


# --- something came -------------------------------------------------------------------


def _medium(state: State, medium: MediumAppeared) -> Step:
    match state:
        case Empty(turn) if medium.expects_channel:
            expecting = Expecting(turn=turn + 1, inside=Inside().plus(medium))
            return expecting, Await(turn + 1, CHANNEL_WITHIN_S)
        case Empty(turn):
            return orders.work(
                turn, Inside().plus(medium), (medium,), occasion=orders.occasion_of(medium)
            )
        case Awaiting(turn=turn, inside=inside, met=met, occasion=occasion):
            return orders.work(turn, inside.plus(medium), (medium,), met=met, occasion=occasion)
        case Working() | LettingGo():
            return _one_more(state, medium), None
        case Done(turn=turn, inside=inside, ends=ends, met=met):
            return orders.work(turn, inside.plus(medium), (medium,), met=met, ends=ends)
        case Interrupted():
            return _put_back(state, medium)
        case Unanswered(turn=turn, inside=inside, error=error):
            return orders.work(
                turn, inside.plus(medium), (medium,), unheard=orders.why_unheard(error)
            )
        case Erasing():
            # It was told to show its storage again, and does.
            return replace(state, inside=state.inside.plus(medium)), Show(medium)
        case Expecting() | Greeting() | Faulted():
            return replace(state, inside=state.inside.plus(medium)), None


def _one_more(state: Working | LettingGo, medium: MediumAppeared) -> State:
    now = state.medium if isinstance(state, Working) else None
    if any(one is not None and one.sys_path == medium.sys_path for one in (now, *state.todo)):
        return state
    return replace(state, inside=state.inside.plus(medium), todo=(*state.todo, medium))


def _put_back(state: Interrupted, medium: MediumAppeared) -> Step:
    turn, inside = state.turn, state.inside
    if inside.channels and not inside.media:
        return orders.greet(turn, inside.plus(medium), inside.channels)
    # What udev still shows of the interrupted recorder is in the bay all the same.
    ends = (state.end,) if inside.media else ()
    return orders.work(turn, inside.plus(medium), (medium,), ends=ends)


def _channel(state: State, channel: ChannelAppeared) -> Step:
    match state:
        case Empty(turn):
            return orders.greet(
                turn, Inside().plus(channel), (channel,), occasion=orders.occasion_of(channel)
            )
        case Expecting(turn=turn, inside=inside):
            occasion = orders.occasion_of(inside.media[0])
            return orders.greet(turn, inside.plus(channel), (channel,), occasion=occasion)
        case Unanswered(turn=turn, inside=inside):
            return orders.greet(turn, inside.plus(channel), (channel,))
        case Interrupted(turn=turn, inside=inside):
            return orders.greet(turn, inside.plus(channel), (channel,))
        case Awaiting(turn=turn, inside=inside, met=met) if not inside.has(met.channel):
            # It has come back from the switch, or another was put in its place: only it can tell.
            return orders.greet(turn, inside.plus(channel), (channel,), before=met)
        case Done(turn=turn, inside=inside, met=met) if met is None or not inside.media:
            return orders.greet(turn, inside.plus(channel), (channel,))
        case Greeting(unasked=unasked) | LettingGo(unasked=unasked):
            inside = state.inside.plus(channel)
            return replace(state, inside=inside, unasked=(*unasked, channel)), None
        case Working(inside=inside, unasked=unasked, met=None):
            inside = inside.plus(channel)
            return replace(state, inside=inside, unasked=(*unasked, channel)), None
        case Awaiting() | Working() | Done() | Erasing() | Faulted():
            return replace(state, inside=state.inside.plus(channel)), None


# --- something went -------------------------------------------------------------------


def _gone(state: State, sys_path: str) -> Step:
    if isinstance(state, Empty) or not state.inside.has(sys_path):
        return state, None
    left = state.inside.minus(sys_path)
    match state:
        case Working(medium=medium, met=met) if medium and medium.sys_path == sys_path:
            letting_go = LettingGo(
                turn=state.turn,
                inside=left,
                met=met.further() if met else None,
                todo=state.todo,
                unasked=state.unasked,
                ends=state.ends,
            )
            return letting_go, Stop()
        case Working(todo=todo, unasked=unasked) | LettingGo(todo=todo, unasked=unasked):
            todo = tuple(one for one in todo if one.sys_path != sys_path)
            return replace(state, inside=left, todo=todo, unasked=_but(unasked, sys_path)), None
        case Greeting(unasked=unasked):
            # The job that asks says what came of it; a recorder that switches leaves, too.
            return replace(state, inside=left, unasked=_but(unasked, sys_path)), None
        case Awaiting(turn=turn, met=met) if sys_path == met.channel and not met.switched:
            # Pulled before it showed its storage: what it told is written down all the same.
            return orders.report(turn, left, met, occasion=state.occasion)
        case Awaiting() | Interrupted():
            return replace(state, inside=left), None
        case Erasing(met=met) if sys_path == met.channel:  # the recorder is taken out
            return replace(state, inside=left), Stop()
        case Erasing():
            return replace(state, inside=left), Show(None)
        case Expecting() | Done() | Unanswered() | Faulted():
            return (replace(state, inside=left), None) if left else (Empty(state.turn), None)


# --- a job, or a wait, is over --------------------------------------------------------


def _over(state: State, news: Answered | Ended | Failed | Late) -> Step:
    match state, news:
        case Greeting(), Answered(_, met):
            return _answered(state, met)
        case Greeting(), Failed(_, error):
            return _not_answered(state, error)
        case Awaiting(turn=turn, inside=inside, met=met, occasion=occasion), Late():
            return orders.report(turn, inside, met, occasion=occasion)
        case Expecting(turn=turn, inside=inside), Late():
            return orders.work(
                turn, inside, inside.media, occasion=orders.occasion_of(inside.media[0])
            )
        case Working(), Ended(_, end):
            return _ended(state, end)
        case Working(turn=turn, inside=inside), Failed(_, error):
            if not inside:  # of what nobody can take out, nobody need be told to
                return Empty(turn), None
            return Faulted(turn=turn, inside=inside, error=error), None
        case LettingGo(), Ended() | Failed():
            return _let_go(state, news)
        case Erasing(), Ended() | Failed():
            return _erased(state, news)
        case _:
            return state, None


def _answered(state: Greeting, met: Met) -> Step:
    turn, inside, before, occasion = state.turn, state.inside, state.before, state.occasion
    if before is not None and met.greeting is not before.greeting:
        return orders.displaced(turn, inside, before, newcomer=met)
    if state.unasked and not _stayed(state):
        return orders.greet(turn, inside, state.unasked, before=met, occasion=occasion)
    return _met(turn, inside, met, stayed=_stayed(state), occasion=occasion)


def _met(turn: int, inside: Inside, met: Met, *, stayed: bool, occasion: Occasion) -> Step:
    """Go on with a recorder that has answered: to its media, or to wait for them."""
    if inside.media:
        return orders.work(turn, inside, inside.media, met=met, occasion=occasion)
    if not met.within_s or not (met.switched or stayed):
        return orders.report(turn, inside, met, occasion=occasion)
    return Awaiting(turn=turn, inside=inside, met=met, occasion=occasion), Await(turn, met.within_s)


def _not_answered(state: Greeting, error: Exception) -> Step:
    turn, inside, before, occasion = state.turn, state.inside, state.before, state.occasion
    if before is not None and _stayed(state):
        # Whoever this is did not say that it is the one from before: so it is not.
        return orders.displaced(turn, inside, before)
    if state.unasked:
        return orders.greet(turn, inside, state.unasked, before=before, occasion=occasion)
    if before is not None:
        return _met(turn, inside, before, stayed=False, occasion=occasion)
    if inside.media:
        # Its clips come first, whether or not it says a word.
        unheard = "" if state.known else orders.why_unheard(error)
        return orders.work(
            turn, inside, inside.media, met=state.known, occasion=occasion, unheard=unheard
        )
    if not inside:
        return Empty(turn), None
    return Unanswered(turn=turn, inside=inside, error=error), None


def _stayed(state: Greeting) -> bool:
    """Tell whether the channel that was asked has not left its place since."""
    place = state.channel.sys_path
    return state.inside.has(place) and place not in {one.sys_path for one in state.unasked}


def _ended(state: Working, end: Released) -> Step:
    turn, inside, met = state.turn, state.inside, state.met
    if end.result == "interrupted" and not state.todo:
        return Interrupted(turn=turn, inside=inside, end=end), None
    # How a recorder ended that is out says nothing of the one in its place.
    ends = () if state.displaced else (*state.ends, end)
    met = state.newcomer if state.displaced else met.further() if met else None
    if state.todo:
        return orders.work(
            turn,
            inside,
            state.todo,
            met=met,
            unasked=state.unasked,
            ends=ends,
            occasion=state.occasion,
            unheard=state.unheard,
        )
    if state.unasked:
        return orders.greet(turn, inside, state.unasked)
    if state.newcomer is not None:
        stayed = inside.has(state.newcomer.channel)
        return _met(turn, inside, state.newcomer, stayed=stayed, occasion="plugged")
    return Done(turn=turn, inside=inside, ends=(*state.ends, end), met=met), None


def _let_go(state: LettingGo, news: Ended | Failed) -> Step:
    turn, inside = state.turn, state.inside
    if state.todo:
        return orders.work(
            turn, inside, state.todo, met=state.met, unasked=state.unasked, ends=state.ends
        )
    if state.unasked:
        return orders.greet(turn, inside, state.unasked)
    if isinstance(news, Ended) and news.end.result == "interrupted":
        return Interrupted(turn=turn, inside=inside, end=news.end), None
    # What was done before and is still there stays in the bay.
    if inside:
        return Done(turn=turn, inside=inside, ends=state.ends, met=state.met), None
    return Empty(turn), None


def _erased(state: Erasing, news: Ended | Failed) -> Step:
    """Go back to rest; what is not as it was, or came meanwhile, is taken over again."""
    turn, inside, later = state.turn, state.inside, state.met.later()
    if not inside:
        return Empty(turn), None
    if isinstance(news, Ended) and news.end.result == "complete":
        new = tuple(one for one in inside.media if one.sys_path != state.medium.sys_path)
        if new:
            return orders.work(turn, inside, new, met=later, ends=state.ends)
        return Done(turn=turn, inside=inside, ends=state.ends, met=state.met), None
    if inside.media:
        return orders.work(turn, inside, inside.media, met=later)
    match news:
        case Failed(error=error):
            return Faulted(turn=turn, inside=inside, error=error), None
        case Ended(end=end):
            return Done(turn=turn, inside=inside, ends=(*state.ends, end), met=later), None


def _again(state: State, occasion: Occasion) -> Step:
    match state:
        case Done(turn=turn, inside=inside, ends=ends, met=met) if occasion == "erase":
            if met is None or not (channel := channel_of(state)) or len(inside.media) != 1:
                return state, None
            (medium,) = inside.media
            erasing = Erasing(turn=turn + 1, inside=inside, medium=medium, met=met, ends=ends)
            return erasing, Erase(turn + 1, channel, medium, met, ends)
        case _ if occasion == "erase":
            return state, None
        case Done(turn=turn, inside=inside, met=met) if inside.channels:
            known = met.later() if met else None
            return orders.greet(turn, inside, inside.channels, known=known, occasion=occasion)
        case Done(turn=turn, inside=inside, met=met) if inside.media:
            known = met.later() if met else None
            return orders.work(turn, inside, inside.media, met=known, occasion=occasion)
        case Unanswered(turn=turn, inside=inside):
            return orders.greet(turn, inside, inside.channels, occasion=occasion)
        case _:
            return state, None


def _but(channels: tuple[ChannelAppeared, ...], sys_path: str) -> tuple[ChannelAppeared, ...]:
    return tuple(one for one in channels if one.sys_path != sys_path)
