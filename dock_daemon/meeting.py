"""Meeting a recorder on its control channel: which profiles may ask, and what came of it.

What the port shows chooses the drivers, in the order of the profiles; the first whose probe
succeeds is the recorder's (dock_daemon/recorders/matching.py).
"""

import functools
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from config.loader import Loaded
from config.settings import Control
from dock_daemon.bays.bay_states import Met
from dock_daemon.bays.media import ChannelAppeared
from dock_daemon.clock import Clock
from dock_daemon.docking.rules import Rules
from dock_daemon.errors import StoppedError
from dock_daemon.evidence.state import State
from dock_daemon.fitness import clock_policy
from dock_daemon.recorders import journal_book, matching
from dock_daemon.recorders.clock_measured import ClockMeasured
from dock_daemon.recorders.greeting import (
    ASK_AGAIN_S,
    DockTime,
    Greeting,
    Patience,
    Wants,
    greet,
    switch_after_all,
)
from dock_daemon.recorders.journal_book import ASKED_BEFORE
from dock_daemon.recorders.matching import Profile
from dock_daemon.recorders.passwords import PasswordMemory
from dock_daemon.recorders.session import Session, Workers
from firmware_bridge.capabilities import Capability, Identity
from firmware_bridge.control import wire
from firmware_bridge.errors import (
    ChannelLostError,
    ChannelNotOpenedError,
    ControlFailedError,
    NotThisRecorderError,
    RecorderError,
)

log = logging.getLogger(__name__)

