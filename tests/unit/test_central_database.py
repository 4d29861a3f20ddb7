"""The centre's memory and its register, on SQLite and PostgreSQL alike."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from central.database.database import Database
from central.database.tables import META
from central.errors import (
    DatabaseForeignError,
    DatabaseUnreachableError,
    DockKeyError,
    DockKnownError,
    DockUnknownError,
)
from central.register.docks import FIRST_USE, Register
from hashing.keys import SignerKey
from hashing.mldsa import MldsaSigner, available
from hashing.submission import origin_hash
from tests.proving import W1
from tests.require import need
from tests.submitting import KEY, ORIGIN

SECOND = SignerKey.generate(ORIGIN, b"2" * 32)
VKEY = str(KEY.verifier())


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return an empty database of each kind."""
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture
def register(database: Database) -> Register:
    """Return its register."""
    return Register(database)


def test_a_database_is_made_once(database_url: str) -> None:
    """Opened again it is the same one."""
    one = Database.open(database_url)
    two = Database.open(database_url)
    assert one.id == two.id
    assert len(one.id) == 32
    one.close()
    two.close()


def test_a_database_of_another_version_is_refused(database_url: str) -> None:
    """What a newer program wrote is left alone by an older one."""
    database = Database.open(database_url)
    with database.writing() as connection:
        connection.execute(update(META).where(META.c.name == "version").values(value="2"))
    database.close()
    with pytest.raises(DatabaseForeignError) as caught:
        Database.open(database_url)
    assert (caught.value.found, caught.value.known) == ("2", 1)


def test_a_commit_waits_for_the_disk(database: Database) -> None:
    """Durable when it returns: that is asked of each kind on each connection."""
    with database.reading() as connection:
        if database.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_one_writes_to_a_sqlite_file_at_a_time(memory_path: Path) -> None:
    """While one writes, no other process may: not even for the checkpoint at its end."""
    path = memory_path / "central.db"
    database = Database.open(f"sqlite:///{path}")
    with (memory_path / "central.db.turn").open("rb") as turn:
        with database.writing(), pytest.raises(BlockingIOError):
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    database.close()


def test_what_fails_half_way_was_not_done(database: Database) -> None:
    """A block that ends in an error leaves no trace."""

    def half() -> None:
        with database.writing() as connection:
            connection.execute(insert(META).values(name="half", value="done"))
            raise LookupError

    with pytest.raises(LookupError):
        half()
    with database.reading() as connection:
        assert connection.scalar(select(META.c.value).where(META.c.name == "half")) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nobody@/none?host=/nonexistent",
        "sqlite:////nonexistent/folder/central.db",
        "nonsense",
    ],
)
def test_a_database_that_is_not_there_is_named(url: str) -> None:
    """What can't be reached is said as that, at once."""
    with pytest.raises(DatabaseUnreachableError):
        Database.open(url)


def test_a_password_is_shown_to_nobody() -> None:
    """The address in an error has no password in it."""
    with pytest.raises(DatabaseUnreachableError) as caught:
        Database.open("postgresql+psycopg://me:secret@/none?host=/nonexistent")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Something else that lies there is not written over."""
    path = tmp_path / "central.db"
    path.write_bytes(b"a letter to my grandmother, and no database at all\n" * 20)
    before = path.read_bytes()
    with pytest.raises(DatabaseUnreachableError):
        Database.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_dock_is_enrolled_with_its_keys(register: Register) -> None:
    """What was said of a dock comes back, under its origin and under the name in paths."""
    dock = register.enrol(
        ORIGIN, [VKEY], now_ms=5, name="三号站", url="https://10.0.0.3", by=FIRST_USE
    )
    assert (dock.origin, dock.name, dock.url, dock.enrolled_ms) == (
        ORIGIN,
        "三号站",
        "https://10.0.0.3",
        5,
    )
    assert [(key.vkey, key.by, key.retired_ms) for key in dock.keys] == [(VKEY, "first-use", None)]
    assert dock.verifiers == (KEY.verifier(),)
    assert register.find(origin_hash(ORIGIN)) == dock
    assert register.docks() == (dock,)
    assert register.dock(ORIGIN) == dock


def test_nobody_is_enrolled_twice_or_unknown(register: Register) -> None:
    """A second enrolment, and questions about nobody, are errors that say so."""
    register.enrol(ORIGIN, [VKEY], now_ms=1)
    with pytest.raises(DockKnownError):
        register.enrol(ORIGIN, [VKEY], now_ms=2)
    with pytest.raises(DockUnknownError):
        register.dock("dock.example/2")
    with pytest.raises(DockUnknownError):
        register.remove("dock.example/2")
    with pytest.raises(DockUnknownError):
        register.add_key("dock.example/2", VKEY, now_ms=1)
    with pytest.raises(DockUnknownError):
        register.retire_key("dock.example/2", VKEY, now_ms=1)
    assert register.find("0" * 64) is None


@pytest.mark.parametrize(
    ("vkeys", "problem"),
    [
        ([], "none"),
        (["nonsense"], "malformed"),
        ([str(W1.verifier())], "kind"),
        ([str(SignerKey.generate("dock.example/2", b"k" * 32).verifier())], "name"),
    ],
)
def test_what_cannot_be_a_docks_key(register: Register, vkeys: list[str], problem: str) -> None:
    """A dock needs a key, and each must be a log's, of its own name."""
    with pytest.raises(DockKeyError) as caught:
        register.enrol(ORIGIN, vkeys, now_ms=1)
    assert caught.value.problem == problem
    assert register.docks() == ()


def test_ed25519_has_to_be_among_the_keys(register: Register) -> None:
    """A log that only ML-DSA-44 signs is none that others could follow."""
    need(available(), "ML-DSA-44 (cryptography 48)")
    quantum = str(MldsaSigner.generate(ORIGIN, b"q" * 32).verifier())
    with pytest.raises(DockKeyError) as caught:
        register.enrol(ORIGIN, [quantum], now_ms=1)
    assert caught.value.problem == "none"
    assert len(register.enrol(ORIGIN, [VKEY, quantum], now_ms=1).verifiers) == 2


def test_keys_come_and_go_once(register: Register) -> None:
    """A key joins, is retired, and never comes back."""
    register.enrol(ORIGIN, [VKEY], now_ms=1)
    dock = register.add_key(ORIGIN, str(SECOND.verifier()), now_ms=2)
    assert dock.verifiers == (KEY.verifier(), SECOND.verifier())
    assert dock.vkey == str(SECOND.verifier())
    dock = register.retire_key(ORIGIN, VKEY, now_ms=3)
    assert dock.verifiers == (SECOND.verifier(),)
    for vkey, problem in ((VKEY, "retired"), (str(SECOND.verifier()), "in-force")):
        with pytest.raises(DockKeyError) as caught:
            register.add_key(ORIGIN, vkey, now_ms=4)
        assert caught.value.problem == problem
    with pytest.raises(DockKeyError) as caught:
        register.retire_key(ORIGIN, VKEY, now_ms=5)
    assert caught.value.problem == "not-in-force"


def test_a_dock_that_is_taken_out_takes_its_keys_along(register: Register) -> None:
    """Enrolled again it begins with the keys that are given then."""
    register.enrol(ORIGIN, [VKEY], now_ms=1)
    register.remove(ORIGIN)
    assert register.docks() == ()
    assert register.enrol(ORIGIN, [str(SECOND.verifier())], now_ms=2).verifiers == (
        SECOND.verifier(),
    )
