"""The state directory: everything the dock keeps, held by one process.

Opening it is recovery: there is no other way to start.

    (0) SHA-256 against known answers
    (1) the lock                     one process, or StateBusyError
    (2) the ledger                   checked; the truth
    (3) the store                    the one the ledger speaks of; half-made files swept
    (4) the keys                     the first made only where no entry exists
    (5) genesis, or the log taken up where the last life left it; whether anything may be
        signed, or a witness has to be asked first
    (6) dockings that were cut off are brought to an end, in entries
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from config.loader import HOST_NAME, Loaded
from dock_daemon.clock import Clock
from dock_daemon.errors import (
    DoubtError,
    LedgerDoubtError,
    OriginDiffersError,
    StateBusyError,
    StateError,
    StateFullError,
    StateMissingError,
    StateUnusableError,
)
from dock_daemon.evidence import endings, log_key, questions, reserve
from dock_daemon.evidence.connection import disk_is_full
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.records import Record
from dock_daemon.evidence.reserve import Reserve
from dock_daemon.evidence.roster import Roster
from dock_daemon.evidence.sealer import Sealer
from dock_daemon.evidence.self_test import HashWatch
from dock_daemon.evidence.signing import Signing
from dock_daemon.evidence.store import Store
from dock_daemon.version import VERSION
from hashing.canonical import JSON
from hashing.entry import parse

Answer = TypeVar("Answer")

_MLDSA_VKEY: Final = "mldsa_vkey"


class State:
    """An opened state directory. Close it to seal what waits and publish."""

    def __init__(
        self,
        root: Path,
        *,
        lock: int,
        store: Store,
        sealer: Sealer,
        signing: Signing,
        keys: LogKeys,
    ) -> None:
        self.root = root
        self.keys = keys
        self.store = store
        self.sealer = sealer
        self.signing = signing
        self._lock = lock

    @property
    def unpublished(self) -> int:
        """How many entries are committed and not in the published checkpoint; also once closed."""
        return self.sealer.unpublished

    def close(self) -> None:
        """Seal, publish, and let others have the directory; raise DoubtError if there is any."""
        self.sealer.close()
        with contextlib.suppress(OSError):
            os.ftruncate(self._lock, 0)
        os.close(self._lock)
        if self.sealer.doubt.done():
            raise self.sealer.doubt.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except DoubtError:
            if error is None:
                raise


@dataclass(frozen=True, slots=True)
class _Rooms:
    root: Path

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def key(self) -> Path:
        return self.root / "key" / "log.key"

    @property
    def store(self) -> Path:
        return self.root / "store"


def look(root: Path, question: Callable[[Ledger], Answer]) -> Answer:
    """Ask a ledger that no daemon holds, and change nothing.

    It works on a full disk, on a read-only one and on a copy. Raises StateMissingError,
    StateBusyError, StateUnusableError, StateFullError or DoubtError.
    """
    rooms = _Rooms(root)
    try:
        _demand_ledger(rooms)
        lock = _lock_to_look(root)
    except OSError as error:
        raise _unusable(root, error) from error
    try:
        ledger = Ledger.open_to_look(rooms.ledger)
        try:
            return question(ledger)
        finally:
            ledger.close()
    finally:
        if lock is not None:
            os.close(lock)


def _demand_ledger(rooms: _Rooms) -> None:
    """Raise StateMissingError where no dock ever worked; OSError where one may not look."""
    if not rooms.ledger.exists() or not rooms.ledger.stat().st_size:
        raise StateMissingError(rooms.root)


def open_state(
    loaded: Loaded,
    clock: Clock,
    *,
    can_ask: bool = True,
    make: bool = True,
    hashes: HashWatch | None = None,
) -> State:
    """Open the state directory that the settings name, making it where there is none.

    Without `make` it is not made, and StateMissingError raised. Without `can_ask` nobody can
    hand us a witness's word: no time is spent waiting for one. `hashes` tests SHA-256, now and
    while the dock runs. Raises StateBusyError,
    StateUnusableError, StateFullError, OriginDiffersError, and DoubtError when what is found
    there does not hold together.
    """
    settings = loaded.settings
    rooms = _Rooms(Path(settings.storage.state))
    hashes = hashes or HashWatch()
    hashes.test()
    try:
        if not make:
            _demand_ledger(rooms)
        rooms.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        _check_owner(rooms.root)
        lock = _lock(rooms.root)
    except OSError as error:
        raise _unusable(rooms.root, error) from error
    try:
        return _opened(rooms, loaded, clock, lock, hashes, can_ask=can_ask)
    except (OSError, sqlite3.OperationalError) as error:
        os.close(lock)
        raise _unusable(rooms.root, error) from error
    except BaseException:
        os.close(lock)
        raise


def _opened(
    rooms: _Rooms, loaded: Loaded, clock: Clock, lock: int, hashes: HashWatch, *, can_ask: bool
) -> State:
    if not rooms.ledger.exists():
        for trace in (rooms.root / "log" / "checkpoint", rooms.store / "id", rooms.key):
            if trace.exists():
                raise LedgerDoubtError(f"{rooms.ledger} is missing, and {trace} is there")
    ledger = Ledger.open(rooms.ledger)
    try:
        loaded = _with_origin(ledger, loaded)
        settings = loaded.settings
        rooms.store.mkdir(mode=0o750, exist_ok=True)
        room = os.statvfs(rooms.store)
        store, store_id = Store.open(
            rooms.store,
            identity=ledger.meta("store_id"),
            reserve_bytes=settings.storage.reserve_of(room.f_blocks * room.f_frsize),
        )
        if ledger.meta("store_id") is None:
            ledger.remember("store_id", store_id)
        swept = store.recover()
        _check_beginning(ledger)
        keys = log_key.load_or_make(
            rooms.key.parent,
            origin=settings.dock.origin,
            succession=ledger.succession,
            mldsa=settings.log.ml_dsa,
            had_mldsa=ledger.meta(_MLDSA_VKEY) is not None,
        )
        signing = Signing(
            rooms.root,
            keys=keys,
            roster=Roster.of(settings.cosigners),
            clock=clock,
            head_copy=Path(settings.log.head_copy) if settings.log.head_copy else None,
            ask_within_s=settings.log.ask_within_s if can_ask else 0,
        )
        if ledger.size == 0:
            ledger.append([_genesis(keys, loaded)], clock.at())
            keys.succession = ledger.succession or keys.succession
        signing.begin(ledger)
        _recover(ledger, loaded, clock, swept, keys)
        signing.publish(ledger, clock.at())
        sealer = Sealer(
            store=store,
            ledger=ledger,
            signing=signing,
            clock=clock,
            hashes=hashes,
            group_clips=settings.ingest.group_clips,
            group_bytes=settings.ingest.group_bytes,
            reserve=_reserve(
                rooms, settings.storage.ledger_reserve_of(room.f_blocks * room.f_frsize)
            ),
        )
    except BaseException:
        ledger.close()
        raise
    sealer.start()
    return State(rooms.root, lock=lock, store=store, sealer=sealer, signing=signing, keys=keys)


def _reserve(rooms: _Rooms, size: int) -> Reserve:
    """Return the room kept for the ledger, taken if there is any."""
    kept = Reserve(rooms.root / reserve.NAME, size)
    kept.take()
    return kept


def _check_beginning(ledger: Ledger) -> None:
    if ledger.size and ledger.succession is None:
        raise LedgerDoubtError("the ledger does not begin with a genesis entry")


def _check_owner(root: Path) -> None:
    """Refuse a state that another user keeps: what root left there, its keeper could not read."""
    owner = root.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    raise StateUnusableError(root, f"it is kept by the user {name}")


def _unusable(root: Path, error: OSError | sqlite3.OperationalError) -> StateError:
    if disk_is_full(error, root):
        return StateFullError(root)
    return StateUnusableError(root, getattr(error, "strerror", None) or str(error))


def _lock(root: Path) -> int:
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    _hold(root, handle)
    # A courtesy to whoever comes second; a full disk has no room for it.
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}\n".encode("ascii"), 0)
    return handle


def _lock_to_look(root: Path) -> int | None:
    """Return the lock, held without a trace; None where there is none and none can be made."""
    try:
        handle = os.open(root / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # a copy: whoever works with a state has its lock file
    _hold(root, handle)
    return handle


def _hold(root: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise StateBusyError(root, holder or "another process") from error


def _with_origin(ledger: Ledger, loaded: Loaded) -> Loaded:
    """Return the settings with the ledger's own origin where nobody has named one.

    A host that is called otherwise today is still the same dock. Raises
    OriginDiffersError where another origin was named on purpose.
    """
    if ledger.size == 0:
        return loaded
    found = str(parse(next(ledger.entries(0, 1))).body["origin"])
    dock = loaded.settings.dock
    if found == dock.origin:
        return loaded
    if loaded.origins["dock.origin"] != HOST_NAME:
        raise OriginDiffersError(found=found, wanted=dock.origin)
    dock = msgspec.structs.replace(dock, origin=found)
    return replace(loaded, settings=msgspec.structs.replace(loaded.settings, dock=dock))


def _genesis(keys: LogKeys, loaded: Loaded) -> Record:
    body: dict[str, JSON] = {
        "origin": keys.origin,
        "vkey": str(keys.newest.verifier()),
        "profile": 1,
        "software": f"sealdock {VERSION}",
        "settings_sha256": _digest(loaded),
    }
    return Record(kind="genesis", docking=None, body=body)


def _recover(ledger: Ledger, loaded: Loaded, clock: Clock, swept: int, keys: LogKeys) -> None:
    """Say in entries what an earlier life left unsaid."""
    cut_off = questions.open_dockings(ledger)
    records: list[Record] = []
    if cut_off or swept:
        body: dict[str, JSON] = {
            "recovered": "restart",
            "dockings": list[JSON](cut_off),
            "half_copies": swept,
        }
        records.append(Record(kind="recovery", docking=None, body=body))
    digest = _digest(loaded)
    if ledger.meta("settings_sha256") not in {None, digest}:
        changed: dict[str, JSON] = {"settings_sha256": digest, "software": f"sealdock {VERSION}"}
        records.append(Record(kind="config-change", docking=None, body=changed))
    mldsa = "" if keys.mldsa is None else str(keys.mldsa.verifier())
    if mldsa and ledger.meta(_MLDSA_VKEY) is None:
        # A verifier takes this key from the log itself, under the signature of the first.
        records.append(Record(kind="config-change", docking=None, body={"mldsa_vkey": mldsa}))
    records += endings.of(ledger, cut_off)
    if records:
        ledger.append(records, clock.at())
    ledger.remember("settings_sha256", digest)
    if mldsa:
        ledger.remember(_MLDSA_VKEY, mldsa)


def _digest(loaded: Loaded) -> str:
    """Return the digest of the settings that decide about evidence.

    Where the state lies, which language is spoken, who is served and where copies go
    decide nothing.
    """
    deciding = msgspec.to_builtins(loaded.settings)
    for section in ("storage", "sync", "web", "replica", "control", "shift", "scrub", "disk"):
        del deciding[section]
    del deciding["dock"]["language"], deciding["dock"]["name"]
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
