"""One connection to the ledger's database, and what its errors mean in the dock's own words."""

import contextlib
import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dock_daemon.errors import LedgerDoubtError, StateError, StateFullError, StateUnusableError
from dock_daemon.evidence import schema

# SQLite grows its shared index by so much at a time.
_SMALLEST_ROOM: Final = 32 << 10
_OF_THE_DISK: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL}
)
# How quick_check tells of a page that the disk did not give.
_UNREAD_PAGE: Final = re.compile(r"unable to get the page\. error code=(\d+)")


@contextlib.contextmanager
def connected(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    """Give a connection that stays open unless the block raises, in the dock's own words."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.OperationalError as error:
        raise _in_the_way(error, path) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        yield connection
    except sqlite3.OperationalError as error:
        connection.close()
        raise _in_the_way(error, path) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LedgerDoubtError(f"{path}: {error}") from error
    except BaseException:
        connection.close()
        raise


def _in_the_way(error: sqlite3.OperationalError, path: Path) -> StateError:
    return (
        StateFullError(path) if disk_is_full(error, path) else StateUnusableError(path, str(error))
    )


def disk_is_full(error: OSError | sqlite3.Error, place: Path) -> bool:
    """Tell whether an error only means that there is no room on the disk of `place`.

    SQLite calls some writes to a full disk an I/O error: then the disk itself is asked.
    """
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary not in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return primary == sqlite3.SQLITE_FULL
    try:
        room = os.statvfs(place)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _SMALLEST_ROOM or (
        room.f_files > 0 and not room.f_favail
    )


def is_of_the_disk(error: sqlite3.Error) -> bool:
    """Tell whether the disk refused, and the database itself says nothing of damage."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise LedgerDoubtError where a database is damaged, or of a version to come.

    Raises StateUnusableError where its disk does not let it be read.
    """
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    code = _UNREAD_PAGE.search(verdict)
    if code is not None and int(code[1]) & 0xFF in _OF_THE_DISK:
        raise StateUnusableError(path, verdict.splitlines()[-1])
    if verdict != "ok":
        raise LedgerDoubtError(f"{path}: {verdict}")
    if newer := schema.unknown_steps(connection):
        raise LedgerDoubtError(f"{path} was written by a newer sealdock ({newer[0]})")