_GONE: Final = ChannelLostError.code
_NOT_ASKED: Final = "not-asked"  # of messages check-clock-not-set
# What a recorder tells of itself that stays true when it can't be asked any more.
_LASTING: Final = frozenset({Capability.IDENTITY, Capability.HOLDER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How recorders are reached: by which workers, with which passwords.

    Without a `memory` of what recorders refused, no password is tried. `stand_ins` are nodes
    that are opened in place of those that udev names, in rehearsals without hardware.
    """

    control: Control
    passwords: Path
    memory: PasswordMemory | None
    zone: str
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        loaded: Loaded,
        memory: PasswordMemory | None,
        stand_ins: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the ways that the settings describe."""
        control = loaded.settings.control
        return cls(
            control=control,
            passwords=loaded.directory / control.passwords,
            memory=memory,
            zone=loaded.settings.dock.timezone,
            stand_ins=stand_ins or {},
        )

    @contextmanager
    def session(
        self, profile: Profile, channel: ChannelAppeared, stop: threading.Event
    ) -> Iterator[Session]:
        """Open a session by a profile's driver; raises what Session.open raises."""
        control, content = self.control, profile.content
        request = wire.Open(
            driver=content.driver,
            channel=self._channel(profile, channel),
            zone=self.zone,
            password="" if content.password is None else content.password.name,
            passwords=str(self.passwords),
            params=content.quirks,
        )
        workers = Workers.at(control.socket, control.scsi_socket, timeout_s=control.timeout_s)
        with Session(request, workers=workers, stop=stop, memory=self.memory) as session:
            yield session

    def _channel(self, profile: Profile, channel: ChannelAppeared) -> wire.Channel:
        kind, serial = profile.content.channel, channel.seen.serial
        node = self.control.adb if kind == "adb" else channel.node
        return wire.Channel(kind=kind, node=self.stand_ins.get(node, node), serial=serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Asks recorders, for one dock."""

    profiles: Sequence[Profile]
    ways: Ways
    wants: Callable[[Profile, Patience], Wants]

    def greet(
        self,
        channel: ChannelAppeared,
        before: Met | None,
        *,
        switch: bool,
        stop: threading.Event,
        busy: Callable[[], None] = lambda: None,
    ) -> Met:
        """Ask who is on a channel and what it can tell; see `bay_runner.BayWork.greet`.

        Raises the RecorderError of the last profile that was tried, and StoppedError.
        """
        last: RecorderError = NotThisRecorderError("no profile fits what its port shows")
        patience = Patience(now_s=time.monotonic, pause=stop.wait, busy=busy)
        for profile in matching.of_channel(self.profiles, channel.seen):
            try:
                with self.ways.session(profile, channel, stop) as session:
                    if before is not None and _same(session, before):
                        return replace(before, channel=channel.sys_path)
                    wants = replace(self.wants(profile, patience), switch=switch)
                    greeting = greet(session, profile, wants)
            except ChannelLostError:
                raise
            except RecorderError as error:
                if stop.is_set():
                    raise StoppedError from error
                log.info("%s is no %s: %s", channel.node, profile.name, error)
                last = error
            else:
                greeting = self._switched(greeting, channel, wants, stop)
                if stop.is_set():
                    raise StoppedError
                return _met(greeting, channel)
        raise last

    def _switched(
        self, greeting: Greeting, channel: ChannelAppeared, wants: Wants, stop: threading.Event
    ) -> Greeting:
        """Let another worker make it show its storage where one has failed; once, and no third.

        One that systemd started may hold the channel until it has given up its last question.
        """
        if greeting.troubles.get(str(Capability.SWITCH_TO_STORAGE)) != ControlFailedError.code:
            return greeting
        log.warning("%s: the control worker failed; another lets it show its storage", channel.node)
        patience = wants.patience
        until_s = patience.now_s() + self.ways.control.timeout_s
        while True:
            try:
                with self.ways.session(greeting.profile, channel, stop) as session:
                    return switch_after_all(session, greeting, wants)
            except RecorderError as error:
                held = isinstance(error, ChannelNotOpenedError) and patience.now_s() < until_s
                if not held or patience.pause(ASK_AGAIN_S):
                    log.warning("%s shows no storage: %s", channel.node, error)
                    return greeting


def meeting_of(
    state: State,
    loaded: Loaded,
    rules: Rules,
    clock: Clock,
    stand_ins: Mapping[str, str],
) -> Meeting:
    """Return what meets recorders for a dock with this state."""
    settings = loaded.settings

    def dock_time() -> DockTime:
        trust = clock.trust()
        return DockTime(sync=trust.sync, source=trust.source, uncertainty_us=trust.uncertainty_us)

    def not_set(profile: Profile, measured: ClockMeasured | None) -> str:
        trust = clock.trust()
        return clock_policy.not_set(
            measured,
            sync=trust.sync,
            uncertainty_us=trust.uncertainty_us,
            allowed=settings.clocks.set,
            wanted=rules.checklist.content.for_model(profile.name).clock,
        )

    def journal_from(identity: Identity | None) -> int:
        if identity is None:
            return 0
        known = state.sealer.ask(lambda ledger: journal_book.remembered(ledger, identity.number))
        return journal_book.ask_from(known)

    return Meeting(
        profiles=rules.profiles,
        ways=Ways.of(loaded, PasswordMemory(state.root), stand_ins),
        wants=lambda profile, patience: Wants(
            exchanges=settings.clocks.exchanges,
            dock_time=dock_time,
            now_ms=lambda: clock.at().utc_ms,
            not_set=functools.partial(not_set, profile),
            journal_from=journal_from,
            patience=patience,
        ),
    )


def told(met: Met | None) -> Greeting | None:
    """Return of a greeting what goes into the docking at hand (`Met.use`)."""
    if met is None:
        return None
    greeting = met.greeting
    match met.use:
        case "first":
            return greeting
        case "further":
            done = greeting.clock_set
            return replace(
                greeting,
                clock=greeting.clock if done is None else done.after,
                clock_set=None,
                clock_not_set=_NOT_ASKED,
                journal=(),
                troubles=_silent(greeting, set()),
            )
        case "later":
            return replace(
                greeting,
                battery=None,
                storage=None,
                faults=None,
                clock=None,
                clock_set=None,
                clock_not_set=_NOT_ASKED,
                journal=(),
                troubles=_silent(greeting, greeting.capabilities - _LASTING),
                switched=False,
            )


def _silent(greeting: Greeting, lost: Collection[Capability]) -> Mapping[str, str]:
    """Return the troubles, with what can't be asked now among them."""
    gone = {str(one): _GONE for one in lost if one in greeting.capabilities}
    if greeting.can(Capability.JOURNAL):
        gone[str(Capability.JOURNAL)] = ASKED_BEFORE
    return MappingProxyType({**greeting.troubles, **gone})


def _same(session: Session, before: Met) -> bool:
    """Tell whether the recorder is the one that was met before, by the number that it tells."""
    known = before.greeting.identity
    return known is not None and bool(known.number) and session.identity().number == known.number


def _met(greeting: Greeting, channel: ChannelAppeared) -> Met:
    shows = greeting.profile.content.storage
    coming = shows.shown == "always" or greeting.switched
    return Met(
        greeting=greeting,
        channel=channel.sys_path,
        within_s=shows.within_s if coming else 0,
        switched=greeting.switched,
    )
