"""What a bay orders, and the state in which it then waits for the end of it. Pure.

bay.py decides when; here is what goes with it: one job at a time, each with a turn of its own.
"""

from typing import TypeAlias

from dock_daemon.bays.bay_states import (
    Greet,
    Greeting,
    Inside,
    Met,
    Occasion,
    Order,
    Start,
    State,
    Working,
)
from dock_daemon.bays.media import Appeared, ChannelAppeared, MediumAppeared
from dock_daemon.docking.events import Released
from firmware_bridge.errors import ChannelLostError, ControlFailedError, RecorderError

Step: TypeAlias = tuple[State, Order | None]


def greet(
    turn: int,
    inside: Inside,
    channels: tuple[ChannelAppeared, ...],
    *,
    before: Met | None = None,
    known: Met | None = None,
    occasion: Occasion = "plugged",
) -> Step:
    """Let a recorder be asked on the first of its channels, and on the next if nobody answers."""
    first, *rest = channels
    state = Greeting(
        turn=turn + 1,
        inside=inside,
        channel=first,
        unasked=tuple(rest),
        before=before,
        known=known,
        occasion=occasion,
    )
    return state, Greet(turn + 1, first, before, switch=not inside.media)


def work(
    turn: int,
    inside: Inside,
    media: tuple[MediumAppeared, ...],
    *,
    met: Met | None = None,
    unasked: tuple[ChannelAppeared, ...] = (),
    ends: tuple[Released, ...] = (),
    occasion: Occasion = "plugged",
    unheard: str = "",
) -> Step:
    """Let the first of some media be taken over; the others follow one by one."""
    first, *rest = media
    state = Working(
        turn=turn + 1,
        inside=inside,
        medium=first,
        met=met,
        todo=tuple(rest),
        unasked=unasked,
        ends=ends,
        occasion=occasion,
        unheard=unheard,
    )
    return state, Start(turn + 1, first, met, occasion, unheard)


def report(
    turn: int,
    inside: Inside,
    met: Met,
    *,
    occasion: Occasion,
) -> Step:
    """Let what the recorder told stand in the ledger, though it showed no storage."""
    state = Working(turn=turn + 1, inside=inside, medium=None, met=met, occasion=occasion)
    return state, Start(turn + 1, None, met, occasion)


def displaced(turn: int, inside: Inside, met: Met, *, newcomer: Met | None = None) -> Step:
    """Do the same of a recorder in whose place there is another by now."""
    state = Working(
        turn=turn + 1,
        inside=inside,
        medium=None,
        met=met,
        todo=inside.media,
        displaced=True,
        newcomer=newcomer,
    )
    return state, Start(turn + 1, None, met)


def occasion_of(first: Appeared) -> Occasion:
    """Tell whether a recorder was seen to be put in, or sat there when the dock started."""
    return "start" if first.at_start else "plugged"


def why_unheard(error: Exception) -> str:
    """Return the stable word for why a recorder told nothing; a bug is the worker's failure."""
    if isinstance(error, ChannelLostError):  # which would say that it had told before
        return RecorderError.code
    return error.code if isinstance(error, RecorderError) else ControlFailedError.code
