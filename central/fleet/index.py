"""The index of what the mirrored logs say: a cursor for each log, moved on with what was read.

What was read, and how far, are changed in one statement that names where it began: so it
does not matter who reads, how often, or where a crash cut it off. Nothing in it is evidence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from central.cosigning.cosigner import MIRROR, WITNESS
from central.database.database import Database
from central.database.fleet_tables import DOCKINGS, FLEET
from central.database.tables import HEADS
from central.fleet.reading import Closed, Said, read

BATCH: Final = 2048  # entries that are read in one transaction

Entries = Callable[[str, int, int], Iterable[bytes]]
"""Yields the mirrored entries [start, end) of a log, by its origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the index holds of one log."""

    said: Said
    heard_ms: int | None = None
    """When the log last grew here, by the centre's clock."""
    witnessed: int | None = None
    witnessed_ms: int | None = None
    """When a witnessed head of this size was first seen."""


NOTHING: Final = Known(said=Said())


class Index:
    """Reads and moves the index. Every method may raise DatabaseError."""

    def __init__(self, database: Database, entries: Entries, *, clock: Callable[[], int]) -> None:
        self._database = database
        self._entries = entries
        self._clock = clock

    def known(self) -> dict[str, Known]:
        """Return what is known of each log, by origin."""
        with self._database.reading() as connection:
            rows = connection.execute(select(FLEET)).all()
        return {row.origin: _of(row) for row in rows}

    def dockings(self, origin: str, *, newest: int) -> list[Closed]:
        """Return the dockings of a log that ended last, the newest first."""
        mine = select(DOCKINGS).where(DOCKINGS.c.origin == origin)
        query = mine.order_by(DOCKINGS.c.seq.desc()).limit(newest)
        with self._database.reading() as connection:
            return [_closed(row) for row in connection.execute(query).all()]

    def observe(self) -> list[str]:
        """Note which heads have grown; return the origins whose mirror holds what is unread."""
        now_ms = self._clock()
        known = self.known()
        with self._database.reading() as connection:
            heads = connection.execute(select(HEADS.c.role, HEADS.c.origin, HEADS.c.size)).all()
        grown = {
            head.origin: int(head.size)
            for head in heads
            if head.role == WITNESS
            and int(head.size) > (known.get(head.origin, NOTHING).witnessed or 0)
        }
        if grown:
            self._witnessed(grown, now_ms)
        return [
            head.origin
            for head in heads
            if head.role == MIRROR and int(head.size) > known.get(head.origin, NOTHING).said.entries
        ]

    def catch_up(self, origin: str) -> bool:
        """Read the next entries that the mirror holds; tell whether there are still more.

        Raises what the mirror raises where it does not hold what it must.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(FLEET).where(FLEET.c.origin == origin)).one_or_none()
            mirrored = select(HEADS.c.size).where(
                (HEADS.c.role == MIRROR) & (HEADS.c.origin == origin)
            )
            size = int(connection.scalar(mirrored) or 0)
        known = NOTHING if row is None else _of(row)
        start = known.said.entries
        end = min(start + BATCH, size)
        if end <= start:
            return False
        said, ended = read(known.said, self._entries(origin, start, end), origin)
        self._move(origin, known.said.entries, said, ended)
        return said.entries < size

    def _move(self, origin: str, start: int, said: Said, ended: Iterable[Closed]) -> None:
        """Put what was read in place, if nobody else has read on from `start` meanwhile."""
        now_ms = self._clock()
        values = {"entries": said.entries, "said": _encode(said), "heard_ms": now_ms}
        try:
            with self._database.writing() as connection:
                if not _put(connection, origin, start, values):
                    return
                rows = [{"origin": origin, **_row(each)} for each in ended]
                if rows:
                    connection.execute(insert(DOCKINGS), rows)
        except IntegrityError:  # another was first with a log that was not known at all
            return

    def _witnessed(self, grown: Mapping[str, int], now_ms: int) -> None:
        for origin, size in grown.items():
            values = {"witnessed": size, "witnessed_ms": now_ms, "heard_ms": now_ms}
            shorter = FLEET.c.witnessed.is_(None) | (FLEET.c.witnessed < size)
            try:
                with self._database.writing() as connection:
                    mine = update(FLEET).where(FLEET.c.origin == origin)
                    if connection.execute(mine.where(shorter).values(**values)).rowcount:
                        continue
                    there = select(FLEET.c.origin).where(FLEET.c.origin == origin)
                    if connection.scalar(there) is None:
                        row = {"origin": origin, "entries": 0, "said": _encode(Said()), **values}
                        connection.execute(insert(FLEET).values(row))
            except IntegrityError:  # somebody else saw it first
                continue


def catch_up_all(index: Index) -> None:
    """Read all that the mirror holds and nobody has read yet."""
    for origin in index.observe():
        while index.catch_up(origin):
            continue


def _put(connection: Connection, origin: str, start: int, values: Mapping[str, object]) -> bool:
    mine = update(FLEET).where((FLEET.c.origin == origin) & (FLEET.c.entries == start))
    if connection.execute(mine.values(**values)).rowcount:
        return True
    if start or connection.scalar(select(FLEET.c.origin).where(FLEET.c.origin == origin)):
        return False
    connection.execute(insert(FLEET).values(origin=origin, **values))
    return True


def _encode(said: Said) -> str:
    return msgspec.json.encode(said).decode("utf-8")


def _of(row: Row[*tuple[object, ...]]) -> Known:
    return Known(
        said=msgspec.json.decode(row.said, type=Said),
        heard_ms=row.heard_ms,
        witnessed=row.witnessed,
        witnessed_ms=row.witnessed_ms,
    )


def _row(closed: Closed) -> dict[str, object]:
    return {
        "seq": closed.seq,
        "docking": closed.docking,
        "opened_ms": closed.opened_ms,
        "closed_ms": closed.at_ms,
        "result": closed.result,
        "clips": closed.clips,
        "findings": closed.findings,
        "unread": closed.unread,
        "late": closed.late,
        "remaining": closed.remaining,
    }


def _closed(row: Row[*tuple[object, ...]]) -> Closed:
    return Closed(
        docking=row.docking,
        seq=row.seq,
        opened_ms=row.opened_ms,
        at_ms=row.closed_ms,
        result=row.result,
        clips=row.clips,
        findings=row.findings,
        unread=row.unread,
        late=row.late,
        remaining=row.remaining,
    )
