"""What the ledger knows of closed dockings, for those who hand it to others, page by page."""

from pathlib import Path
from typing import Final, cast

from dock_daemon.errors import StateUnusableError
from dock_daemon.evidence import cosignatures
from dock_daemon.evidence.ledger import Ledger
from hashing import note

MOST: Final = 500
"""No more manifests than this are told at a time; `after` asks for those that come next."""
_MOST_SEQS: Final = 1000


def closed(ledger: Ledger, published: int, after: int, limit: int) -> list[dict[str, object]]:
    """Return the dockings closed by an entry past `after` that is published, in its order."""
    _demand_columns(ledger)
    return ledger.rows(
        "SELECT number AS docking, closed_seq AS seq, opened_ms, closed_ms, result, clips,"
        " findings, unread FROM docking WHERE closed_seq > ? AND closed_seq < ?"
        " ORDER BY closed_seq LIMIT ?",
        (after, published, min(limit or MOST, MOST)),
    )


def of(ledger: Ledger, published: int, docking: int) -> dict[str, object] | None:
    """Return where a docking's entries stand and the heads that cover them.

    None where there is no such docking, or it is not closed, or not published yet.
    `note` is the first head that was ever signed over all of it and never changes; `newest`
    is the published one, and `cosigned` the newest that somebody has cosigned. `keys` are
    the entries that changed the log's key.
    """
    _demand_columns(ledger)
    rows = ledger.rows("SELECT closed_seq FROM docking WHERE number = ?", (docking,))
    seq = cast("int | None", rows[0]["closed_seq"]) if rows else None
    if seq is None or seq >= published:
        return None
    first = _head(ledger, "size > ? ORDER BY size", seq)
    newest = _head(ledger, "size <= ? ORDER BY size DESC", published)
    if first is None or newest is None:
        return None
    told = ledger.rows(
        "SELECT max(size) AS size FROM cosignature WHERE size > ? AND size <= ?", (seq, published)
    )
    size = cast("int | None", told[0]["size"])
    cosigned = None if size is None else _head(ledger, "size = ?", size)
    return {
        "docking": docking,
        "seq": seq,
        "ranges": _ranges(ledger, docking),
        "keys": _key_entries(ledger),
        "note": first[1].decode(),
        "newest": _with_lines(ledger, newest),
        "cosigned": None if cosigned is None else _with_lines(ledger, cosigned),
    }


def docking(ledger: Ledger, number: int) -> dict[str, object] | None:
    """Return when a docking opened and closed, and by which entry; None if there is none."""
    _demand_columns(ledger)
    rows = ledger.rows(
        "SELECT number AS docking, closed_seq AS seq, opened_ms, closed_ms FROM docking"
        " WHERE number = ?",
        (number,),
    )
    return rows[0] if rows else None


def clip(ledger: Ledger, sha256: str) -> dict[str, object] | None:
    """Return the entries that seal a content, the first ones of very many, and what it is."""
    rows = ledger.rows(
        "SELECT seq, size, class FROM clip WHERE sha256 = ? ORDER BY seq LIMIT ?",
        (sha256, _MOST_SEQS),
    )
    if not rows:
        return None
    return {
        "seqs": [row["seq"] for row in rows],
        "size": rows[0]["size"],
        "class": rows[0]["class"],
    }


def _head(ledger: Ledger, where: str, value: int) -> tuple[int, bytes] | None:
    rows = ledger.rows(
        f"SELECT size, note FROM checkpoint WHERE {where} LIMIT 1",  # noqa: S608  our own words
        (value,),
    )
    return (cast("int", rows[0]["size"]), cast("bytes", rows[0]["note"])) if rows else None


def _with_lines(ledger: Ledger, head: tuple[int, bytes]) -> str:
    size, signed = head
    return note.with_lines(signed, cosignatures.lines_of(ledger, size)).decode()


def _ranges(ledger: Ledger, docking: int) -> list[list[int]]:
    """Return the runs of seqs that a docking's entries fill, first and last of each."""
    ranges: list[list[int]] = []
    for row in ledger.rows("SELECT seq FROM entry WHERE docking = ? ORDER BY seq", (docking,)):
        seq = cast("int", row["seq"])
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    return ranges


def _key_entries(ledger: Ledger) -> list[int]:
    rows = ledger.rows(
        "SELECT seq FROM entry WHERE kind IN ('key-change', 'key-retired') ORDER BY seq"
    )
    return [cast("int", row["seq"]) for row in rows]


def _demand_columns(ledger: Ledger) -> None:
    if not ledger.up_to_date:
        raise StateUnusableError(
            Path("ledger.db"), "an older sealdock wrote it: start the dock once"
        )
