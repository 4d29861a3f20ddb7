"""One docking, from the listing to the release.

The order, of which no step may be swapped:

    (1) the recorder says who it is                         entry `docked`
    (2) the checklist                                       entry `checked`
    (3) each volume is compared with the ledger: what is new, known, gone
    (4) what is gone, or was deleted unseen                 entries `finding`
    (5) what is new is copied and sealed, oldest first      entries `clip`, `finding`
    (6) the recorder is released                            entry `released`

It blocks, runs in one thread of its own and tells what happens through `report`.
Pulling the recorder ends it early with what is sealed by then; coming back, the
plan starts from there.
"""

import hashlib
import logging
import os
import random
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from dock_daemon.clock import Clock
from dock_daemon.docking import checklist, findings, identity, plan, sourcing, statements
from dock_daemon.docking.copying import copy
from dock_daemon.docking.deadlines import Deadline, day_ends, deadline_of, local_of
from dock_daemon.docking.events import (
    Checked,
    Identified,
    Planned,
    Released,
    Report,
)
from dock_daemon.docking.handover import Handover
from dock_daemon.docking.minutes import Minutes
from dock_daemon.docking.plan import Keep, Skip, Take
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.sources import Source
from dock_daemon.docking.statements import ClipStatement, Scene
from dock_daemon.errors import (
    ClipError,
    ContentLengthError,
    DockFullError,
    StoppedError,
    SyncFailedError,
)
from dock_daemon.evidence import questions
from dock_daemon.evidence.durable import reread
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.sealer import Sealer
from dock_daemon.evidence.store import CLIPS, Store
from dock_daemon.recorders import matching
from dock_daemon.recorders.matching import Profile, Seen
from firmware_bridge.errors import MediumGoneError, MediumReadError
from firmware_bridge.volume.listing import Entry, Volume

log = logging.getLogger(__name__)

_SAMPLE: Final = 64 << 10
_ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """What a docking works with; the composition root has made them."""

    store: Store
    sealer: Sealer
    clock: Clock
    rules: Rules


