"""A cosigner of this centre, witness or mirror: its key file, its mark, its row.

STATE/keys/<role>.key holds its signer keys, one a line: Ed25519, and ML-DSA-44 where that is
set. Order of the first start: the mark (nothing signed yet) - the key - the row. A crash in
between is gone on from; nothing was signed before the row was there.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, bindparam, insert, select, update

from central import durable
from central.cosigning.mark import Mark, Marked
from central.database.database import Database
from central.database.tables import COSIGNERS
from central.errors import AmnesiaError, CosignerKeyError
from hashing.cosignature import CosignerSigner
from hashing.cosigners import AnyCosigner, AnyCosignerSigner, parse_cosigner_signer
from hashing.errors import KeyFormatError
from hashing.keys import KEY_SIZE
from hashing.mldsa import MldsaSigner

WITNESS: Final = "witness"
MIRROR: Final = "mirror"
ROLES: Final = (WITNESS, MIRROR)

_COUNT: Final = (
    update(COSIGNERS)
    .where(COSIGNERS.c.role == bindparam("of_role"), COSIGNERS.c.generation == bindparam("of_key"))
    .values(signed=COSIGNERS.c.signed + 1)
    .returning(COSIGNERS.c.signed)
)


class Cosigner:
    """Signs what others have judged, and never more than its database remembers."""

    def __init__(
        self, role: str, signers: Sequence[AnyCosignerSigner], mark: Mark, generation: str
    ) -> None:
        self.role = role
        self._signers = tuple(signers)
        self._mark = mark
        self._generation = generation
        self._committed = 0
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, role: str, name: str, *, ml_dsa: bool, database: Database) -> Self:
        """Open the cosigner of a role, making its key where there is none.

        Raises AmnesiaError where the database has forgotten what the key signed,
        CosignerKeyError where the key file cannot be used, OSError, or DatabaseError.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, mark = folder / f"{role}.key", Mark(folder / f"{role}.mark")
        with _held(folder):
            there = path.exists()
            marked = mark.read() if there else mark.make()
            signers = _complete(path, load(path) if there else [], name, ml_dsa=ml_dsa)
            _remember(database, role, marked, mark)
        return cls(role, signers, mark, marked.generation)

    @property
    def keys(self) -> tuple[AnyCosigner, ...]:
        """The public halves."""
        return tuple(signer.verifier() for signer in self._signers)

    @property
    def name(self) -> str:
        """The name in its lines."""
        return self._signers[0].name

    def cosign(self, text: str, time_s: int) -> bytes:
        """Return the lines that cosign a checkpoint's text. Release them only once counted."""
        return b"".join(f"{each.cosign(text, time_s)}\n".encode() for each in self._signers)

    def count(self, connection: Connection) -> int:
        """Count one more signature within the transaction that stores it; return the count."""
        signed = connection.scalar(_COUNT, {"of_role": self.role, "of_key": self._generation})
        if signed is None:
            raise AmnesiaError(role=self.role, signed=self._mark.read().signed, known=None)
        return int(signed)

    def release(self, signed: int) -> None:
        """Move the mark on to what `count` returned: after the commit, before the answer.

        It goes as far as any commit has by then, so that of many who wait one write serves all.
        """
        with self._lock:
            self._committed = max(self._committed, signed)
        self._mark.raise_to(lambda: self._committed, at_least=signed)


def load(path: Path) -> list[AnyCosignerSigner]:
    """Return the signers in a key file; raise CosignerKeyError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        lines = path.read_text("ascii").splitlines()
    except OSError as error:
        raise CosignerKeyError(path=path, reason=error.strerror or "?") from error
    except UnicodeDecodeError as error:
        raise CosignerKeyError(path=path, reason="it is not text") from error
    if mode & 0o077:
        raise CosignerKeyError(path=path, reason=f"it can be read by others (mode {mode:04o})")
    try:
        signers = [parse_cosigner_signer(line) for line in lines]
    except KeyFormatError as error:
        raise CosignerKeyError(path=path, reason=str(error)) from None
    if not signers:
        raise CosignerKeyError(path=path, reason="it holds no key")
    return signers


def _complete(
    path: Path, signers: list[AnyCosignerSigner], name: str, *, ml_dsa: bool
) -> list[AnyCosignerSigner]:
    """Return the signers that the settings ask for, making those that are missing."""
    for signer in signers:
        if signer.name != name:
            reason = f"it is the key of {signer.name}, the settings say {name}"
            raise CosignerKeyError(path=path, reason=reason)
    wanted: list[type[AnyCosignerSigner]] = [CosignerSigner, *([MldsaSigner] if ml_dsa else [])]
    held = {type(signer): signer for signer in signers}
    missing = [kind for kind in wanted if kind not in held]
    if missing:
        try:
            held |= {kind: kind.generate(name, secrets.token_bytes(KEY_SIZE)) for kind in missing}
        except KeyFormatError as error:
            raise CosignerKeyError(path=path, reason=str(error)) from None
        lines = "".join(f"{signer.encode()}\n" for signer in held.values())
        durable.replace(path, lines.encode("ascii"), mode=0o600)
        durable.sync(path.parent.parent)
    return [held[kind] for kind in wanted]


def _remember(database: Database, role: str, marked: Marked, mark: Mark) -> None:
    """Hold the mark against the database; make the row of a key that has signed nothing."""
    mine = (COSIGNERS.c.role == role) & (COSIGNERS.c.generation == marked.generation)
    with database.writing() as connection:
        known = connection.scalar(select(COSIGNERS.c.signed).where(mine))
        if known is None and marked.signed == 0:
            row = {"role": role, "generation": marked.generation, "signed": 0}
            connection.execute(insert(COSIGNERS).values(row))
            known = 0
    if known is None or known < marked.signed:
        raise AmnesiaError(role=role, signed=marked.signed, known=known)
    mark.raise_to(partial(int, known), at_least=known)  # power was lost between commit and mark


def retire(folder: Path, role: str) -> tuple[AnyCosigner, ...]:
    """Take a role's key out of use for ever; return what it was. The seed is destroyed.

    Raises CosignerKeyError where there is no key, or OSError.
    """
    path = folder / f"{role}.key"
    if not path.exists():
        raise CosignerKeyError(path=path, reason=os.strerror(errno.ENOENT))
    with _held(folder):
        keys = tuple(signer.verifier() for signer in load(path))
        retired = folder / "retired"
        retired.mkdir(mode=0o700, exist_ok=True)
        lines = "".join(f"{key}\n" for key in keys)
        name = f"{role}-{keys[0].key_id:08x}.vkey"
        durable.replace(retired / name, lines.encode("ascii"), mode=0o600)
        # From here on there is a mark without a key, as on a first start.
        durable.destroy(path)
    return keys


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Let no other process make or retire a key meanwhile."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
