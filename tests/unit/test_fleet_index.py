"""The index of what mirrored logs say: moved on once, by whoever comes, and made again at will."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, update

from central.database.database import Database
from central.database.tables import HEADS
from central.fleet.fleet import Fleet
from central.fleet.index import BATCH, Index
from central.fleet.lateness import Limits
from central.fleet.records import Kept, Records
from central.fleet.view import Counted
from central.register.docks import Register
from hashing.canonical import JSON
from hashing.keys import SignerKey
from tests.unit.test_fleet_reading import DAY, ORIGIN, log

LIMITS = Limits(silent_beats=3, silent_s=2700, unmirrored_s=600, late_days=7, certificate_days=30)
BEAT: tuple[str, dict[str, JSON]] = ("heartbeat", {"interval_s": 900})
START_MS = 1_800_000_000_000


class Here:
    """A centre's memory, with mirrored logs that are lists."""

    def __init__(self, url: str) -> None:
        self.database = Database.open(url)
        self.now_ms = START_MS
        self.logs: dict[str, list[bytes]] = {}
        self.reads = 0
        self.register = Register(self.database)
        self.records = Records(self.database)
        self.index = Index(self.database, self._entries, clock=lambda: self.now_ms)
        self.ends: dict[str, int] = {}
        self.fleet = Fleet(
            self.database, self.index, LIMITS, clock=lambda: self.now_ms, ends=lambda: self.ends
        )

    def enrol(self, origin: str) -> None:
        """Enrol a dock of this origin."""
        key = SignerKey(origin, bytes(32)).verifier()
        self.register.enrol(origin, [str(key)], now_ms=START_MS)

    def head(self, role: str, origin: str, size: int) -> None:
        """Put a head of a role in place, as witness or mirror do."""
        values = {"size": size, "root": bytes(32), "note": b"", "time_s": self.now_ms // 1000}
        mine = (HEADS.c.role == role) & (HEADS.c.origin == origin)
        with self.database.writing() as connection:
            if not connection.execute(update(HEADS).where(mine).values(**values)).rowcount:
                connection.execute(insert(HEADS).values(role=role, origin=origin, **values))

    def mirror(self, origin: str, leaves: list[bytes], size: int | None = None) -> None:
        """Hold a log, up to `size` of it."""
        self.logs[origin] = leaves
        self.head("mirror", origin, len(leaves) if size is None else size)

    def catch_up(self) -> None:
        """Read all that is there."""
        for origin in self.index.observe():
            while self.index.catch_up(origin):
                pass

    def _entries(self, origin: str, start: int, end: int) -> Iterator[bytes]:
        self.reads += 1
        return iter(self.logs[origin][start:end])


@pytest.fixture
def here(database_url: str) -> Iterator[Here]:
    """Return a centre's memory, in a database of each kind."""
    made = Here(database_url)
    yield made
    made.database.close()


def test_a_log_is_read_once(here: Here) -> None:
    """What was read is not read again, and what grew since is."""
    leaves = log(*DAY)
    here.enrol(ORIGIN)
    here.mirror(ORIGIN, leaves, size=4)
    here.catch_up()
    here.catch_up()
    assert here.reads == 1
    here.mirror(ORIGIN, leaves)
    here.catch_up()
    assert here.index.known()[ORIGIN].said.entries == len(leaves)
    assert [each.docking for each in here.index.dockings(ORIGIN, newest=9)] == [1]


def test_two_readers_count_nothing_twice(here: Here) -> None:
    """Whoever reads on from where another has been finds it done."""
    leaves = log(*DAY)
    here.mirror(ORIGIN, leaves)
    other = Index(here.database, lambda *_: _interrupting(here, leaves), clock=lambda: START_MS)
    other.catch_up(ORIGIN)
    known = here.index.known()[ORIGIN]
    assert (known.said.clips, known.said.dockings) == (2, 1)
    assert len(here.index.dockings(ORIGIN, newest=9)) == 1


def _interrupting(here: Here, leaves: list[bytes]) -> Iterator[bytes]:
    """Yield the entries, after somebody else has read all of them."""
    here.index.catch_up(ORIGIN)
    yield from leaves


def test_a_month_is_read_in_parts(here: Here) -> None:
    """What a dock sends after a month offline is read batch by batch, and it is not silent."""
    beats = log(DAY[0], *([BEAT] * (BATCH + 9)))
    here.enrol(ORIGIN)
    here.mirror(ORIGIN, beats)
    here.now_ms += 40 * 86_400_000
    assert here.index.catch_up(ORIGIN)
    assert not here.index.catch_up(ORIGIN)
    (view,) = here.fleet.views()
    assert view.said.entries == BATCH + 10
    assert [late.code for late in view.late] == []


def test_a_dock_goes_silent_and_comes_back(here: Here) -> None:
    """Silence is counted from when the centre last heard of something new."""
    here.enrol(ORIGIN)
    here.head("witness", ORIGIN, 5)
    here.head("mirror", ORIGIN, 5)
    here.logs[ORIGIN] = log(*DAY)
    here.catch_up()
    here.now_ms += 2_701_000
    assert [late.code for late in here.fleet.views()[0].late] == ["silent"]
    here.head("witness", ORIGIN, 6)
    here.head("mirror", ORIGIN, 6)
    here.catch_up()
    assert "silent" not in [late.code for late in here.fleet.views()[0].late]


def test_a_witnessed_head_alone_is_a_sign_of_life(here: Here) -> None:
    """A dock that only witnesses know is heard of, and its entries are missed in time."""
    here.enrol(ORIGIN)
    assert here.fleet.views()[0].head is None
    here.head("witness", ORIGIN, 5)
    here.index.observe()
    here.now_ms += 601_000
    here.index.observe()
    (view,) = here.fleet.views()
    assert (view.head, view.lag, view.heard_ms) == (5, 5, START_MS)
    assert [late.code for late in view.late] == ["unmirrored"]


def test_an_inventory_is_put_right_by_one_of_its_kind(here: Here) -> None:
    """What a replica lacks is said of it until a replica is whole, whatever the dock says."""
    here.enrol(ORIGIN)
    here.mirror(ORIGIN, log(*DAY))
    here.catch_up()

    def late_after(source: str, missing: int) -> list[str]:
        found = Counted(taken_ms=START_MS, source=source, holds=not missing, missing=missing)
        here.records.keep_inventory(ORIGIN, found, "{}")
        (view,) = here.fleet.views()
        assert view.counted[0] == found
        return [late.code for late in view.late]

    assert late_after("replica", 1) == ["copy-gone"]
    assert late_after("store", 0) == ["copy-gone"]
    assert late_after("store", 2) == ["gone", "copy-gone"]
    assert late_after("replica", 0) == ["gone"]
    assert late_after("store", 0) == []


def test_what_is_kept_of_a_dock(here: Here) -> None:
    """Pulls, manifests, inventories and certificates show in its view, and their lateness."""
    here.enrol(ORIGIN)
    here.mirror(ORIGIN, log(*DAY))
    here.catch_up()
    here.records.pull_went(ORIGIN, now_ms=START_MS)
    here.records.pull_went(ORIGIN, now_ms=START_MS + 1, problem="fork", detail="x")
    here.records.pull_went(ORIGIN, now_ms=START_MS + 2, problem="fork", detail="y")
    kept = Kept(docking=1, seq=6, sha256="ab" * 32, size=9, problem="", fetched_ms=START_MS)
    here.records.keep_manifest(ORIGIN, kept)
    here.records.keep_manifest(ORIGIN, kept)
    bad = Counted(taken_ms=START_MS, source="store", holds=False, missing=2)
    here.records.keep_inventory(ORIGIN, bad, '{"gone": 2}')
    here.ends[ORIGIN] = START_MS
    (view,) = here.fleet.views()
    assert view.pulled is not None
    assert (view.pulled.good_ms, view.pulled.failing_ms) == (START_MS, START_MS + 1)
    assert view.counted == (bad,)
    assert [late.code for late in view.late] == ["gone", "refused", "certificate"]
    assert here.records.manifests_from(ORIGIN) == 6
    (manifest,) = here.fleet.manifests(ORIGIN, newest=5)
    assert (manifest.docking.docking, manifest.sha256) == (1, "ab" * 32)
    assert here.records.inventories(ORIGIN) == ['{"gone": 2}']
    assert here.fleet.view(view.hash) == view
    assert here.fleet.view("0" * 64) is None
