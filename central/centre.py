"""One centre, put together: the only place that builds its parts."""

import asyncio
import os
import pwd
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, Self, TypeVar

from central import clock as system
from central.cosigning.acceptance import Clock
from central.cosigning.cosigner import MIRROR, WITNESS, Cosigner
from central.cosigning.evidence import Evidence
from central.database.database import Database
from central.errors import StateUnusableError
from central.mirror.mirror import Mirror, begins_with
from central.register.docks import Register
from central.witness.witness import Witness
from config.central_loader import LoadedCentral
from config.central_settings import Cosigning

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 12  # fewer than the database has connections
_STATE_MODE: Final = 0o750


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """What commands and pages work with. Close it when done."""

    loaded: LoadedCentral
    database: Database
    register: Register
    evidence: Evidence
    clock: Clock
    witness: Witness | None
    mirror: Mirror | None
    threads: ThreadPoolExecutor

    @classmethod
    def open(cls, loaded: LoadedCentral, *, signs: bool, clock: Clock = system.now_ms) -> Self:
        """Open database and state; with `signs` the cosigners too, whose keys are made if missing.

        Raises CentralError: DatabaseError, AmnesiaError, CosignerKeyError, StateUnusableError.
        """
        try:
            loaded.state.mkdir(mode=_STATE_MODE, parents=True, exist_ok=True)
            _check_owner(loaded.state)
            database = Database.open(loaded.database_url)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StateUnusableError(loaded.state, reason) from error
        try:
            return cls(
                loaded=loaded,
                database=database,
                register=Register(database),
                evidence=Evidence(database),
                clock=clock,
                witness=_witness(loaded, database, clock) if signs else None,
                mirror=_mirror(loaded, database, clock) if signs else None,
                threads=ThreadPoolExecutor(_THREADS, thread_name_prefix="centre"),
            )
        except OSError as error:
            database.close()
            reason = error.strerror or str(error)
            raise StateUnusableError(loaded.state, reason) from error
        except BaseException:
            database.close()
            raise

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what blocks in one of the centre's threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Finish what is under way, and let go of everything."""
        self.threads.shutdown(wait=True)
        self.database.close()


def _check_owner(state: Path) -> None:
    """Refuse a state that another user keeps: what root left there, its keeper could not read."""
    owner = state.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    raise StateUnusableError(state, f"it is kept by the user {name}")


def _witness(loaded: LoadedCentral, database: Database, clock: Clock) -> Witness | None:
    settings = loaded.settings.witness
    if not settings.enabled:
        return None
    cosigner = _cosigner(loaded, WITNESS, settings, database)
    begins = partial(begins_with, loaded.state)
    return Witness(database, cosigner, clock=clock, begins=begins)


def _mirror(loaded: LoadedCentral, database: Database, clock: Clock) -> Mirror | None:
    settings = loaded.settings.mirror
    if not settings.enabled:
        return None
    cosigner = _cosigner(loaded, MIRROR, settings, database)
    mirror = Mirror(database, cosigner, loaded.state, clock=clock)
    mirror.recover()
    return mirror


def _cosigner(
    loaded: LoadedCentral, role: str, settings: Cosigning, database: Database
) -> Cosigner:
    name = loaded.settings.cosigner_name(role)
    folder = loaded.state / "keys"
    return Cosigner.open(folder, role, name, ml_dsa=settings.ml_dsa, database=database)
