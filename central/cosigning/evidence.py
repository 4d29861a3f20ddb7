"""What docks signed and should not have: kept whole, shown, never repaired.

A head that was not proved to grow from ours may come from a client that proves badly: it stands
as evidence until the very same head is proved after all. One size with two roots, both signed by
the log, is never explained by anything.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from central.cosigning.judging import Kind, Suspect
from central.database.database import Database
from central.database.tables import FORKS

MOST: Final[Mapping[Kind, int]] = {"proof": 32, "empty": 32, "roots": 1024, "rollback": 1024}
"""Unexplained pieces of a kind that are kept for one dock. The first ones: they say when it began.

Each kind counts for itself: many heads that were not proved hide no fork.
"""

_EXPLAINED: Final = 32  # that are kept for one dock: the last ones

log = logging.getLogger("sealdock.central")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """One piece of evidence. Notes are verbatim, with the lines that verified."""

    id: int
    origin: str
    kind: str
    """roots, proof, empty or rollback: judging.Suspect says what each means."""
    role: str
    """Who was asked to accept it: the witness, or the mirror."""
    size: int
    root: bytes
    theirs: bytes
    ours: bytes
    """What was held when it came; empty: nothing."""
    proof: tuple[bytes, ...]
    seen_ms: int
    by: str
    explained_ms: int | None

    @property
    def stands(self) -> bool:
        """Tell whether nothing has explained it."""
        return self.explained_ms is None


class Evidence:
    """Keeps it, and shows it. Every method may raise DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, origin: str, role: str, suspect: Suspect, *, by: str, now_ms: int) -> bool:
        """Keep a piece of evidence; tell whether it was new and kept. The same one is kept once.

        What is new is logged, also where so many are kept that this one is not.
        """
        with self._database.writing() as connection:
            mine = (FORKS.c.origin == origin) & (FORKS.c.kind == suspect.kind)
            open_ones = mine & FORKS.c.explained_ms.is_(None)
            same = open_ones & (FORKS.c.size == suspect.size) & (FORKS.c.root == suspect.root)
            if connection.scalar(select(FORKS.c.id).where(same).limit(1)) is not None:
                return False
            kept = int(connection.scalar(select(func.count()).where(open_ones)) or 0)
            log.error(
                "%s: signed what contradicts what is held (%s): %d entries, root %s",
                *(origin, suspect.kind, suspect.size, suspect.root.hex()),
            )
            if kept >= MOST[suspect.kind]:
                log.error("%s: %d such pieces are kept, this one is not", origin, kept)
                return False
            row = {
                "origin": origin,
                "kind": suspect.kind,
                "role": role,
                "size": suspect.size,
                "root": suspect.root,
                "theirs": suspect.theirs,
                "ours": suspect.ours,
                "proof": b"".join(suspect.proof),
                "seen_ms": now_ms,
                "by": by,
            }
            connection.execute(insert(FORKS).values(row))
            return True

    def all(self, origin: str | None = None) -> tuple[Fork, ...]:
        """Return the evidence about one dock, or all, the oldest first."""
        query = select(FORKS).order_by(FORKS.c.id)
        if origin is not None:
            query = query.where(FORKS.c.origin == origin)
        with self._database.reading() as connection:
            return tuple(map(_of, connection.execute(query).all()))

    def standing(self) -> dict[str, int]:
        """Return how many unexplained pieces there are, by origin."""
        query = (
            select(FORKS.c.origin, func.count())
            .where(FORKS.c.explained_ms.is_(None))
            .group_by(FORKS.c.origin)
        )
        with self._database.reading() as connection:
            return {origin: int(count) for origin, count in connection.execute(query).all()}


def explain(connection: Connection, origin: str, size: int, root: bytes, now_ms: int) -> None:
    """Note within a transaction that a head, once unproved, has been proved."""
    proved = {"of_origin": origin, "of_size": size, "of_root": root, "explained_ms": now_ms}
    if connection.execute(_EXPLAIN, proved).rowcount:
        mine = (FORKS.c.origin == origin) & FORKS.c.explained_ms.is_not(None)
        last = select(FORKS.c.id).where(mine).order_by(FORKS.c.id.desc()).limit(_EXPLAINED)
        kept = connection.scalars(last).all()
        connection.execute(delete(FORKS).where(mine & (FORKS.c.id < kept[-1])))


_EXPLAIN: Final = update(FORKS).where(
    FORKS.c.origin == bindparam("of_origin"),
    FORKS.c.size == bindparam("of_size"),
    FORKS.c.root == bindparam("of_root"),
    FORKS.c.kind == "proof",
    FORKS.c.explained_ms.is_(None),
)


def _of(row: Row[*tuple[object, ...]]) -> Fork:
    hashes = row.proof
    return Fork(
        id=row.id,
        origin=row.origin,
        kind=row.kind,
        role=row.role,
        size=row.size,
        root=row.root,
        theirs=row.theirs,
        ours=row.ours,
        proof=tuple(hashes[at : at + 32] for at in range(0, len(hashes), 32)),
        seen_ms=row.seen_ms,
        by=row.by,
        explained_ms=row.explained_ms,
    )
