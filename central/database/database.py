"""The centre's memory: one SQLite file, or a PostgreSQL server.

SQLite runs with WAL and synchronous=FULL, so that a commit is on the platter when it returns;
writers of all threads and processes take turns by a lock file, from before their first statement
until after the checkpoint that a commit may bring (docs/adr/0016 says why). PostgreSQL is asked
for the same on each connection, whatever its own default for synchronous_commit is. Rows that are
checked and then changed are changed by one UPDATE that names what was checked.
"""

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from typing import Final, Self

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from central.database import fleet_tables  # noqa: F401  its tables join METADATA
from central.database.tables import META, METADATA, VERSION
from central.errors import DatabaseForeignError, DatabaseUnreachableError

_BUSY_MS: Final = 30_000  # how long a writer waits for its turn
_CONNECTIONS: Final = 16
_ADVISORY: Final = 0x5EA1  # PostgreSQL's lock for who makes the tables

_ID: Final = "id"
_VERSION: Final = "version"


class Database:
    """An opened database. Every method raises DatabaseError where it cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.address = _shown(engine.url)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at `url`; make its tables where there are none.

        Raises DatabaseUnreachableError, or DatabaseForeignError on tables of a newer version.
        """
        try:
            address = make_url(url)
            engine = _engine(address)
        except (ArgumentError, ImportError) as error:
            raise DatabaseUnreachableError(address="database.url", reason=str(error)) from error
        database = cls(engine)
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def is_sqlite(self) -> bool:
        """Tell whether it is a file of this machine."""
        return self._engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection whose changes are durable once the block ends, or not made at all."""
        with self._told(), self._turn(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state, and changes nothing."""
        with self._told(), self._engine.connect() as bare:
            connection = bare.execution_options(sealdock_reads=True)
            if not self.is_sqlite:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @property
    def id(self) -> str:
        """The random id that this database got when its tables were made."""
        with self.reading() as connection:
            return str(connection.scalar(select(META.c.value).where(META.c.name == _ID)))

    def close(self) -> None:
        """Let go of every connection."""
        # The last one to close a SQLite file writes to it; where it is gone, there is no turn.
        with contextlib.suppress(DatabaseUnreachableError), self._turn():
            self._engine.dispose()

    def _prepare(self) -> None:
        with self._told(), self._turn(), self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY})")
            if inspect(connection).has_table(META.name):
                query = select(META.c.value).where(META.c.name == _VERSION)
                found = str(connection.scalar(query))
                if found != str(VERSION):
                    raise DatabaseForeignError(found=found, known=VERSION)
                return
            METADATA.create_all(connection)
            rows = [
                {"name": _VERSION, "value": str(VERSION)},
                {"name": _ID, "value": secrets.token_hex(16)},
            ]
            connection.execute(insert(META), rows)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let nobody else write to a SQLite file meanwhile, in whatever thread or process.

        Who waits here goes on the moment that it may; SQLite itself would have it sleep.
        """
        if not self.is_sqlite:
            yield
            return
        with self._lock:
            path = f"{self._engine.url.database}.turn"
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            except OSError as error:
                reason = error.strerror or str(error)
                raise DatabaseUnreachableError(address=self.address, reason=reason) from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the driver raises into what the house says."""
        try:
            yield
        except IntegrityError:
            raise
        except NoConnectionError as error:
            raise DatabaseUnreachableError(address=self.address, reason=str(error)) from error
        except DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise DatabaseUnreachableError(address=self.address, reason=reason) from error


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=_CONNECTIONS, max_overflow=0, pool_timeout=60)
        event.listen(engine, "connect", _set_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url, pool_size=_CONNECTIONS, max_overflow=0, pool_timeout=60, pool_pre_ping=True
    )
    event.listen(engine, "connect", _set_postgresql)
    return engine


def _set_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Transactions are begun by us, below: the driver's own would begin at the first change.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("sealdock_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _set_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Persisted before it is answered: whatever the server's default is.
    cursor.execute("SET synchronous_commit = on")
    cursor.close()
    connection.commit()
