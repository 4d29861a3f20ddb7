"""Recorders' passwords, where the worker finds them: a systemd credential, or a 0600 file.

They are read here and given to a driver. They are never sent, logged or put into an error.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final, Protocol

from firmware_bridge.errors import NoPasswordError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MOST_BYTES: Final = 256
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
# RFC 7914's interactive parameters: 16 MiB and some ten milliseconds for each guess.
_SCRYPT_N: Final = 1 << 14
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
_SCRYPT_MEMORY: Final = 64 << 20
_DIGEST_BYTES: Final = 32


class Tries(Protocol):
    """Whoever remembers which passwords were refused: the core, at the other end of the wire."""

    def may_try(self, digest: bytes) -> bool:
        """Return whether the password of this digest may be tried; it counts as tried then."""

    def refused(self) -> None:
        """Note that the recorder refused it."""


class OncePassword:
    """A PasswordSource that asks before it hands a password out, and does so once."""

    def __init__(self, name: str, folder: str, salt: bytes, tries: Tries) -> None:
        self._name = name
        self._folder = folder
        self._salt = salt
        self._tries = tries
        self._taken = False

    def take(self) -> str:
        """Return the password; raise NoPasswordError when there is none that may be tried."""
        if self._taken:
            raise NoPasswordError("it was tried already")
        found = find(self._name, self._folder)
        self._taken = True
        if not self._tries.may_try(digest_of(found, self._salt)):
            raise NoPasswordError(f"{self._name} was refused by this recorder before")
        return found

    def refused(self) -> None:
        """Tell whoever remembers it."""
        self._tries.refused()


def digest_of(password: str, salt: bytes) -> bytes:
    """Return what is remembered of a password: enough to know it again, too dear to guess."""
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        maxmem=_SCRYPT_MEMORY,
        dklen=_DIGEST_BYTES,
    )


def find(name: str, folder: str) -> str:
    """Return the password `name`: a credential of the unit, else a file below `folder`.

    Raises NoPasswordError for what is no name, is not there, or may be read by others.
    """
    if not _NAME.fullmatch(name):
        raise NoPasswordError("the profile names none" if not name else "its name is none")
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials:
        try:
            return _read(Path(credentials, name), private=False)
        except FileNotFoundError:
            pass  # the unit was given others, or none by this name: the file is next
        except OSError as error:
            raise NoPasswordError(f"credential {name}: {error.strerror}") from error
    path = Path(folder, name)
    try:
        return _read(path, private=True)
    except OSError as error:
        raise NoPasswordError(f"{path}: {error.strerror}") from error


def _read(path: Path, *, private: bool) -> str:
    """Return the one line in a regular file, which is nobody else's where `private`."""
    handle = os.open(path, _OPEN)
    with open(handle, "rb") as file:  # noqa: PTH123  a descriptor, opened with flags of its own
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NoPasswordError(f"{path} is no regular file")
        # A credential's folder is the unit's own; systemd keeps others out of it.
        if private and found.st_mode & 0o077:
            raise NoPasswordError(f"{path} may be used by others: mode 0600 is asked for")
        if private and found.st_uid not in {0, os.geteuid()}:
            raise NoPasswordError(f"{path} belongs to another user")
        data = file.read(_MOST_BYTES + 1)
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise NoPasswordError(f"{path} holds no text") from None
    if not text or not text.isprintable() or len(data) > _MOST_BYTES:
        raise NoPasswordError(f"{path} does not hold one line of at most {_MOST_BYTES} bytes")
    return text
