"""Reading files that somebody may have prepared: bounded, and never through a link."""

import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Final, TypeAlias

from hashing.errors import FileTroubleError, Trouble

Digest: TypeAlias = tuple[int, bytes]  # size and SHA-256

_CHUNK: Final = 1 << 20
_AHEAD: Final = 4  # files for each core that are known of before they are heard of
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


def digest_file(path: str, tell: Callable[[int], None]) -> Digest:
    """Return size and SHA-256 of a regular file; raise FileTroubleError.

    `tell` is called with the number of bytes read since the last call.
    """
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(path):
        digest.update(piece)
        size += len(piece)
        tell(len(piece))
    return size, digest.digest()


def digest_files(
    files: Iterable[tuple[str, str]], tell: Callable[[int], None]
) -> Iterator[tuple[str, str, Digest | FileTroubleError]]:
    """Yield each name and path with what `digest_file` gives or raises for it, in their order.

    Several are read at once, on every core that we may use; `tell` is called by one at a time.
    """
    hands, turn = len(os.sched_getaffinity(0)), Lock()

    def told(count: int) -> None:
        with turn:
            tell(count)

    def digest(path: str) -> Digest | FileTroubleError:
        try:
            return digest_file(path, told)
        except FileTroubleError as error:
            return error

    ahead: deque[tuple[str, str, Future[Digest | FileTroubleError]]] = deque()
    with ThreadPoolExecutor(hands) as pool:
        try:
            for name, path in files:
                ahead.append((name, path, pool.submit(digest, path)))
                if len(ahead) > _AHEAD * hands:
                    first, where, found = ahead.popleft()
                    yield first, where, found.result()
            while ahead:
                first, where, found = ahead.popleft()
                yield first, where, found.result()
        finally:  # nobody hears of the rest
            for _, _, found in ahead:
                found.cancel()


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


def _chunks(path: str, most: int) -> Iterator[bytes]:
    with _opened(path) as handle:
        # In one piece: pieces would be held twice to be joined.
        piece = max(_CHUNK, os.fstat(handle).st_size + 1)
        while chunk := os.read(handle, min(most, piece)):
            yield chunk
            most -= len(chunk)


def _pieces(path: str) -> Iterator[memoryview]:
    """Yield a file in pieces, each in the memory of the one before it."""
    room = memoryview(bytearray(_CHUNK))
    with _opened(path) as handle:
        while count := os.readv(handle, [room]):
            yield room[:count]


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open a regular file; raise FileTroubleError for it, and for whatever the block runs into."""
    try:
        # Looked at before it is opened: opening a device may do something.
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FileTroubleError(Trouble.IRREGULAR, "it is not a regular file")
        handle = os.open(path, _FLAGS)
        try:
            yield handle
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
