"""What is kept of pulling, of manifests and of inventories, dock by dock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from central.database.database import Database
from central.database.fleet_tables import INVENTORIES, MANIFESTS, PULLS
from central.fleet.view import Counted, Pulled

_KEPT_INVENTORIES: Final = 1000  # that are listed at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A manifest that was fetched: what was said of it, and the digest of its bytes."""

    docking: int
    seq: int
    sha256: str
    size: int
    problem: str
    fetched_ms: int


class Records:
    """Reads and writes them. Every method may raise DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pulled(self) -> dict[str, Pulled]:
        """Return how pulling goes, by origin."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PULLS)).all()
        return {
            row.origin: Pulled(
                good_ms=row.good_ms,
                failing_ms=row.failing_ms,
                problem=row.problem,
                detail=row.detail,
            )
            for row in rows
        }

    def pull_went(self, origin: str, *, now_ms: int, problem: str = "", detail: str = "") -> None:
        """Note how a round of pulling went; an empty problem is a good one."""
        if problem:
            failing_ms = func.coalesce(PULLS.c.failing_ms, now_ms)
            change: dict[str, object] = {"failing_ms": failing_ms}
            first: dict[str, object] = {"failing_ms": now_ms}
        else:
            change = first = {"good_ms": now_ms, "failing_ms": None}
        told = {"problem": problem, "detail": detail[:200]}
        self._put(origin, {**change, **told}, {**first, **told})

    def manifests_from(self, origin: str) -> int:
        """Return the closing entry of the last manifest that was fetched; 0: none was."""
        with self._database.reading() as connection:
            found = select(PULLS.c.manifests).where(PULLS.c.origin == origin)
            return int(connection.scalar(found) or 0)

    def unsound(self, origin: str) -> int:
        """Return how many manifests of a dock did not hold."""
        bad = (MANIFESTS.c.origin == origin) & (MANIFESTS.c.problem != "")
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.count()).where(bad)) or 0)

    def keep_manifest(self, origin: str, kept: Kept) -> None:
        """Note a manifest, whose bytes are durable if they are kept; move the cursor past it."""
        row = {
            "origin": origin,
            "seq": kept.seq,
            "docking": kept.docking,
            "sha256": kept.sha256,
            "size": kept.size,
            "problem": kept.problem,
            "fetched_ms": kept.fetched_ms,
        }
        with self._database.writing() as connection:
            mine = (MANIFESTS.c.origin == origin) & (MANIFESTS.c.seq == kept.seq)
            if not connection.execute(update(MANIFESTS).where(mine).values(row)).rowcount:
                connection.execute(insert(MANIFESTS).values(row))
        self._put(origin, {"manifests": kept.seq}, {"manifests": kept.seq})

    def manifests(self, origin: str, first: int, last: int) -> dict[int, Kept]:
        """Return what is kept of manifests whose closing entry is one of [first, last], by it."""
        mine = (MANIFESTS.c.origin == origin) & MANIFESTS.c.seq.between(first, last)
        with self._database.reading() as connection:
            rows = connection.execute(select(MANIFESTS).where(mine)).all()
        return {
            row.seq: Kept(
                docking=row.docking,
                seq=row.seq,
                sha256=row.sha256,
                size=row.size,
                problem=row.problem,
                fetched_ms=row.fetched_ms,
            )
            for row in rows
        }

    def counted(self) -> dict[str, tuple[Counted, ...]]:
        """Return the newest inventories of each dock by origin: one of a kind, newest first."""
        kinds = (INVENTORIES.c.origin, INVENTORIES.c.source)
        newest = select(func.max(INVENTORIES.c.id)).group_by(*kinds)
        with self._database.reading() as connection:
            query = select(INVENTORIES).where(INVENTORIES.c.id.in_(newest))
            rows = connection.execute(query.order_by(INVENTORIES.c.id.desc())).all()
        found: dict[str, tuple[Counted, ...]] = {}
        for row in rows:
            one = Counted(
                taken_ms=row.taken_ms, source=row.source, holds=row.holds, missing=row.missing
            )
            found[row.origin] = (*found.get(row.origin, ()), one)
        return found

    def keep_inventory(self, origin: str, counted: Counted, report: str) -> None:
        """Keep what was found, and the whole report of it (JSON)."""
        row = {
            "origin": origin,
            "taken_ms": counted.taken_ms,
            "source": counted.source,
            "holds": counted.holds,
            "missing": counted.missing,
            "report": report,
        }
        with self._database.writing() as connection:
            connection.execute(insert(INVENTORIES).values(row))

    def inventories(self, origin: str) -> list[str]:
        """Return the reports of a dock (JSON), the newest first."""
        mine = select(INVENTORIES.c.report).where(INVENTORIES.c.origin == origin)
        query = mine.order_by(INVENTORIES.c.id.desc()).limit(_KEPT_INVENTORIES)
        with self._database.reading() as connection:
            return [str(report) for report in connection.scalars(query).all()]

    def _put(self, origin: str, change: Mapping[str, object], first: Mapping[str, object]) -> None:
        mine = update(PULLS).where(PULLS.c.origin == origin).values(**change)
        blank = {"manifests": 0, "good_ms": None, "failing_ms": None, "problem": "", "detail": ""}
        try:
            with self._database.writing() as connection:
                if not connection.execute(mine).rowcount:
                    connection.execute(insert(PULLS).values(origin=origin, **{**blank, **first}))
        except IntegrityError:  # somebody else made the row meanwhile
            with self._database.writing() as connection:
                connection.execute(mine)
