"""The fleet as it stands: everything that is known of each dock, judged by the centre's clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import select

from central.cosigning.cosigner import MIRROR, WITNESS
from central.cosigning.evidence import Evidence, Fork
from central.database.database import Database
from central.database.tables import HEADS
from central.fleet.index import NOTHING, Index, Known
from central.fleet.lateness import Facts, Late, Limits, judge
from central.fleet.records import Records
from central.fleet.view import REPLICA, STORE, Counted, DockView, ForkView, ManifestView, Pulled
from central.register.docks import Dock, Register

REFUSALS: Final = frozenset({"signature", "other-log", "rollback", "fork", "tile", "unlogged"})
"""Problems of pulling that say something of the log, and not of the way to it."""

Ends = Callable[[], Mapping[str, int]]
"""When the certificate of each dock ends (ms), by origin, as far as that is known."""


class _Head(NamedTuple):
    size: int
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is known of one dock beside its own row."""

    witnessed: _Head | None
    mirrored: _Head | None
    known: Known
    pulled: Pulled | None
    counted: tuple[Counted, ...]
    forks: int
    ends_ms: int | None


class Fleet:
    """Every method may raise DatabaseError."""

    def __init__(
        self,
        database: Database,
        index: Index,
        limits: Limits,
        *,
        clock: Callable[[], int],
        ends: Ends,
    ) -> None:
        self._database = database
        self._register = Register(database)
        self._evidence = Evidence(database)
        self._records = Records(database)
        self._index = index
        self._limits = limits
        self._clock = clock
        self._ends = ends

    def views(self) -> list[DockView]:
        """Return every enrolled dock, by origin."""
        now_ms = self._clock()
        known, pulled = self._index.known(), self._records.pulled()
        counted, forks = self._records.counted(), self._evidence.standing()
        heads, ends = self._heads(), self._ends()
        views: list[DockView] = []
        for dock in self._register.docks():
            origin = dock.origin
            seen = _Seen(
                witnessed=heads.get((WITNESS, origin)),
                mirrored=heads.get((MIRROR, origin)),
                known=known.get(origin, NOTHING),
                pulled=pulled.get(origin),
                counted=counted.get(origin, ()),
                forks=forks.get(origin, 0),
                ends_ms=ends.get(origin),
            )
            late = judge(_facts(dock, seen), self._limits, now_ms)
            views.append(_view(dock, seen, late))
        return views

    def view(self, name: str) -> DockView | None:
        """Return the dock that paths call `name`; None if there is none."""
        return next((view for view in self.views() if view.hash == name), None)

    def forks(self, origin: str) -> list[ForkView]:
        """Return the evidence of forks of a log, the oldest first."""
        return [_fork(each) for each in self._evidence.all(origin)]

    def manifests(self, origin: str, *, newest: int) -> list[ManifestView]:
        """Return the dockings that ended last, the newest first, and what is kept of each."""
        ended = self._index.dockings(origin, newest=newest)
        if not ended:
            return []
        kept = self._records.manifests(origin, ended[-1].seq, ended[0].seq)
        views: list[ManifestView] = []
        for docking in ended:
            one = kept.get(docking.seq)
            if one is None:
                views.append(ManifestView(docking=docking))
            else:
                views.append(
                    ManifestView(
                        docking=docking,
                        sha256=one.sha256,
                        problem=one.problem,
                        fetched_ms=one.fetched_ms,
                    )
                )
        return views

    def _heads(self) -> dict[tuple[str, str], _Head]:
        query = select(HEADS.c.role, HEADS.c.origin, HEADS.c.size, HEADS.c.time_s)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {(row.role, row.origin): _Head(int(row.size), int(row.time_s)) for row in rows}


def _view(dock: Dock, seen: _Seen, late: list[Late]) -> DockView:
    heads = [head for head in (seen.witnessed, seen.mirrored) if head is not None]
    return DockView(
        origin=dock.origin,
        hash=dock.hash,
        name=dock.name,
        url=dock.url,
        enrolled_ms=dock.enrolled_ms,
        vkeys=tuple(key.vkey for key in dock.keys if key.retired_ms is None),
        said=seen.known.said,
        heard_ms=seen.known.heard_ms,
        witnessed=_size(seen.witnessed),
        cosigned_s=max((head.time_s for head in heads), default=None),
        mirrored=_size(seen.mirrored),
        forks=seen.forks,
        pulled=seen.pulled,
        counted=seen.counted,
        late=tuple(late),
    )


def _facts(dock: Dock, seen: _Seen) -> Facts:
    pulled, said = seen.pulled, seen.known.said
    refused = pulled is not None and pulled.problem in REFUSALS
    return Facts(
        enrolled_ms=dock.enrolled_ms,
        heard_ms=seen.known.heard_ms,
        witnessed=_size(seen.witnessed),
        witnessed_ms=seen.known.witnessed_ms,
        mirrored=_size(seen.mirrored),
        interval_s=said.interval_s,
        late_ms=said.late_ms,
        forks=seen.forks,
        broken=said.broken,
        gone=_missing(seen, STORE),
        copy_gone=_missing(seen, REPLICA),
        refused=pulled.problem if pulled is not None and refused else "",
        unreachable_ms=None if pulled is None or refused else pulled.failing_ms,
        certificate_ends_ms=seen.ends_ms,
    )


def _missing(seen: _Seen, source: str) -> int:
    return sum(one.missing for one in seen.counted if one.source == source)


def _size(head: _Head | None) -> int | None:
    return None if head is None else head.size


def _fork(fork: Fork) -> ForkView:
    return ForkView(
        number=fork.id,
        kind=fork.kind,
        role=fork.role,
        size=fork.size,
        seen_ms=fork.seen_ms,
        by=fork.by,
        explained_ms=fork.explained_ms,
    )
