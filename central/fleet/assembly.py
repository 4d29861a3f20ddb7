"""The fleet's parts put together out of settings and a database."""

from collections.abc import Iterator
from typing import Final

from central.ca.ends import ends_of
from central.cosigning.acceptance import Clock
from central.database.database import Database
from central.fleet.fleet import Fleet
from central.fleet.index import Entries, Index
from central.fleet.lateness import Limits
from central.mirror.files import LogCopy
from config import central_settings
from config.central_loader import LoadedCentral

_AUTHORITY: Final = "ca"  # where `sealdock-central ca` keeps it, if it is kept here


def fleet_of(loaded: LoadedCentral, database: Database, clock: Clock) -> Fleet:
    """Return the fleet as it is shown."""
    return Fleet(
        database,
        index_of(loaded, database, clock),
        limits_of(loaded.settings.fleet),
        clock=clock,
        ends=lambda: ends_of(loaded.state / _AUTHORITY),
    )


def index_of(loaded: LoadedCentral, database: Database, clock: Clock) -> Index:
    """Return the index of what the mirrored logs say."""
    return Index(database, entries_in(loaded), clock=clock)


def entries_in(loaded: LoadedCentral) -> Entries:
    """Return what reads the entries of mirrored logs."""

    def entries(origin: str, start: int, end: int) -> Iterator[bytes]:
        return LogCopy(loaded.state, origin).entries(start, end)

    return entries


def limits_of(fleet: central_settings.Fleet) -> Limits:
    """Return from when on something is late."""
    return Limits(
        silent_beats=fleet.silent_beats,
        silent_s=fleet.silent_after_s,
        unmirrored_s=fleet.unmirrored_after_s,
        late_days=fleet.late_days,
        certificate_days=fleet.certificate_days,
    )
