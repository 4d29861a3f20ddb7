"""Cosignatures as the ledger keeps them: the newest of each key over each size.

A line was verified before it came here; it is kept verbatim.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from dock_daemon.evidence.ledger import Ledger
from hashing import note
from hashing.note import SignatureLine


@dataclass(frozen=True, slots=True)
class Vouched:
    """How far and when a key has cosigned last: entries, and seconds since 1970."""

    size: int
    time_s: int


def lines_of(ledger: Ledger, size: int) -> tuple[SignatureLine, ...]:
    """Return the lines over the head of `size`, always in the same order."""
    if not ledger.up_to_date:  # written by an older sealdock, and only looked at
        return ()
    rows = ledger.rows("SELECT line FROM cosignature WHERE size = ? ORDER BY name, key_id", (size,))
    text = "".join(f"{row['line']}\n" for row in rows)
    return note.read_lines(text.encode()) if text else ()


def time_at(ledger: Ledger, size: int, name: str, key_id: int) -> int | None:
    """Return when a key has cosigned the head of `size` last, or None."""
    rows = ledger.rows(
        "SELECT time_s FROM cosignature WHERE size = ? AND name = ? AND key_id = ?",
        (size, name, f"{key_id:08x}"),
    )
    return cast("int", rows[0]["time_s"]) if rows else None


def newest(ledger: Ledger, keys: Collection[tuple[str, int]]) -> Vouched | None:
    """Return the largest head that one of `keys` (name and key id) has cosigned, or None."""
    found: list[Vouched] = []
    if not ledger.up_to_date:
        return None
    for name, key_id in keys:
        rows = ledger.rows(
            "SELECT size, time_s FROM cosignature WHERE name = ? AND key_id = ?"
            " ORDER BY size DESC LIMIT 1",
            (name, f"{key_id:08x}"),
        )
        found += [Vouched(cast("int", row["size"]), cast("int", row["time_s"])) for row in rows]
    return max(found, key=lambda one: (one.size, one.time_s), default=None)
