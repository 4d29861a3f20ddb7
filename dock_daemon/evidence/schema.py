"""The ledger database's schema, made and moved forward with sqlite-utils.

`entry` holds the log's entries verbatim: the truth. Every other table is an
index over it for the dock's own questions; it may hold names and paths, which
entries never do.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlite_utils import Database, Migrations

_LEDGER: Final = Migrations("sealdock.ledger")
STEPS: Final = frozenset(
    {"0001_ledger", "0002_cosigned", "0003_keys", "0004_recorders", "0005_scrub"}
)

# What the index keeps of recorders and of those who hold them, one line per entry: the columns that
# each table has beside the four of every one of them.
FACT_TABLES: Final[Mapping[str, Mapping[str, type]]] = {
    # `recorder-registered`: with which key a recorder signs its journal; empty where an operator
    # ordered (`config-change`) that the next one that it tells is taken.
    "recorder_key": {"recorder": str, "vkey": str},
    # `journal`: how far a recorder's journal is known; `carried`, what it says must be on the card.
    "journal": {
        "recorder": str, "vkey": str, "first": int, "next": int, "head": str, "verdict": str,
        "carried": str,
    },
    # `checked`: what the checklist saw; `items` as JSON. Times in ms UTC, offsets forward if ahead.
    "check_result": {
        "recorder": str, "profile": str, "occasion": str, "verdict": str, "because": str,
        "items": str, "offset_ms": int,
        "uncertainty_ms": int, "battery_percent": int, "battery_health": int, "battery_cycles": int,
        "faults": int, "firmware": str,
    },
    # `clock-set`
    "clock_set": {
        "recorder": str, "before_ms": int, "before_uncertainty_ms": int, "after_ms": int,
        "after_uncertainty_ms": int,
    },
    # `issue`, `return`, `trip`: `issue` is the entry of the issue that it belongs to, `when_ms`
    # when it happened, `until_ms` the end of the shift or trip as far as it was known.
    "custody": {
        "recorder": str, "event": str, "how": str, "issue": int, "when_ms": int, "until_ms": int,
        "user_no": str, "name": str, "unit": str, "by_whom": str, "second": str, "reason": str,
    },
    # `overdue`: one line for each issue and deadline that passed.
    "overdue": {"recorder": str, "issue": int, "rule": str, "due_ms": int},
    # `erased`: what was meant to be erased on a recorder, and what came of it. `clip` is the
    # entry of the clip, `intent` that of the intent which this ends (none of an intent).
    "erasing": {
        "recorder": str, "clip": int, "step": str, "reason": str, "intent": int, "sha256": str,
        "size": int, "volume": str, "path_key": str, "path": str,
    },
}  # fmt: skip

# The same, of contents of the store and no recorder: a line per entry of kind `recovery` that
# tells of one. `event` is `damaged`, `lost` or `replaced`; `how` what was wrong, or from where it
# was replaced.
CONTENT_TABLES: Final[Mapping[str, Mapping[str, type]]] = {
    "content": {"sha256": str, "room": str, "event": str, "how": str},
}


@_LEDGER(name="0001_ledger")
def _ledger(db: Database) -> None:
    db.table("meta").create({"name": str, "value": str}, pk="name", strict=True)
    db.table("entry").create(
        {"seq": int, "kind": str, "docking": int, "bytes": bytes, "leaf": bytes},
        pk="seq",
        not_null={"kind", "bytes", "leaf"},
        strict=True,
    )
    db.table("entry").create_index(["docking", "seq"])
    db.table("docking").create(
        {
            "number": int,
            "seq": int,
            "bay": str,
            "source": str,
            "place": str,
            "recorder": str,
            "holder": str,
            "volumes": str,
            "quarantine": int,
            "opened_ms": int,
            "closed_ms": int,
            "result": str,
            "clips": int,
            "findings": int,
            "unread": int,
        },
        pk="number",
        not_null={"seq", "bay", "opened_ms"},
        strict=True,
    )
    db.table("clip").create(
        {
            "seq": int,
            "docking": int,
            "volume": str,
            "path_key": str,
            "path": str,
            "listed_size": int,
            "stamps": str,
            "extents": str,
            "first_offset": int,
            "sha256": str,
            "size": int,
            "class": str,
            "marks": str,
            "verified": str,
            "quarantine": int,
            "rule": str,
            "base": str,
            "base_ms": int,
            "due_ms": int,
            "done_ms": int,
            "late": int,
            "document": str,
        },
        pk="seq",
        not_null={"docking", "volume", "path_key", "sha256", "size", "document"},
        strict=True,
    )
    db.table("clip").create_index(["volume", "path_key", "seq"])
    db.table("clip").create_index(["sha256"])
    db.table("clip").create_index(["docking"])
    db.table("finding").create(
        {
            "seq": int,
            "docking": int,
            "finding": str,
            "key": str,
            "volume": str,
            "path": str,
            "clip": int,
            "facts": str,
            "document": str,
            "found_ms": int,
        },
        pk="seq",
        not_null={"docking", "finding", "key", "document"},
        strict=True,
    )
    # Not unique: two bays may find the same fact at the same time.
    db.table("finding").create_index(["key"])
    db.table("checkpoint").create(
        {"size": int, "note": bytes, "signed_ms": int}, pk="size", not_null={"note"}, strict=True
    )


@_LEDGER(name="0002_cosigned")
def _cosigned(db: Database) -> None:
    # The newest cosignature of each key over each size, its line verbatim.
    db.table("cosignature").create(
        {
            "size": int,
            "name": str,
            "key_id": str,
            "role": str,
            "time_s": int,
            "line": str,
        },
        pk=("size", "name", "key_id"),
        not_null={"role", "time_s", "line"},
        strict=True,
    )
    db.table("cosignature").create_index(["name", "key_id", "size"])
    # Which entry closed a docking: manifests are told in this order.
    db.execute("ALTER TABLE docking ADD COLUMN closed_seq INTEGER")
    db.execute(
        "UPDATE docking SET closed_seq = (SELECT max(seq) FROM entry"
        " WHERE entry.docking = docking.number AND entry.kind = 'released')"
    )
    db.table("docking").create_index(["closed_seq"])


@_LEDGER(name="0003_keys")
def _keys(db: Database) -> None:
    # Each opening asks which keys sign, and the answer is a handful of entries among millions.
    db.execute(
        "CREATE INDEX idx_entry_keys ON entry(seq) WHERE kind IN ('key-change', 'key-retired')"
    )


@_LEDGER(name="0004_recorders")
def _recorders(db: Database) -> None:
    for name, columns in FACT_TABLES.items():
        db.table(name).create(
            {"seq": int, "docking": int, "at_ms": int, "document": str, **columns},
            pk="seq",
            not_null={"at_ms", "recorder"},
            strict=True,
        )
        db.table(name).create_index(["recorder", "seq"])
    # Of a clip that could not be read whole (holes.py spells them).
    db.execute("ALTER TABLE clip ADD COLUMN holes TEXT NOT NULL DEFAULT ''")
    db.table("erasing").create_index(["clip", "seq"])
    # Each clip that might be erased asks for these, and they are a handful among millions.
    db.execute("CREATE INDEX idx_entry_erasing ON entry(seq) WHERE kind IN ('clock-step', 'hold')")


@_LEDGER(name="0005_scrub")
def _scrub(db: Database) -> None:
    for name, columns in CONTENT_TABLES.items():
        db.table(name).create(
            {"seq": int, "docking": int, "at_ms": int, "document": str, **columns},
            pk="seq",
            not_null={"at_ms", "sha256", "room", "event"},
            strict=True,
        )
        db.table(name).create_index(["sha256", "seq"])
    # How far each part of the store was read again (scrub_plan.Unit): `done_to` is the last name
    # that was read of the reading under way, `files` and `size` what the last whole one found.
    db.table("scrub_unit").create(
        {
            "room": str, "fan": str, "read_ms": int, "since_ms": int, "done_to": str,
            "files": int, "size": int,
        },
        pk=("room", "fan"),
        not_null={"read_ms", "done_to", "files", "size"},
        strict=True,
    )  # fmt: skip


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to this version's schema; each step is one transaction."""
    _LEDGER.apply(Database(connection))


def unknown_steps(connection: sqlite3.Connection) -> list[str]:
    """Return the steps that a newer sealdock has taken and this one does not know."""
    return sorted({step.name for step in _LEDGER.applied(Database(connection))} - STEPS)


def missing_steps(connection: sqlite3.Connection) -> list[str]:
    """Return the steps that this database has yet to take."""
    return sorted(STEPS - {step.name for step in _LEDGER.applied(Database(connection))})
