"""Erasing one clip because the dock says so: only the very content that the dock has sealed.

Order: opened, never through a link - size and content compared - compared again with what the
name leads to - unlinked - the folder synced.
"""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from agent.clip_hash import ClipHash
from agent.errors import RefusedError
from firmware_bridge.wire.companion import Erase, Rc

_CHUNK: Final = 1 << 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Found:
    """A clip that is there with the content that was named, open, and the folder it is in."""

    def __init__(self, folder: int, name: str, file: int) -> None:
        self._folder = folder
        self._name = name
        self._file = file

    def unlink(self) -> None:
        """Take it away, durably on return; raise RefusedError."""
        try:
            opened, named = os.fstat(self._file), os.lstat(self._name, dir_fd=self._folder)
            if (opened.st_dev, opened.st_ino) != (named.st_dev, named.st_ino):
                raise RefusedError(Rc.DIFFERS, "another file took its name")
            os.unlink(self._name, dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise _no(error) from error

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)
        os.close(self._folder)


def find(root: Path, wanted: Erase) -> Found:
    """Return the clip that `wanted` names, its content compared; raise RefusedError."""
    *folders, name = wanted.path.split("/")
    folder = _walk(root, folders)
    try:
        file = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        os.close(folder)
        raise _no(error) from error
    found = Found(folder, name, file)
    try:
        _compare(file, wanted)
    except OSError as error:
        found.close()
        raise _no(error) from error
    except RefusedError:
        found.close()
        raise
    return found


def _walk(root: Path, folders: list[str]) -> int:
    """Return a descriptor of the folder, reached without following a link below `root`."""
    try:
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _no(error) from error
    for folder in folders:
        try:
            deeper = os.open(folder, _FOLDER, dir_fd=at)
        except OSError as error:
            raise _no(error) from error
        finally:
            os.close(at)
        at = deeper
    return at


def _compare(file: int, wanted: Erase) -> None:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(Rc.NOT_FOUND, "it is no file")
    if ClipHash(file, status).is_written():
        raise RefusedError(Rc.NOT_NOW, "it is being written")
    if status.st_size != wanted.size:
        raise RefusedError(Rc.DIFFERS, f"it has {status.st_size} bytes")
    hashed, left = hashlib.sha256(), wanted.size
    while left and (piece := os.read(file, min(_CHUNK, left))):
        hashed.update(piece)
        left -= len(piece)
    if left or os.read(file, 1) or hashed.digest() != wanted.sha256:
        raise RefusedError(Rc.DIFFERS, "it holds something else")


def _no(error: OSError) -> RefusedError:
    """Return the refusal for what the system said: what is not there, or not now."""
    gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    # ELOOP: a link stands there. It is not the clip, wherever it leads.
    return RefusedError(
        Rc.NOT_FOUND if gone or error.errno == errno.ELOOP else Rc.NOT_NOW,
        error.strerror or "?",
    )
