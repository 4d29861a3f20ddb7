"""What the ledger remembers and the card no longer shows, said as facts.

Pure. A finding accuses nobody: loop overwriting, formatting, a rename, a repair
by a PC and another dock all look the same from here, and the messages name them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dock_daemon.docking.plan import (
    Take,
    Versions,
    content_size,
    first_offset,
    listed_size,
    path_key,
)
from dock_daemon.evidence.holes import Holes, missing
from dock_daemon.evidence.records import Known
from dock_daemon.recorders.journal_judge import JournalFinding
from firmware_bridge.volume.listing import Entry, Refused, Stamp, Volume
from hashing.canonical import JSON

# Reasons that say something of the dock's disk, and nothing of the recorder's.
_OUR_FAULT: Final = frozenset({"dock-full", "not-durable"})
_SHORT_HEX: Final = 22  # the 11 bytes of a short FAT name, in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact worth an entry. `key` is equal whenever the same fact is seen again."""

    finding: str
    key: str
    volume: str
    path: str
    clip: int | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)


def of_volume(
    volume: Volume,
    entries: Sequence[Entry],
    known: Versions,
    *,
    looks_like_clip: Callable[[Entry], bool],
    judged: Callable[[Known], bool],
) -> Iterator[Finding]:
    """Yield what is missing from `volume`, and the deleted records nobody has seen.

    Clips are called missing only when the whole listing was sound. `judged` says
    which known clips count: a recorder rewrites its own logs and settings.
    """
    live = {path_key(entry): entry for entry in entries if not entry.deleted}
    at = {_start(entry): entry for entry in live.values() if entry.extents}
    deleted = [entry for entry in entries if entry.deleted and not entry.directory]
    traces = _Traces(deleted)
    gone = [clips[0] for key, clips in known.items() if key not in live] if volume.sound else []
    explained: set[int] = set()
    for clip in gone:
        now = at.get((clip.first_offset, clip.listed_size)) if clip.first_offset >= 0 else None
        trace = traces.of(clip)
        if trace is not None:
            explained.add(trace.record_offset)
        # Of what was about to be erased it is not known yet how it went.
        if judged(clip) and not clip.erasing:
            yield _gone(volume, clip, trace) if now is None else _renamed(volume, clip, now)
    # The same run of clusters under a live name: renamed, so its content is taken over.
    sealed = {(clip.first_offset, clip.listed_size) for clips in known.values() for clip in clips}
    accounted = at.keys() | sealed
    for entry in deleted:
        if entry.record_offset in explained or (entry.extents and _start(entry) in accounted):
            continue
        if looks_like_clip(entry):
            yield _unseen(volume, entry)


def present_again(volume: Volume, entry: Entry, clip: Known, key: str) -> Finding:
    """Return the finding for a clip that had been gone, and is on the card again."""
    return Finding(
        finding="present-again",
        key=key,
        volume=volume.key,
        path=entry.text,
        clip=clip.seq,
        facts={"sealed_sha256": clip.sha256, "sealed_size": clip.size},
    )


def stored_copy(step: Take, known: Known, clip: int) -> Finding:
    """Return the finding for a sealed clip that the store had lost, and that came over again."""
    return Finding(
        finding=f"store-{step.store or 'damaged'}",
        key=f"store|{known.seq}|{clip}",
        volume=step.volume.key,
        path=step.entry.text,
        clip=known.seq,
        facts={"sealed_sha256": known.sha256, "sealed_size": known.size},
    )


def recorder_changed(volume: Volume, before: Iterable[str], now: str) -> Finding | None:
    """Return the one finding for a volume that earlier was another recorder's."""
    others = sorted({number for number in before if number.casefold() != now.casefold()})
    if not others or not now:
        return None
    return Finding(
        finding="recorder-changed",
        key=f"recorder-changed|{volume.key}|{now.casefold()}|{','.join(others)}",
        volume=volume.key,
        path="",
        facts={"before": list[JSON](others), "now": now},
    )


def changed(step: Take, known: Known, *, sha256: str, size: int) -> Finding | None:
    """Return the finding for a file that came back otherwise under a known name."""
    fields = [*step.differs]
    if sha256 != known.sha256:
        fields.append("content")
    if not fields:
        return None
    return Finding(
        finding="changed",
        key=f"changed|{step.volume.key}|{known.seq}|{sha256}|{','.join(fields)}",
        volume=step.volume.key,
        path=step.entry.text,
        clip=known.seq,
        facts={
            "differs": list(fields),
            "sealed_sha256": known.sha256,
            "sealed_size": known.size,
            "found_sha256": sha256,
            "found_size": size,
            "modified": stored_time(step.entry.modified),
        },
    )


