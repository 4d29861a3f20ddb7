"""The reader worker: opens one medium read-only, lists it, hands the descriptor over.

One process per docking, on the socket that is its descriptor 0: systemd starts it
for a connection (systemd/sealdock-reader@.service), or the core spawns it. It parses
hostile bytes, so it gives up what it can before it reads the first of them, and
it holds nothing worth having: no store, no key, no network.
"""

import fcntl
import os
import resource
import signal
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from firmware_bridge import confinement
from firmware_bridge.errors import (
    BridgeError,
    MediumGoneError,
    MediumReadError,
    NotOpenedError,
    ReaderFailedError,
)
from firmware_bridge.volume import wire
from firmware_bridge.volume.listing import Medium, Problem
from firmware_bridge.volume.reader import Limits, read_medium

# <linux/fs.h>: _IO(0x12, n), and _IOR(0x12, 114, size_t); equal on arm64 and x86-64.
_BLKROGET: Final = 0x125E
_BLKSSZGET: Final = 0x1268
_BLKGETSIZE64: Final = 0x80081272

MEMORY_BYTES: Final = 512 << 20
CPU_S: Final = 120
# The wall-clock bound, for a medium that answers very slowly or not at all.
WALL_S: Final = 600
_IMAGE_SECTOR: Final = 512


@dataclass(frozen=True, slots=True)
class Source:
    """An open medium, and what the kernel says of it. `size` and `sector_size` in bytes."""

    descriptor: int
    size: int
    sector_size: int
    block_device: bool
    writable: bool

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only where nothing is left.

        Raises OSError for a range that the medium is there for, and refuses, and
        MediumGoneError where it is not there: an unplug shows as an error at first.
        """
        parts: list[bytes] = []
        got = 0
        while got < length:
            try:
                part = os.pread(self.descriptor, length - got, offset + got)
            except OSError as error:
                if self._shrunk() or (offset and self._mute()):
                    raise MediumGoneError(offset=offset, wanted=length, got=got) from error
                raise
            if not part:
                break
            parts.append(part)
            got += len(part)
        return b"".join(parts)

    def present(self, first: bytes) -> bool:
        """Return whether the medium still answers, at its size, with the same first sector."""
        self._forget_first()
        try:
            return not self._shrunk() and self.pread(0, len(first)) == first
        except (MediumGoneError, OSError):
            return False

    def _mute(self) -> bool:
        """Return whether the first byte can't be read any more: an unplug, not a bad sector."""
        self._forget_first()
        try:
            return not os.pread(self.descriptor, 1, 0)
        except OSError:
            return True

    def _forget_first(self) -> None:
        """Let the kernel forget the first sectors: its cache outlives the medium."""
        os.posix_fadvise(self.descriptor, 0, self.sector_size, os.POSIX_FADV_DONTNEED)

    def _shrunk(self) -> bool:
        try:
            return size_of(self.descriptor, block_device=self.block_device) < self.size
        except OSError:
            return True


def open_source(path: bytes) -> Source:
    """Open a block device or a regular file, and nothing else, read-only.

    What `path` is is learnt from a descriptor that opens nothing (O_PATH): the
    mere opening of a FIFO waits, and that of some character devices acts. A block
    device is taken by its own node only, never through a link. Raises NotOpenedError.
    """
    shown = os.fsdecode(path)
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise NotOpenedError(path=shown, reason="neither a block device nor a file")
            if stat.S_ISBLK(mode) and stat.S_ISLNK(os.lstat(path).st_mode):
                raise NotOpenedError(path=shown, reason="a link to a block device")
            # The very thing that was looked at, whatever stands at `path` by now.
            descriptor = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(handle)
        source = _describe(descriptor, block_device=stat.S_ISBLK(mode))
    except (OSError, ValueError) as error:
        raise NotOpenedError(path=shown, reason=_reason(error)) from error
    if source.size == 0:
        os.close(source.descriptor)
        raise NotOpenedError(path=shown, reason="it holds no medium, or nothing")
    return source


def size_of(descriptor: int, *, block_device: bool) -> int:
    """Return the bytes on the medium: 0 for a device whose medium has left."""
    if not block_device:
        return os.fstat(descriptor).st_size
    answer = fcntl.ioctl(descriptor, _BLKGETSIZE64, bytes(8))
    return int.from_bytes(answer, sys.byteorder)


def answers(source: Source, limits: Limits) -> Iterator[wire.Answer]:
    """Yield what the core is told of an open medium, from its table to the end.

    Raises MediumGoneError, and MediumReadError where not even its first sector can be read.
    """
    try:
        first = source.pread(0, source.sector_size)
    except OSError as error:
        raise MediumReadError(offset=0, length=source.sector_size, reason=_reason(error)) from error
    found = read_medium(source.pread, source.size, source.sector_size, limits)
    yield from wire.frames(
        _with_warning(one, source) if isinstance(one, Medium) else one for one in found
    )
    yield wire.End(source.present(first))


def serve(link: socket.socket, limits: Limits) -> None:
    """Answer the one request that comes over `link`; failures are told, not raised."""
    try:
        source = open_source(_receive_request(link).path)
        opened = wire.Opened(source.size, source.sector_size, source.block_device)
        socket.send_fds(link, [(data := wire.encode(opened))[:1]], [source.descriptor])
        link.sendall(data[1:])
        for answer in answers(source, limits):
            link.sendall(wire.encode(answer))
    except OSError:
        return  # the core has hung up: nobody is left to be told
    except BridgeError as error:
        _tell(link, error)
    except MemoryError:
        _tell(link, ReaderFailedError(f"more than {MEMORY_BYTES} bytes of memory wanted"))
    except Exception as error:  # noqa: BLE001  the process boundary: a bug becomes a sentence
        _tell(link, ReaderFailedError(f"{type(error).__name__}: {error}"))


def confine() -> None:
    """Give up what a reader never needs. Called before a hostile byte is read."""
    confinement.bound(
        {
            resource.RLIMIT_AS: MEMORY_BYTES,
            resource.RLIMIT_CPU: CPU_S,
            resource.RLIMIT_NOFILE: 16,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
        }
    )
    confinement.gain_nothing()
    signal.alarm(WALL_S)  # SIGALRM is not caught: it ends the process, and the core sees that


def main() -> None:
    """Serve the socket on descriptor 0, then leave."""
    confine()
    with socket.socket(fileno=os.dup(0)) as link:
        serve(link, Limits())


def _receive_request(link: socket.socket) -> wire.Open:
    buffer = bytearray()
    while (payload := wire.next_frame(buffer)) is None:
        data = link.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        buffer += data
    return wire.read_open(payload)


def _describe(descriptor: int, *, block_device: bool) -> Source:
    try:
        return Source(
            descriptor,
            size_of(descriptor, block_device=block_device),
            _ask(descriptor, _BLKSSZGET) if block_device else _IMAGE_SECTOR,
            block_device,
            writable=block_device and _ask(descriptor, _BLKROGET) == 0,
        )
    except BaseException:
        os.close(descriptor)
        raise


def _ask(descriptor: int, request: int) -> int:
    (value,) = struct.unpack("i", fcntl.ioctl(descriptor, request, bytes(4)))
    return int(value)


def _with_warning(medium: Medium, source: Source) -> Medium:
    if not source.writable:
        return medium
    warning = Problem("device-not-read-only", "the kernel would let others write to it")
    return replace(medium, problems=(*medium.problems, warning))


def _tell(link: socket.socket, error: BridgeError) -> None:
    try:
        link.sendall(wire.encode(wire.Failed(error)))
    except OSError:
        return  # the core has hung up


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


if __name__ == "__main__":
    main()
