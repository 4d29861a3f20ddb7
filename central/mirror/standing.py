"""How far a mirrored log has come: what the database knows of it, read and moved on."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from central.cosigning.cosigner import MIRROR
from central.cosigning.heads import head_of
from central.cosigning.judging import Head
from central.database.tables import MIRRORS, PENDING

KEPT_PENDING = 8
"""How many heads entries may be sent up to: the last several, as tlog-mirror asks."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A head that the log signed and that was proved to grow; its entries may still be missing."""

    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of a mirrored log."""

    next_entry: int
    mirrored: Head | None
    pending: tuple[Pending, ...]
    """By size, the newest last; the one that is mirrored stays among them."""

    @property
    def newest(self) -> Pending | None:
        """The longest head that is known."""
        return self.pending[-1] if self.pending else None

    @property
    def size(self) -> int:
        """The size that is mirrored whole and cosigned."""
        return 0 if self.mirrored is None else self.mirrored.size

    def of(self, size: int) -> Pending | None:
        """Return the head of a size that entries may be sent up to."""
        return next((each for each in self.pending if each.size == size), None)


def standing(connection: Connection, origin: str) -> Standing:
    """Return how far a log has come."""
    found = connection.scalar(select(MIRRORS.c.next_entry).where(MIRRORS.c.origin == origin))
    rows = connection.execute(
        select(PENDING).where(PENDING.c.origin == origin).order_by(PENDING.c.size)
    ).all()
    return Standing(
        next_entry=int(found or 0),
        mirrored=head_of(connection, MIRROR, origin),
        pending=tuple(Pending(row.size, row.root, row.note) for row in rows),
    )


def keep_pending(connection: Connection, origin: str, head: Head) -> None:
    """Keep a head that was accepted, and let go of those that are too old or too many."""
    mine = PENDING.c.origin == origin
    connection.execute(delete(PENDING).where(mine & (PENDING.c.size == head.size)))
    row = {"origin": origin, "size": head.size, "root": head.root, "note": head.note}
    connection.execute(insert(PENDING).values(row))
    known = standing(connection, origin)
    ahead = [each.size for each in known.pending if each.size > known.size]
    gone = [each.size for each in known.pending if each.size < known.size]
    for size in (*gone, *ahead[:-KEPT_PENDING]):
        connection.execute(delete(PENDING).where(mine & (PENDING.c.size == size)))


def move_next(connection: Connection, origin: str, old: int, new: int) -> bool:
    """Say that all before `new` is durable; tell whether nobody moved it on from `old` before.

    Raises sqlalchemy's IntegrityError where the first entries came from another.
    """
    mine = MIRRORS.c.origin == origin
    if old == 0 and connection.scalar(select(MIRRORS.c.next_entry).where(mine)) is None:
        connection.execute(insert(MIRRORS).values(origin=origin, next_entry=new))
        return True
    change = update(MIRRORS).where(mine & (MIRRORS.c.next_entry == old))
    return connection.execute(change.values(next_entry=new)).rowcount == 1
