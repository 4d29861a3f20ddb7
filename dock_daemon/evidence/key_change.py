"""Changing the log's key, in entries that both keys sign. The sealer's thread alone calls it.

docs/formats/entry.md section 6; what lies on disk at each step, and how a crash ends, is
said in key_files.py.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import KeyChangeOpenError, KeyChangeUnsignedError, NoKeyChangeError
from dock_daemon.evidence import key_files
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.records import Record
from hashing import succession
from hashing.entry import At
from hashing.keys import KEY_SIZE, SignerKey, VerifierKey

_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Turned:
    """What a change or a retirement made of the keys."""

    seq: int
    left: VerifierKey | None
    """The key that signs no more."""
    signing: tuple[VerifierKey, ...]
    """The keys that sign from now on, the newest last."""


def change(ledger: Ledger, keys: LogKeys, folder: Path, at: At) -> Turned:
    """Let a new key join; from the next checkpoint on both sign.

    Raises KeyChangeOpenError where the last change has not ended, OSError or sqlite3.Error:
    whatever was done by then, the next start completes or undoes.
    """
    if len(keys.succession.keys) == _PAIR:
        raise KeyChangeOpenError(*map(str, keys.succession.keys))
    old = keys.newest
    new = SignerKey.generate(keys.origin, secrets.token_bytes(KEY_SIZE))
    key_files.bring(folder, new)
    # The entry makes both keys sign at once, so the new one must be at hand before it.
    keys.signers[new.verifier()] = new
    seq = _enter(ledger, succession.CHANGE, (old, new), at)
    key_files.settle(folder, keys.succession)
    return Turned(seq, None, keys.succession.keys)


def retire(ledger: Ledger, keys: LogKeys, folder: Path, at: At) -> Turned:
    """Let the old key leave, and destroy it; from the next checkpoint on the new one signs alone.

    Raises NoKeyChangeError where no change is open, KeyChangeUnsignedError where no
    checkpoint bears both signatures yet: then nobody who trusts the old key alone could
    have followed. Else as `change`.
    """
    pair = keys.succession.keys
    if len(pair) < _PAIR:
        raise NoKeyChangeError(str(pair[0]))
    begun, _ = keys.succession.history[-1]
    kept = ledger.last_checkpoint()
    if kept is None or kept[0] < begun:
        raise KeyChangeUnsignedError(begun - 1)
    seq = _enter(ledger, succession.RETIRED, [keys.signers[key] for key in pair], at)
    key_files.settle(folder, keys.succession)
    del keys.signers[pair[0]]
    return Turned(seq, pair[0], keys.succession.keys)


def _enter(ledger: Ledger, kind: str, pair: Sequence[SignerKey], at: At) -> int:
    ledger.append([], at)  # if the clock jumped, that comes first: the body names its place
    old, new = pair
    body = succession.body(kind, seq=ledger.size, prev=ledger.tip, old=old, new=new)
    (done,) = ledger.append([Record(kind=kind, docking=None, body=body)], at)
    return done.seq
