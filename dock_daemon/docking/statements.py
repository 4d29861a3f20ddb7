"""The bodies of a docking's entries, and the rows that index them. Pure.

No name, path or officer's number may stand in a body: bodies are published and
can never be taken back. docs/formats/entry.md section 4 lists their members.
"""

from dataclasses import dataclass, field

from config.name_pattern import Named
from config.profiles import FileClass
from dock_daemon.clock import Trust
from dock_daemon.docking import plan
from dock_daemon.docking.dates import Span
from dock_daemon.docking.deadlines import Deadline, late
from dock_daemon.docking.events import Released
from dock_daemon.docking.findings import Finding
from dock_daemon.docking.identity import Known as Recorder
from dock_daemon.docking.plan import Take
from dock_daemon.docking.retention import kept
from dock_daemon.docking.rules import Rules
from dock_daemon.evidence.holes import Holes, missing
from dock_daemon.evidence.pieces import Outcome
from dock_daemon.evidence.records import ClipRow, DockingRow, FactRow, FindingRow, ReleaseRow
from dock_daemon.evidence.store import Staged
from dock_daemon.fitness.checklist import Outcome as Checked
from dock_daemon.fitness.observed import Observed, Untold
from dock_daemon.recorders import naming
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet
from dock_daemon.recorders.matching import Profile
from firmware_bridge.capabilities import Battery
from firmware_bridge.volume.listing import Entry
from hashing import canonical
from hashing.canonical import JSON

