"""The kernel's news of a folder tree: inotify(7), by its C functions.

One descriptor, one watch for each folder. The kernel's queue is bounded: OVERFLOW says that
news was lost, and only looking at everything again helps.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

CLOSED: Final = 0x00000008  # a file that had been open for writing
MOVED_FROM: Final = 0x00000040
MOVED_TO: Final = 0x00000080
CREATED: Final = 0x00000100
DELETED: Final = 0x00000200
OVERFLOW: Final = 0x00004000
IGNORED: Final = 0x00008000  # the watch is gone: its folder was removed, or unmounted
FOLDER: Final = 0x40000000  # what it is about is a folder

_ONLY_FOLDERS: Final = 0x01000000
_NO_LINKS: Final = 0x02000000
_WANTED: Final = CLOSED | MOVED_FROM | MOVED_TO | CREATED | DELETED | _ONLY_FOLDERS | _NO_LINKS
_EVENT: Final = struct.Struct("iIII")
_ROOM: Final = 64 << 10
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened in a watched folder. `cookie` joins the halves of a renaming."""

    watch: int
    mask: int
    cookie: int
    name: bytes


class Inotify:
    """An inotify descriptor."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def open(cls) -> "Inotify":
        """Return a new one; raises OSError where the kernel has no more of them."""
        return cls(_checked(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), b""))

    def fileno(self) -> int:
        """Return the descriptor, readable when there is news."""
        return self._handle

    def watch(self, folder: bytes) -> int:
        """Watch one folder, not those below it; return the watch's number; raises OSError."""
        return _checked(_LIBC.inotify_add_watch(self._handle, folder, _WANTED), folder)

    def forget(self, watch: int) -> None:
        """Watch a folder no more; one that is gone already is no matter."""
        _LIBC.inotify_rm_watch(self._handle, watch)

    def read(self) -> Iterator[News]:
        """Yield the news that there is, without waiting for more."""
        while True:
            try:
                data = os.read(self._handle, _ROOM)
            except BlockingIOError:
                return
            yield from _parse(data)

    def close(self) -> None:
        """Let go of the descriptor, and with it of every watch."""
        os.close(self._handle)


def _parse(data: bytes) -> Iterator[News]:
    at = 0
    while at + _EVENT.size <= len(data):
        watch, mask, cookie, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        yield News(watch, mask, cookie, data[at : at + length].rstrip(b"\0"))
        at += length


def _checked(returned: int, path: bytes) -> int:
    if returned < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.fsdecode(path))
    return returned
