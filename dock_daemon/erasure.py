"""Erasing in one bay, joined: a session over its channel, its medium, the ledger, the procedure.

A turn of erasing is a docking of its own (occasion `erase`), with a manifest of its own.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from config.settings import Erasing as ErasingSettings
from dock_daemon.bays.bay_runner import AtRest, Shows
from dock_daemon.bays.bay_states import Erase, Met
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.docking import identity, sourcing, statements
from dock_daemon.docking.events import Released
from dock_daemon.docking.handover import Handover
from dock_daemon.docking.minutes import Minutes
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.sources import Source
from dock_daemon.docking.statements import Scene
from dock_daemon.docking.take_over import Parts
from dock_daemon.erasing.book import Ask, DockingBook
from dock_daemon.erasing.gate import Answering, Policy, Stay
from dock_daemon.erasing.listed import Listed
from dock_daemon.erasing.overview import Docked
from dock_daemon.erasing.procedure import Parts as ProcedureParts
from dock_daemon.erasing.procedure import Procedure, Tally
from dock_daemon.erasing.words import Clip
from dock_daemon.errors import StoppedError
from dock_daemon.evidence.durable import reread
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.state import State
from dock_daemon.evidence.store import CLIPS
from dock_daemon.meeting import Meeting
from firmware_bridge.capabilities import Capability
from firmware_bridge.errors import BridgeError, ChannelLostError, NotOpenedError

log = logging.getLogger(__name__)

_HOUR_MS: Final = 3_600_000
_LOOK_S: Final = 0.1
OCCASION: Final = "erase"


def policy_of(settings: ErasingSettings) -> Policy:
    """Return what the settings demand."""
    return Policy(
        enabled=settings.enabled,
        mirrors=settings.mirrors,
        cool_down_ms=settings.cool_down_h * _HOUR_MS,
        reread_within_ms=settings.reread_within_h * _HOUR_MS,
        synchronized=settings.synchronized,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Erases for one dock. `open_medium` opens and lists what udev named."""

    state: State
    parts: Parts
    settings: ErasingSettings
    meeting: Meeting
    open_medium: Callable[[MediumAppeared, threading.Event], Source]

    @property
    def policy(self) -> Policy:
        """What the settings demand."""
        return policy_of(self.settings)

    @property
    def ask(self) -> Ask:
        """The ledger, asked about clips that might be erased."""
        return Ask(state=self.state, at=self.parts.clock.at)

    def docked_can(self, rest: AtRest) -> bool:
        """Tell whether a recorder at rest has a command to erase with."""
        return rest.met.greeting.can(Capability.ERASE)

    def docked(self, rest: AtRest) -> Docked:
        """Return a recorder at rest as it is weighed before anything is asked of it."""
        ends = rest.ends
        return Docked(
            recorder=_number(rest.met),
            can_erase=self.docked_can(rest),
            answering=_answering(rest.met) if rest.channel else None,
            stay=_stay(rest.met, ends, self.parts.rules),
            volumes=self.state.sealer.ask(
                lambda ledger: _volumes(ledger, [end.docking for end in ends])
            ),
        )

    def run(self, order: Erase, *, bay: str, shows: Shows, stop: threading.Event) -> Released:
        """Run one turn in a bay; return how it ended.

        Raises RecorderError where the recorder does not answer, BridgeError where its medium
        can't be listed, StoppedError, and DoubtError, which stops the dock.
        """
        greeting = order.met.greeting
        with self.meeting.ways.session(greeting.profile, order.channel, stop) as session:
            session.identity()  # a driver may know only then what its recorder can do
            shelf = _Shelf(
                medium=order.medium,
                shows=shows,
                stop=stop,
                within_s=self.settings.shown_within_s,
                open_medium=self.open_medium,
            )
            shown = shelf.look(away=False)
            docking = _Docking(self, order, bay, shown)
            return docking.run(
                lambda book, stay: Procedure(
                    ProcedureParts(
                        book=book,
                        recorder=session,
                        shelf=shelf,
                        store=self._stored,
                        policy=self.policy,
                        stay=stay,
                        elapsed_ms=lambda: time.monotonic_ns() // 1_000_000,
                        stopped=stop.is_set,
                    )
                )
            )

    def _stored(self, clip: Clip) -> tuple[str, int, str] | None:
        """Read the store's copy cold; None where it can't be read."""
        try:
            sha256, size, how = reread(self.parts.store.path_of(CLIPS, clip.sha256))
        except OSError as error:
            log.warning("clip %d cannot be read in the store: %s", clip.seq, error)
            return None
        return sha256, size, str(how)


