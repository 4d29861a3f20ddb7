"""A recorder's volumes against the ledger: what is new, what is known, what is gone.

Steps (3) and (4) of a docking (take_over.py).
"""

import hashlib
import os
import random
from pathlib import Path
from typing import Final

from dock_daemon.docking import findings, plan
from dock_daemon.docking.plan import Keep, Skip, Take
from dock_daemon.docking.work import Work
from dock_daemon.errors import StoppedError
from dock_daemon.evidence import questions
from dock_daemon.evidence.durable import reread
from dock_daemon.evidence.store import CLIPS
from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry, Volume

_SAMPLE: Final = 64 << 10


def compare(work: Work) -> list[Take]:
    """Hold every volume against the ledger, find what does not fit; return what to copy.

    Raises MediumGoneError and StoppedError.
    """
    takes: list[Take] = []
    for volume, entries in work.source.volumes:
        takes += _compare(work, volume, entries)
    _judge_medium(work)
    return takes


def _compare(work: Work, volume: Volume, entries: tuple[Entry, ...]) -> list[Take]:
    recorder = work.scene.recorder.number
    known = work.parts.sealer.ask(
        lambda ledger: questions.known_clips(ledger, volume.key, recorder)
    )
    files = [entry for entry in entries if not entry.deleted and not entry.directory]
    work.dates.note(files)
    _judge_volume(work, volume, entries, known)
    takes: list[Take] = []
    for step in plan.steps(volume, files, known):
        if work.stop.is_set():
            raise StoppedError
        match step:
            case Take():
                takes.append(step)
            case Keep():
                if (again := _keep(work, step)) is not None:
                    takes.append(again)
            case Skip(_, entry, reason):
                work.minutes.unread(volume, entry, reason)
    return takes


def _judge_volume(
    work: Work, volume: Volume, entries: tuple[Entry, ...], known: plan.Versions
) -> None:
    """Find what does not fit on a volume: out of reach, missing, deleted, another's."""
    recorder = work.scene.recorder.number
    before = work.parts.sealer.ask(lambda ledger: questions.recorders_of(ledger, volume.key))
    if (other := findings.recorder_changed(volume, before, recorder)) is not None:
        work.minutes.find(other)
    if not volume.sound:
        work.minutes.out_of_reach(findings.listing_incomplete(volume))
    for entry in entries:
        if (code := plan.why_not_entered(entry)) is not None:
            work.minutes.out_of_reach(findings.unread(volume, entry, code))
    # After an unplug a listing can come back short and look whole: what is not
    # on it is missing only if the same medium still answers. A folder has no serial
    # that would tell it from another one.
    if work.source.kind == "folder" or not work.source.still_there():
        return
    for found in findings.of_volume(
        volume,
        entries,
        known,
        looks_like_clip=lambda entry: work.scene.class_of(entry) in {"media", "sidecar"},
        judged=lambda clip: clip.media_class != "record",
    ):
        work.minutes.find(found)


def _judge_medium(work: Work) -> None:
    source, minutes = work.source, work.minutes
    if source.problem:
        minutes.out_of_reach(
            findings.medium_unread(work.scene.number, source.place, source.problem)
        )
    if source.medium is not None and (at := source.repeats_at()) is not None:
        minutes.out_of_reach(
            findings.repeats(work.scene.number, source.place, source.medium.size, at)
        )
    now = [volume.key for volume, _ in source.volumes]
    replaced = findings.volume_replaced(work.scene.recorder.number, work.earlier_volumes, now)
    if replaced is not None:
        minutes.find(replaced)
    for part in source.medium.refused if source.medium else ():
        minutes.out_of_reach(findings.refused(part, now))


def _keep(work: Work, step: Keep) -> Take | None:
    """Compare with the store; return a copying step if anything is not as it was."""
    stored = work.parts.store.path_of(CLIPS, step.known.sha256)
    try:
        whole = stored.stat().st_size == step.known.size
    except OSError:
        return Take(step.volume, step.entry, step.known, store="missing")
    if not whole:
        return Take(step.volume, step.entry, step.known, store="damaged")
    try:
        same = (
            _same_throughout(work, step, stored)
            if work.reread
            else _same_in_samples(work, step, stored)
        )
    except (OSError, MediumReadError):
        same = False
    if not same:
        return Take(step.volume, step.entry, step.known)
    work.minutes.recognised(step)
    return None


def _same_in_samples(work: Work, step: Keep, stored: Path) -> bool:
    blocks = work.parts.rules.ingest.sample_blocks
    return all(
        work.source.sample(step.entry, at, len(piece)) == piece
        for at, piece in _samples(stored, plan.valid_size(step.entry), blocks)
    )


def _same_throughout(work: Work, step: Keep, stored: Path) -> bool:
    digest = hashlib.sha256()
    for chunk in work.source.chunks(step.entry, work.stop):
        digest.update(chunk)
    held, _, _ = reread(stored)
    return digest.hexdigest() == held == step.known.sha256


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
