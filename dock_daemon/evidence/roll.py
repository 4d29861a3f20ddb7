"""Which recorders the ledger knows: each with its last docking, its key and its last verdict."""

from dock_daemon.evidence.ledger import Ledger


def recorders(
    ledger: Ledger, *, before: int | None = None, limit: int = -1
) -> list[dict[str, object]]:
    """Return every recorder that ever said who it is, the one docked last first.

    `seq` is the entry of its last docking, `first_ms` when it was docked first, `enrolled`
    whether a key of its is known, `ordered` whether its next key is to be taken, `profile` and
    `verdict` are those of its last checklist, null where it had none.
    """
    if not ledger.up_to_date:  # written by an older sealdock, and only looked at
        return []
    rows = ledger.rows(
        "WITH last AS (SELECT lower(recorder) AS name, max(seq) AS seq, count(*) AS dockings,"
        "  min(opened_ms) AS first_ms FROM docking WHERE recorder != '' GROUP BY lower(recorder))"
        " SELECT docking.seq, docking.recorder, docking.number AS docking, docking.bay,"
        " docking.opened_ms, docking.holder, docking.quarantine, first_ms, dockings,"
        " (SELECT vkey FROM recorder_key WHERE lower(recorder) = name ORDER BY seq DESC LIMIT 1)"
        "  AS vkey,"
        " (SELECT profile FROM check_result WHERE lower(recorder) = name ORDER BY seq DESC LIMIT 1)"
        "  AS profile,"
        " (SELECT verdict FROM check_result WHERE lower(recorder) = name ORDER BY seq DESC LIMIT 1)"
        "  AS verdict"
        " FROM last JOIN docking ON docking.seq = last.seq"
        " WHERE ?1 IS NULL OR docking.seq < ?1 ORDER BY docking.seq DESC LIMIT ?2",
        (before, limit),
    )
    return [
        {
            **{name: value for name, value in row.items() if name not in {"vkey", "quarantine"}},
            "registered": not row["quarantine"],
            "enrolled": bool(row["vkey"]),
            "ordered": row["vkey"] == "",
        }
        for row in rows
    ]
