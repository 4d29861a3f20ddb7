"""The checklist of one docking: gathered, judged, written down and told (R-CHECK).

Step (8) of a docking (take_over.py), the last but the release: only then is known whether the
card could be read, and whether all that was on it is kept.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from config.profiles import RecorderProfile
from dock_daemon.docking import statements
from dock_daemon.docking.dates import end_of
from dock_daemon.docking.deadlines import local_of
from dock_daemon.docking.events import Checked
from dock_daemon.docking.hearing import Heard
from dock_daemon.docking.work import Work
from dock_daemon.fitness.checklist import check
from dock_daemon.fitness.observed import (
    Answer,
    Cards,
    Clock,
    Holding,
    Key,
    LastClip,
    Observed,
    T,
    TakenOver,
    Untold,
)
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.recorders.journal_book import Examined, KeyState
from firmware_bridge.capabilities import Capability
from firmware_bridge.volume.listing import Entry, Problem, Volume

# Problems of a listing that say that a place on the medium did not answer.
_UNREADABLE: Final = frozenset(
    {
        "bad-cluster",
        "boot-unreadable",
        "directory-unreadable",
        "media-failure",
        "table-mended",
        "table-unreadable",
    }
)
_NOT_ASKED: Final = "not-asked"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def go_through(work: Work, heard: Heard, *, remaining: int, interrupted: bool) -> None:
    """Go through the checklist, write its outcome down and tell it."""
    scene = work.scene
    wanted = scene.rules.checklist.content.for_model(scene.profile.name)
    seen = _observed(work, heard, remaining=remaining, interrupted=interrupted)
    outcome = check(seen, wanted)
    body, row, facts = statements.checked(scene, outcome, seen)
    work.minutes.state("checked", body, row, facts)
    work.report(Checked(verdict=outcome.verdict, because=outcome.because, items=outcome.items))


def _observed(work: Work, heard: Heard, *, remaining: int, interrupted: bool) -> Observed:
    greeting, profile = work.greeting, work.scene.profile.content
    count = work.minutes.count
    identity = None if greeting is None else greeting.identity
    return Observed(
        faults=_answer(work, Capability.FAULTS, None if greeting is None else greeting.faults),
        firmware=_answer(
            work, Capability.IDENTITY, None if identity is None else identity.firmware
        ),
        firmware_known=profile.firmware,
        cards=Cards(
            volumes=tuple(volume for volume, _ in work.source.volumes),
            folder=work.source.kind == "folder",
            unlisted=work.source.problem,
            read_errors=_read_errors(work),
        ),
        last_clip=_last_clip(work),
        battery=_answer(work, Capability.BATTERY, None if greeting is None else greeting.battery),
        storage=_answer(work, Capability.STORAGE, None if greeting is None else greeting.storage),
        kbit_s=_kbit_s(profile),
        clock=_clock(work, heard),
        holding=_holding(work, heard),
        key=_key(work, heard),
        taken_over=TakenOver(
            taken=count.sealed,
            known=count.known,
            unread=count.unread,
            incomplete=count.incomplete,
            remaining=remaining,
            interrupted=interrupted,
        ),
    )


def _answer(work: Work, capability: Capability, told: T | None) -> Answer[T]:
    """Return what was told; else why not: a recorder that stayed mute could perhaps have told."""
    if told is not None:
        return told
    if work.greeting is not None:
        return Untold(work.greeting.troubles.get(capability, ""))
    profile = work.scene.profile.content
    could = profile.channel != "none" and capability in profile.capabilities
    return Untold(work.unheard or (_NOT_ASKED if could else ""))


def _kbit_s(profile: RecorderProfile) -> int | None:
    return None if profile.recording is None else profile.recording.kbit_s


# -- the card -----------------------------------------------------------------------


def _read_errors(work: Work) -> int:
    problems = [*(work.source.medium.problems if work.source.medium else ())]
    for volume, entries in work.source.volumes:
        problems += volume.problems
        problems += _of_entries(entries)
    return work.minutes.fates.read_errors + sum(one.code in _UNREADABLE for one in problems)


def _of_entries(entries: tuple[Entry, ...]) -> Iterator[Problem]:
    for entry in entries:
        if not entry.deleted:
            yield from entry.problems


def _last_clip(work: Work) -> LastClip:
    """Tell what became of the clip that was recorded last, by the recorder's own times."""
    clips = [
        (volume, entry)
        for volume, entries in work.source.volumes
        for entry in entries
        if not entry.deleted and not entry.directory and work.scene.class_of(entry) == "media"
    ]
    if not clips:
        return "none" if work.source.volumes else "not-reached"
    return work.minutes.fates.outcome(*max(clips, key=lambda clip: _newest(work, *clip)))


