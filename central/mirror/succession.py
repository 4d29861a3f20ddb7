"""Keys that a log itself has changed: taken from its own mirrored entries into the register.

docs/formats/entry.md section 6. The change was signed by the key that was believed and by the
new one, in an entry that a believed checkpoint covers: nothing else is needed.
"""

import logging
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, insert, select

from central.database.tables import KEY_ENTRIES
from central.errors import DockKeyError
from central.register.docks import SUCCESSION, add_key, dock_of, retire_key
from hashing import entry
from hashing.entry import Entry
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from hashing.succession import KINDS, Succession

log = logging.getLogger("sealdock.central")

_TRACES = tuple(f'"{kind}"'.encode() for kind in sorted(KINDS))


def follow(
    connection: Connection, origin: str, entries: Sequence[bytes], genesis: bytes, *, now_ms: int
) -> None:
    """Take what new entries say of keys into the register, within the transaction that keeps them.

    What does not hold changes nothing: whoever judges the log will name it.
    """
    fresh = list(_key_entries(entries))
    if not fresh:
        return
    query = select(KEY_ENTRIES.c.entry).where(KEY_ENTRIES.c.origin == origin)
    known = connection.scalars(query.order_by(KEY_ENTRIES.c.seq)).all()
    dock = dock_of(connection, origin)
    if dock is None:
        return
    believed = {key.vkey for key in dock.keys}
    try:
        first = VerifierKey.parse(str(entry.parse(genesis).body.get("vkey", "")))
        succession = Succession.of(first, map(entry.parse, known))
    except EvidenceError as error:
        log.warning("%s: its keys can not be followed: %s", origin, error)
        return
    if str(first) not in believed:
        log.error("%s: its genesis names a key that was never believed", origin)
        return
    for raw, each in fresh:
        _take(connection, succession, raw, each, now_ms)


def _take(
    connection: Connection, succession: Succession, raw: bytes, change: Entry, now_ms: int
) -> None:
    origin, before = succession.origin, set(succession.keys)
    try:
        succession.take(change)
    except EvidenceError as error:
        log.warning(
            "%s: the change of keys in entry %d does not hold: %s", origin, change.seq, error
        )
        return
    after = set(succession.keys)
    for key in after - before:
        try:
            add_key(connection, origin, str(key), now_ms=now_ms, by=SUCCESSION)
        except DockKeyError as error:  # an operator was faster, or has retired it
            log.warning("%s: %s", origin, error)
    for key in before - after:
        retire_key(connection, origin, str(key), now_ms=now_ms)
    row = {"origin": origin, "seq": change.seq, "entry": raw}
    connection.execute(insert(KEY_ENTRIES).values(row))


def _key_entries(entries: Sequence[bytes]) -> Iterable[tuple[bytes, Entry]]:
    for raw in entries:
        if any(trace in raw for trace in _TRACES):
            try:
                found = entry.parse(raw)
            except EvidenceError:
                continue
            if found.kind in KINDS:
                yield raw, found
