"""A PostgreSQL server of the tests' own: Debian's binaries, a temporary folder, a Unix socket."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.require import need

_BINARIES = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")  # noqa: S108  a place in memory: what is tested is not the disk
_USER = "sealdock"


@dataclass(slots=True)
class Postgres:
    """A running server."""

    binaries: Path
    folder: Path
    account: str | None
    """The user that it runs as; None: we are not root, and it is ours."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs; fail with what it says."""
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            user=self.account,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def start(self) -> None:
        """Make a cluster that only this folder's owner reaches, and start it."""
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self.run("initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        # A kill of our own process is what is tested, never one of the server: it need not sync.
        options = f"-h '' -k {self.folder} -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Stop it, by the process id in its own file, and wait until it is gone."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder / "data"))

    def fresh(self) -> str:
        """Return the address of an empty schema: as good as a database, and made at once."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(f"host={self.folder} user={_USER} dbname=postgres") as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        options = f"host={self.folder}&options=-csearch_path%3D{name}"
        return f"postgresql+psycopg://{_USER}@/postgres?{options}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """Return a PostgreSQL server that ends with the tests; it refuses to run as root."""
    found = sorted(_BINARIES.glob("*/bin/initdb"))
    need(found, "a PostgreSQL server (Debian: postgresql)")
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="sealdock-pg-", dir=place))
    account = "nobody" if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    server = Postgres(found[-1].parent, folder, account)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, memory_path: Path) -> str:
    """Return the address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{memory_path / 'central.db'}"
    server: Postgres = request.getfixturevalue("postgresql")
    return server.fresh()
