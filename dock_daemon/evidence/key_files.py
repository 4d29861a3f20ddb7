"""The files of the log's keys, brought in line with what the ledger says of them.

    key/log.key        the newest key that signs
    key/outgoing.key   the key before it, while both sign
    key/incoming.key   a key that is about to join

A change of keys goes through these states; a crash leaves one of them, and each start
goes on from it. The ledger decides: what it has is completed, what it has not is undone.

    (1) incoming.key written, durable        undone: destroyed, nobody was told of it
    (2) the key-change entry committed       completed from here on
    (3) log.key linked as outgoing.key       again
    (4) incoming.key renamed to log.key      done: both sign
    (5) the key-retired entry committed      completed from here on
    (6) outgoing.key overwritten and gone    done: the new one signs alone
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from dock_daemon.errors import KeyDoubtError, LedgerDoubtError
from dock_daemon.evidence import durable
from hashing.errors import KeyFormatError
from hashing.keys import SignerKey, VerifierKey
from hashing.mldsa import MldsaSigner
from hashing.succession import Succession

LOG: Final = "log.key"
OUTGOING: Final = "outgoing.key"
INCOMING: Final = "incoming.key"

_PAIR: Final = 2

Key = TypeVar("Key", SignerKey, MldsaSigner)


def settle(folder: Path, succession: Succession) -> tuple[SignerKey, ...]:
    """Bring the files in line with the ledger; return the keys that sign, the newest last.

    Raises KeyDoubtError where a key that signs is missing, can be read by others or is
    malformed, LedgerDoubtError where `log.key` is no key of this log.
    """
    for half_made in folder.glob(".*.new"):
        destroy(half_made)
    if len(succession.keys) == _PAIR:
        return _both(folder, *succession.keys)
    (only,) = succession.keys
    key = load(folder / LOG, SignerKey.parse)
    check_name(folder / LOG, key.name, succession.origin)
    if key.verifier() != only:
        raise LedgerDoubtError(f"{folder / LOG} is not the key that the ledger names")
    _undo(folder, succession)
    _bury(folder, succession)
    return (key,)


def bring(folder: Path, key: SignerKey) -> None:
    """Do step (1): put a key where the next one waits; raise OSError."""
    write(folder / INCOMING, key)


def load(path: Path, parse: Callable[[str], Key]) -> Key:
    """Return the key in a file; raise KeyDoubtError where there is none that is ours alone."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyDoubtError(f"{path} can be read by others (mode {mode:04o})")
        return parse(path.read_text("ascii").rstrip("\n"))
    except FileNotFoundError:
        raise KeyDoubtError(f"{path} is missing") from None
    except (KeyFormatError, UnicodeDecodeError) as error:
        raise KeyDoubtError(f"{path}: {error}") from error
    except OSError as error:
        raise KeyDoubtError(f"{path}: {error.strerror}") from error


def write(path: Path, key: SignerKey | MldsaSigner) -> None:
    """Put a key into a file that is ours alone, durably; raise OSError."""
    before = os.umask(0o077)
    try:
        durable.replace(path, f"{key.encode()}\n".encode("ascii"), mode=0o600)
    finally:
        os.umask(before)


def check_name(path: Path, name: str, origin: str) -> None:
    """Raise KeyDoubtError unless a key bears the log's name."""
    if name != origin:
        raise KeyDoubtError(f"{path} is the key of {name}, and this dock is {origin}")


def destroy(path: Path) -> None:
    """Overwrite a key and take it away; raise OSError.

    A flash medium may keep the old bytes somewhere: docs/threat-model.md says so.
    """
    size = path.stat().st_size
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.pwrite(handle, bytes(size), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    path.unlink()
    durable.sync_path(path.parent)


def _both(folder: Path, old: VerifierKey, new: VerifierKey) -> tuple[SignerKey, ...]:
    """Do what is left of steps (3) and (4); return both keys."""
    log, outgoing, incoming = folder / LOG, folder / OUTGOING, folder / INCOMING
    if load(log, SignerKey.parse).verifier() == old:
        if load(incoming, SignerKey.parse).verifier() != new:
            raise KeyDoubtError(f"{incoming} is not the key that the ledger names")
        if not outgoing.exists():
            os.link(log, outgoing)
            durable.sync_path(folder)
        incoming.replace(log)
        durable.sync_path(folder)
    keys = (load(outgoing, SignerKey.parse), load(log, SignerKey.parse))
    if tuple(key.verifier() for key in keys) != (old, new):
        raise KeyDoubtError(f"{folder} does not hold the two keys that the ledger names")
    return keys


def _undo(folder: Path, succession: Succession) -> None:
    """Destroy a key that no entry brought in: step (1) was as far as it came."""
    incoming = folder / INCOMING
    if not incoming.exists():
        return
    if load(incoming, SignerKey.parse).verifier() in succession.all:
        raise KeyDoubtError(f"{incoming} is a key of this log already")
    destroy(incoming)


def _bury(folder: Path, succession: Succession) -> None:
    """Do step (6): destroy the retired key, or what a crash left of it."""
    outgoing = folder / OUTGOING
    if not outgoing.exists():
        return
    text = outgoing.read_bytes()
    if text.strip(b"\0") and load(outgoing, SignerKey.parse).verifier() not in succession.all:
        raise KeyDoubtError(f"{outgoing} is a key that the ledger does not name")
    destroy(outgoing)