Body = dict[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Which docking an entry belongs to."""

    number: int
    bay: str
    source: str
    place: str
    # Why: "plugged", "asked" or "shift".
    occasion: str
    recorder: Recorder
    rules: Rules
    # By which profile it is read: its make's own, or that of every disk.
    profile: Profile

    @property
    def quarantine(self) -> bool:
        """Tell whether nobody is registered for this recorder (R-ISSUE)."""
        return self.recorder.holder is None

    def class_of(self, entry: Entry) -> FileClass:
        """Return what a file of this recorder is, by its path."""
        return self.profile.content.files.class_of(entry.text)


def docked(scene: Scene, volumes: tuple[str, ...]) -> tuple[Body, DockingRow]:
    """Say that a recorder was put in, and by which register it was judged."""
    holder = scene.recorder.holder
    body: Body = {
        "docking": scene.number,
        "bay": scene.bay,
        "source": scene.source,
        "occasion": scene.occasion,
        "registered": holder is not None,
        "quarantine": scene.quarantine,
        "register_sha256": scene.rules.register.sha256,
        "profile": scene.profile.name,
        "profile_sha256": scene.profile.sha256,
    }
    row = DockingRow(
        number=scene.number,
        bay=scene.bay,
        source=scene.source,
        place=scene.place,
        recorder=scene.recorder.number,
        holder=holder.name if holder else "",
        volumes=volumes,
        quarantine=scene.quarantine,
    )
    return body, row


def checked(scene: Scene, outcome: Checked, seen: Observed) -> tuple[Body, FactRow, Body]:
    """Say what the checklist found, and which thresholds judged it: body, row, document."""
    because = outcome.because
    body: Body = {
        "docking": scene.number,
        "occasion": scene.occasion,
        "preset": scene.rules.checklist.name,
        "preset_sha256": scene.rules.checklist.sha256,
        "profile": scene.profile.name,
        "profile_sha256": scene.profile.sha256,
        "verdict": outcome.verdict,
        "because": None
        if because is None
        else {"item": because.item, "reason": because.reason, "rule": because.rule},
        "items": [item.as_json() for item in outcome.items],
    }
    items: list[JSON] = [item.with_told() for item in outcome.items]
    facts: Body = {"kind": "checked", "recorder": scene.recorder.number, "items": items}
    return body, _check_row(scene, outcome, seen, items), facts


def _check_row(scene: Scene, outcome: Checked, seen: Observed, items: list[JSON]) -> FactRow:
    clock = seen.clock.measured if seen.clock.set is None else seen.clock.set.before
    measured = clock if isinstance(clock, ClockMeasured) else None
    battery = seen.battery if isinstance(seen.battery, Battery) else None
    return FactRow(
        table="check_result",
        values={
            "recorder": scene.recorder.number,
            "profile": scene.profile.name,
            "occasion": scene.occasion,
            "verdict": outcome.verdict,
            "because": "" if outcome.because is None else outcome.because.item,
            "items": canonical.encode(items).decode("utf-8"),
            "offset_ms": None if measured is None else measured.offset_ms,
            "uncertainty_ms": None if measured is None else measured.uncertainty_ms,
            "battery_percent": None if battery is None else battery.percent,
            "battery_health": None if battery is None else battery.health_percent,
            "battery_cycles": None if battery is None else battery.cycles,
            "faults": None if isinstance(seen.faults, Untold) else len(seen.faults),
            "firmware": seen.firmware if isinstance(seen.firmware, str) else "",
        },
    )


def clock_set(scene: Scene, done: ClockSet, trust: Trust) -> tuple[Body, FactRow, Body]:
    """Say that the recorder's clock was set, what it showed around that, and by which clock.

    What was measured names the clock that it was held against; a model that shows none leaves
    `trust`, the dock's own clock as it is now.
    """
    by = done.after or done.before
    sync, source = (trust.sync, trust.source) if by is None else (by.sync, by.source)
    body: Body = {
        "docking": scene.number,
        "before": _offset(done.before),
        "after": _offset(done.after),
        "sync": sync,
        "source": source,
    }
    row = FactRow(
        table="clock_set",
        values={
            "recorder": scene.recorder.number,
            "before_ms": None if done.before is None else done.before.offset_ms,
            "before_uncertainty_ms": None if done.before is None else done.before.uncertainty_ms,
            "after_ms": None if done.after is None else done.after.offset_ms,
            "after_uncertainty_ms": None if done.after is None else done.after.uncertainty_ms,
        },
    )
    facts: Body = {"kind": "clock-set", "recorder": scene.recorder.number}
    return body, row, facts


def _offset(measured: ClockMeasured | None) -> JSON:
    if measured is None:
        return None
    dock_us = measured.dock_uncertainty_us
    return {
        "offset_ms": measured.offset_ms,
        "uncertainty_ms": measured.uncertainty_ms,
        "dock_uncertainty_ms": None if dock_us is None else -(-dock_us // 1000),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipStatement:
    """A copied clip, ready to be sealed. `finish` adds what only sealing can tell."""

    scene: Scene
    step: Take
    staged: Staged
    media_class: str
    deadline: Deadline
    # Its times by the dock's clock, for its document; and when it was recorded, if that lies
    # outside of every issue.
    corrected: Body
    outside: Span | None
    # What of it could not be read: zeros stand there.
    holes: Holes = ()
    # What its name tells.
    told: Named = field(init=False)
    # What is odd about the clip, in the reader's stable words, or marked by its maker.
    marks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Find both once: document, entry, index and event all want them."""
        told = naming.told(self.scene.profile.content, self.step.entry.text)
        object.__setattr__(self, "told", told)
        object.__setattr__(self, "marks", self._marks())

    def _marks(self) -> tuple[str, ...]:
        codes = [problem.code for problem in self.step.entry.problems]
        if self.staged.size == 0:
            codes.append("empty")
        if self.told.important:
            codes.append("important")
        if self.told.encrypted:
            codes.append("encrypted")
        if self.outside is not None:
            codes.append("outside-issue")
        if self.holes:
            codes.append("partial")
        return tuple(dict.fromkeys(codes))

    def is_late(self, done_ms: int) -> bool:
        """Tell whether the clip had been due before it was sealed (R-24H)."""
        return late(self.deadline.due_ms, done_ms)

    def finish(self, outcome: Outcome) -> tuple[Body, ClipRow]:
        """Return the entry's body and row, once the clip was read back whole."""
        return self._body(outcome), self._row(outcome)

    def _body(self, outcome: Outcome) -> Body:
        body: Body = {
            "docking": self.scene.number,
            "sha256": self.staged.sha256,
            "size": self.staged.size,
            "class": self.media_class,
            "verified": str(outcome.verified),
            "marks": list[JSON](self.marks),
            "quarantine": self.scene.quarantine,
            "deadline": {
                "rule": self.deadline.rule,
                "preset": self.scene.rules.preset.name,
                "preset_sha256": self.scene.rules.preset.sha256,
                "base": self.deadline.base,
                "base_ms": self.deadline.base_ms,
                "sure": self.deadline.sure,
                "unknown_year": self.deadline.unknown_year,
                "due_ms": self.deadline.due_ms,
                "done_ms": outcome.at.utc_ms,
                "late": self.is_late(outcome.at.utc_ms),
            },
        }
        if self.media_class != "record":
            rules = self.scene.rules
            least = kept(outcome.at.utc_ms, rules.preset.content, rules.zone)
            body["retention"] = None if least is None else least.as_json()
        if self.holes:
            body["missing"] = missing(self.holes)
        if self.step.known is not None:
            body["supersedes"] = self.step.known.seq
        return body

    def _row(self, outcome: Outcome) -> ClipRow:
        entry = self.step.entry
        return ClipRow(
            volume=self.step.volume.key,
            path_key=plan.path_key(entry),
            path=entry.text,
            listed_size=plan.listed_size(entry),
            stamps=plan.stamps_of(entry),
            extents=plan.extents_of(entry),
            first_offset=plan.first_offset(entry),
            sha256=self.staged.sha256,
            size=self.staged.size,
            media_class=self.media_class,
            marks=self.marks,
            verified=str(outcome.verified),
            quarantine=self.scene.quarantine,
            rule=self.deadline.rule,
            base=self.deadline.base,
            base_ms=self.deadline.base_ms,
            due_ms=self.deadline.due_ms,
            done_ms=outcome.at.utc_ms,
            late=self.is_late(outcome.at.utc_ms),
            holes=self.holes,
        )


def finding(scene: Scene, found: Finding, outcome: Outcome) -> tuple[Body, FindingRow]:
    """Say that something does not fit; what exactly stands in the document."""
    body: Body = {"docking": scene.number, "finding": found.finding}
    if found.clip is not None:
        body["clip"] = found.clip
    row = FindingRow(
        finding=found.finding,
        key=found.key,
        volume=found.volume,
        path=found.path,
        clip=found.clip,
        facts=found.facts,
        found_ms=outcome.at.utc_ms,
    )
    return body, row


def released(end: Released) -> tuple[Body, ReleaseRow]:
    """Say how the docking ended; the ledger adds count and digest of its entries."""
    body: Body = {
        "docking": end.docking,
        "result": end.result,
        "clips": end.sealed,
        "known": end.known,
        "findings": end.findings,
        "unread": end.unread,
        "incomplete": end.incomplete,
        "late": end.late,
        "remaining": end.remaining,
        "unjudged": end.unjudged,
    }
    row = ReleaseRow(
        number=end.docking,
        result=end.result,
        clips=end.sealed,
        findings=end.findings,
        unread=end.unread,
    )
    return body, row
