"""An entry that says: still here. So that silence shows from afar.

Every head that is pushed or pulled says how old its newest entry is; what was to be expected
stands in the entry itself.
"""

from typing import Final

from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.version import VERSION
from hashing.canonical import JSON

_GIB: Final = 1 << 30


def beat(
    *, interval_s: int, free_bytes: int, waiting: int, full_in_days: int | None = None
) -> Piece:
    """Return the entry to be: how long until the next at the latest, and how the dock fares.

    `waiting` is how many entries are not published; `full_in_days` when the store will be full, if
    that can be told. Nothing in it is about a person.
    """
    body: dict[str, JSON] = {
        "interval_s": interval_s,
        "software": f"sealdock {VERSION}",
        "free_gib": free_bytes // _GIB,
        "full_in_days": full_in_days,
        "waiting": waiting,
    }

    def finish(_outcome: Outcome) -> tuple[dict[str, JSON], None]:
        return body, None

    return Piece(kind="heartbeat", docking=None, finish=finish)
