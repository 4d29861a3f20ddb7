"""One bay's decisions: what it knows, what happened, what to do next.

`step` is pure and total. It starts nothing and waits for nothing; bay_runner.py
carries its orders out and reports back with events. A recorder may show more than
one medium at its port (memory and card): they are taken over one after the other.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from dock_daemon.bays.media import MediumAppeared, MediumGone
from dock_daemon.docking.events import Released


@dataclass(frozen=True, slots=True)
class Empty:
    """No recorder in the bay. `turn` counts jobs, so that late news finds nobody."""

    turn: int = 0


@dataclass(frozen=True, slots=True)
class Working:
    """A medium is being taken over; others of the same recorder wait or are done."""

    turn: int
    medium: MediumAppeared
    waiting: tuple[MediumAppeared, ...] = ()
    done: tuple[str, ...] = ()
    ends: tuple[Released, ...] = ()


@dataclass(frozen=True, slots=True)
class LettingGo:
    """The medium was pulled while its thread still works; what came since waits."""

    turn: int
    waiting: tuple[MediumAppeared, ...] = ()
    done: tuple[str, ...] = ()
    ends: tuple[Released, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """All media of the recorder are dealt with: it may be taken."""

    turn: int
    media: tuple[str, ...]
    ends: tuple[Released, ...]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Pulled too early: it should be put back. `media` are places not yet gone."""

    turn: int
    end: Released
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Faulted:
    """Someone has to look. Only taking the recorder out leaves this state."""

    turn: int
    error: Exception
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The job of a turn came to its end."""

    turn: int
    end: Released


@dataclass(frozen=True, slots=True)
class Failed:
    """The job of a turn gave up."""

    turn: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Start:
    """Order: take this medium over."""

    turn: int
    medium: MediumAppeared


@dataclass(frozen=True, slots=True)
class Stop:
    """Order: let go of the medium now."""


State: TypeAlias = Empty | Working | LettingGo | Done | Interrupted | Faulted
Event: TypeAlias = MediumAppeared | MediumGone | Ended | Failed
Order: TypeAlias = Start | Stop


def step(state: State, event: Event) -> tuple[State, Order | None]:
    """Return the bay's next state, and what must be done to deserve it."""
    match event:
        case MediumAppeared():
            return _appeared(state, event)
        case MediumGone(sys_path):
            return _gone(state, sys_path)
        case Ended() | Failed():
            # News of an earlier turn is no news.
            return _over(state, event) if event.turn == state.turn else (state, None)


def _appeared(state: State, medium: MediumAppeared) -> tuple[State, Order | None]:
    match state:
        case Empty():
            return _start(state.turn, (medium,))
        case Interrupted(turn, end, media):
            # What udev still shows of the interrupted recorder is in the bay all the same.
            left = _without(media, medium.sys_path)
            return _start(turn, (medium,), done=left, ends=(end,) if left else ())
        case Done(turn, media, ends):
            return _start(turn, (medium,), done=media, ends=ends)
        case Working(_, now, waiting):
            if medium.sys_path in {now.sys_path, *(other.sys_path for other in waiting)}:
                return state, None
            return replace(state, waiting=(*waiting, medium)), None
        case LettingGo(_, waiting):
            return replace(state, waiting=(*waiting, medium)), None
        case Faulted(_, _, media):
            return replace(state, media=(*media, medium.sys_path)), None


def _gone(state: State, sys_path: str) -> tuple[State, Order | None]:
    match state:
        case Working(turn, medium, waiting, done, ends) if medium.sys_path == sys_path:
            return LettingGo(turn, waiting, done, ends), Stop()
        case Working(_, _, waiting, done) | LettingGo(_, waiting, done):
            left = tuple(medium for medium in waiting if medium.sys_path != sys_path)
            return replace(state, waiting=left, done=_without(done, sys_path)), None
        case Done(turn, media) | Faulted(turn, _, media):
            left_there = _without(media, sys_path)
            return (replace(state, media=left_there), None) if left_there else (Empty(turn), None)
        case Interrupted(_, _, media):
            return replace(state, media=_without(media, sys_path)), None
        case Empty():
            return state, None


def _over(state: State, news: Ended | Failed) -> tuple[State, Order | None]:
    match state, news:
        case Working(turn, medium, waiting, done, ends), Ended(_, end):
            if end.result == "interrupted" and not waiting:
                return Interrupted(turn, end, (medium.sys_path, *done)), None
            done, ends = (*done, medium.sys_path), (*ends, end)
            if waiting:
                return _start(turn, waiting, done=done, ends=ends)
            return Done(turn, done, ends), None
        case Working(turn, medium, waiting, done), Failed(_, error):
            rest = tuple(other.sys_path for other in waiting)
            return Faulted(turn, error, (medium.sys_path, *rest, *done)), None
        case LettingGo(turn, waiting, done, ends), _ if waiting:
            return _start(turn, waiting, done=done, ends=ends)
        case LettingGo(turn, _, done), Ended(_, end) if end.result == "interrupted":
            return Interrupted(turn, end, done), None
        case LettingGo(turn, _, done, ends), _:
            # What was done before and is still there stays in the bay.
            return (Done(turn, done, ends) if done else Empty(turn)), None
        case _:
            return state, None


def _start(
    turn: int,
    media: tuple[MediumAppeared, ...],
    *,
    done: tuple[str, ...] = (),
    ends: tuple[Released, ...] = (),
) -> tuple[State, Order]:
    first, *rest = media
    return Working(turn + 1, first, tuple(rest), done, ends), Start(turn + 1, first)


def _without(places: tuple[str, ...], sys_path: str) -> tuple[str, ...]:
    return tuple(place for place in places if place != sys_path)
