"""How far others vouch for the log, as it is told: by the daemon, or by a ledger at rest."""

from collections.abc import Mapping
from pathlib import Path

from dock_daemon.evidence import alarms, cosignatures
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.roster import Roster


def vouching(
    ledger: Ledger, roster: Roster, heard: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return the newest cosignature of each cosigner, and the window that none covers.

    The window is the entries that nobody but the dock vouches for: whoever holds its key
    could still rewrite these unseen. What says only that somebody has vouched is not counted:
    it waits for no head, so it would never be nothing.
    """
    newest = {one.name: cosignatures.newest(ledger, one.ids) for one in roster.cosigners}
    covered = max((one.size for one in newest.values() if one is not None), default=0)
    return {
        "cosigners": [
            {
                "name": one.name,
                "role": one.role,
                "size": 0 if (last := newest[one.name]) is None else last.size,
                "time_s": 0 if last is None else last.time_s,
                "answer": (heard or {}).get(one.name, ""),
            }
            for one in roster.cosigners
        ],
        "window": ledger.waiting(covered),
    }


def at_rest(ledger: Ledger, state: Path, roster: Roster) -> dict[str, object]:
    """Return how signing stands where no daemon runs."""
    kept = ledger.last_checkpoint()
    size = 0 if kept is None else kept[0]
    try:
        standing = alarms.load(state)
    except (OSError, ValueError) as error:
        return {
            "state": "stopped",
            "why": "alarm-unreadable",
            "entries": ledger.size,
            "alarm": {"detail": str(error)},
        }
    return {
        "state": "stopped" if standing else "at-rest",
        "why": standing[0].why if standing else "no-daemon",
        "entries": ledger.size,
        "signed": size,
        "waiting": ledger.waiting(size),
        "alarm": alarms.as_json(standing[0]) if standing else None,
        **vouching(ledger, roster),
    }
