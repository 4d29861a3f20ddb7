"""USB control transfers through Linux' usbfs (USBDEVFS_CONTROL).

The structure is that of <linux/usbdevice_fs.h>; times are in milliseconds. Transfers to the
device itself need no interface, so no driver of the kernel's is put out.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Final

from firmware_bridge.errors import BadAnswerError, ChannelLostError, ChannelNotOpenedError
from firmware_bridge.transports.device import Ioctl, call, error_of, open_node, timeout_of

_MAX_TRANSFER: Final = 4096


class ControlTransfer(ctypes.Structure):
    """`struct usbdevfs_ctrltransfer` of <linux/usbdevice_fs.h>."""

    _fields_ = (
        ("request_type", ctypes.c_uint8),
        ("request", ctypes.c_uint8),
        ("value", ctypes.c_uint16),
        ("index", ctypes.c_uint16),
        ("length", ctypes.c_uint16),
        ("timeout", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
    )


# _IOWR('U', 0, struct usbdevfs_ctrltransfer), as <asm-generic/ioctl.h> puts it together.
USBDEVFS_CONTROL: Final = 3 << 30 | ctypes.sizeof(ControlTransfer) << 16 | ord("U") << 8


class UsbDevice:
    """A device behind one descriptor of usbfs. It owns the descriptor."""

    def __init__(
        self,
        descriptor: int,
        node: str,
        *,
        ioctl: Ioctl = call,
        close: Callable[[int], None] = os.close,
    ) -> None:
        self._descriptor: int | None = descriptor
        self._node = node
        self._ioctl = ioctl
        self._close = close

    def control_in(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        length: int,
        *,
        within_ms: int,
    ) -> bytes:
        """Return what the device gave, at most `length` bytes; RefusedError when it stalls."""
        buffer = ctypes.create_string_buffer(max(1, length))
        setup = (request_type, request, value, index)
        got = self._transfer(setup, buffer, length, within_ms)
        return buffer.raw[:got]

    def control_out(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: bytes,
        *,
        within_ms: int,
    ) -> None:
        """Send `data`; RefusedError when the device stalls, BadAnswerError if it took a part."""
        buffer = ctypes.create_string_buffer(data, max(1, len(data)))
        setup = (request_type, request, value, index)
        taken = self._transfer(setup, buffer, len(data), within_ms)
        if taken != len(data):
            raise BadAnswerError(
                command=_name(setup), reason=f"{taken} of {len(data)} bytes were taken"
            )

    def close(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._close(descriptor)

    def _transfer(
        self,
        setup: tuple[int, int, int, int],
        buffer: "ctypes.Array[ctypes.c_char]",
        length: int,
        within_ms: int,
    ) -> int:
        if self._descriptor is None:
            raise ChannelLostError("it was let go of")
        if length > _MAX_TRANSFER:
            raise ChannelNotOpenedError(place=self._node, reason=f"{_name(setup)} is too long")
        transfer = ControlTransfer(*setup, length, timeout_of(within_ms), ctypes.addressof(buffer))
        try:
            count = self._ioctl(self._descriptor, USBDEVFS_CONTROL, transfer)
        except OSError as error:
            raise error_of(
                error, place=self._node, command=_name(setup), within_ms=within_ms
            ) from None
        if not 0 <= count <= length:
            raise BadAnswerError(command=_name(setup), reason=f"{count} of {length} bytes")
        return count


def open_usb(node: str) -> UsbDevice:
    """Return the device at a node of usbfs (/dev/bus/usb/…); ChannelNotOpenedError if not."""
    return UsbDevice(open_node(node), node)


def _name(setup: tuple[int, int, int, int]) -> str:
    request_type, request, value, index = setup
    return f"USB {request_type:02x} {request:02x} {value:04x} {index:04x}"
