"""One docking, from the listing to the release.

The order, of which no step may be swapped:

    (1) the recorder says who it is                         entry `docked`
    (2) its key, journal and clock; it is back              entries `recorder-registered`,
                                                            `journal`, `clock-set`, `return`
    (3) each volume is compared with the ledger: what is new, known, gone
    (4) what is gone, or was deleted unseen                 entries `finding`
    (5) what is new is copied and sealed, oldest first      entries `clip`, `finding`
    (6) the journal is held against the card                entries `finding`
    (7) the checklist: it needs all of the above            entry `checked`
    (8) the recorder is released                            entry `released`

It blocks, runs in one thread of its own and tells what happens through `report`.
Pulling the recorder ends it early with what is sealed by then, and a checklist that says
so; coming back, the plan starts from there.
"""

import logging
import threading
from collections.abc import Callable

from dock_daemon.docking import checking, hearing, identity, plan, sourcing, statements
from dock_daemon.docking.comparing import compare
from dock_daemon.docking.dates import Dates
from dock_daemon.docking.events import Identified, Planned, Released, Report
from dock_daemon.docking.fetching import Fetching, most_open
from dock_daemon.docking.handover import Handover
from dock_daemon.docking.hearing import Before
from dock_daemon.docking.minutes import Minutes
from dock_daemon.docking.plan import Take
from dock_daemon.docking.sources import Source
from dock_daemon.docking.statements import Scene
from dock_daemon.docking.work import Parts, Work
from dock_daemon.errors import StoppedError
from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.recorders import matching
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.recorders.journal_judge import Others
from dock_daemon.recorders.matching import Profile, Seen
from firmware_bridge.errors import MediumGoneError

log = logging.getLogger(__name__)

__all__ = ["Parts", "TakeOver"]  # who runs dockings gets both from here


class TakeOver:
    """The whole of one docking. `run` may be called once.

    `greeting` is what the recorder said over its control channel, None where nobody asked;
    `occasion` why this docking is: "plugged", "start" (it sat there when the dock started),
    "asked" (a check on demand), "shift" (one before the shift). `seen` is what the port showed
    of a recorder that nobody asked; `unheard` why one that was asked told nothing: an error's
    code. `others` tells of the recorder's other media.
    """

    def __init__(
        self,
        source: Source,
        parts: Parts,
        *,
        bay: str,
        report: Report,
        stop: threading.Event,
        reread: bool = False,
        seen: Seen | None = None,
        greeting: Greeting | None = None,
        occasion: str = "plugged",
        unheard: str = "",
        others: Callable[[], Others] = lambda: "none",
    ) -> None:
        self._source = source
        self._seen = seen
        self._parts = parts
        self._bay = bay
        self._report = report
        self._stop = stop
        self._reread = reread
        self._greeting = greeting
        self._occasion = occasion
        self._unheard = unheard
        self._others = others

    def run(self) -> Released:
        """Take everything over; return how it ended.

        Raises DoubtError, which stops the dock, and nothing that only concerns this
        recorder: pulled out or unreadable is told in what is returned.
        """
        register, gone = self._parts.rules.register, False
        profile = self._profile()
        files = profile.content.identify.files
        try:
            recorder = identity.of_source(self._source, register, self._stop, self._greeting, files)
        except (MediumGoneError, StoppedError):
            recorder, gone = identity.of_greeting(self._greeting, register), True
        known = self._parts.sealer.ask(lambda ledger: hearing.before(ledger, recorder.number))
        work = self._work(recorder, known, profile)
        _docked(work)
        try:
            return self._to_the_end(work, known, gone=gone)
        except Exception:
            # Nobody will say how this docking ended; the sealer will, once it can.
            self._parts.sealer.abandon(work.scene.number)
            raise

    def _to_the_end(self, work: Work, known: Before, *, gone: bool) -> Released:
        fetching = Fetching(work)
        heard = hearing.write_down(work, known)
        if not gone:
            try:
                takes = compare(work)
                if not work.source.problem:  # of what could not be listed, nothing was planned
                    work.report(_planned(work, takes))
                fetching.run(takes)
            except (MediumGoneError, StoppedError) as error:
                log.info("bay %s: docking %d: %s", self._bay, work.scene.number, error)
                gone = True
        fetching.end()
        hearing.was_out(work, known)
        if not gone:
            hearing.judge(work, heard)
            work.handover.drain(to=0)
        checking.go_through(work, heard, remaining=fetching.remaining, interrupted=gone)
        return work.minutes.release(interrupted=gone, remaining=fetching.remaining)

    def _work(self, recorder: identity.Known, known: Before, profile: Profile) -> Work:
        parts, sealer = self._parts, self._parts.sealer
        handover = Handover(sealer)
        scene = Scene(
            number=sealer.ask(Ledger.new_docking),
            bay=self._bay,
            source=self._source.kind,
            place=self._source.place,
            occasion=self._occasion,
            recorder=recorder,
            rules=parts.rules,
            profile=profile,
        )
        minutes = Minutes(
            scene,
            handover,
            self._report,
            found_before=sealer.ask(questions.finding_keys),
            most_open=most_open(parts.rules.ingest.group_clips),
        )
        return Work(
            source=self._source,
            parts=parts,
            scene=scene,
            minutes=minutes,
            handover=handover,
            dates=Dates(
                parts.rules,
                docked_ms=parts.clock.at().utc_ms,
                correction=hearing.correction_of(self._greeting, known),
                standing=known.standing,
            ),
            report=self._report,
            stop=self._stop,
            greeting=self._greeting,
            unheard=self._unheard,
            others=self._others,
            earlier_volumes=known.volumes,
            reread=self._reread,
        )

    def _profile(self) -> Profile:
        if self._greeting is not None:
            return self._greeting.profile
        paths = (
            entry.text
            for _, entries in self._source.volumes
            for entry in entries
            if not entry.deleted
        )
        return matching.of_medium(self._parts.rules.profiles, self._seen, paths)


def _docked(work: Work) -> None:
    """Write down and tell who was put in: step (1)."""
    scene = work.scene
    volumes = tuple(volume.key for volume, _ in work.source.volumes)
    body, row = statements.docked(scene, volumes)
    work.minutes.state(
        "docked", body, row, sourcing.of_docking(work.source, scene.recorder, scene.bay)
    )
    holder = scene.recorder.holder
    work.report(
        Identified(
            docking=scene.number,
            recorder=scene.recorder.number,
            holder=holder.name if holder else "",
            unit=holder.unit if holder else "",
            registered=holder is not None,
            source=work.source.kind,
            volumes=volumes,
            clock=work.parts.clock.at().sync,
        )
    )


def _planned(work: Work, takes: list[Take]) -> Planned:
    due = [work.dates.deadline(step.entry).due_ms for step in takes]
    return Planned(
        clips=len(takes),
        bytes=sum(plan.content_size(step.entry) for step in takes),
        known=work.minutes.known,
        nearest_due_ms=min(due, default=None),
    )
