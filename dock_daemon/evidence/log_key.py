"""The keys that sign the log: made once, 0600, changed only through entries.

key/log.key        Ed25519: every checkpoint bears its line; key_files.py has its change
key/log.mldsa.key  ML-DSA-44, where the settings ask for a second line
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dock_daemon.errors import KeyDoubtError
from dock_daemon.evidence import durable, key_files
from dock_daemon.evidence.key_files import LOG, Key
from hashing import note
from hashing.errors import KeyFormatError
from hashing.keys import SignerKey, VerifierKey
from hashing.mldsa import MldsaKey, MldsaSigner
from hashing.succession import Succession

_SEED_SIZE: Final = 32


@dataclass(slots=True, kw_only=True)
class LogKeys:
    """What signs this log's checkpoints: of the keys at hand, those that the entries name."""

    succession: Succession
    """The ledger's own: it changes when an entry changes a key."""
    signers: dict[VerifierKey, SignerKey] = field(repr=False)
    mldsa: MldsaSigner | None = None
    fresh: bool = False
    """Made in this very life: nothing was ever signed with them."""

    @classmethod
    def of(cls, key: SignerKey) -> "LogKeys":
        """Return the keys of a log that has this one only."""
        return cls(succession=Succession(key.verifier()), signers={key.verifier(): key})

    @property
    def origin(self) -> str:
        """The log's name, which every key bears."""
        return self.succession.origin

    @property
    def newest(self) -> SignerKey:
        """The key that signs for the longest time to come."""
        return self._signer(self.succession.keys[-1])

    def sign(self, text: str, size: int, time_s: int) -> bytes:
        """Return the signed note of a checkpoint's text; the ML-DSA line states `time_s`.

        Raises KeyDoubtError where a key that must sign a checkpoint of `size` is not at hand.
        """
        signers = [self._signer(key) for key in self.succession.keys_at(size)]
        signed = note.sign(text, signers)
        if self.mldsa is None:
            return signed
        return note.with_lines(signed, [self.mldsa.cosign(text, time_s)])

    def verifiers(self) -> tuple[VerifierKey | MldsaKey, ...]:
        """Return the public halves of all that ever signed, that of the ML-DSA line last."""
        second = () if self.mldsa is None else (self.mldsa.verifier(),)
        return (*self.succession.all, *second)

    def vkeys(self) -> list[str]:
        """Return the verifier keys that sign now, the newest first, that of ML-DSA last."""
        second = [] if self.mldsa is None else [str(self.mldsa.verifier())]
        return [*map(str, reversed(self.succession.keys)), *second]

    def _signer(self, key: VerifierKey) -> SignerKey:
        if key not in self.signers:
            raise KeyDoubtError(f"{key}, which must sign, is not at hand")
        return self.signers[key]


def load_or_make(
    folder: Path,
    *,
    origin: str,
    succession: Succession | None,
    mldsa: bool = False,
    had_mldsa: bool = False,
) -> LogKeys:
    """Return the log's keys; make the first only where no log exists yet (no `succession`).

    The second is made when the settings first ask for it, and not again (`had_mldsa`).

    Raises KeyDoubtError when a key is missing although a log was signed with it, can be
    read by others, is malformed, or is named after another origin; or when the settings
    ask for ML-DSA-44 where it is not to be had. Raises LedgerDoubtError where the key is not
    the one that the ledger names.
    """
    if succession is None:
        keys = _first(folder / LOG, origin)
    else:
        signers = {key.verifier(): key for key in key_files.settle(folder, succession)}
        keys = LogKeys(succession=succession, signers=signers)
    if not mldsa:
        return keys
    second = folder / "log.mldsa.key"
    if second.exists():
        keys.mldsa = key_files.load(second, MldsaSigner.parse)
    elif had_mldsa:
        raise KeyDoubtError(f"{second} is missing")
    else:
        keys.mldsa = _make(second, origin, MldsaSigner.generate)
    key_files.check_name(second, keys.mldsa.name, origin)
    return keys


def _first(path: Path, origin: str) -> LogKeys:
    fresh = not path.exists()
    if fresh:
        key = _make(path, origin, SignerKey.generate)
    else:
        key = key_files.load(path, SignerKey.parse)
    key_files.check_name(path, key.name, origin)
    keys = LogKeys.of(key)
    keys.fresh = fresh
    return keys


def _make(path: Path, origin: str, generate: Callable[[str, bytes], Key]) -> Key:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    try:
        key = generate(origin, secrets.token_bytes(_SEED_SIZE))
    except KeyFormatError as error:
        raise KeyDoubtError(f"{path}: {error}") from error
    key_files.write(path, key)
    durable.sync_path(path.parent.parent)
    return key