class _Docking:
    """The docking that one turn is, in entries."""

    def __init__(self, erasure: Erasure, order: Erase, bay: str, shown: Listed) -> None:
        parts, greeting = erasure.parts, order.met.greeting
        recorder = identity.of_greeting(greeting, parts.rules.register)
        self._erasure = erasure
        self._order = order
        self._shown = shown
        self._volumes = tuple(volume.key for volume, _ in shown.source.volumes)
        self._scene = Scene(
            number=parts.sealer.ask(Ledger.new_docking),
            bay=bay,
            source=shown.source.kind,
            place=shown.source.place,
            occasion=OCCASION,
            recorder=recorder,
            rules=parts.rules,
            profile=greeting.profile,
        )
        self._minutes = Minutes(
            self._scene,
            Handover(parts.sealer),
            lambda _event: None,
            found_before=set(),
            most_open=1,
        )

    def run(self, procedure: Callable[[DockingBook, Stay], Procedure]) -> Released:
        """Run the procedure between `docked` and `released`."""
        scene, erasure = self._scene, self._erasure
        stay = _stay(self._order.met, self._order.ends, erasure.parts.rules)
        book = DockingBook(
            ask=erasure.ask,
            minutes=self._minutes,
            docking=scene.number,
            recorder=scene.recorder.number,
            volumes=self._volumes,
            policy=erasure.policy,
        )
        body, row = statements.docked(scene, self._volumes)
        facts = sourcing.of_docking(self._shown.source, scene.recorder, scene.bay)
        self._minutes.state("docked", body, row, facts)
        turn = procedure(book, stay)
        try:
            turn.run(self._shown)
        except (BridgeError, StoppedError) as error:
            log.warning("bay %s: erasing was cut short: %s", scene.bay, error)
            return self._release(turn.tally, interrupted=True)
        except Exception:
            erasure.parts.sealer.abandon(scene.number)
            raise
        return self._release(turn.tally, interrupted=False)

    def _release(self, tally: Tally, *, interrupted: bool) -> Released:
        log.info(
            "bay %s: erased=%d kept=%d failed=%d settled=%d",
            self._scene.bay,
            tally.erased,
            tally.kept,
            tally.failed,
            tally.settled,
        )
        result = "interrupted" if interrupted else "partial" if tally.failed else "complete"
        end = Released(
            docking=self._scene.number,
            result=result,
            sealed=0,
            known=0,
            unread=0,
            incomplete=0,
            findings=0,
            late=0,
            bytes=0,
            remaining=0,
        )
        body, row = statements.released(end)
        self._minutes.state("released", body, row, None)
        return end


@dataclass(slots=True, kw_only=True)
class _Shelf:
    """Where the medium of a bay is looked at, as it comes and goes (procedure.Shelf)."""

    medium: MediumAppeared | None
    shows: Shows
    stop: threading.Event
    within_s: float
    open_medium: Callable[[MediumAppeared, threading.Event], Source]

    def look(self, *, away: bool) -> Listed:
        """List the medium; after it was away, once it has come back, or all the time is over.

        A kernel that was not told of the change shows the medium as if it had never gone.
        """
        until = time.monotonic() + self.within_s
        back = not away
        while True:
            if self.stop.is_set():
                raise StoppedError
            back = self._hear(back=back)
            late = time.monotonic() >= until
            if self.medium is not None and (back or late):
                try:
                    return Listed(self.open_medium(self.medium, self.stop), self.stop)
                except NotOpenedError:
                    if late:
                        raise
                    back = False
            elif late:
                raise ChannelLostError("it did not show its storage again")

    def _hear(self, *, back: bool) -> bool:
        """Take in what was shown meanwhile; return whether a medium has come since."""
        try:
            self.medium = self.shows.get(timeout=0 if back else _LOOK_S)
        except queue.Empty:
            return back
        return self.medium is not None


def _number(met: Met) -> str:
    told = met.greeting.identity
    return "" if told is None else told.number


def _answering(met: Met) -> Answering | None:
    told = met.greeting.identity
    return None if told is None else Answering(number=told.number, vkey=told.vkey)


def _stay(met: Met, ends: tuple[Released, ...], rules: Rules) -> Stay:
    told = met.greeting.identity
    number = _number(met)
    return Stay(
        number=number,
        vkey="" if told is None else told.vkey,
        registered=bool(number) and rules.register.find(number) is not None,
        whole=bool(ends) and all(end.result == "complete" for end in ends),
        # A bay leaves its rest, and with it this turn, when anything of the recorder goes.
        unbroken=True,
    )


def _volumes(ledger: Ledger, dockings: list[int]) -> tuple[str, ...]:
    marks = ", ".join("?" * len(dockings))
    rows = ledger.rows(
        f"SELECT DISTINCT value FROM docking, json_each(volumes) WHERE number IN ({marks})",  # noqa: S608  question marks
        dockings,
    )
    return tuple(str(row["value"]) for row in rows)