def unread(volume: Volume, entry: Entry, reason: str) -> Finding:
    """Return the finding for a file of which nothing, or not all, could be taken over."""
    return Finding(
        finding="unread-dock" if reason in _OUR_FAULT else "unread",
        key=f"unread|{volume.key}|{path_key(entry)}|{_record_id(entry)}|{reason}",
        volume=volume.key,
        path=entry.text,
        facts={"reason": reason, **_facts(entry)},
    )


def partial(volume: Volume, entry: Entry, clip: int, holes: Holes) -> Finding:
    """Return the finding for a clip of which a part could not be read, and the rest is kept."""
    return Finding(
        finding="partial",
        key=f"partial|{clip}",
        volume=volume.key,
        path=entry.text,
        clip=clip,
        facts={
            **_facts(entry),
            "missing_bytes": missing(holes),
            "holes": len(holes),
            "first_offset": holes[0].offset,
        },
    )


def still_written(volume: Volume, entry: Entry, clip: int) -> Finding:
    """Return the finding for a clip whose directory record changed while it was taken over."""
    return Finding(
        finding="still-written",
        key=f"still-written|{clip}",
        volume=volume.key,
        path=entry.text,
        clip=clip,
        facts=_facts(entry),
    )


def repeats(docking: int, place: str, size: int, at: int) -> Finding:
    """Return the finding for a medium that is smaller than it says: it begins anew at `at`."""
    return Finding(
        finding="size-untrue",
        key=f"size-untrue|{docking}",
        volume="",
        path="",
        facts={"place": place, "size": size, "true_size": at},
    )


def outside_issue(volume: Volume, entry: Entry, clip: int, span: Mapping[str, JSON]) -> Finding:
    """Return the finding for a clip that was recorded outside of every issue (R-WORKONLY)."""
    return Finding(
        finding="outside-issue",
        key=f"outside-issue|{clip}",
        volume=volume.key,
        path=entry.text,
        clip=clip,
        facts=span,
    )


def of_journal(found: JournalFinding) -> Finding:
    """Return what a recorder's journal showed as a finding like any other."""
    return Finding(finding=found.code, key=found.key, volume="", path=found.path, facts=found.facts)


def calendar_unknown(rule: str, year: int) -> Finding:
    """Return the one finding for a year whose working days nobody knows yet (R-2WD)."""
    return Finding(
        finding="calendar-unknown",
        key=f"calendar-unknown|{year}",
        volume="",
        path="",
        facts={"rule": rule, "year": year},
    )


def doubtful(volume: Volume, entry: Entry, clip: int | None = None) -> Finding:
    """Return the finding for a file that was taken over although its record makes no sense."""
    codes = [problem.code for problem in entry.problems]
    return Finding(
        finding="doubtful",
        key=f"doubtful|{volume.key}|{path_key(entry)}|{_record_id(entry)}|{','.join(codes)}",
        volume=volume.key,
        path=entry.text,
        clip=clip,
        facts=_facts(entry),
    )


def listing_incomplete(volume: Volume) -> Finding:
    """Return the finding for a volume that could not be listed to its end."""
    codes = sorted({problem.code for problem in volume.problems})
    return Finding(
        finding="listing-incomplete",
        key=f"listing-incomplete|{volume.key}|{','.join(codes)}",
        volume=volume.key,
        path="",
        facts={
            "problems": [
                f"{p.code}: {p.detail}" if p.detail else p.code for p in volume.problems[:32]
            ]
        },
    )


def medium_unread(docking: int, place: str, problem: str) -> Finding:
    """Return the finding for a medium of which not even a listing could be had.

    Nothing is known of it that would tell it from the next one at the same place.
    """
    return Finding(
        finding="medium-unread",
        key=f"medium-unread|{docking}",
        volume="",
        path="",
        facts={"place": place, "reason": problem},
    )


