"""What a bay can be, what can happen to it, and what it may order. Values only."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from dock_daemon.bays.media import (
    Appeared,
    ChannelAppeared,
    ChannelGone,
    MediumAppeared,
    MediumGone,
)
from dock_daemon.docking.events import Released
from dock_daemon.recorders.greeting import Greeting as Greeted
from dock_daemon.recorders.journal_judge import Others

Occasion: TypeAlias = Literal["plugged", "start", "asked", "shift", "erase"]


@dataclass(frozen=True, slots=True)
class Inside:
    """What is at the bay's port now: control channels that a profile knows, and media."""

    channels: tuple[ChannelAppeared, ...] = ()
    media: tuple[MediumAppeared, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.channels or self.media)

    def plus(self, one: Appeared) -> "Inside":
        """Return it with `one` in it, in place of what was at the same place."""
        left = self.minus(one.sys_path)
        if isinstance(one, ChannelAppeared):
            return replace(left, channels=(*left.channels, one))
        return replace(left, media=(*left.media, one))

    def minus(self, sys_path: str) -> "Inside":
        """Return it without whatever is at that place."""
        return Inside(
            tuple(one for one in self.channels if one.sys_path != sys_path),
            tuple(one for one in self.media if one.sys_path != sys_path),
        )

    def has(self, sys_path: str) -> bool:
        """Tell whether something is at that place."""
        return self.minus(sys_path) != self


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A recorder that has answered on its channel.

    `within_s` is how long its storage is waited for, 0 where it never shows any; `switched`
    whether it was told to show it, and so may leave the port and come back as another device.
    `use`: what it told goes into the "first" docking; into "further" ones of the same stay,
    without what was written down then; "later", when it can't be asked any more, only who it is.
    """

    greeting: Greeted
    channel: str
    within_s: int
    switched: bool
    use: Literal["first", "further", "later"] = "first"

    def further(self) -> "Met":
        """Return it for another docking of the same stay."""
        return replace(self, use="further") if self.use == "first" else self

    def later(self) -> "Met":
        """Return it for a docking when its channel is no more."""
        return replace(self, use="later")


@dataclass(frozen=True, slots=True)
class Empty:
    """No recorder in the bay. `turn` counts jobs and waits, so that late news finds nobody."""

    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expecting:
    """A medium is there whose recorder should show its control channel at any moment."""

    turn: int
    inside: Inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """A recorder is being asked on `channel`; `unasked` are other channels of it.

    `before` is who was met here a moment ago, where the channel came back after a switch;
    `known` who was met earlier in this stay, where it is asked again.
    """

    turn: int
    inside: Inside
    channel: ChannelAppeared
    unasked: tuple[ChannelAppeared, ...] = ()
    before: Met | None = None
    known: Met | None = None
    occasion: Occasion = "plugged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """A recorder has answered; its storage is waited for, at this port, under any id."""

    turn: int
    inside: Inside
    met: Met
    occasion: Occasion = "plugged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A medium is being taken over; others of the same recorder wait or are done.

    Without a medium the docking only says what the recorder told, and that it showed no
    storage; with `displaced`, because another was put in its place meanwhile: then what is in
    the bay is that other's, which is `newcomer` if it has answered. `unasked` are channels
    that came when the work had begun. `unheard` is the code of the error because of which a
    recorder with a channel told nothing; empty where it did, or where there is no channel.
    """

    turn: int
    inside: Inside
    medium: MediumAppeared | None
    met: Met | None = None
    todo: tuple[MediumAppeared, ...] = ()
    unasked: tuple[ChannelAppeared, ...] = ()
    ends: tuple[Released, ...] = ()
    occasion: Occasion = "plugged"
    displaced: bool = False
    newcomer: Met | None = None
    unheard: str = ""

    @property
    def others(self) -> Others:
        """How it stands with the recorder's other media, as a journal is held against them all."""
        if self.todo or any(end.result != "complete" for end in self.ends):
            return "unseen"
        return "seen" if self.ends else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class LettingGo:
    """The medium was pulled while its thread still works; what came since waits."""

    turn: int
    inside: Inside
    met: Met | None = None
    todo: tuple[MediumAppeared, ...] = ()
    unasked: tuple[ChannelAppeared, ...] = ()
    ends: tuple[Released, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """All media of the recorder are dealt with: it may be taken."""

    turn: int
    inside: Inside
    ends: tuple[Released, ...]
    met: Met | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """Clips are erased by the recorder's own command; its medium comes and goes meanwhile.

    `ends` are how its dockings of this stay ended.
    """

    turn: int
    inside: Inside
    medium: MediumAppeared
    met: Met
    ends: tuple[Released, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Pulled too early: it should be put back. `inside` is what has not gone yet."""

    turn: int
    inside: Inside
    end: Released


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Something is there, shows no medium, and answered as no recorder that is known."""

    turn: int
    inside: Inside
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulted:
    """Someone has to look. Only taking the recorder out leaves this state."""

    turn: int
    inside: Inside
    error: Exception


@dataclass(frozen=True, slots=True)
class Answered:
    """The recorder of a turn has answered."""

    turn: int
    met: Met


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
class Late:
    """What was waited for in a turn has not come in its time."""

    turn: int


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody, or the clock, wants the recorder checked where it is."""

    occasion: Occasion


@dataclass(frozen=True, slots=True)
class Greet:
    """Order: ask who is on this channel, and what it can tell; then let it show its storage.

    `before` was met here a moment ago: if it is the same, it is not asked all over again.
    With `switch` false its storage is there already.
    """

    turn: int
    channel: ChannelAppeared
    before: Met | None = None
    switch: bool = True


@dataclass(frozen=True, slots=True)
class Await:
    """Order: say so when this turn's time is over."""

    turn: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """Order: take this medium over; without one, write down what the recorder told.

    `unheard` is the code of why it told nothing, if its channel was there.
    """

    turn: int
    medium: MediumAppeared | None
    met: Met | None = None
    occasion: Occasion = "plugged"
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class Erase:
    """Order: erase on this recorder, over this channel, what may be erased by now."""

    turn: int
    channel: ChannelAppeared
    medium: MediumAppeared
    met: Met
    ends: tuple[Released, ...]


@dataclass(frozen=True, slots=True)
class Show:
    """Order: tell the job that erases which medium is there now, if one is."""

    medium: MediumAppeared | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Order: let go of the medium now."""


State: TypeAlias = (
    Empty
    | Expecting
    | Greeting
    | Awaiting
    | Working
    | LettingGo
    | Done
    | Erasing
    | Interrupted
    | Unanswered
    | Faulted
)
Event: TypeAlias = (
    ChannelAppeared
    | ChannelGone
    | MediumAppeared
    | MediumGone
    | Answered
    | Ended
    | Failed
    | Late
    | Again
)
Order: TypeAlias = Greet | Await | Start | Erase | Show | Stop
