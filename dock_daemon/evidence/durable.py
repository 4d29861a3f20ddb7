"""Files that are on the platter, or are not counted.

Four verbs, in the order in which the sealer uses them for a group of files:

    stage   temp file, O_EXCL, written once
    settle  one data sync for all of the group (syncfs where the file system is
            known to honour it, else fsync of every file)
    reread  hash again what the disk gives back, past the page cache
    link    give it its final name, never replacing one that is there

A failed settle says nothing about which file was lost, and a second attempt
would report success over lost data; so the whole group is abandoned.
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from dock_daemon.evidence.pages import pages

# What is written past the page cache begins and ends with a block of any disk in use.
BLOCK: Final = 4096
_CHUNK: Final = 2 << 20
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_BUFFERS: Final = threading.local()
_TMPFS: Final = 0x01021994
_RAMFS: Final = 0x858458F6
# File systems whose syncfs(2) writes back every inode, commits the journal and
# flushes the device's cache. FUSE answers syncfs without asking its server, so
# anything not listed here is synced file by file.
_HONEST_SYNCFS: Final = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, _TMPFS})


class Reread(StrEnum):
    """How a file was read back: past the page cache, or not."""

    DIRECT = "direct"  # O_DIRECT
    DROPPED = "dropped"  # page cache dropped first
    NOT_COLD = "not-cold"  # the file system lives in memory: this proves nothing


def filesystem_type(path: Path) -> int:
    """Return statfs(2)'s f_type of the file system that holds `path`."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return _filesystem_of(handle, str(path))
    finally:
        os.close(handle)


class _Statfs(ctypes.Structure):
    """What statfs(2) fills, as far as we look."""

    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_char * 504))


def _filesystem_of(handle: int, shown: str | None = None) -> int:
    found = _Statfs()
    if _LIBC.fstatfs(handle, ctypes.byref(found)) != 0:
        raise OSError(ctypes.get_errno(), "statfs", shown)
    return int(found.f_type) & 0xFFFFFFFF


class Settler:
    """Makes groups of files in one directory tree durable.

    Holds a descriptor of the tree from before the first write on: the kernel
    reports a lost write once to each descriptor that was open when it happened.
    """

    def __init__(self, root: Path) -> None:
        self._whole = filesystem_type(root) in _HONEST_SYNCFS
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def settle(self, paths: Iterable[Path]) -> None:
        """Make `paths` (files or directories) durable; raise OSError if one is not."""
        wanted = list(paths)
        # For one or two, syncing just them is cheaper than the whole file system.
        if self._whole and len(wanted) > 2:  # noqa: PLR2004  see above
            if _LIBC.syncfs(self._root) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            return
        for path in wanted:
            sync_path(path)

    def settle_all(self) -> None:
        """Make durable whatever an earlier life left in the page cache."""
        if _LIBC.syncfs(self._root) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        """Let go of the tree."""
        os.close(self._root)


def sync_path(path: Path) -> None:
    """Flush one file or directory to its disk; raise OSError if that fails."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, content: bytes, *, mode: int = 0o440) -> None:
    """Write a file that must not exist yet. It is not durable when this returns.

    Nothing is left of it when it can't be written to its end, which raises OSError.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(handle)


def replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put `content` at `path`, old or new and nothing between, durable on return.

    Order: temp written - temp synced - renamed - directory synced.
    """
    temp = path.with_name(f".{path.name}.new")
    temp.unlink(missing_ok=True)
    write_new(temp, content, mode=mode)
    sync_path(temp)
    temp.replace(path)
    sync_path(path.parent)


def past_the_cache(handle: int, *, on: bool) -> bool:
    """Have a file written past the page cache, or through it again; return whether it is."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL) & ~os.O_DIRECT
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags)
    except OSError:  # a file system that has no such way
        return False
    return on


def link(temp: Path, final: Path) -> bool:
    """Give `temp` its final name; return False, changing nothing, if that is taken."""
    try:
        os.link(temp, final, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}:
            raise
        # No hard links here (some network file systems): the flag does the same.
        return _rename_noreplace(temp, final)
    with contextlib.suppress(OSError):  # the content has its name; the other is swept at a start
        temp.unlink()
    return True


def _rename_noreplace(temp: Path, final: Path) -> bool:
    at_cwd, noreplace = -100, 1
    if _LIBC.renameat2(at_cwd, os.fsencode(temp), at_cwd, os.fsencode(final), noreplace) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), str(final))


def reread(
    path: Path, *, each: Callable[[int], None] = lambda _count: None
) -> tuple[str, int, Reread]:
    """Hash `path` as the disk gives it back: SHA-256 in hex, size in bytes, and how.

    Call it only after the file was settled: dirty pages cannot be dropped. `each` hears of each
    piece that was read, in bytes, and may take its time or raise.
    """
    digest = hashlib.sha256()
    size = 0
    view = _room()
    with _cold(path) as (handle, how):
        # No more of the buffer than the file needs: the kernel pins every page it is given.
        length = os.fstat(handle).st_size
        wanted = min(_CHUNK, _whole_pages(length + 1))
        while count := os.preadv(handle, [view[:wanted]], size):
            digest.update(view[:count])
            size += count
            each(count)
            if size >= length or count % mmap.PAGESIZE:
                break  # only the end of a file is not a whole page
    return digest.hexdigest(), size, how


def _room() -> memoryview:
    """Return this thread's buffer, aligned as O_DIRECT demands."""
    if not hasattr(_BUFFERS, "room"):
        _BUFFERS.room = pages(_CHUNK)
    room: memoryview = _BUFFERS.room
    return room


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


@contextlib.contextmanager
def _cold(path: Path) -> Iterator[tuple[int, Reread]]:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    how = Reread.DIRECT
    try:
        handle = os.open(path, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
        handle, how = os.open(path, flags), Reread.DROPPED
    try:
        if _filesystem_of(handle) in {_TMPFS, _RAMFS}:
            how = Reread.NOT_COLD
        if how is Reread.DROPPED:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        yield handle, how
    finally:
        os.close(handle)
