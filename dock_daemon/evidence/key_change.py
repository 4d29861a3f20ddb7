"""Changing the log's key, in entries that both keys sign. The sealer's thread alone calls it.

docs/formats/entry.md section 6; what lies on disk at each step, and how a crash ends, is
said in key_files.py.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import (
    KeyChangeOpenError,
    KeyChangeUnsignedError,
    LedgerDoubtError,
    NoKeyChangeError,
)
from dock_daemon.evidence import key_files
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.records import Record
from hashing import succession
from hashing.entry import At
from hashing.keys import KEY_SIZE, SignerKey, VerifierKey
from hashing.succession import Succession

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


def history(ledger: Ledger) -> dict[str, object]:
    """Return the log's keys as its entries tell of them; raise LedgerDoubtError without any."""
    if ledger.succession is None:
        raise LedgerDoubtError("the ledger does not begin with a genesis entry")
    return told(ledger.succession)


def told(keys: Succession) -> dict[str, object]:
    """Return each key with the first entry that it signs over, and the last, once retired."""
    rows: list[dict[str, object]] = []
    for one in keys.all:
        reigns = [size for size, signing in keys.history if one in signing]
        after = [size for size, signing in keys.history if one not in signing and size > reigns[-1]]
        state = "retired" if after else "signing"
        if not after and one != keys.keys[-1]:
            state = "outgoing"
        since, until = max(reigns[0] - 1, 0), after[0] - 1 if after else None
        rows.append({"vkey": str(one), "since": since, "until": until, "state": state})
    return {"origin": keys.origin, "keys": rows, "open": len(keys.keys) == _PAIR}


def _enter(ledger: Ledger, kind: str, pair: Sequence[SignerKey], at: At) -> int:
    ledger.append([], at)  # if the clock jumped, that comes first: the body names its place
    old, new = pair
    body = succession.body(kind, seq=ledger.size, prev=ledger.tip, old=old, new=new)
    (done,) = ledger.append([Record(kind=kind, docking=None, body=body)], at)
    return done.seq
