"""One medium's turn: opened, listed, taken over, let go. What `pull` and a bay both do."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from config.register import Register
from config.settings import Reader
from dock_daemon.bays.bay_runner import Shows
from dock_daemon.bays.bay_states import Erase, Met, Occasion
from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.docking import identity
from dock_daemon.docking.events import Released, Report
from dock_daemon.docking.sources import Source, UnreadSource, open_source
from dock_daemon.docking.take_over import Parts, TakeOver
from dock_daemon.erasure import Erasure
from dock_daemon.errors import StoppedError
from dock_daemon.meeting import Meeting, told
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.recorders.journal_judge import Others
from dock_daemon.recorders.matching import Seen
from firmware_bridge.errors import BridgeError, MediumGoneError, NotOpenedError
from firmware_bridge.volume.client import DeviceIdentity

log = logging.getLogger(__name__)

_WORD_OF_UNPLUG_S: Final = 5.0
NOT_SHOWN: Final = "storage-not-shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a medium is opened: a path, and the device number if udev named one."""

    path: str
    device: DeviceIdentity | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A source, and the error because of which it holds nothing."""

    source: Source
    refusal: BridgeError | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Opens media and takes them over, for one dock."""

    parts: Parts
    reader: Reader
    # Card images that are opened in place of device nodes, in rehearsals without hardware.
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    # Where the register changes while the dock runs; else it is that of the rules.
    register: Callable[[], Register] | None = None

    def place_of(self, medium: MediumAppeared) -> Place:
        """Return where the bytes of a medium that udev reported are read."""
        if medium.node in self.stand_ins:
            return Place(path=self.stand_ins[medium.node])
        return Place(path=medium.node, device=DeviceIdentity(medium.major, medium.minor))

    def listed(self, medium: MediumAppeared, stop: threading.Event) -> Source:
        """Open and list what udev reported; raise what keeps it from being listed."""
        opened = self.open(self.place_of(medium), stop)
        if opened.refusal is not None:
            opened.source.close()
            raise opened.refusal
        return opened.source

    def open(self, place: Place, stop: threading.Event) -> Opened:
        """Open and list what is at `place`.

        A medium that is there and cannot be listed is opened as one that holds nothing:
        it is docked, and says why. Raises SourceNotFoundError, NotOpenedError,
        MediumGoneError and StoppedError, where there is nothing to say anything about.
        """
        rules = self.parts.rules
        try:
            source = open_source(
                place.path,
                zone=rules.zone,
                chunk_bytes=rules.ingest.chunk_bytes,
                reader=self.reader,
                stop=stop,
                device=place.device,
            )
        except (NotOpenedError, MediumGoneError):
            raise
        except BridgeError as error:
            # Pulled while it was listed, which says nothing about it. Of a device the error
            # comes first, and udev's word a moment later.
            if stop.wait(_WORD_OF_UNPLUG_S if place.device else 0):
                raise StoppedError from error
            kind = "device" if place.device or Path(place.path).is_block_device() else "image"
            return Opened(UnreadSource(kind=kind, place=place.path, problem=str(error)), error)
        return Opened(source)

    def take_over(
        self,
        opened: Opened,
        *,
        bay: str,
        report: Report,
        stop: threading.Event,
        reread: bool = False,
        seen: Seen | None = None,
        greeting: Greeting | None = None,
        occasion: Occasion = "plugged",
        unheard: str = "",
        others: Callable[[], Others] = lambda: "none",
    ) -> Released:
        """Run the docking and let go; raise the refusal once it stands in the ledger."""
        try:
            end = TakeOver(
                opened.source,
                self._parts_now(),
                bay=bay,
                report=report,
                stop=stop,
                reread=reread,
                seen=seen,
                greeting=greeting,
                occasion=occasion,
                unheard=unheard,
                others=others,
            ).run()
        finally:
            opened.source.close()
        if opened.refusal is not None:
            raise opened.refusal
        return end

    def _parts_now(self) -> Parts:
        """Return the parts with the register in force: one docking goes by one register."""
        if self.register is None:
            return self.parts
        return replace(self.parts, rules=replace(self.parts.rules, register=self.register()))


@dataclass(frozen=True, slots=True)
class AtBay:
    """What is done in one bay: recorders are met, and their media taken over."""

    bay: str
    desk: Desk
    meeting: Meeting
    erasure: Erasure

    def erase(self, order: Erase, *, shows: Shows, stop: threading.Event) -> Released:
        """Erase what may be erased by now; see `Erasure.run`."""
        return self.erasure.run(order, bay=self.bay, shows=shows, stop=stop)

    def greet(
        self,
        channel: ChannelAppeared,
        before: Met | None,
        *,
        switch: bool,
        stop: threading.Event,
        busy: Callable[[], None],
    ) -> Met:
        """Ask who is on a channel and what it can tell; see `Meeting.greet`."""
        return self.meeting.greet(channel, before, switch=switch, stop=stop, busy=busy)

    def take_over(
        self,
        medium: MediumAppeared | None,
        met: Met | None,
        *,
        occasion: Occasion,
        unheard: str,
        others: Callable[[], Others],
        stop: threading.Event,
        report: Report,
    ) -> Released:
        """Take a medium over, or let stand in the ledger what a recorder without one told."""
        greeting = told(met)
        if medium is None:
            return self._without(greeting, occasion, stop, report)
        opened = self.desk.open(self.desk.place_of(medium), stop)
        if met is not None and self._of_another(opened.source, met, stop):
            if met.use == "first":
                self._without(greeting, occasion, stop, report)
            greeting = None
        return self.desk.take_over(
            opened,
            bay=self.bay,
            report=report,
            stop=stop,
            seen=medium.seen,
            greeting=greeting,
            occasion=occasion,
            unheard=unheard,
            others=others,
        )

    def _without(
        self, greeting: Greeting | None, occasion: Occasion, stop: threading.Event, report: Report
    ) -> Released:
        source = UnreadSource(kind="device", place=f"bay {self.bay}", problem=NOT_SHOWN)
        return self.desk.take_over(
            Opened(source),
            bay=self.bay,
            report=report,
            stop=stop,
            greeting=greeting,
            occasion=occasion,
        )

    def _of_another(self, source: Source, met: Met, stop: threading.Event) -> bool:
        """Tell whether a medium says that it is of another recorder than the one that was asked.

        Then another was put in while the first one's storage was waited for, and nothing that
        the first one told is true of it.
        """
        told_by = met.greeting.identity
        try:
            known = identity.of_source(source, self.desk.parts.rules.register, stop)
        except (MediumGoneError, StoppedError):
            return False
        numbers = {known.number.strip().casefold(), (told_by.number if told_by else "").casefold()}
        if len(numbers - {""}) <= 1:
            return False
        log.warning("bay %s: the medium is of another recorder than the one asked", self.bay)
        return True
