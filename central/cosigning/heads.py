"""The newest head of each log, per role: read, and moved on by whoever still sees the old one."""

import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from central.cosigning.judging import Head
from central.database.tables import DOCKS, HEADS

log = logging.getLogger("sealdock.central")

_AHEAD_S: Final = 600

_OF_LOG: Final = select(HEADS).where(HEADS.c.origin == bindparam("origin"))
_OF_ROLE: Final = _OF_LOG.where(HEADS.c.role == bindparam("role"))
_MOVE: Final = update(HEADS).where(
    HEADS.c.role == bindparam("of_role"),
    HEADS.c.origin == bindparam("of_origin"),
    HEADS.c.size == bindparam("old_size"),
    HEADS.c.root == bindparam("old_root"),
    # Another time of the same head may stand there by now; ours must not be an earlier one.
    HEADS.c.time_s <= bindparam("not_after"),
)


# Whoever moves a head of a log, in whatever role, holds its dock's row meanwhile. On SQLite one
# writes at a time anyway; keys of the dock may be added all the same.
_HOLD: Final = (
    select(DOCKS.c.origin)
    .where(DOCKS.c.origin == bindparam("origin"))
    .with_for_update(key_share=True)
)


def unmoved(connection: Connection, origin: str, judged: Mapping[str, Head], *, but: str) -> bool:
    """Tell whether the heads of all roles `but` one are still those that were judged against.

    They stay so until the transaction ends. False too where the dock is no longer enrolled.
    """
    if connection.scalar(_HOLD, {"origin": origin}) is None:
        return False
    return _places(heads_of(connection, origin), but) == _places(judged, but)


def _places(heads: Mapping[str, Head], but: str) -> dict[str, tuple[int, bytes]]:
    return {role: (head.size, head.root) for role, head in heads.items() if role != but}


def head_of(connection: Connection, role: str, origin: str) -> Head | None:
    """Return the newest head of a role for a log; None: there is none yet."""
    row = connection.execute(_OF_ROLE, {"role": role, "origin": origin}).one_or_none()
    return None if row is None else Head(row.size, row.root, row.note, row.time_s)


def heads_of(connection: Connection, origin: str) -> dict[str, Head]:
    """Return the newest heads of a log, by role."""
    rows = connection.execute(_OF_LOG, {"origin": origin}).all()
    return {row.role: Head(row.size, row.root, row.note, row.time_s) for row in rows}


def next_time_s(origin: str, now_s: int, held: Head | None) -> int:
    """Return the time of a cosignature, in seconds since 1970; never 0.

    A clock that was put back a little must not make an older head look newer than this one. One
    that was far ahead must not make the centre speak of that future for ever.
    """
    least_s = 0 if held is None else held.time_s
    if least_s > now_s + _AHEAD_S:
        log.warning(
            "%s: its last cosignature bears the time %d, and it is %d: this clock is taken",
            origin, least_s, now_s,
        )  # fmt: skip
        least_s = 0
    return max(now_s, 1, least_s)


def move(connection: Connection, role: str, origin: str, held: Head | None, new: Head) -> bool:
    """Put `new` in the place of `held`; tell whether `held` was still there.

    One statement checks and changes: of two who judged against the same head one succeeds.
    Raises sqlalchemy's IntegrityError where the first head of a log came from another.
    """
    values = {"size": new.size, "root": new.root, "note": new.note, "time_s": new.time_s}
    if held is None:
        connection.execute(insert(HEADS).values(role=role, origin=origin, **values))
        return True
    judged = {
        "of_role": role,
        "of_origin": origin,
        "old_size": held.size,
        "old_root": held.root,
        # What was judged against may bear a later time only where a clock was far ahead.
        "not_after": max(new.time_s, held.time_s),
    }
    return connection.execute(_MOVE, {**values, **judged}).rowcount == 1


TakenFirst = IntegrityError
"""What `move` raises where somebody else put the first head."""
