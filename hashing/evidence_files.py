"""Reading files that somebody may have prepared: bounded, and never through a link."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import Final

from hashing.errors import FileTroubleError, Trouble

_CHUNK: Final = 1 << 20
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM})
# O_NONBLOCK: a pipe that took the file's place since the look must not hold us up.
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_file(path: str, limit: int) -> bytes:
    """Return the bytes of a regular file; raise FileTroubleError if it is none or longer."""
    data = b"".join(_chunks(path, limit + 1))
    if len(data) > limit:
        raise FileTroubleError(Trouble.OVERSIZE, f"it is longer than {limit} bytes")
    return data


def read_start(path: str, most: int) -> bytes:
    """Return the first bytes of a regular file, `most` at the most; raise FileTroubleError."""
    return b"".join(_chunks(path, most))


def digest_file(path: str, tell: Callable[[int], None]) -> tuple[int, bytes]:
    """Return size and SHA-256 of a regular file; raise FileTroubleError.

    `tell` is called with the number of bytes read since the last call.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(path, None):
        digest.update(chunk)
        size += len(chunk)
        tell(len(chunk))
    return size, digest.digest()


def is_directory(path: str) -> bool:
    """Tell whether there is a directory that can be looked at."""
    return os.path.isdir(path)  # noqa: PTH112  pathlib's raises where it may not look


def is_file(path: str) -> bool:
    """Tell whether there is a file that can be looked at; whatever `path` is, nothing raises."""
    return os.path.isfile(path)  # noqa: PTH113  pathlib's raises where it may not look


def is_target(path: str) -> bool:
    """Tell whether there is anything behind this name, links followed; nothing raises."""
    return os.path.exists(path)  # noqa: PTH110  pathlib's raises where it may not look


def is_there(path: str) -> bool:
    """Tell whether there is anything at all by this name; whatever `path` is, nothing raises."""
    return os.path.lexists(path)


def may_not_look(path: str) -> bool:
    """Tell whether this user may not know if there is anything by this name."""
    try:
        os.stat(path)  # noqa: PTH116  as above
    except OSError as error:
        return error.errno in _REFUSED
    except ValueError:  # no name at all
        return False
    return False


def may_not_enter(path: str) -> bool:
    """Tell whether this user may not read what a directory holds."""
    try:
        os.scandir(path).close()
    except OSError as error:
        return error.errno in _REFUSED
    return may_not_look(f"{path}/.")


def barrier(path: str) -> str | None:
    """Return the directory that hides whether `path` is there, or `path` where it is there.

    None: nothing is there, and that is certain.
    """
    while True:
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            above = os.path.dirname(path)  # noqa: PTH120  paths are texts in this module
            if above in {path, ""}:
                return path
            path = above
        else:
            return path


def listing(path: str) -> list[os.DirEntry[str]]:
    """Return what a directory holds, by name; raise FileTroubleError."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise _trouble(error) from None


def _chunks(path: str, most: int | None) -> Iterator[bytes]:
    try:
        # Looked at before it is opened: opening a device may do something.
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FileTroubleError(Trouble.IRREGULAR, "it is not a regular file")
        handle = os.open(path, _FLAGS)
        try:
            # In one piece where there is a limit: pieces would be held twice to be joined.
            piece = _CHUNK if most is None else max(_CHUNK, os.fstat(handle).st_size + 1)
            while chunk := os.read(handle, piece if most is None else min(most, piece)):
                yield chunk
                if most is not None:
                    most -= len(chunk)
        finally:
            os.close(handle)
    except OSError as error:
        raise _trouble(error) from None


def _trouble(error: OSError) -> FileTroubleError:
    if error.errno in _ABSENT:
        return FileTroubleError(Trouble.MISSING, "it is not there")
    if error.errno == errno.ELOOP:
        return FileTroubleError(Trouble.IRREGULAR, "it is a symbolic link")
    trouble = Trouble.FORBIDDEN if error.errno in _REFUSED else Trouble.UNREADABLE
    return FileTroubleError(trouble, error.strerror or type(error).__name__)
