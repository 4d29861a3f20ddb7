"""What the ledger knows of clips that might be erased. The sealer's thread alone calls this.

Where an index is asked, the entry itself has the last word: what it does not bear out is no
sealed clip. A cosignature is verified anew each time, against the head that was signed here.
"""

import json
from collections.abc import Collection
from typing import Any, Final, cast

from dock_daemon.erasing import doubts
from dock_daemon.erasing.doubts import Found, Place
from dock_daemon.erasing.gate import Dock, Sealed, Vouched
from dock_daemon.erasing.words import Clip, Intent, Known
from dock_daemon.evidence import heads, past
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.roster import Roster
from hashing import note
from hashing.entry import At, parse
from hashing.errors import EvidenceError

# A recorder's own logs and settings are nobody's clips.
_CLASSES: Final = "('media', 'sidecar')"
_CLIP: Final = (
    "clip.seq AS seq, docking.recorder AS recorder, clip.volume AS volume, clip.path_key AS"
    " path_key, clip.path AS path, listed_size, stamps, extents, clip.sha256 AS sha256,"
    " clip.size AS size"
)
_COVERS: Final = (
    "SELECT size, line FROM cosignature WHERE name = ? AND key_id = ? AND size > ? ORDER BY size"
)
_FIRST: Final = f"{_COVERS} LIMIT 1"
_NEWEST: Final = f"{_COVERS} DESC LIMIT 1"
_SYNCHRONIZED: Final = "synchronized"


def candidates(ledger: Ledger, recorder: str, volumes: Collection[str] | None) -> list[Clip]:
    """Return the newest sealed clip of each path of a recorder, less what was erased.

    The oldest first; of these volumes only, where volumes are given.
    """
    rows = ledger.rows(
        f"SELECT {_CLIP} FROM clip JOIN docking ON docking.number = clip.docking"  # noqa: S608  our own words
        " WHERE ?1 != '' AND lower(docking.recorder) = lower(?1)"
        f" AND class IN {_CLASSES}"
        " AND NOT EXISTS (SELECT 1 FROM clip later WHERE later.volume = clip.volume"
        "  AND later.path_key = clip.path_key AND later.seq > clip.seq)"
        " AND coalesce((SELECT step FROM erasing WHERE erasing.clip = clip.seq"
        "  ORDER BY erasing.seq DESC LIMIT 1), '') NOT IN ('done', 'gone')"
        " ORDER BY clip.seq",
        (recorder,),
    )
    found = [Clip(**cast("dict[str, Any]", row)) for row in rows]
    return [clip for clip in found if volumes is None or clip.volume in volumes]


def unsettled(ledger: Ledger, recorder: str) -> list[Intent]:
    """Return the intentions about a recorder's clips of which nobody knows what came."""
    rows = ledger.rows(
        f"SELECT erasing.seq AS intent, {_CLIP} FROM erasing"  # noqa: S608  our own words
        " JOIN clip ON clip.seq = erasing.clip JOIN docking ON docking.number = clip.docking"
        " WHERE erasing.step = 'intended' AND lower(erasing.recorder) = lower(?1)"
        " AND NOT EXISTS (SELECT 1 FROM erasing later WHERE later.intent = erasing.seq)"
        " ORDER BY erasing.seq",
        (recorder,),
    )
    return [
        Intent(
            seq=cast("int", row.pop("intent")),
            clip=Clip(**cast("dict[str, Any]", row)),
        )
        for row in rows
    ]


def known(
    ledger: Ledger, clip: Clip, roster: Roster, now: At, *, signing: bool, sound: bool
) -> Known:
    """Return what the ledger knows of one clip at this moment."""
    row = _row(ledger, clip)
    docked = -1 if row is None else cast("int", row["docked"])
    return Known(
        sealed=None if row is None else _sealed(ledger, clip, row),
        findings=_findings(ledger, clip, docked),
        held=_holds(ledger),
        unsettled=any(one.clip.seq == clip.seq for one in unsettled(ledger, clip.recorder)),
        vouched=_vouched(ledger, roster, clip.seq),
        dock=Dock(
            now_ms=now.utc_ms,
            stepped_ms=sum(_steps_after(ledger, clip.seq)),
            synchronized=now.sync == _SYNCHRONIZED,
            signing=signing,
            sound=sound,
        ),
    )


