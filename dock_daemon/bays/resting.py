"""What a bay allows as it is: may its recorder be checked, and can it still be asked? Pure."""

from typing import Literal, TypeAlias

from dock_daemon.bays.bay_states import (
    Awaiting,
    Done,
    Empty,
    Erasing,
    Expecting,
    Faulted,
    Greeting,
    Interrupted,
    LettingGo,
    State,
    Unanswered,
    Working,
)
from dock_daemon.bays.media import ChannelAppeared

Readiness: TypeAlias = Literal["ready", "busy", "empty", "fault"]


def readiness(state: State) -> Readiness:
    """Tell whether the recorder can be checked where it is, or why not."""
    match state:
        case Done(inside=inside) if inside:
            return "ready"
        case Unanswered():
            return "ready"
        case Empty() | Interrupted() | Done():
            return "empty"
        case Faulted():
            return "fault"
        case Expecting() | Greeting() | Awaiting() | Working() | LettingGo() | Erasing():
            return "busy"


def channel_of(state: Done) -> ChannelAppeared | None:
    """Return the channel on which the recorder can be asked still, if there is one."""
    met = state.met
    if met is None or met.use == "later":
        return None
    return next((one for one in state.inside.channels if one.sys_path == met.channel), None)
