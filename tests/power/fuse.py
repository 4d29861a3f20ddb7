"""One file, served to the kernel over /dev/fuse: enough of a disk for a loop device to lie on.

Spoken is the kernel's own protocol (linux/fuse.h, version 7.31), by hand: a mount whose root is a
regular file, of which whatever is read, written, flushed or punched comes by here, one after the
other. Nothing is cached in between, for the file is opened FOPEN_DIRECT_IO.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

_Call = Callable[[memoryview], bytes]

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_IN: Final = struct.Struct("<IIQQIIIHH")
_OUT: Final = struct.Struct("<IiQ")
_ATTRIBUTES: Final = struct.Struct("<QIIQQQQQQIIIIIIIIII")
_WELCOME: Final = struct.Struct("<IIIIHHIIHHI28x")
_READ: Final = struct.Struct("<QQI")
_WRITE: Final = struct.Struct("<QQIIQII")
_PUNCH: Final = struct.Struct("<QQQ")

_LARGEST: Final = 1 << 20
_PAGE: Final = 4096
_DIRECT_IO: Final = 1
_BIG_WRITES: Final = 1 << 5
_MAX_PAGES: Final = 1 << 22
_DETACH: Final = 2
# Calls that want no answer: FORGET, INTERRUPT, BATCH_FORGET.
_SILENT: Final = frozenset({2, 36, 42})


class Medium(Protocol):
    """What lies behind the file. Offsets and sizes are in bytes."""

    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return what is there."""

    def write(self, offset: int, data: bytes) -> None:
        """Take data; it may be lost as long as nobody flushes."""

    def zero(self, offset: int, size: int) -> None:
        """Take zeros."""

    def flush(self) -> None:
        """Lose nothing any more of what came before."""


class Served:
    """A medium under a path. `fileno` is readable when the kernel wants something."""

    def __init__(self, medium: Medium, path: Path) -> None:
        """Mount over the file at `path`; raise OSError where one may not."""
        self._medium = medium
        self._path = path
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        # FLUSH is not among them: once it was refused the kernel closes without a question, which a
        # process that is just being forked from this one could wait for in vain.
        self._calls: dict[int, _Call] = {
            3: self._getattr, 14: _open, 15: self._read, 16: self._write, 18: _nothing,
            20: self._fsync, 26: _init, 38: _nothing, 43: self._fallocate,
        }  # fmt: skip
        options = f"fd={self._device},rootmode={stat.S_IFREG | 0o600:o},user_id=0,group_id=0"
        options += f",max_read={_LARGEST}"
        if _LIBC.mount(b"cuts", os.fsencode(path), b"fuse", 0, options.encode("ascii")) != 0:
            code = ctypes.get_errno()
            os.close(self._device)
            raise OSError(code, os.strerror(code), str(path))

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._device

    def close(self) -> None:
        """Take the mount away, whoever still uses it."""
        _LIBC.umount2(os.fsencode(self._path), _DETACH)
        os.close(self._device)

    def serve(self) -> bool:
        """Answer one request, if there is any; return False once the mount is gone."""
        try:
            request = os.read(self._device, _LARGEST + _PAGE)
        except (BlockingIOError, FileNotFoundError):
            return True
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        _, number, unique, *_ = _IN.unpack_from(request)
        if number in _SILENT:
            return True
        call = self._calls.get(number)
        data, code = b"", -errno.ENOSYS
        if call is not None:
            try:
                data, code = call(memoryview(request)[_IN.size :]), 0
            except OSError as error:  # as the medium says
                code = -(error.errno or errno.EIO)
        os.write(self._device, _OUT.pack(_OUT.size + len(data), code, unique) + data)
        return True

    def _getattr(self, _body: memoryview) -> bytes:
        size = self._medium.size
        times = (0, 0, 0, 0, 0, 0)
        mode = stat.S_IFREG | 0o600
        return _ATTRIBUTES.pack(
            3600, 0, 0, 1, size, size // 512, *times, mode, 1, 0, 0, 0, _PAGE, 0
        )

    def _read(self, body: memoryview) -> bytes:
        _, offset, size = _READ.unpack_from(body)
        return self._medium.read(offset, size)

    def _write(self, body: memoryview) -> bytes:
        _, offset, size, *_ = _WRITE.unpack_from(body)
        self._medium.write(offset, bytes(body[_WRITE.size : _WRITE.size + size]))
        return struct.pack("<II", size, 0)

    def _fsync(self, _body: memoryview) -> bytes:
        self._medium.flush()
        return b""

    def _fallocate(self, body: memoryview) -> bytes:
        # The loop device asks for nothing but holes: to discard, or to have zeros.
        _, offset, size = _PUNCH.unpack_from(body)
        self._medium.zero(offset, size)
        return b""


def _nothing(_body: memoryview) -> bytes:
    return b""


def _open(_body: memoryview) -> bytes:
    return struct.pack("<QIi", 1, _DIRECT_IO, 0)


def _init(body: memoryview) -> bytes:
    major, _minor, ahead, _flags = struct.unpack_from("<IIII", body)
    flags = _BIG_WRITES | _MAX_PAGES
    return _WELCOME.pack(major, 31, ahead, flags, 16, 12, _LARGEST, 1, _LARGEST // _PAGE, 0, 0)
