"""Which password was refused by which recorder, so that a wrong one is tried once.

Recorders lock themselves after a few wrong passwords, so the memory outlives the dock's
process and its power: a try is on disk before the password is sent. What is kept of a
password is a salted scrypt digest that the worker makes; the password itself never comes
here. Another password, having another digest, may be tried anew.

A recorder is known by the serial number that its USB descriptor shows. Where a model shows
none, all recorders of one password count as one, for nothing tells them apart before the
password is taken; of several that are docked at once, the first one's answer is waited for.
"""

import fcntl
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from dock_daemon.evidence import durable

log = logging.getLogger(__name__)

FILE: Final = "recorder-passwords.json"
_LOCK: Final = "recorder-passwords.lock"
_SALT_BYTES: Final = 16
# A try whose answer was lost (pulled in the middle, power cut) may have been a refusal. One
# more is safe with every recorder that locks; a third in a row is not made.
MOST_UNSETTLED: Final = 2
WAIT_S: Final = 10.0

Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Key:
    """The recorder, or the recorders that nothing tells apart, that a password is for."""

    password: str
    serial: str = ""


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a password. `unsettled` counts tries in a row without an answer."""

    password: str
    serial: str
    digest: Hex32
    accepted: bool = False
    refused: bool = False
    unsettled: Annotated[int, Meta(ge=0)] = 0

    @property
    def key(self) -> Key:
        """Return what it is about."""
        return Key(self.password, self.serial)

    @property
    def is_spent(self) -> bool:
        """Whether it is not tried again."""
        return self.refused or (not self.accepted and self.unsettled >= MOST_UNSETTLED)


class _Memory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: the salt of all digests, and one mark for each key."""

    salt: Hex16
    marks: tuple[Mark, ...] = ()


class PasswordMemory:
    """The memory of one dock, below its state directory. Any thread may ask; so may a command."""

    def __init__(self, state: Path, *, wait_s: float = WAIT_S) -> None:
        self._path = state / FILE
        self._lock = state / _LOCK
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._trying: set[Key] = set()

    def salt(self) -> bytes:
        """Return the salt of this dock's digests, made at the first call.

        Where it can't be read or kept, one that serves nobody: nothing is tried then.
        """
        try:
            with self._held():
                memory = self._read()
                if memory is None:
                    memory = _Memory(salt=secrets.token_hex(_SALT_BYTES))
                    self._write(memory)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s: %s", self._path, error)
            return secrets.token_bytes(_SALT_BYTES)
        return bytes.fromhex(memory.salt)

    def may_try(self, key: Key, digest: bytes) -> bool:
        """Return whether a password may be tried now, and count it as tried, durably.

        After True, `settle` must follow. What cannot be read or written is not tried.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: key not in self._trying, self._wait_s):
                return False
            try:
                granted = self._grant(key, digest.hex())
            except (OSError, msgspec.MsgspecError) as error:
                log.warning("%s: %s; no password is tried", self._path, error)
                return False
            if granted:
                self._trying.add(key)
            return granted

    def settle(self, key: Key, *, accepted: bool | None) -> None:
        """Note how a try ended: None where nobody knows. What can't be kept counts as unknown."""
        with self._changed:
            try:
                self._note(key, accepted=accepted)
            except (OSError, msgspec.MsgspecError) as error:
                log.warning("%s: %s", self._path, error)
            finally:
                self._trying.discard(key)
                self._changed.notify_all()

    def spent(self) -> tuple[Mark, ...]:
        """Return what is not tried again until somebody says so; raise OSError, MsgspecError."""
        with self._held():
            memory = self._read()
        return () if memory is None else tuple(mark for mark in memory.marks if mark.is_spent)

    def forget(self, password: str | None = None, serial: str | None = None) -> tuple[Mark, ...]:
        """Let be tried again what was refused: all of it, or that of a name or serial number.

        Returns what was forgotten; raises OSError, and MsgspecError for a file that is none.
        For a technician, who knows that the recorder is not locked.
        """

        def is_meant(mark: Mark) -> bool:
            of_name = password in {None, mark.password}
            return mark.is_spent and of_name and serial in {None, mark.serial}

        with self._held():
            memory = self._read()
            if memory is None:
                return ()
            meant = tuple(filter(is_meant, memory.marks))
            if meant:
                kept = tuple(mark for mark in memory.marks if mark not in meant)
                self._write(msgspec.structs.replace(memory, marks=kept))
            return meant

    def _grant(self, key: Key, digest: str) -> bool:
        with self._held():
            memory = self._read()
            if memory is None:  # the digest is of a salt that is gone: it proves nothing
                return False
            known = _of(memory, key)
            if known is None or known.digest != digest:
                known = Mark(password=key.password, serial=key.serial, digest=digest)
            if known.is_spent:
                return False
            if not known.accepted:
                self._put(memory, msgspec.structs.replace(known, unsettled=known.unsettled + 1))
            return True

    def _note(self, key: Key, *, accepted: bool | None) -> None:
        with self._held():
            memory = self._read()
            known = None if memory is None else _of(memory, key)
            if memory is None or known is None or accepted is None:
                return
            now = msgspec.structs.replace(
                known, accepted=accepted, refused=not accepted, unsettled=0
            )
            if now != known:
                self._put(memory, now)

    def _put(self, memory: _Memory, mark: Mark) -> None:
        others = tuple(one for one in memory.marks if one.key != mark.key)
        self._write(msgspec.structs.replace(memory, marks=(*others, mark)))

    def _read(self) -> _Memory | None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(data, type=_Memory)

    def _write(self, memory: _Memory) -> None:
        durable.replace(self._path, msgspec.json.encode(memory) + b"\n", mode=0o600)
        self._give(self._path)

    def _give(self, path: Path) -> None:
        """Leave a file to the dock's own user, where root's command has made it."""
        owner = path.parent.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other processes away: a technician's command, while the dock runs."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._give(self._lock)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _of(memory: _Memory, key: Key) -> Mark | None:
    return next((mark for mark in memory.marks if mark.key == key), None)