def _newest(work: Work, _volume: Volume, entry: Entry) -> tuple[str, str]:
    end = end_of(entry)
    local = "" if end is None else local_of(end, work.scene.rules.zone).isoformat()
    return local, entry.text


# -- the clock ------------------------------------------------------------------------


def _clock(work: Work, heard: Heard) -> Clock:
    greeting = work.greeting
    measured = _answer(work, Capability.READ_CLOCK, None if greeting is None else greeting.clock)
    ahead_ms = max((at_ms - work.dates.docked_ms for at_ms in _times_ms(work, heard)), default=0)
    return Clock(
        measured=measured,
        set=None if greeting is None else greeting.clock_set,
        not_set=_not_set(greeting),
        # A record from the future: the recorder's clock is ahead by at least so much.
        ahead_ms=ahead_ms if ahead_ms > 0 else None,
        sync=work.parts.clock.at().sync,
    )


def _not_set(greeting: Greeting | None) -> str:
    if greeting is None:
        return _NOT_ASKED
    if greeting.clock_set is not None:
        return ""
    if not greeting.can(Capability.SET_CLOCK):
        return "cannot"
    return greeting.clock_not_set or "failed"


def _times_ms(work: Work, heard: Heard) -> Iterator[int]:
    """Yield the times that the recorder's own clock had shown by now (ms UTC).

    Where it has recorded since it was here last, only what is new counts: its clock may have
    been set in between, and an old clip tells of the clock that it had.
    """
    fates, zone = work.minutes.fates, work.scene.rules.zone
    files = [
        (volume, entry)
        for volume, entries in work.source.volumes
        for entry in entries
        if not entry.deleted and not entry.directory
    ]
    fresh = [(volume, entry) for volume, entry in files if fates.fresh(volume, entry)]
    for _, entry in fresh or files:
        if (end := end_of(entry)) is not None:
            at = local_of(end, zone).replace(tzinfo=zone, fold=0)
            yield (at - _EPOCH) // timedelta(milliseconds=1)
    if heard.newest_ms is not None:
        yield heard.newest_ms


# -- whose it is ----------------------------------------------------------------------


def _holding(work: Work, heard: Heard) -> Holding:
    recorder = work.scene.recorder
    told = _answer(work, Capability.HOLDER, recorder.told_user_no)
    if heard.issued_to:
        return Holding(expected=heard.issued_to, by="issue", told=told)
    if recorder.holder is not None:
        return Holding(expected=recorder.holder.user_no, by="register", told=told)
    return Holding(expected="", by="nobody", told=told)


def _key(work: Work, heard: Heard) -> Key:
    greeting = work.greeting
    identity = None if greeting is None else greeting.identity
    told: Answer[str] = Untold()
    if greeting is None:
        told = _answer(work, Capability.JOURNAL, None)
    elif greeting.can(Capability.JOURNAL):
        told = _answer(work, Capability.IDENTITY, None if identity is None else identity.vkey)
    return Key(told=told, enrolled=heard.vkey, new=heard.key_is_new, doubt=_doubt(heard.examined))


def _doubt(examined: Examined) -> str:
    """Return why what the journal says is not all of it, or cannot be relied on; or nothing."""
    if examined.key_state is KeyState.ABSENT:
        return "absent"
    return examined.doubt or ("unread" if examined.unread else "")