def refused(part: Refused, beside: Sequence[str]) -> Finding:
    """Return the finding for a partition whose file system is not read here.

    `beside` are the volumes on the same medium: they tell it from another card's.
    """
    place = f"{part.index}|{part.offset}|{part.length}|{part.found}"
    return Finding(
        finding="partition-refused",
        key=f"partition-refused|{','.join(beside)}|{place}",
        volume="",
        path="",
        facts={"found": part.found, "offset": part.offset, "size": part.length},
    )


def volume_replaced(recorder: str, before: Iterable[str], now: Iterable[str]) -> Finding | None:
    """Return the one finding for a recorder whose card was swapped or formatted."""
    then, here = sorted(set(before)), sorted(set(now))
    if not then or not here or set(then) & set(here):
        return None
    return Finding(
        finding="volume-replaced",
        key=f"volume-replaced|{recorder}|{','.join(then)}|{','.join(here)}",
        volume=here[0],
        path="",
        facts={"recorder": recorder, "before": list[JSON](then), "now": list[JSON](here)},
    )


def stored_time(stamp: Stamp | None) -> str:
    """Return a stored time as the card has it: local, no zone unless the card gives one."""
    at = None if stamp is None else stamp.local()
    return "" if at is None else at.isoformat(sep=" ")


def gone_key(volume: str, seq: int) -> str:
    """Return the key of the fact that a sealed clip is not on its volume any more."""
    return f"gone|{volume}|{seq}"


def _renamed(volume: Volume, clip: Known, now: Entry) -> Finding:
    return Finding(
        finding="renamed",
        key=f"renamed|{volume.key}|{clip.seq}|{path_key(now)}",
        volume=volume.key,
        path=clip.path,
        clip=clip.seq,
        facts={"now": now.text, "sealed_sha256": clip.sha256, "sealed_size": clip.size},
    )


def _start(entry: Entry) -> tuple[int, int]:
    return first_offset(entry), listed_size(entry)


def _gone(volume: Volume, clip: Known, trace: Entry | None) -> Finding:
    facts: dict[str, JSON] = {"sealed_sha256": clip.sha256, "sealed_size": clip.size}
    if trace is not None:
        facts |= _facts(trace)
    return Finding(
        finding="missing" if trace is None else "deleted",
        key=gone_key(volume.key, clip.seq),
        volume=volume.key,
        path=clip.path,
        clip=clip.seq,
        facts=facts,
    )


def _unseen(volume: Volume, entry: Entry) -> Finding:
    return Finding(
        finding="deleted-unseen",
        key=f"deleted-unseen|{volume.key}|{_record_id(entry)}",
        volume=volume.key,
        path=entry.text,
        facts=_facts(entry),
    )


class _Traces:
    """Deleted records, by the place where their content lay and by what is left of the path."""

    def __init__(self, deleted: Sequence[Entry]) -> None:
        self._at: dict[int, list[Entry]] = {}
        self._named: dict[str, Entry] = {}
        for entry in deleted:
            self._at.setdefault(first_offset(entry), []).append(entry)
            self._named.setdefault(_headless(path_key(entry)), entry)

    def of(self, clip: Known) -> Entry | None:
        """Return the deleted record that `clip` has left behind, if there is one."""
        if clip.first_offset >= 0:
            for entry in self._at.get(clip.first_offset, ()):
                if listed_size(entry) in {clip.listed_size, 0}:
                    return entry
        return self._named.get(_headless(clip.path_key))


def _headless(key: str) -> str:
    """Return a raw path to compare: deleting overwrites the first byte of a short FAT name."""
    parts = key.split("/")
    return "/".join(f"??{part[2:]}" if len(part) == _SHORT_HEX else part for part in parts)


def _record_id(entry: Entry) -> str:
    # The access date is no part of it: looking at the card in a PC changes that.
    told = f"{entry.record_offset}|{entry.size}|{first_offset(entry)}|{stored_time(entry.modified)}"
    return hashlib.sha256(f"{path_key(entry)}|{told}".encode()).hexdigest()[:32]


def _facts(entry: Entry) -> dict[str, JSON]:
    return {
        "size": listed_size(entry),
        "readable": content_size(entry),
        "created": stored_time(entry.created),
        "modified": stored_time(entry.modified),
        "unallocated": entry.unallocated,
        "problems": list[JSON](dict.fromkeys(problem.code for problem in entry.problems)),
        "record_offset": entry.record_offset,
        "record": entry.record[:4096].hex(),
    }