class TakeOver:
    """The whole of one docking. `run` may be called once."""

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
    ) -> None:
        self._source = source
        self._seen = seen
        self._parts = parts
        self._bay = bay
        self._report = report
        self._stop = stop
        self._reread = reread
        self._handover = Handover(parts.sealer)
        self._most_open = 2 * parts.rules.ingest.group_clips
        self._remaining = 0
        self._again: list[Take] = []
        self._docked_ms = parts.clock.at().utc_ms
        self._day_ends: dict[date, datetime] = {}

    def run(self) -> Released:
        """Take everything over; return how it ended.

        Raises DoubtError, which stops the dock, and nothing that only concerns this
        recorder: pulled out or unreadable is told in what is returned.
        """
        rules, sealer = self._parts.rules, self._parts.sealer
        gone = False
        try:
            recorder = identity.of_source(self._source, rules.register, self._stop)
        except (MediumGoneError, StoppedError):
            recorder, gone = identity.Known(None, None), True
        self._earlier = sealer.ask(lambda ledger: questions.volumes_of(ledger, recorder.number))
        self._scene = Scene(
            number=sealer.ask(Ledger.new_docking),
            bay=self._bay,
            source=self._source.kind,
            place=self._source.place,
            recorder=recorder,
            rules=rules,
            profile=self._profile(),
        )
        self._minutes = Minutes(
            self._scene,
            self._handover,
            self._report,
            found_before=sealer.ask(questions.finding_keys),
            most_open=self._most_open,
        )
        self._docked()
        try:
            return self._to_the_end(gone=gone)
        except Exception:
            # Nobody will say how this docking ended; the sealer will, once it can.
            sealer.abandon(self._scene.number)
            raise

    def _to_the_end(self, *, gone: bool) -> Released:
        if not gone:
            try:
                self._checked()
                self._take_over()
            except (MediumGoneError, StoppedError) as error:
                log.info("bay %s: docking %d: %s", self._bay, self._scene.number, error)
                gone = True
        self._handover.drain(to=0)
        for step in self._again:  # pulled out before it could be copied a second time
            self._minutes.unread(step.volume, step.entry, "not-durable")
        self._handover.drain(to=0)
        return self._minutes.release(interrupted=gone, remaining=self._remaining)

    def _profile(self) -> Profile:
        paths = (
            entry.text
            for _, entries in self._source.volumes
            for entry in entries
            if not entry.deleted
        )
        return matching.of_medium(self._parts.rules.profiles, self._seen, paths)

    # (1) ----------------------------------------------------------------------------

    def _docked(self) -> None:
        volumes = tuple(volume.key for volume, _ in self._source.volumes)
        body, row = statements.docked(self._scene, volumes)
        facts = sourcing.of_docking(self._source, self._scene.recorder, self._bay)
        self._minutes.state("docked", body, row, facts)
        holder = self._scene.recorder.holder
        self._report(
            Identified(
                docking=self._scene.number,
                recorder=self._scene.recorder.number,
                holder=holder.name if holder else "",
                unit=holder.unit if holder else "",
                registered=holder is not None,
                source=self._source.kind,
                volumes=volumes,
                clock=self._parts.clock.at().sync,
            )
        )

    # (2) ----------------------------------------------------------------------------

    def _checked(self) -> None:
        rules = self._parts.rules
        ends = [
            local_of(end, rules.zone)
            for _, entries in self._source.volumes
            for entry in entries
            if not entry.deleted and not entry.directory and (end := _end_of(entry)) is not None
        ]
        now = datetime.fromtimestamp(self._docked_ms / 1000, UTC).astimezone(rules.zone)
        items, verdict = checklist.check(
            (volume for volume, _ in self._source.volumes),
            latest=max(ends, default=None),
            now=now.replace(tzinfo=None),
            wanted=rules.checklist.content,
            can=self._scene.profile.content.capabilities,
        )
        self._minutes.state(
            "checked",
            statements.checked(self._scene, items, verdict),
            None,
            {"kind": "checked", "recorder": self._scene.recorder.number},
        )
        self._report(Checked(verdict=verdict, items=tuple(items)))

    # (3) to (5) ---------------------------------------------------------------------

    def _take_over(self) -> None:
        takes: list[Take] = []
        for volume, entries in self._source.volumes:
            takes += self._compare(volume, entries)
        self._judge_medium()
        if not self._source.problem:  # of what could not be listed, nothing was planned
            self._report(self._planned(takes))
        self._remaining = len(takes)
        for attempt in range(1, _ATTEMPTS + 1):
            for step in takes:
                self._take(step, last=attempt == _ATTEMPTS)
                self._remaining -= 1
            self._handover.drain(to=0)
            takes, self._again = self._again, []
            self._remaining += len(takes)

    def _planned(self, takes: list[Take]) -> Planned:
        due = [self._deadline(step.entry).due_ms for step in takes]
        return Planned(
            clips=len(takes),
            bytes=sum(plan.content_size(step.entry) for step in takes),
            known=self._minutes.known,
            nearest_due_ms=min(due, default=None),
        )

    def _compare(self, volume: Volume, entries: tuple[Entry, ...]) -> list[Take]:
        """Hold a volume against the ledger; return what is to be copied."""
        recorder = self._scene.recorder.number
        known = self._parts.sealer.ask(
            lambda ledger: questions.known_clips(ledger, volume.key, recorder)
        )
        files = [entry for entry in entries if not entry.deleted and not entry.directory]
        self._day_ends |= day_ends((_end_of(entry) for entry in files), self._parts.rules.zone)
        self._judge_volume(volume, entries, known)
        takes: list[Take] = []
        for step in plan.steps(volume, files, known):
            if self._stop.is_set():
                raise StoppedError
            match step:
                case Take():
                    takes.append(step)
                case Keep():
                    if (again := self._keep(step)) is not None:
                        takes.append(again)
                case Skip(_, entry, reason):
                    self._minutes.unread(volume, entry, reason)
        return takes

    def _judge_volume(
        self, volume: Volume, entries: tuple[Entry, ...], known: plan.Versions
    ) -> None:
        """Find what does not fit on a volume: out of reach, missing, deleted, another's."""
        recorder = self._scene.recorder.number
        before = self._parts.sealer.ask(lambda ledger: questions.recorders_of(ledger, volume.key))
        if (other := findings.recorder_changed(volume, before, recorder)) is not None:
            self._minutes.find(other)
        if not volume.sound:
            self._minutes.out_of_reach(findings.listing_incomplete(volume))
        for entry in entries:
            if (code := plan.why_not_entered(entry)) is not None:
                self._minutes.out_of_reach(findings.unread(volume, entry, code))
        # After an unplug a listing can come back short and look whole: what is not
        # on it is missing only if the same medium still answers. A folder has no serial
        # that would tell it from another one.
        if self._source.kind == "folder" or not self._source.still_there():
            return
        for found in findings.of_volume(
            volume,
            entries,
            known,
            looks_like_clip=lambda entry: self._class_of(entry) in {"media", "sidecar"},
            judged=lambda clip: clip.media_class != "record",
        ):
            self._minutes.find(found)

    def _judge_medium(self) -> None:
        if self._source.problem:
            self._minutes.out_of_reach(
                findings.medium_unread(self._scene.number, self._source.place, self._source.problem)
            )
        now = [volume.key for volume, _ in self._source.volumes]
        recorder = self._scene.recorder.number
        replaced = findings.volume_replaced(recorder, self._earlier, now)
        if replaced is not None:
            self._minutes.find(replaced)
        for part in self._source.medium.refused if self._source.medium else ():
            self._minutes.out_of_reach(findings.refused(part, now))

    def _keep(self, step: Keep) -> Take | None:
        """Compare with the store; return a copying step if anything is not as it was."""
        stored = self._parts.store.path_of(CLIPS, step.known.sha256)
        try:
            whole = stored.stat().st_size == step.known.size
        except OSError:
            return Take(step.volume, step.entry, step.known, store="missing")
        if not whole:
            return Take(step.volume, step.entry, step.known, store="damaged")
        try:
            same = self._same_throughout(step) if self._reread else self._same_in_samples(step)
        except (OSError, MediumReadError):
            same = False
        if not same:
            return Take(step.volume, step.entry, step.known)
        self._minutes.recognised(step)
        return None

    def _same_in_samples(self, step: Keep) -> bool:
        stored = self._parts.store.path_of(CLIPS, step.known.sha256)
        blocks = self._parts.rules.ingest.sample_blocks
        return all(
            self._source.sample(step.entry, at, len(piece)) == piece
            for at, piece in _samples(stored, plan.valid_size(step.entry), blocks)
        )

    def _same_throughout(self, step: Keep) -> bool:
        digest = hashlib.sha256()
        for chunk in self._source.chunks(step.entry, self._stop):
            digest.update(chunk)
        stored, _, _ = reread(self._parts.store.path_of(CLIPS, step.known.sha256))
        return digest.hexdigest() == stored == step.known.sha256

    def _take(self, step: Take, *, last: bool) -> None:
        store = self._parts.store
        try:
            store.make_room(plan.content_size(step.entry))
            staged = copy(self._source, step.entry, store, stop=self._stop, told=self._on_chunk)
        except MediumReadError as error:
            self._minutes.unread(step.volume, step.entry, f"read-error at {error.offset}")
            return
        except DockFullError:
            self._minutes.unread(step.volume, step.entry, "dock-full")
            return
        except SyncFailedError:
            self._minutes.unread(step.volume, step.entry, "not-durable")
            return
        except ContentLengthError:
            self._minutes.unread(step.volume, step.entry, "length-differs")
            return
        statement = ClipStatement(
            scene=self._scene,
            step=step,
            staged=staged,
            media_class=self._class_of(step.entry),
            deadline=self._deadline(step.entry),
        )

        def lost(error: ClipError) -> None:
            log.warning("a copy did not survive its way to the disk: %s", error)
            if last or isinstance(error, DockFullError):
                reason = "dock-full" if isinstance(error, DockFullError) else "not-durable"
                self._minutes.unread(step.volume, step.entry, reason)
            else:
                self._again.append(step)

        self._minutes.clip(statement, lost)
        self._handover.drain(to=self._most_open)

    def _on_chunk(self, count: int) -> None:
        self._minutes.copied(count)
        self._handover.hear()

    def _deadline(self, entry: Entry) -> Deadline:
        rules = self._parts.rules
        end = _end_of(entry)
        day = None if end is None else self._day_ends.get(local_of(end, rules.zone).date())
        return deadline_of(
            end,
            day,
            docked_at_utc_ms=self._docked_ms,
            returned_utc_ms=None,
            preset=rules.preset.content,
            tz=rules.zone,
        )

    def _class_of(self, entry: Entry) -> str:
        return self._scene.profile.content.files.class_of(entry.text)


def _end_of(entry: Entry) -> datetime | None:
    """Return when a clip ended: a recorder writes its record last when it closes the file."""
    return None if entry.modified is None else entry.modified.local()


def _samples(stored: Path, size: int, blocks: int) -> list[tuple[int, bytes]]:
    """Return random pieces of a stored clip, and always its first and last bytes."""
    if size == 0 or blocks == 0:
        return []
    last = max(0, size - _SAMPLE)
    places = {0, last, *(random.randint(0, last) for _ in range(blocks))}  # noqa: S311  no secret
    handle = os.open(stored, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [(at, os.pread(handle, min(_SAMPLE, size - at), at)) for at in sorted(places)]
    finally:
        os.close(handle)