def _row(ledger: Ledger, clip: Clip) -> dict[str, object] | None:
    rows = ledger.rows(
        "SELECT clip.docking, docking.seq AS docked, docking.recorder, marks, clip.quarantine,"
        " done_ms FROM clip JOIN docking ON number = clip.docking WHERE clip.seq = ?",
        (clip.seq,),
    )
    return rows[0] if rows else None


def _sealed(ledger: Ledger, clip: Clip, row: dict[str, object]) -> Sealed | None:
    """Return the clip as its entry seals it, None if entry and index differ."""
    data = next(ledger.entries(clip.seq, clip.seq + 1), None)
    if data is None:
        return None
    entry = parse(data)
    body = entry.body
    told = (entry.kind, body.get("sha256"), body.get("size"), body.get("docking"))
    if told != ("clip", clip.sha256, clip.size, row["docking"]):
        return None
    marks = {*json.loads(cast("str", row["marks"])), *cast("list[str]", body.get("marks", []))}
    if body.get("missing"):  # it was taken over with holes in it
        marks.add("partial")
    return Sealed(
        seq=clip.seq,
        recorder=str(row["recorder"]),
        sha256=clip.sha256,
        size=clip.size,
        marks=frozenset(marks),
        quarantine=bool(row["quarantine"]) or body.get("quarantine") is not False,
        at_ms=entry.at.utc_ms,
        done_ms=cast("int | None", row["done_ms"]),
    )


def _findings(ledger: Ledger, clip: Clip, docked: int) -> frozenset[str]:
    rows = ledger.rows(
        "SELECT finding.seq AS seq, finding, recorder, volume, path, clip FROM finding"
        " JOIN docking ON number = finding.docking"
        " WHERE volume = ?1 OR lower(recorder) = lower(?2) OR clip = ?3",
        (clip.volume, clip.recorder, clip.seq),
    )
    found = (Found(**cast("dict[str, Any]", row)) for row in rows)
    place = Place(
        seq=clip.seq, docked=docked, recorder=clip.recorder, volume=clip.volume, path=clip.path
    )
    return doubts.concerning(place, found)


def _holds(ledger: Ledger) -> bool:
    """Tell whether anything is to be kept at all: nobody reads yet what a hold is about."""
    return bool(
        ledger.rows(
            "SELECT 1 FROM entry WHERE kind IN ('clock-step', 'hold') AND kind = 'hold' LIMIT 1"
        )
    )


def _steps_after(ledger: Ledger, seq: int) -> list[int]:
    """Return by how much the dock's clock was set since an entry, each time, in ms."""
    rows = ledger.rows(
        "SELECT bytes FROM entry WHERE kind IN ('clock-step', 'hold') AND kind = 'clock-step'"
        " AND seq > ?",
        (seq,),
    )
    return [cast("int", parse(cast("bytes", row["bytes"])).body["by_ms"]) for row in rows]


def _vouched(ledger: Ledger, roster: Roster, seq: int) -> tuple[Vouched, ...]:
    """Return each cosigner's first and newest word that covers an entry, and verifies."""
    found: list[Vouched] = []
    for (name, key_id), cosigner in roster.by_key.items():
        for question in (_FIRST, _NEWEST):
            rows = ledger.rows(question, (name, f"{key_id:08x}", seq))
            for row in rows:
                size, line = cast("int", row["size"]), str(row["line"])
                time_s = _verified(ledger, roster, size, line)
                if time_s is not None:
                    found.append(
                        Vouched(name=cosigner.name, role=cosigner.role, size=size, time_s=time_s)
                    )
    return tuple(dict.fromkeys(found))


def _verified(ledger: Ledger, roster: Roster, size: int, line: str) -> int | None:
    """Return when a line was made, if it verifies over the head that was signed at `size`."""
    head = past.kept(ledger, size)
    if head is None:
        return None
    try:
        if heads.stated(head).size != size:
            return None
        signed = note.with_lines(head, note.read_lines(f"{line}\n".encode()))
        judged = heads.cosignatures(signed, roster.keys, frozenset())
    except EvidenceError:
        return None
    return next((time_s for _key, found, time_s in judged.good if str(found) == line), None)
