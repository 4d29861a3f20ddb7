"""The docks whose logs the centre believes, and the keys that they sign with.

A dock is its origin. What the witness has signed for an origin is kept elsewhere, and outlives
the dock's row: who is taken out and enrolled again is held to what he signed before.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from central.database.database import Database
from central.database.tables import DOCK_KEYS, DOCKS
from central.errors import DockKeyError, DockKnownError, DockUnknownError, DockUrlError
from hashing.cosigners import parse_verifier
from hashing.errors import KeyFormatError
from hashing.keys import VerifierKey
from hashing.mldsa import MldsaKey
from hashing.submission import origin_hash

LogKey = VerifierKey | MldsaKey

OPERATOR: Final = "operator"
FIRST_USE: Final = "first-use"
SUCCESSION: Final = "succession"

# As the dock's own cosigners: who pulls names no user, and asks for paths below it.
_URL: Final = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/?#@:\[\]]+)(?::[0-9]{1,5})?(?:/[^\s?#]*)?",
    re.ASCII | re.IGNORECASE,
)

_parse_verifier = functools.lru_cache(maxsize=4096)(parse_verifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class DockKey:
    """A key that a dock signs, or signed, its checkpoints with."""

    vkey: str
    by: str
    added_ms: int
    retired_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dock:
    """One enrolled dock."""

    origin: str
    hash: str
    """SHA-256 of the origin in hexadecimal: its name in paths."""
    name: str
    url: str
    """Where its log is served for pulling; empty: it submits by itself."""
    enrolled_ms: int
    keys: tuple[DockKey, ...]

    @property
    def verifiers(self) -> tuple[LogKey, ...]:
        """The keys in force; one that this system cannot use is left out."""
        found = (_usable(key.vkey) for key in self.keys if key.retired_ms is None)
        return tuple(key for key in found if key is not None)

    @property
    def vkey(self) -> str:
        """The newest Ed25519 key: in force, or else the one that was last; empty if none."""
        plain = [key for key in self.keys if isinstance(_usable(key.vkey), VerifierKey)]
        inforce = [key for key in plain if key.retired_ms is None]
        return next((key.vkey for key in reversed(inforce or plain)), "")


class Register:
    """Reads and changes the register. Every method may raise DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(
        self,
        origin: str,
        vkeys: Sequence[str],
        *,
        now_ms: int,
        name: str = "",
        url: str = "",
        by: str = OPERATOR,
    ) -> Dock:
        """Enrol a dock; raise DockKnownError, DockUrlError, or DockKeyError about a key."""
        check_url(url)
        keys = [check_key(origin, vkey) for vkey in vkeys]
        if not any(isinstance(key, VerifierKey) for key in keys):
            # tlog-tiles: whatever else signs a log, Ed25519 does.
            raise DockKeyError(origin=origin, problem="none", detail=", ".join(vkeys))
        row = {
            "origin": origin,
            "hash": origin_hash(origin),
            "name": name or origin,
            "url": url,
            "enrolled_ms": now_ms,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DOCKS).values(row))
                for vkey in dict.fromkeys(vkeys):
                    _add_key(connection, origin, vkey, by, now_ms)
        except IntegrityError:
            raise DockKnownError(origin) from None
        return self.dock(origin)

    def add_key(self, origin: str, vkey: str, *, now_ms: int, by: str = OPERATOR) -> Dock:
        """Give a dock a further key; raise DockUnknownError or DockKeyError."""
        with self._database.writing() as connection:
            add_key(connection, origin, vkey, now_ms=now_ms, by=by)
        return self.dock(origin)

    def retire_key(self, origin: str, vkey: str, *, now_ms: int) -> Dock:
        """Take a key out of force; raise DockUnknownError, or DockKeyError if it is none."""
        with self._database.writing() as connection:
            if not retire_key(connection, origin, vkey, now_ms=now_ms):
                dock = _dock(connection, origin)
                raise DockKeyError(origin=dock.origin, problem="not-in-force", detail=vkey)
        return self.dock(origin)

    def change(self, origin: str, *, url: str | None = None, name: str | None = None) -> Dock:
        """Give a dock another address or name; None: as it is. An empty name: its origin.

        Raises DockUnknownError, or DockUrlError.
        """
        check_url(url or "")
        told = {"url": url, "name": None if name is None else name or origin}
        values = {column: value for column, value in told.items() if value is not None}
        with self._database.writing() as connection:
            _dock(connection, origin)
            if values:
                connection.execute(update(DOCKS).where(DOCKS.c.origin == origin).values(values))
        return self.dock(origin)

    def remove(self, origin: str) -> None:
        """Take a dock out; what was signed for it stays known. Raises DockUnknownError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(DOCKS).where(DOCKS.c.origin == origin)).rowcount:
                raise DockUnknownError(origin)

    def dock(self, origin: str) -> Dock:
        """Return a dock; raise DockUnknownError."""
        with self._database.reading() as connection:
            return _dock(connection, origin)

    def find(self, name: str) -> Dock | None:
        """Return the dock that paths call `name`, the SHA-256 of its origin."""
        with self._database.reading() as connection:
            origin = connection.scalar(select(DOCKS.c.origin).where(DOCKS.c.hash == name))
            return None if origin is None else _dock(connection, origin)

    def docks(self) -> tuple[Dock, ...]:
        """Return all docks by origin."""
        with self._database.reading() as connection:
            rows = connection.execute(select(DOCKS).order_by(DOCKS.c.origin)).all()
            keys = connection.execute(select(DOCK_KEYS).order_by(*_KEY_ORDER)).all()
        by_origin: dict[str, list[Row[*tuple[object, ...]]]] = {}
        for key in keys:
            by_origin.setdefault(key.origin, []).append(key)
        return tuple(_of(row, by_origin.get(row.origin, [])) for row in rows)


def check_url(url: str) -> None:
    """Raise DockUrlError unless a dock can be asked at `url`; empty: it is not asked."""
    if url and not _URL.fullmatch(url):
        raise DockUrlError(url)


def check_key(origin: str, vkey: str) -> LogKey:
    """Return the key that `vkey` spells; raise DockKeyError unless `origin` may sign with it."""
    try:
        key = parse_verifier(vkey)
    except KeyFormatError as error:
        raise DockKeyError(origin=origin, problem="malformed", detail=str(error)) from None
    if not isinstance(key, VerifierKey | MldsaKey):
        raise DockKeyError(origin=origin, problem="kind", detail=vkey)
    if key.name != origin:
        # docs/formats/log.md section 3: a log's key is named after its origin.
        raise DockKeyError(origin=origin, problem="name", detail=key.name)
    return key


def add_key(connection: Connection, origin: str, vkey: str, *, now_ms: int, by: str) -> None:
    """Add a key within a transaction; raise DockUnknownError or DockKeyError."""
    dock = _dock(connection, origin)
    check_key(origin, vkey)
    for key in dock.keys:
        if key.vkey == vkey:
            problem = "in-force" if key.retired_ms is None else "retired"
            raise DockKeyError(origin=origin, problem=problem, detail=vkey)
    _add_key(connection, origin, vkey, by, now_ms)


def retire_key(connection: Connection, origin: str, vkey: str, *, now_ms: int) -> bool:
    """Take a key out of force within a transaction; tell whether it was in force."""
    mine = (DOCK_KEYS.c.origin == origin) & (DOCK_KEYS.c.vkey == vkey)
    change = update(DOCK_KEYS).where(mine & DOCK_KEYS.c.retired_ms.is_(None))
    return connection.execute(change.values(retired_ms=now_ms)).rowcount > 0


def dock_of(connection: Connection, origin: str) -> Dock | None:
    """Return a dock within a transaction; None if it is not enrolled."""
    row = connection.execute(_DOCK, {"origin": origin}).one_or_none()
    return None if row is None else _of(row, connection.execute(_KEYS, {"origin": origin}).all())


_KEY_ORDER: Final = (DOCK_KEYS.c.added_ms, DOCK_KEYS.c.vkey)
_DOCK: Final = select(DOCKS).where(DOCKS.c.origin == bindparam("origin"))
_KEYS: Final = (
    select(DOCK_KEYS).where(DOCK_KEYS.c.origin == bindparam("origin")).order_by(*_KEY_ORDER)
)


def _dock(connection: Connection, origin: str) -> Dock:
    dock = dock_of(connection, origin)
    if dock is None:
        raise DockUnknownError(origin)
    return dock


def _add_key(connection: Connection, origin: str, vkey: str, by: str, now_ms: int) -> None:
    row = {"origin": origin, "vkey": vkey, "by": by, "added_ms": now_ms}
    connection.execute(insert(DOCK_KEYS).values(row))


def _of(row: Row[*tuple[object, ...]], keys: Iterable[Row[*tuple[object, ...]]]) -> Dock:
    return Dock(
        origin=row.origin,
        hash=row.hash,
        name=row.name,
        url=row.url,
        enrolled_ms=row.enrolled_ms,
        keys=tuple(
            DockKey(vkey=key.vkey, by=key.by, added_ms=key.added_ms, retired_ms=key.retired_ms)
            for key in keys
        ),
    )


def _usable(vkey: str) -> LogKey | None:
    try:
        key = _parse_verifier(vkey)
    except KeyFormatError:  # ML-DSA-44, and its library is not here
        return None
    return key if isinstance(key, VerifierKey | MldsaKey) else None
