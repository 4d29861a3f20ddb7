"""The key that signs the log: made once, 0600, never replaced by itself."""

import os
import secrets
import stat
from pathlib import Path

from dock_daemon.errors import KeyDoubtError
from dock_daemon.evidence import durable
from hashing.errors import KeyFormatError
from hashing.keys import SignerKey

_SEED_SIZE = 32


def load_or_make(path: Path, *, origin: str, may_make: bool) -> SignerKey:
    """Return the log's key; make it only where no log exists yet (`may_make`).

    Raises KeyDoubtError when the key is missing although a log was signed with
    it, can be read by others, is malformed, or is named after another origin.
    """
    try:
        about = path.stat()
    except FileNotFoundError:
        if not may_make:
            raise KeyDoubtError(f"{path} is missing") from None
        return _make(path, origin)
    if stat.S_IMODE(about.st_mode) & 0o077:
        raise KeyDoubtError(f"{path} can be read by others (mode {about.st_mode & 0o777:04o})")
    try:
        key = SignerKey.parse(path.read_text("ascii").rstrip("\n"))
    except (KeyFormatError, UnicodeDecodeError) as error:
        raise KeyDoubtError(f"{path}: {error}") from error
    except OSError as error:
        raise KeyDoubtError(f"{path}: {error.strerror}") from error
    if key.name != origin:
        raise KeyDoubtError(f"{path} is the key of {key.name}, and this dock is {origin}")
    return key


def _make(path: Path, origin: str) -> SignerKey:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    key = SignerKey.generate(origin, secrets.token_bytes(_SEED_SIZE))
    before = os.umask(0o077)
    try:
        durable.replace(path, f"{key.encode()}\n".encode("ascii"), mode=0o600)
    finally:
        os.umask(before)
    durable.sync_path(path.parent.parent)
    return key
