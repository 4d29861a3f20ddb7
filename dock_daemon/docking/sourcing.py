"""What is written down about a file and a recorder: documents, never entries.

Everything here is a fact as the card stores it. docs/formats/document.md says
what each member means.
"""

import base64
from typing import Final

from config.name_pattern import Named
from dock_daemon.docking import plan
from dock_daemon.docking.findings import Finding
from dock_daemon.docking.identity import Known as Recorder
from dock_daemon.docking.sources import Source
from dock_daemon.evidence.holes import Holes
from firmware_bridge.volume.listing import Entry, Problem, Stamp, Volume
from hashing.canonical import JSON

_EXTENTS_KEPT: Final = 100_000


def of_docking(source: Source, recorder: Recorder, bay: str) -> dict[str, JSON]:
    """Return what is known of a docking: recorder, holder, medium and volumes."""
    medium = source.medium
    told = recorder.identity
    return {
        "kind": "docking",
        "bay": bay,
        "source": source.kind,
        "place": source.place,
        "recorder": recorder.number,
        "registered": recorder.holder is not None,
        "holder": None
        if recorder.holder is None
        else {
            "user_no": recorder.holder.user_no,
            "name": recorder.holder.name,
            "unit": recorder.holder.unit,
        },
        "told": None
        if told is None
        else {
            "file": told.source_file,
            "dev_no": told.dev_no,
            "user_no": told.user_no,
            "user_name": told.user_name,
            "department": told.department,
            "raw": _base64(told.raw),
        },
        # All that it said over its control channel, the holder's text raw and as it was meant.
        "greeting": None if recorder.greeting is None else recorder.greeting.facts(),
        "medium": None
        if medium is None
        else {
            "size": medium.size,
            "sector_size": medium.sector_size,
            "table": medium.table,
            "refused": [
                {"offset": part.offset, "length": part.length, "found": part.found}
                for part in medium.refused
            ],
            "problems": _problems(medium.problems),
        },
        "volumes": [of_volume(volume) for volume, _ in source.volumes],
    }


def of_volume(volume: Volume) -> dict[str, JSON]:
    """Return what a volume says of itself."""
    return {
        "volume": volume.key,
        "filesystem": volume.filesystem,
        "serial": volume.serial,
        "label": volume.label,
        "offset": volume.offset,
        "length": volume.length,
        "cluster_size": volume.cluster_size,
        "total_bytes": volume.total_bytes,
        "free_bytes": volume.free_bytes,
        "dirty": volume.dirty,
        "sound": volume.sound,
        "problems": _problems(volume.problems),
    }


def of_file(
    volume: Volume,
    entry: Entry,
    recorder: Recorder,
    told: Named,
    *,
    corrected: dict[str, JSON],
    holes: Holes,
) -> dict[str, JSON]:
    """Return a directory record as it was found, names raw and for people, and what was not read.

    `told` is what its name tells (recorders/naming.py), `corrected` its times by the dock's clock
    (dates.py). Name time, stored times, container time and corrected time stand apart, and none
    was mended from another.
    """
    return {
        "kind": "clip",
        "recorder": recorder.number,
        "user_no": recorder.holder.user_no if recorder.holder else "",
        "volume": volume.key,
        "path": entry.text,
        "name_tells": _told_by_name(told),
        "path_raw": [_base64(name.raw) for name in entry.path],
        "short_raw": [_base64(name.short) for name in entry.path],
        "size": plan.listed_size(entry),
        "valid_size": min(entry.valid_size, plan.listed_size(entry)),
        "attributes": entry.attributes,
        # As stored: FAT words, local, in steps of 2 s; no time zone is implied.
        "created": _stamp(entry.created),
        "modified": _stamp(entry.modified),
        "accessed": _stamp(entry.accessed),
        "times": _times(entry, told, corrected),
        "first_cluster": entry.first_cluster,
        "extents": [[run.offset, run.length] for run in entry.extents[:_EXTENTS_KEPT]],
        "extent_count": len(entry.extents),
        "problems": _problems(entry.problems),
        "record_offset": entry.record_offset,
        "record": entry.record.hex(),
        "holes": [[hole.offset, hole.length] for hole in holes],
    }


def _times(entry: Entry, told: Named, corrected: dict[str, JSON]) -> JSON:
    """Return the clip's times, each by its own witness; none is made from another."""
    return {
        "name": None if told.at is None else told.at.isoformat(sep=" "),
        "stored": {
            "created": _local(entry.created),
            "modified": _local(entry.modified),
            "accessed": _local(entry.accessed),
        },
        # Media are looked at by a worker of their own, later, and never on the way of evidence.
        "container": {"created": None, "reason": "not-looked-at"},
        "corrected": corrected,
    }


def _local(stamp: Stamp | None) -> JSON:
    at = None if stamp is None else stamp.local()
    return None if at is None else at.isoformat(sep=" ")


def _told_by_name(told: Named) -> JSON:
    """Return what a vendor's file name says: candidates, never facts."""
    if not told.known:
        return None
    return {
        "recorder": told.recorder,
        "holder": told.holder,
        "numbers": list[JSON](told.numbers),
        "local": "" if told.at is None else told.at.isoformat(sep=" "),
        "sequence": told.sequence,
        "important": told.important,
        "encrypted": told.encrypted,
    }


def of_finding(found: Finding, recorder: Recorder) -> dict[str, JSON]:
    """Return everything that is known about a finding."""
    return {
        "kind": "finding",
        "finding": found.finding,
        "recorder": recorder.number,
        "volume": found.volume,
        "path": found.path,
        "facts": dict(found.facts),
    }


def _stamp(stamp: Stamp | None) -> JSON:
    if stamp is None:
        return None
    at = stamp.local()
    return {
        "date": stamp.date,
        "time": stamp.time,
        "tens_ms": stamp.tens_ms,
        "zone": stamp.zone,
        "local": "" if at is None else at.isoformat(sep=" "),
    }


def _problems(problems: tuple[Problem, ...]) -> list[JSON]:
    return [{"code": problem.code, "detail": problem.detail} for problem in problems]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
