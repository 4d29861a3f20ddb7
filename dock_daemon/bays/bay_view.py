"""What can be seen of a bay: its state's key, who is in it, how far it is. Pure.

Keys are those of the messages `bay.*`; a screen adds colour, icon and light.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from dock_daemon.docking.events import (
    Checked,
    ClipKnown,
    ClipSealed,
    ClipUnread,
    Event,
    FindingMade,
    Identified,
    Planned,
    Progress,
    Released,
)
from firmware_bridge.capabilities import Capability
from hashing.canonical import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class BayView:
    """One bay, as shown. Times in ms UTC, sizes in bytes."""

    bay: str
    turn: int = 0
    state: str = "empty"
    docking: int = 0
    recorder: str = ""
    holder: str = ""
    registered: bool = True
    verdict: str = ""
    because: Mapping[str, JSON] | None = None
    clips: int = 0
    sealed: int = 0
    known: int = 0
    unread: int = 0
    findings: int = 0
    late: int = 0
    # Clips in its journal of which nothing could be said.
    unjudged: int = 0
    bytes: int = 0
    bytes_copied: int = 0
    due_ms: int | None = None
    error: str = ""
    # Whether clips can be erased on it at all; None while nobody has asked it.
    erases: bool | None = None


def of_state(view: BayView, state: State) -> BayView:
    """Return the view once the bay is in `state`."""
    match state:
        case Empty(turn):
            return BayView(bay=view.bay, turn=turn)
        case Expecting(turn=turn) | Greeting(turn=turn) | Working(turn=turn):
            if turn == view.turn:
                return view
            return BayView(bay=view.bay, turn=turn, state="detecting")
        case Awaiting(met=met):
            told = met.greeting.identity
            return replace(view, state="checking", recorder=told.number if told else "")
        case Erasing(turn=turn):
            return replace(view, turn=turn, state="erasing")
        case LettingGo() | Interrupted():
            return replace(view, state="interrupted")
        case Done(inside=inside) if not inside:
            # It told who it is, left, and never came back with its storage.
            return replace(view, state="interrupted")
        case Done(ends=ends, met=met):
            good = all(end.result == "complete" for end in ends)
            erases = None if met is None else met.greeting.can(Capability.ERASE)
            return replace(view, state="done" if good else "attention", erases=erases)
        case Faulted(error=error) | Unanswered(error=error):
            return replace(view, state="fault", error=str(error))


def of_busy(view: BayView) -> BayView:
    """Return the view once a recorder has said that it can't show its storage yet."""
    return replace(view, state="preparing")


def of_event(view: BayView, event: Event) -> BayView:
    """Return the view once a docking has told `event`."""
    match event:
        case Identified():
            return replace(
                view,
                state="checking",
                docking=event.docking,
                recorder=event.recorder,
                holder=event.holder,
                registered=event.registered,
            )
        case Checked(verdict=verdict, because=because):
            return replace(
                view, verdict=verdict, because=None if because is None else because.with_told()
            )
        case Planned():
            return replace(
                view,
                state="pulling",
                clips=event.clips,
                bytes=event.bytes,
                due_ms=event.nearest_due_ms,
            )
        case Progress(bytes_copied=copied):
            state = "verifying" if view.bytes and copied >= view.bytes else view.state
            return replace(view, state=state, bytes_copied=copied)
        case ClipSealed(late=late):
            return replace(view, sealed=view.sealed + 1, late=view.late + late)
        case ClipKnown():
            return replace(view, known=view.known + 1)
        case ClipUnread():
            return replace(view, unread=view.unread + 1)
        case FindingMade():
            return replace(view, findings=view.findings + 1)
        case Released(unjudged=unjudged):
            return replace(view, unjudged=unjudged)
