"""What the device-file transports share: opening a node, and what the kernel's errors mean."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from ctypes import Structure
from typing import Final

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderBusyError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
)

# A device file's control call: the descriptor, the request, the structure, which is changed in
# place. Returns what the call returns; raises OSError. Tests hand in one of their own.
Ioctl = Callable[[int, int, Structure], int]

# The kernel takes 32 bits of milliseconds, and 0 for "for ever" or "as you like".
_MAX_TIMEOUT_MS: Final = 2**32 - 1

_NOT_PERMITTED: Final = frozenset({errno.EPERM, errno.EACCES})
_SILENT: Final = frozenset({errno.ETIMEDOUT})
_NONSENSE: Final = frozenset({errno.EOVERFLOW})


def call(descriptor: int, request: int, structure: Structure) -> int:
    """Make a control call on a real descriptor."""
    return int(fcntl.ioctl(descriptor, request, structure, True))  # noqa: FBT003  its own signature


def open_node(node: str) -> int:
    """Return a descriptor of a character device; ChannelNotOpenedError when there is none."""
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise ChannelNotOpenedError(place=node, reason=reason_of(error)) from None
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ChannelNotOpenedError(place=node, reason="it is no character device")
    return descriptor


def reason_of(error: OSError | ValueError) -> str:
    """Return what the system says of an error, without the path that it may name."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None else str(error)


def timeout_of(within_ms: int) -> int:
    """Return a time limit that the kernel takes for one."""
    return max(1, min(within_ms, _MAX_TIMEOUT_MS))


def error_of(error: OSError, *, place: str, command: str, within_ms: int) -> RecorderError:
    """Return what a failed control call means.

    Whatever is in no table is a way that is of no use any more: a bus error on a device that
    is being pulled out comes before the kernel knows that it is gone.
    """
    number = error.errno
    if number in _SILENT:
        return RecorderSilentError(command=command, waited_ms=within_ms)
    if number == errno.EPIPE:  # the endpoint stalled (USB 2.0, section 8.5.3.4)
        return RefusedError(command=command, status=errno.EPIPE)
    if number == errno.EBUSY:
        return RecorderBusyError(command=command)
    if number in _NOT_PERMITTED:
        return ChannelNotOpenedError(place=place, reason=f"{reason_of(error)}: {command}")
    if number in _NONSENSE:
        return BadAnswerError(command=command, reason=reason_of(error))
    return ChannelLostError(reason_of(error))
