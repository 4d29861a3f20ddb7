"""What a docking has seen of a recorder, for its checklist. Values only."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from config.profiles import Firmware
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet
from firmware_bridge.capabilities import Battery, Fault, Storage
from firmware_bridge.volume.listing import Volume


@dataclass(frozen=True, slots=True)
class Untold:
    """The recorder did not say. `error` is the code of why; empty where its model cannot."""

    error: str = ""

    @property
    def missing(self) -> bool:
        """Tell whether this model cannot say it at all."""
        return not self.error


T = TypeVar("T")
Answer: TypeAlias = T | Untold


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What is known of the recorder's clock.

    `ahead_ms` is a bound, from its newest clip or record: it is ahead by at least so much.
    `not_set` says why the dock did not set it (clock_policy.py), empty where it did. `sync` is
    the dock's own state.
    """

    measured: Answer[ClockMeasured]
    set: ClockSet | None
    not_set: str
    ahead_ms: int | None
    sync: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """What was seen of its storage.

    `volumes` are those that were listed, none of them where `unlisted` says why; `folder` where
    somebody's folder stood in for a card. `read_errors` counts the files and tables that could
    not be read for a fault of the medium.
    """

    volumes: tuple[Volume, ...]
    folder: bool
    unlisted: str
    read_errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What became of what was on it: counts, and whether the docking was broken off."""

    taken: int
    known: int
    unread: int
    incomplete: int
    remaining: int
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Whose it is: by an issue, else by the register; and whom it names itself (user numbers)."""

    expected: str
    by: Literal["issue", "register", "nobody"]
    told: Answer[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The key with which it signs its journal (vkeys), and the one that was enrolled here.

    `doubt` is why the journal itself does not hold (`cut`, `broken`), or was not read (`absent`)
    or not to its end (`unread`), or that its key is another recorder's (`shared`); empty if
    it was read, and holds.
    """

    told: Answer[str]
    enrolled: str
    new: bool
    doubt: str = ""


LastClip: TypeAlias = Literal["whole", "incomplete", "unread", "none", "not-reached"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that the checklist judges."""

    faults: Answer[tuple[Fault, ...]]
    firmware: Answer[str]
    firmware_known: Firmware
    cards: Cards
    last_clip: LastClip
    battery: Answer[Battery]
    storage: Answer[Storage]
    kbit_s: int | None
    clock: Clock
    holding: Holding
    key: Key
    taken_over: TakenOver
