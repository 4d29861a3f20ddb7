"""What a recorder says of itself when it is docked, in one fixed order, and what it does not.

    identity   the driver's probe: whatever answers it is a recorder of this profile
    holder, battery, storage, faults
    clock      several exchanges, of which the surest counts; then set, if that is allowed
    journal    from the record on that the dock does not know yet
    switch     to storage, last: the recorder may leave the port and come back as another

What a model cannot do is None and no trouble; what went wrong is None and its code among the
troubles. Only a lost channel or a failed worker ends it early.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

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
            "identity": None if self.identity is None else _identity_facts(self.identity),
            "holder": None if self.holder is None else _holder_facts(self.holder),
            "battery": None if self.battery is None else _battery_facts(self.battery),
            "storage": None if self.storage is None else _storage_facts(self.storage),
            "faults": None if self.faults is None else [_fault_facts(one) for one in self.faults],
            "clock": _clock_facts(self.clock),
            "clock_set": None
            if self.clock_set is None
            else {
                "before": _clock_facts(self.clock_set.before),
                "after": _clock_facts(self.clock_set.after),
            },
            "clock_not_set": self.clock_not_set,
            "journal": _journal_facts(self.journal),
            "capabilities": [*sorted(map(str, self.capabilities))],
            "troubles": dict(self.troubles),
            "asked_ms": self.asked_ms,
            "switched": self.switched,
        }


def greet(driver: Driver, profile: Profile, wants: Wants) -> Greeting:
    """Ask a recorder everything that a docking wants of it.

    Raises ChannelLostError and ControlFailedError, and whatever the probe raises but for a
    password or a busy recorder: then it is not shown to be a recorder of this profile.
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


class _Asking:
    """One recorder while it is asked, and what went wrong so far."""

    def __init__(self, driver: Driver, wants: Wants) -> None:
        self._driver = driver
        self._wants = wants
        self._missing: set[Capability] = set()
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
        try:
            return question()
        except (ChannelLostError, ControlFailedError):
            raise
        except MissingCapabilityError:
            self._missing.add(capability)
        except RecorderError as error:
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
        except ChannelLostError:
            return True  # it left the port rather than answer, as it was told to
        self.troubles.pop(str(what), None)
        return switched

    def _switched(self) -> bool:
        self._driver.switch_to_storage()
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


def _identity_facts(identity: Identity) -> dict[str, JSON]:
    return {
        "number": identity.number,
        "maker": identity.maker,
        "model": identity.model,
        "firmware": identity.firmware,
        "vkey": identity.vkey,
        "raw": identity.raw.hex(),
    }


def _holder_facts(holder: Holder) -> dict[str, JSON]:
    return {
        "user_no": holder.user_no,
        "user_name": holder.user_name,
        "unit_no": holder.unit_no,
        "unit_name": holder.unit_name,
        "raw": holder.raw.hex(),
    }


def _battery_facts(battery: Battery) -> dict[str, JSON]:
    return {
        "percent": battery.percent,
        "charging": battery.charging,
        "health_percent": battery.health_percent,
        "cycles": battery.cycles,
    }


def _storage_facts(storage: Storage) -> dict[str, JSON]:
    return {"total_bytes": storage.total_bytes, "free_bytes": storage.free_bytes}


def _fault_facts(fault: Fault) -> dict[str, JSON]:
    return {"code": fault.code, "detail": fault.detail, "at_ms": fault.at_ms}


def _clock_facts(clock: ClockMeasured | None) -> JSON:
    if clock is None:
        return None
    return {
        "offset_us": clock.offset_us,
        "uncertainty_us": clock.uncertainty_us,
        "sync": clock.sync,
        "source": clock.source,
        "dock_uncertainty_us": clock.dock_uncertainty_us,
    }


def _journal_facts(pieces: Sequence[JournalPiece]) -> JSON:
    if not pieces:
        return None
    return {"first": pieces[0].first, "next": pieces[-1].next, "size": pieces[-1].size}
