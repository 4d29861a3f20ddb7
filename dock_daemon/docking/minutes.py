"""The minutes of one docking: what it did, in entries, in counts, and in events as it happens.

An entry comes first, its event after it: what is told is already kept.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from dock_daemon.docking import findings, plan, sourcing, statements
from dock_daemon.docking.events import (
    ClipKnown,
    ClipSealed,
    ClipUnread,
    FindingMade,
    Progress,
    Released,
    Report,
)
from dock_daemon.docking.fates import Fates
from dock_daemon.docking.findings import Finding, gone_key
from dock_daemon.docking.handover import Handover
from dock_daemon.docking.plan import Keep
from dock_daemon.docking.statements import ClipStatement, Scene
from dock_daemon.errors import ClipError
from dock_daemon.evidence.pieces import Outcome, Piece, Sealed
from dock_daemon.evidence.records import Row
from firmware_bridge.volume.listing import Entry, Volume
from hashing.canonical import JSON

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Count:
    """What a docking has done so far."""

    sealed: int = 0
    known: int = 0
    unread: int = 0
    incomplete: int = 0
    findings: int = 0
    late: int = 0
    bytes: int = 0
    unjudged: int = 0


class Minutes:
    """Writes down and tells.

    `found_before` are the keys of facts that are findings already; `most_open` bounds what
    may wait to be sealed, since a hostile card can hold any number of findings.
    """

    def __init__(
        self,
        scene: Scene,
        handover: Handover,
        report: Report,
        *,
        found_before: set[str],
        most_open: int,
    ) -> None:
        self._scene = scene
        self._handover = handover
        self._report = report
        self.found_before = found_before
        self._most_open = most_open
        self.count = Count()
        self.fates = Fates()

    @property
    def known(self) -> int:
        """How many clips were recognised."""
        return self.count.known

    def state(
        self, kind: str, body: dict[str, JSON], row: Row | None, facts: dict[str, JSON] | None
    ) -> Sealed:
        """Write down what the docking itself did, and wait until it is kept."""

        def finish(_outcome: Outcome) -> tuple[dict[str, JSON], Row | None]:
            return body, row

        piece = Piece(
            kind=kind,
            docking=self._scene.number,
            finish=finish,
            facts=facts,
            closes=kind == "released",
        )
        return self._handover.state(piece)

    def copied(self, count: int) -> None:
        """Tell that so many bytes more have come over."""
        self.count.bytes += count
        self._report(Progress(clips_sealed=self.count.sealed, bytes_copied=self.count.bytes))

    def clip(self, statement: ClipStatement, lost: Callable[[ClipError], None]) -> None:
        """Hand a copied clip over; `lost` hears of it if it does not survive."""
        piece = Piece(
            kind="clip",
            docking=self._scene.number,
            finish=statement.finish,
            facts=sourcing.of_file(
                statement.step.volume,
                statement.step.entry,
                self._scene.recorder,
                statement.told,
                corrected=statement.corrected,
                holes=statement.holes,
            ),
            clip=statement.staged,
        )
        self._handover.give(piece, lambda sealed: self._acknowledge(statement, sealed), lost)

    def recognised(self, step: Keep) -> None:
        """Tell that a clip is as it was when it was sealed."""
        self.count.known += 1
        clip = step.known
        self.count.incomplete += plan.is_incomplete(step.entry) or bool(clip.holes)
        # Of what could not be read whole nobody knows what the recorder closed.
        sha256 = "" if clip.holes else clip.sha256
        self.fates.recognised(step.volume, step.entry, sha256, clip=clip.seq)
        key = self._returned(gone_key(step.volume.key, clip.seq))
        if clip.erased:  # and is on the card all the same, or again
            key = f"back|erased|{clip.seq}"
        if key is not None:
            self.find(findings.present_again(step.volume, step.entry, clip, key))
        self._report(
            ClipKnown(seq=clip.seq, path=step.entry.text, sha256=clip.sha256, size=clip.size)
        )

    def still_written(self, volume: Volume, entry: Entry) -> None:
        """Write down that a clip was written to while it was taken over, if it was."""
        if (clip := self.fates.clip_of(volume, entry)) is None:
            return
        self.fates.doubted(volume, entry)
        self.count.incomplete += 1
        self.find(findings.still_written(volume, entry, clip=clip))

    def unread(self, volume: Volume, entry: Entry, reason: str) -> None:
        """Write down that a file could not be taken over."""
        self.fates.unread(volume, entry, reason)
        self._report(ClipUnread(path=entry.text, size=entry.size, reason=reason))
        self.out_of_reach(findings.unread(volume, entry, reason))

    def out_of_reach(self, found: Finding) -> None:
        """Write down that something on the medium could not be read."""
        self.count.unread += 1
        self.find(found)

    def find(self, found: Finding) -> None:
        """Write a finding down, unless the same fact already stands in the ledger."""
        found = self._anew(found)
        if found.key in self.found_before:
            return
        self.found_before.add(found.key)

        def kept(sealed: Sealed) -> None:
            self.count.findings += 1
            self._report(
                FindingMade(
                    seq=sealed.seq,
                    finding=found.finding,
                    volume=found.volume,
                    path=found.path,
                    clip=found.clip,
                    facts=found.facts,
                )
            )

        def lost(error: ClipError) -> None:
            log.error("a finding (%s) could not be written down: %s", found.finding, error)
            self.count.unread += 1

        piece = Piece(
            kind="finding",
            docking=self._scene.number,
            finish=lambda outcome: statements.finding(self._scene, found, outcome),
            facts=sourcing.of_finding(found, self._scene.recorder),
        )
        self._handover.give(piece, kept, lost)
        self._handover.drain(to=self._most_open)

    def _returned(self, gone: str) -> str | None:
        """Return the key of a clip's return, if it had been found gone since it was last here."""
        times = self._times_returned(gone)
        last = f"{gone}|{times}" if times else gone
        return f"back|{gone}|{times}" if last in self.found_before else None

    def _anew(self, found: Finding) -> Finding:
        """Let a clip that came back, and is gone again, be found gone again."""
        times = self._times_returned(found.key)
        return replace(found, key=f"{found.key}|{times}") if times else found

    def _times_returned(self, gone: str) -> int:
        times = 0
        while f"back|{gone}|{times}" in self.found_before:
            times += 1
        return times

    def release(self, *, interrupted: bool, remaining: int) -> Released:
        """Write down how the docking ended, tell it and return it."""
        count = self.count
        partial = count.unread > 0 or count.incomplete > 0
        end = Released(
            docking=self._scene.number,
            result="interrupted" if interrupted else "partial" if partial else "complete",
            sealed=count.sealed,
            known=count.known,
            unread=count.unread,
            incomplete=count.incomplete,
            findings=count.findings,
            late=count.late,
            bytes=count.bytes,
            remaining=remaining if interrupted else 0,
            unjudged=count.unjudged,
        )
        body, row = statements.released(end)
        sealed = self.state("released", body, row, None)
        end = replace(end, log_size=sealed.seq + 1)
        self._report(end)
        return end

    def _acknowledge(self, clip: ClipStatement, sealed: Sealed) -> None:
        """Tell that a clip is taken over: from here on it must survive anything."""
        step, entry = clip.step, clip.step.entry
        incomplete = plan.is_incomplete(entry) or bool(clip.holes)
        is_late = clip.is_late(sealed.at.utc_ms)
        self.fates.sealed(
            step.volume,
            entry,
            "" if clip.holes else clip.staged.sha256,
            clip=sealed.seq,
            fresh=step.known is None,
        )
        self.count.sealed += 1
        self.count.late += is_late
        self.count.incomplete += incomplete
        self._report(
            ClipSealed(
                seq=sealed.seq,
                path=entry.text,
                sha256=clip.staged.sha256,
                size=clip.staged.size,
                media_class=clip.media_class,
                due_ms=clip.deadline.due_ms,
                done_ms=sealed.at.utc_ms,
                late=is_late,
                quarantine=self._scene.quarantine,
                verified=str(sealed.body["verified"]),
                marks=clip.marks,
                incomplete=incomplete,
            )
        )
        self._compared(clip, sealed)
        if clip.outside is not None:
            span = clip.outside.facts()
            self.find(findings.outside_issue(step.volume, entry, clip=sealed.seq, span=span))
        if clip.deadline.unknown_year is not None:
            self.find(findings.calendar_unknown(clip.deadline.rule, clip.deadline.unknown_year))
        if plan.is_incomplete(entry) or plan.size_was_lost(entry):
            self.find(findings.doubtful(step.volume, entry, clip=sealed.seq))
        if clip.holes:
            self.find(findings.partial(step.volume, entry, clip=sealed.seq, holes=clip.holes))

    def _compared(self, clip: ClipStatement, sealed: Sealed) -> None:
        """Hold a clip against what was sealed under its name before."""
        step = clip.step
        known = step.known
        if known is None or (step.as_sealed and (clip.holes or known.holes)):
            return  # what could not be read, now or then, tells nothing of what is there
        if step.as_sealed and known.sha256 == clip.staged.sha256:
            self.find(findings.stored_copy(step, known, sealed.seq))
        elif clip.media_class != "record":
            changed = findings.changed(
                step, known, sha256=clip.staged.sha256, size=clip.staged.size
            )
            if changed is not None:
                self.find(changed)
