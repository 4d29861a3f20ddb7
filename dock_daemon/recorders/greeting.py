"""What a recorder says of itself when it is docked, in one fixed order, and what it does not.

    identity   the driver's probe: whatever answers it is a recorder of this profile
    holder, battery, storage, faults
    clock      several exchanges, of which the surest counts; then set, if that is allowed
    journal    from the record on that the dock does not know yet
    switch     to storage, last: the recorder may leave the port and come back as another

What a model cannot do is None and no trouble; what went wrong is None and its code among the
troubles. A lost channel ends it early. A worker that fails once the probe was answered is asked no
more: what it has left open is among the troubles, and `switch_after_all` lets another one make
the recorder show its storage, so that its clips come.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeVar

from dock_daemon.recorders import greeting_facts
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet, best
from dock_daemon.recorders.matching import Profile
from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    Driver,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.errors import (
    ChannelLostError,
    ControlFailedError,
    MissingCapabilityError,
    NoPasswordError,
    NotThisRecorderError,
    RecorderBusyError,
    RecorderError,
    WrongPasswordError,
)
from hashing.canonical import JSON

T = TypeVar("T")

# What is read of a journal at one docking; the next one goes on from there. 64 MiB are about
# 200,000 records.
MOST_JOURNAL_BYTES: Final = 64 << 20
# And for so long, however few records each answer brings: a recorder must not keep a bay.
MOST_JOURNAL_S: Final = 300.0
# Whoever answers the probe like this has understood it.
_UNDERSTOOD: Final = (WrongPasswordError, NoPasswordError, RecorderBusyError)
# A recorder that is busy has just said so: it is not asked again at once.
ASK_AGAIN_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DockTime:
    """What the dock's own clock follows (one of hashing.entry.SYNC), and how far off it may be.

    `uncertainty_us` is None where nothing vouches for it.
    """

    sync: str
    source: str
    uncertainty_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a recorder is borne with that still has to hash what it recorded last, or is slow.

    `now_s` is a clock that never steps; `pause` waits for so many seconds and returns whether
    all is to end; `busy` is told that the recorder is being waited for.
    """

    now_s: Callable[[], float]
    pause: Callable[[float], bool]
    busy: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a docking asks of a recorder, and what it knows.

    `not_set` returns why a clock that was measured so (None: it can't be read) is not to be set,
    empty if it is. `journal_from` returns the record from which on the journal of a recorder is
    asked for. `now_ms` and `dock_time` are the dock's UTC and what it rests on. `patience` is for
    a recorder that can't show its storage yet, and bounds how long its journal is read.
    """

    exchanges: int
    dock_time: Callable[[], DockTime]
    now_ms: Callable[[], int]
    not_set: Callable[[ClockMeasured | None], str]
    journal_from: Callable[[Identity | None], int]
    patience: "Patience"
    switch: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a recorder said. `troubles` gives the code of an error per capability.

    `clock_not_set` says why the clock was left alone: a word of fitness/clock_policy.py, empty
    where it was set or can't be.
    """

    profile: Profile
    identity: Identity | None = None
    holder: Holder | None = None
    battery: Battery | None = None
    storage: Storage | None = None
    faults: tuple[Fault, ...] | None = None
    clock: ClockMeasured | None = None
    clock_set: ClockSet | None = None
    clock_not_set: str = ""
    journal: tuple[JournalPiece, ...] = ()
    capabilities: frozenset[Capability] = frozenset()
    troubles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    asked_ms: int = 0
    switched: bool = False

    def can(self, capability: Capability) -> bool:
        """Tell whether the recorder can do that at all."""
        return capability in self.capabilities

    def facts(self) -> dict[str, JSON]:
        """Return all of it but the journal's records, for the docking's document.

        It names the holder, so it belongs into no entry's body.
        """
        return {
            "profile": {"name": self.profile.name, "sha256": self.profile.sha256},
            "identity": None
            if self.identity is None
            else greeting_facts.of_identity(self.identity),
            "holder": None if self.holder is None else greeting_facts.of_holder(self.holder),
            "battery": None if self.battery is None else greeting_facts.of_battery(self.battery),
            "storage": None if self.storage is None else greeting_facts.of_storage(self.storage),
            "faults": None
            if self.faults is None
            else [greeting_facts.of_fault(one) for one in self.faults],
            "clock": greeting_facts.of_clock(self.clock),
            "clock_set": None
            if self.clock_set is None
            else {
                "before": greeting_facts.of_clock(self.clock_set.before),
                "after": greeting_facts.of_clock(self.clock_set.after),
            },
            "clock_not_set": self.clock_not_set,
            "journal": greeting_facts.of_journal(self.journal),
            "capabilities": [*sorted(map(str, self.capabilities))],
            "troubles": dict(self.troubles),
            "asked_ms": self.asked_ms,
            "switched": self.switched,
        }


def greet(driver: Driver, profile: Profile, wants: Wants) -> Greeting:
    """Ask a recorder everything that a docking wants of it.

    Raises ChannelLostError, and whatever the probe raises but for a password or a busy
    recorder: then it is not shown to be a recorder of this profile.
    """
    asking = _Asking(driver, wants)
    asked_ms = wants.now_ms()
    identity = asking.probe()
    holder = asking.ask(Capability.HOLDER, driver.holder)
    battery = asking.ask(Capability.BATTERY, driver.battery)
    storage = asking.ask(Capability.STORAGE, driver.storage)
    faults = asking.ask(Capability.FAULTS, driver.faults)
    clock = asking.clock()
    clock_set, not_set = asking.set_clock(clock)
    journal = asking.ask(Capability.JOURNAL, lambda: asking.journal(identity))
    switched = asking.switch(profile.content.storage.busy_s)
    return Greeting(
        profile=profile,
        identity=identity,
        holder=holder,
        battery=battery,
        storage=storage,
        faults=faults,
        clock=clock,
        clock_set=clock_set,
        clock_not_set=not_set,
        journal=journal or (),
        capabilities=asking.capabilities,
        troubles=MappingProxyType(asking.troubles),
        asked_ms=asked_ms,
        switched=switched,
    )


def switch_after_all(driver: Driver, before: Greeting, wants: Wants) -> Greeting:
    """Let the recorder show its storage whose worker failed, over another; nothing else is asked.

    Raises nothing of a recorder: what goes wrong takes the place of the switch's trouble. Over
    another recorder than the one that was greeted, nothing is switched.
    """
    asking, what = _Asking(driver, wants), str(Capability.SWITCH_TO_STORAGE)
    switched = False
    try:
        if _differ(asking.probe(), before.identity):
            raise NotThisRecorderError("another recorder answers than before")
        switched = asking.switch(before.profile.content.storage.busy_s)
    except RecorderError as error:
        asking.troubles[what] = error.code
    troubles = {name: code for name, code in before.troubles.items() if name != what}
    if code := asking.troubles.get(what):
        troubles[what] = code
    return replace(before, switched=switched, troubles=MappingProxyType(troubles))


def _differ(one: Identity | None, other: Identity | None) -> bool:
    return one is not None and other is not None and one.number != other.number


class _Asking:
    """One recorder while it is asked, and what went wrong so far."""

    def __init__(self, driver: Driver, wants: Wants) -> None:
        self._driver = driver
        self._wants = wants
        self._missing: set[Capability] = set()
        self._failed = False  # the worker has: it answers nothing more
        self.troubles: dict[str, str] = {}

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do, as far as is known by now."""
        return self._driver.capabilities - self._missing

    def probe(self) -> Identity | None:
        """Ask who it is; raise what shows that nobody of this kind is there."""
        try:
            return self._driver.identity()
        except _UNDERSTOOD as error:
            self.troubles[str(Capability.IDENTITY)] = error.code
            return None

    def ask(self, capability: Capability, question: Callable[[], T]) -> T | None:
        """Ask one thing that the model can; note what went wrong, and return None."""
        if capability not in self.capabilities:
            return None
        if self._failed:
            self.troubles[str(capability)] = ControlFailedError.code
            return None
        try:
            return question()
        except ChannelLostError:
            raise
        except MissingCapabilityError:
            self._missing.add(capability)
        except RecorderError as error:
            self._failed = isinstance(error, ControlFailedError)
            self.troubles[str(capability)] = error.code
        return None

    def clock(self) -> ClockMeasured | None:
        """Measure the clock: the surest of several exchanges, as many as come."""
        found: list[ClockExchange] = []
        for _ in range(self._wants.exchanges):
            exchange = self.ask(Capability.READ_CLOCK, self._driver.read_clock)
            if exchange is None:
                break
            found.append(exchange)
        if found:  # what failed later failed on the way; the clock itself is known
            self.troubles.pop(str(Capability.READ_CLOCK), None)
        return self._best(found)

    def set_clock(self, before: ClockMeasured | None) -> tuple[ClockSet | None, str]:
        """Set the clock if that is allowed; return what it showed around that, or why not."""
        if Capability.SET_CLOCK not in self.capabilities:
            return None, ""
        if not_set := self._wants.not_set(before):
            return None, not_set
        setting = self.ask(Capability.SET_CLOCK, self._driver.set_clock)
        if setting is None:
            return None, ""
        after = self.clock()
        if after is None and setting.echo is not None:
            after = self._best([setting.echo])
        return ClockSet(before=before, after=after), ""

    def journal(self, identity: Identity | None) -> tuple[JournalPiece, ...]:
        """Read the journal's records that the dock does not know yet."""
        return tuple(self._pieces(self._wants.journal_from(identity)))

    def switch(self, busy_s: float) -> bool:
        """Let it show its storage; return whether that is to be waited for.

        One that says that it is busy is asked again for `busy_s`: it has clips to hash first.
        """
        if not self._wants.switch:
            return False
        patience, what = self._wants.patience, Capability.SWITCH_TO_STORAGE
        until_s = patience.now_s() + busy_s
        try:
            while not (switched := self.ask(what, self._switched) or False):
                left_s = until_s - patience.now_s()
                if self.troubles.get(str(what)) != RecorderBusyError.code or left_s <= 0:
                    return False
                patience.busy()
                if patience.pause(min(ASK_AGAIN_S, left_s)):
                    return False
                if not self._there():
                    self.troubles[str(what)] = ChannelLostError.code
                    return False
        except ChannelLostError:
            return True  # it left the port rather than answer, as it was told to
        self.troubles.pop(str(what), None)
        return switched

    def _switched(self) -> bool:
        self._driver.switch_to_storage()
        return True

    def _there(self) -> bool:
        """Tell whether it is there still: one that goes while it is let be was pulled."""
        try:
            self._driver.identity()
        except ChannelLostError:
            return False
        except RecorderError:
            return True  # there is more to it than a name; the switch will tell
        return True

    def _pieces(self, first: int) -> Iterator[JournalPiece]:
        left = MOST_JOURNAL_BYTES
        until_s = self._wants.patience.now_s() + MOST_JOURNAL_S
        while True:
            piece = self._driver.journal(first)
            yield piece
            left -= len(piece.data)
            if piece.next <= first or piece.next >= piece.size or left <= 0:
                return
            if self._wants.patience.now_s() >= until_s:
                return
            first = piece.next

    def _best(self, exchanges: Sequence[ClockExchange]) -> ClockMeasured | None:
        if not exchanges:
            return None
        rests_on = self._wants.dock_time()
        return best(
            exchanges,
            sync=rests_on.sync,
            source=rests_on.source,
            dock_uncertainty_us=rests_on.uncertainty_us,
        )
