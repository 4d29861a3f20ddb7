"""What the dock asks of its ledger. Each takes the ledger and answers with values."""

import json
from collections.abc import Mapping
from typing import Any, cast

from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Known
from hashing.entry import parse


def open_dockings(ledger: Ledger) -> list[int]:
    """Return the dockings that an earlier life of the dock did not bring to an end."""
    rows = ledger.rows("SELECT number FROM docking WHERE closed_ms IS NULL ORDER BY number")
    return [cast("int", row["number"]) for row in rows]


def counts_of(ledger: Ledger, docking: int) -> tuple[int, int]:
    """Return how many clips and findings a docking has entered so far."""
    (row,) = ledger.rows(
        "SELECT (SELECT count(*) FROM clip WHERE docking = ?) AS clips,"
        " (SELECT count(*) FROM finding WHERE docking = ?) AS findings",
        (docking, docking),
    )
    return cast("int", row["clips"]), cast("int", row["findings"])


def known_clips(ledger: Ledger, volume: str) -> Mapping[str, Known]:
    """Return the newest sealed clip under each path of a volume."""
    rows = ledger.rows(
        "SELECT seq, volume, path_key, path, listed_size, stamps, extents, first_offset, sha256,"
        " size, class AS media_class FROM clip WHERE seq IN"
        " (SELECT max(seq) FROM clip WHERE volume = ? GROUP BY path_key)",
        (volume,),
    )
    return {cast("str", row["path_key"]): Known(**cast("dict[str, Any]", row)) for row in rows}


def finding_keys(ledger: Ledger) -> set[str]:
    """Return the keys of all facts that are findings already."""
    return {cast("str", row["key"]) for row in ledger.rows("SELECT key FROM finding")}


def volumes_of(ledger: Ledger, recorder: str) -> list[str]:
    """Return the volumes that a recorder had when it was last docked and told its number."""
    if not recorder:
        return []
    rows = ledger.rows(
        "SELECT volumes FROM docking WHERE recorder = ? AND volumes != '[]'"
        " ORDER BY number DESC LIMIT 1",
        (recorder,),
    )
    return cast("list[str]", json.loads(cast("str", rows[0]["volumes"]))) if rows else []


def clips(
    ledger: Ledger, *, docking: int | None = None, late: bool = False, limit: int = 0
) -> list[dict[str, object]]:
    """Return sealed clips, the newest first."""
    rows = ledger.rows(
        "SELECT seq, docking, volume, path, sha256, size, class, marks, verified, quarantine, rule,"
        " base, base_ms, due_ms, done_ms, late, document,"
        " (SELECT recorder FROM docking WHERE number = clip.docking) AS recorder"
        " FROM clip WHERE (?1 IS NULL OR docking = ?1) AND (NOT ?2 OR late)"
        " ORDER BY seq DESC LIMIT ?3",
        (docking, late, limit or -1),
    )
    for row in rows:
        row["marks"] = json.loads(cast("str", row["marks"]))
        row["late"], row["quarantine"] = bool(row["late"]), bool(row["quarantine"])
    return rows


def findings(
    ledger: Ledger, *, docking: int | None = None, limit: int = 0
) -> list[dict[str, object]]:
    """Return findings, the newest first."""
    rows = ledger.rows(
        "SELECT seq, docking, finding, volume, path, clip, facts, document, found_ms,"
        " (SELECT recorder FROM docking WHERE number = finding.docking) AS recorder"
        " FROM finding WHERE (?1 IS NULL OR docking = ?1) ORDER BY seq DESC LIMIT ?2",
        (docking, limit or -1),
    )
    for row in rows:
        row["facts"] = json.loads(cast("str", row["facts"]))
    return rows


def dockings(ledger: Ledger, *, limit: int) -> list[dict[str, object]]:
    """Return dockings, the newest first."""
    rows = ledger.rows(
        "SELECT number, bay, source, place, recorder, holder, volumes, quarantine, opened_ms,"
        " closed_ms, result, clips, findings, unread FROM docking ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    for row in rows:
        row["volumes"] = json.loads(cast("str", row["volumes"]))
        row["quarantine"] = bool(row["quarantine"])
    return rows


def totals(ledger: Ledger) -> dict[str, object]:
    """Return how much there is: dockings, clips, bytes, late ones, findings, entries."""
    (row,) = ledger.rows(
        "SELECT (SELECT count(*) FROM docking) AS dockings, (SELECT count(*) FROM clip) AS clips,"
        " (SELECT coalesce(sum(size), 0) FROM clip) AS bytes,"
        " (SELECT count(*) FROM clip WHERE late) AS late,"
        " (SELECT count(*) FROM clip WHERE quarantine) AS quarantined,"
        " (SELECT count(*) FROM finding) AS findings"
    )
    return {**row, "entries": ledger.size}


def answer(ledger: Ledger, request: Mapping[str, object]) -> object:
    """Answer what a command asks, whoever holds the ledger: `ask` says what."""
    docking = cast("int | None", request.get("docking"))
    limit = cast("int", request.get("limit", 0))
    match request["ask"]:
        case "status":
            return status(ledger)
        case "clips":
            return clips(ledger, docking=docking, late=bool(request.get("late")), limit=limit)
        case "findings":
            return findings(ledger, docking=docking, limit=limit)
        case other:
            raise ValueError(f"nothing is known of {other}")


def status(ledger: Ledger) -> dict[str, object]:
    """Return what there is to say about the ledger as it stands."""
    kept = ledger.last_checkpoint()
    genesis = next(ledger.entries(0, 1), None)
    return {
        "origin": "" if genesis is None else parse(genesis).body["origin"],
        "totals": totals(ledger),
        "signed": 0 if kept is None else kept[0],
        "dockings": dockings(ledger, limit=8),
    }
