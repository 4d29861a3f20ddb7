"""What the ledger remembers of recorders themselves: checks, clocks, dockings, card faults."""

import json
from typing import Final, cast

from dock_daemon.evidence.ledger import Ledger

# Findings about the card or the recorder itself; what people do to clips is no matter of health.
_OF_THE_DEVICE: Final = (
    "doubtful", "journal-broken", "journal-silent", "listing-incomplete", "medium-unread",
    "partial", "partition-refused", "size-untrue", "unread",
)  # fmt: skip

# A check is as old as its docking: that is when the recorder was asked.
_CHECKED: Final = (
    "SELECT c.seq, coalesce(d.opened_ms, c.at_ms) AS at_ms, 'checked' AS what, c.recorder,"
    " json_object('docking', c.docking, 'profile', c.profile, 'occasion', c.occasion,"
    "  'verdict', c.verdict, 'because', c.because, 'offset_ms', c.offset_ms,"
    "  'uncertainty_ms', c.uncertainty_ms, 'percent', c.battery_percent,"
    "  'health', c.battery_health, 'cycles', c.battery_cycles, 'faults', c.faults,"
    "  'firmware', c.firmware,"
    "  'sync', json_extract(CAST(e.bytes AS TEXT), '$.at.sync')) AS facts"
    " FROM check_result c JOIN entry e ON e.seq = c.seq LEFT JOIN docking d ON d.number = c.docking"
)
_SET: Final = (
    "SELECT s.seq, coalesce(d.opened_ms, s.at_ms), 'set', s.recorder,"
    " json_object('docking', s.docking, 'before_ms', s.before_ms,"
    "  'before_uncertainty_ms', s.before_uncertainty_ms, 'after_ms', s.after_ms,"
    "  'after_uncertainty_ms', s.after_uncertainty_ms,"
    "  'sync', json_extract(CAST(e.bytes AS TEXT), '$.at.sync'))"
    " FROM clock_set s JOIN entry e ON e.seq = s.seq LEFT JOIN docking d ON d.number = s.docking"
)
_DOCKED: Final = (
    "SELECT seq, opened_ms, 'docked', recorder,"
    " json_object('docking', number, 'result', coalesce(result, ''), 'unread', unread)"
    " FROM docking"
)
_FOUND: Final = (
    "SELECT f.seq, f.found_ms, 'finding', d.recorder,"
    # A card that was never shown is no card that could not be read.
    " json_object('docking', f.docking, 'finding', CASE WHEN f.finding = 'medium-unread'"
    "  AND json_extract(f.facts, '$.reason') = 'storage-not-shown'"
    "  THEN 'storage-not-shown' ELSE f.finding END)"
    " FROM finding f JOIN docking d ON d.number = f.docking"
    " WHERE f.finding IN (SELECT value FROM json_each(?))"
)
_ALL: Final = (
    f"SELECT * FROM ({_CHECKED} UNION ALL {_SET} UNION ALL {_DOCKED} UNION ALL {_FOUND})"  # noqa: S608  our own words
    " WHERE recorder != '' AND (? = '' OR lower(recorder) = lower(?)) AND at_ms >= ?"
    " AND (? IS NULL OR seq < ?) ORDER BY seq DESC LIMIT ?"
)


def health(
    ledger: Ledger, *, recorder: str, since_ms: int, before: int | None, limit: int
) -> list[dict[str, object]]:
    """Return what was seen of recorders since then (ms UTC), the newest first.

    Each row: `seq`, `at_ms`, `what` (`checked`, `set`, `docked`, `finding`), `recorder`, `facts`.
    """
    if not ledger.up_to_date:  # written by an older sealdock, and only looked at
        return []
    name = recorder.strip()
    rows = ledger.rows(
        _ALL, (json.dumps(_OF_THE_DEVICE), name, name, since_ms, before, before, limit)
    )
    for row in rows:
        row["facts"] = json.loads(cast("str", row["facts"]))
    return rows
