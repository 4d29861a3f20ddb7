"""The keys that sign the log: made once, 0600, never replaced by themselves.

key/log.key        Ed25519: every checkpoint bears its line
key/log.mldsa.key  ML-DSA-44, where the settings ask for a second line
"""

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from dock_daemon.errors import KeyDoubtError
from dock_daemon.evidence import durable
from hashing import note
from hashing.errors import KeyFormatError
from hashing.keys import SignerKey, VerifierKey
from hashing.mldsa import MldsaKey, MldsaSigner

Key = TypeVar("Key", SignerKey, MldsaSigner)

_SEED_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """What signs this log's checkpoints."""

    ed25519: SignerKey
    mldsa: MldsaSigner | None = None
    fresh: bool = False
    """Made in this very life: nothing was ever signed with them."""

    def sign(self, text: str, time_s: int) -> bytes:
        """Return the signed note of a checkpoint's text; the ML-DSA line states `time_s`."""
        signed = note.sign(text, [self.ed25519])
        if self.mldsa is None:
            return signed
        return note.with_lines(signed, [self.mldsa.cosign(text, time_s)])

    def verifiers(self) -> tuple[VerifierKey | MldsaKey, ...]:
        """Return the public halves, that of the Ed25519 line first."""
        second = () if self.mldsa is None else (self.mldsa.verifier(),)
        return (self.ed25519.verifier(), *second)

    def vkeys(self) -> list[str]:
        """Return the same as text."""
        return [str(key) for key in self.verifiers()]


def load_or_make(
    folder: Path, *, origin: str, may_make: bool, mldsa: bool = False, had_mldsa: bool = False
) -> LogKeys:
    """Return the log's keys; make the first only where no log exists yet (`may_make`).

    The second is made when the settings first ask for it, and not again (`had_mldsa`).

    Raises KeyDoubtError when a key is missing although a log was signed with it, can be
    read by others, is malformed, or is named after another origin; or when the settings
    ask for ML-DSA-44 where it is not to be had.
    """
    path = folder / "log.key"
    fresh = not path.exists()
    if fresh and not may_make:
        raise KeyDoubtError(f"{path} is missing")
    ed25519 = _make(path, origin, SignerKey.generate) if fresh else _load(path, SignerKey.parse)
    _check_name(path, ed25519.name, origin)
    if not mldsa:
        return LogKeys(ed25519=ed25519, fresh=fresh)
    second = folder / "log.mldsa.key"
    if second.exists():
        more = _load(second, MldsaSigner.parse)
    elif had_mldsa:
        raise KeyDoubtError(f"{second} is missing")
    else:
        more = _make(second, origin, MldsaSigner.generate)
    _check_name(second, more.name, origin)
    return LogKeys(ed25519=ed25519, mldsa=more, fresh=fresh)


def _load(path: Path, parse: Callable[[str], Key]) -> Key:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyDoubtError(f"{path} can be read by others (mode {mode:04o})")
        return parse(path.read_text("ascii").rstrip("\n"))
    except (KeyFormatError, UnicodeDecodeError) as error:
        raise KeyDoubtError(f"{path}: {error}") from error
    except OSError as error:
        raise KeyDoubtError(f"{path}: {error.strerror}") from error


def _check_name(path: Path, name: str, origin: str) -> None:
    if name != origin:
        raise KeyDoubtError(f"{path} is the key of {name}, and this dock is {origin}")


def _make(path: Path, origin: str, generate: Callable[[str, bytes], Key]) -> Key:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    try:
        key = generate(origin, secrets.token_bytes(_SEED_SIZE))
    except KeyFormatError as error:
        raise KeyDoubtError(f"{path}: {error}") from error
    before = os.umask(0o077)
    try:
        durable.replace(path, f"{key.encode()}\n".encode("ascii"), mode=0o600)
    finally:
        os.umask(before)
    durable.sync_path(path.parent.parent)
    return key
