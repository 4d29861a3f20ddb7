"""What a recorder said over its channel, written down: its key, its journal, its clock.

Steps (2) and (6) of a docking (take_over.py). What the dock knew before is asked first: a
docking ends an issue, and from then on the recorder stands otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dock_daemon.custody import book
from dock_daemon.custody.standing import Standing, standing
from dock_daemon.docking import findings, statements
from dock_daemon.docking.dates import Correction
from dock_daemon.docking.identity import Known as Recorder
from dock_daemon.docking.work import Work
from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.recorders import journal_book
from dock_daemon.recorders.enrolled_keys import enrolled_elsewhere
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.recorders.journal_book import Examined, KeyState, Remembered, Told
from dock_daemon.recorders.journal_judge import Card
from firmware_bridge.capabilities import Capability
from firmware_bridge.volume.listing import Entry, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was known of a recorder before this docking. `clock_set_ms`: by a dock, in ms UTC.

    `left_in` is the bay in which its last docking came to its end, so that it sits there until
    somebody takes it out; empty where it was seen to be taken out too early, or never docked.
    """

    volumes: tuple[str, ...]
    standing: Standing
    remembered: Remembered | None
    clock_set_ms: int | None
    left_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the dock makes of what the recorder said."""

    before: Before
    examined: Examined
    vkey: str
    """The key that is enrolled now; empty if none is."""

    @property
    def key_is_new(self) -> bool:
        """Tell whether its key was taken at this docking."""
        return self.examined.key_state is KeyState.REGISTERED

    @property
    def issued_to(self) -> str:
        """The user number of the person with whom it was out; empty if it was not."""
        out = self.before.standing.out
        return "" if out is None else out.holder.user_no

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest record of its journal, by its own clock (ms UTC), if any."""
        pulses = [one.pulse for one in self.examined.accounts[:1] if one.pulse is not None]
        return pulses[0].utc_ms if pulses else None


def before(ledger: Ledger, recorder: str) -> Before:
    """Return what is known of a recorder; it asks the ledger."""
    rows = ledger.rows(
        "SELECT max(at_ms) AS at_ms FROM clock_set WHERE lower(recorder) = lower(?)", (recorder,)
    )
    last = ledger.rows(
        "SELECT bay, result FROM docking WHERE lower(recorder) = lower(?)"
        " ORDER BY number DESC LIMIT 1",
        (recorder,),
    )
    ended = bool(recorder and last) and last[0]["result"] in {"complete", "partial"}
    return Before(
        volumes=tuple(questions.volumes_of(ledger, recorder)),
        standing=standing(ledger, recorder),
        remembered=journal_book.remembered(ledger, recorder),
        clock_set_ms=cast("int | None", rows[0]["at_ms"]) if rows and recorder else None,
        left_in=cast("str", last[0]["bay"]) if ended else "",
    )


def correction_of(greeting: Greeting | None, known: Before) -> Correction | None:
    """Return by what the recorder's times are corrected; None where its clock is not known.

    What it showed before it was set, measured by a dock that knew the time itself.
    """
    clock = None if greeting is None else greeting.clock
    if clock is None or clock.from_utc_us is None:
        return None
    return Correction(clock=clock, since_ms=known.clock_set_ms)


def write_down(work: Work, known: Before) -> Heard:
    """Enter key, journal and clock, and that it came back; return what was made of them.

    Raises DoubtError, and ClipError where an entry could not be kept.
    """
    recorder = work.scene.recorder
    told = _told(work, recorder)
    other = work.parts.sealer.ask(
        lambda ledger: enrolled_elsewhere(ledger, recorder.number, told.vkey)
    )
    examined = journal_book.examine(told, known.remembered, docking=work.scene.number, other=other)
    for statement in examined.statements:
        work.minutes.state(statement.kind, statement.body, statement.row, statement.facts)
    if work.greeting is not None and work.greeting.clock_set is not None:
        body, row, facts = statements.clock_set(
            work.scene, work.greeting.clock_set, work.parts.clock.trust()
        )
        work.minutes.state("clock-set", body, row, facts)
    if work.scene.occasion == "plugged" or (
        work.scene.occasion == "start" and known.left_in != work.scene.bay
    ):
        _came_back(work)
    for found in examined.findings:
        work.minutes.find(findings.of_journal(found))
    enrolled = "" if known.remembered is None else known.remembered.vkey
    new = examined.key_state is KeyState.REGISTERED
    return Heard(before=known, examined=examined, vkey=told.vkey if new else enrolled)


def was_out(work: Work, known: Before) -> None:
    """Enter that a recorder came back which sat in its bay when the dock started.

    Nobody saw it being put in. Where it was left in this very bay, it may never have been out:
    only what was recorded since tells. Else an issue would end by a restart of the dock.
    """
    if work.scene.occasion == "start" and known.left_in == work.scene.bay:
        fates = work.minutes.fates
        if any(fates.fresh(*file) for file in _clips(work)):
            _came_back(work)


def _clips(work: Work) -> Iterator[tuple[Volume, Entry]]:
    for volume, entries in work.source.volumes:
        for entry in entries:
            if not entry.deleted and work.scene.class_of(entry) == "media":
                yield volume, entry


def _came_back(work: Work) -> None:
    if work.scene.recorder.number:
        book.came_back(work.parts.sealer, work.scene.recorder.number, work.scene.number)


def judge(work: Work, heard: Heard) -> None:
    """Hold the journal against the card, once all that could be copied is sealed."""
    if not heard.examined.accounts:
        return
    files = tuple(work.minutes.fates.on_card(work.source.volumes))
    card = Card(files=files, listing_sound=_all_seen(work), others=work.others())
    asked = heard.examined.asks(card)
    sealed = work.parts.sealer.ask(
        lambda ledger: journal_book.sealed_among(ledger, asked, before=work.scene.number)
    )
    judged = heard.examined.judge(card, sealed=sealed, seen=work.minutes.found_before)
    for found in judged.findings:
        work.minutes.find(findings.of_journal(found))
    work.minutes.count.unjudged = judged.unknown


def _all_seen(work: Work) -> bool:
    """Tell whether every live file was listed, and the same medium is still there.

    Nothing tells one folder from another: from a folder nothing is ever missing.
    """
    source = work.source
    if source.kind == "folder" or source.problem or not source.volumes:
        return False
    if source.medium is not None and source.medium.refused:
        return False
    return all(volume.sound for volume, _ in source.volumes) and source.still_there()


def _told(work: Work, recorder: Recorder) -> Told:
    """Return what it told of its journal; else why it told none."""
    greeting = work.greeting
    if greeting is None:
        return Told(recorder=recorder.number, why_not=work.unheard or "not-asked")
    if not greeting.can(Capability.JOURNAL):
        return Told(recorder=recorder.number, why_not="no-journal")
    for capability in (Capability.IDENTITY, Capability.JOURNAL):
        if code := greeting.troubles.get(capability):
            return Told(recorder=recorder.number, why_not=code)
    vkey = "" if greeting.identity is None else greeting.identity.vkey
    return Told(recorder=recorder.number, vkey=vkey, pieces=greeting.journal)
