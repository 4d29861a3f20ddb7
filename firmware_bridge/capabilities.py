"""What a recorder can do, and what it says when it is asked. Values and ports only.

Missing is a first-class answer: a driver lists what its model can do at all, and whatever it
cannot raises MissingCapabilityError. Nothing here is guessed; a bound is said to be one
elsewhere (dock_daemon/fitness). Each driver is written against a transport's port and the
host's clock, so that a fake of the wire can be put in the place of a recorder.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Capability(StrEnum):
    """One thing that a model can do."""

    IDENTITY = "identity"
    HOLDER = "holder"
    WRITE_HOLDER = "write-holder"
    BATTERY = "battery"
    READ_CLOCK = "read-clock"
    SET_CLOCK = "set-clock"
    STORAGE = "storage"
    FAULTS = "faults"
    SWITCH_TO_STORAGE = "switch-to-storage"
    LIST = "list"
    READ = "read"
    JOURNAL = "journal"
    ERASE = "erase"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a recorder says it is. What it does not tell is empty; `raw` is its whole answer."""

    number: str
    maker: str = ""
    model: str = ""
    firmware: str = ""
    vkey: str = ""  # with which it signs its journal (signed-note spelling)
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom a recorder names as its holder (警号, 姓名, 单位). `raw` is the wire's own bytes."""

    user_no: str
    user_name: str = ""
    unit_no: str = ""
    unit_name: str = ""
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """How full the battery is, in percent; what a model does not tell is None.

    `health_percent` is what a full charge holds now, of what it held when new; `cycles` are
    full charges so far.
    """

    percent: int
    charging: bool | None = None
    health_percent: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockExchange:
    """One question for the time, as seen from the dock. Times in microseconds.

    `sent_us` is the dock's UTC when the question left, `round_trip_us` how long the answer
    took by a clock that never steps, `recorder_us` the recorder's time taken as UTC, and
    `resolution_us` the step in which the recorder tells it (it is truncated to that).
    """

    sent_us: int
    round_trip_us: int
    recorder_us: int
    resolution_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSetting:
    """A recorder was told the time. `echo` is the time it answered with, if it did."""

    sent_us: int
    round_trip_us: int
    resolution_us: int
    echo: ClockExchange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The room on a recorder, in bytes."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that a recorder says is wrong with it. `at_ms` by its own clock, None if untold."""

    code: str
    detail: str = ""
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPiece:
    """Records of a recorder's own journal, one line each, verbatim (docs/formats/journal.md).

    `first` is the number of the first record in `data`, `next` that of the one after the
    last, `size` how many the recorder has.
    """

    first: int
    next: int
    size: int
    data: bytes


class HostClock(Protocol):
    """The dock's own clocks, in microseconds."""

    def utc_us(self) -> int:
        """Return the time as UTC since 1970."""

    def monotonic_us(self) -> int:
        """Return a time that never steps."""


class PasswordSource(Protocol):
    """The one password that may be tried on this recorder, and the memory of its refusal.

    A recorder locks itself after a few wrong ones, so a driver takes it once, right before it
    sends it, and says so at once when the recorder refused it.
    """

    def take(self) -> str:
        """Return the password, once per opening; raise NoPasswordError when none may be tried."""

    def refused(self) -> None:
        """Note that the recorder refused what was taken: it is not tried there again."""


class Driver(Protocol):
    """One recorder over its control channel, asked one thing at a time. It blocks.

    Every method but `close` raises a RecorderError: MissingCapabilityError for what the model
    cannot do, and within the driver's own limits of time one of the others when the recorder
    says no, nothing, nonsense, or is gone.
    """

    name: str

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this model can do."""

    def identity(self) -> Identity:
        """Return who it is. The first thing that is asked: a driver's probe."""

    def holder(self) -> Holder:
        """Return whom it names as its holder."""

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder."""

    def battery(self) -> Battery:
        """Return how full its battery is."""

    def read_clock(self) -> ClockExchange:
        """Ask for the time, once."""

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time, read at the last moment."""

    def storage(self) -> Storage:
        """Return the room that it has."""

    def faults(self) -> tuple[Fault, ...]:
        """Return what it says is wrong with it; nothing is an empty answer."""

    def switch_to_storage(self) -> None:
        """Let it show its storage as a disk; it may leave the port and come back as another."""

    def take_storage_back(self) -> None:
        """Let it have its storage for itself again; of the capability to switch to storage."""

    def journal(self, first: int) -> JournalPiece:
        """Return a piece of its journal from record `first` on; no records when there are none."""

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Let it erase one clip that it finds to have this content."""

    def reset(self) -> None:
        """Let it start again."""

    def close(self) -> None:
        """Let go of the channel."""
