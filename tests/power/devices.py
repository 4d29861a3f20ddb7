"""Loop devices and mounts, by the system calls themselves: a cut needs them in milliseconds.

A loop device is attached with the autoclear flag and let go of at once: it goes when its mount
goes, and the mount with the mount namespace of whoever runs all this, however that ends.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LOOP_CTL_GET_FREE: Final = 0x4C82
_LOOP_CONFIGURE: Final = 0x4C0A
_AUTOCLEAR: Final = 4
# struct loop_config of linux/loop.h: descriptor, block size, loop_info64, eight reserved words.
_CONFIG: Final = struct.Struct("<II5Q4I160x16x64x")
_ATTEMPTS: Final = 100
_ZEROS: Final = bytes(1 << 16)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A kind of file system: how it is made and mounted. `size` and `sector` are in bytes."""

    name: str
    size: int
    make: tuple[str, ...]
    options: str = ""
    sector: int = 512

    def there(self) -> bool:
        """Tell whether this machine can make it and mount it."""
        known = Path("/proc/filesystems").read_text("ascii").split()
        return self.name in known and _program(self.make[0]) is not None

    def fresh(self, image: Path) -> None:
        """Make one in a new image; raise OSError or CalledProcessError."""
        with image.open("wb") as file:
            file.truncate(self.size)
        program = _program(self.make[0]) or self.make[0]
        subprocess.run(
            [program, *self.make[1:], str(image)], check=True, capture_output=True, text=True
        )


def _program(name: str) -> str | None:
    places = (*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin")
    found = (Path(place) / name for place in places if place)
    return next((str(path) for path in found if os.access(path, os.X_OK)), None)


# Discards are left out: what they take away is of no file any more.
FILE_SYSTEMS: Final = {
    one.name: one
    for one in (
        FileSystem(
            "ext4", 48 << 20,
            ("mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"),
        ),
        # The smallest that mkfs.xfs makes. All copies of an image have one UUID. Its recovery
        # trusts in whole blocks of 4 KiB: torn, it would be no failing of who lies on it.
        FileSystem(
            "xfs", 304 << 20, ("mkfs.xfs", "-q", "-f", "-K", "-s", "size=4096"), "nouuid", 4096
        ),
        # So does its superblock.
        FileSystem("btrfs", 128 << 20, ("mkfs.btrfs", "-q", "-f", "-K", "-s", "4096"), "", 4096),
    )
}  # fmt: skip


@contextlib.contextmanager
def mounted(image: int | Path, at: Path, kind: FileSystem) -> Iterator[None]:
    """Mount an image, by descriptor or path, while the block runs; raise OSError where it can't."""
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC) if isinstance(image, Path) else image
    try:
        name, device = _attach(backing, kind.sector)
    finally:
        if isinstance(image, Path):
            os.close(backing)
    try:
        options = kind.options.encode("ascii")
        if _LIBC.mount(os.fsencode(name), os.fsencode(at), kind.name.encode(), 0, options) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), f"mount {kind.name}")
    finally:
        os.close(device)
    try:
        yield
    finally:
        _unmount(at)


def _attach(backing: int, sector: int) -> tuple[str, int]:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            name = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            config = _CONFIG.pack(backing, sector, 0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # somebody else was quicker: another one is free
                    raise
            else:
                return name, device
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no loop device is free", "/dev/loop-control")


def _unmount(at: Path) -> None:
    if _LIBC.umount2(os.fsencode(at), 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"umount {at}")


def copy_sparse(source: int, target: int) -> None:
    """Copy a file into an empty one, by descriptors; what is zero becomes a hole."""
    size = os.fstat(source).st_size
    os.truncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        while at < end:
            piece = os.pread(source, min(len(_ZEROS), end - at), at)
            if piece != _ZEROS[: len(piece)]:
                os.pwrite(target, piece, at)
            at += len(piece)
