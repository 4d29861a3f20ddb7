"""The key with which this recorder signs its journal: made here, and never leaves it.

It is a signer key as text (PRIVATE+KEY+…), one line, in a file that only its owner may read.
"""

import os
import stat
from pathlib import Path
from typing import Final

from agent import durable
from agent.errors import KeyMissingError, RecorderKeyError
from hashing.errors import KeyFormatError
from hashing.keys import KEY_SIZE, SignerKey

_MOST: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def load(path: Path) -> SignerKey:
    """Return the key; raise KeyMissingError or RecorderKeyError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise KeyMissingError(path=str(path)) from None
    except OSError as error:
        raise RecorderKeyError(path=str(path), reason=error.strerror or "?") from error
    try:
        mode = os.fstat(handle).st_mode
        text = os.read(handle, _MOST)
    except OSError as error:
        raise RecorderKeyError(path=str(path), reason=error.strerror or "?") from error
    finally:
        os.close(handle)
    if mode & _OTHERS:
        reason = f"its mode is {stat.S_IMODE(mode):04o}: others may read or change it"
        raise RecorderKeyError(path=str(path), reason=reason)
    try:
        return SignerKey.parse(text.decode("utf-8").removesuffix("\n"))
    except (KeyFormatError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, KeyFormatError) else "not UTF-8"
        raise RecorderKeyError(path=str(path), reason=reason) from None


def make(path: Path, number: str) -> SignerKey:
    """Make a key for the recorder `number`, and keep it; raise RecorderKeyError.

    A key that is there is never replaced: with it would go what the docks know this recorder by.
    """
    if path.exists() or path.is_symlink():
        raise RecorderKeyError(path=str(path), reason="there is a key already")
    key = SignerKey.generate(name_for(number), os.urandom(KEY_SIZE))
    try:
        durable.replace(path, f"{key.encode()}\n".encode())
    except OSError as error:
        raise RecorderKeyError(path=str(path), reason=error.strerror or "?") from error
    return key


def name_for(number: str) -> str:
    """Return the name of the key of the recorder `number`: what a key's name can't hold is `-`."""
    plain = "".join(
        mark if mark.isprintable() and not mark.isspace() and mark != "+" else "-"
        for mark in number
    )
    return f"recorder/{plain}"
