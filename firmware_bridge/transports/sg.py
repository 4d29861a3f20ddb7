"""SCSI commands as they are, through Linux' SCSI generic driver (SG_IO, version 3).

The structure is that of <scsi/sg.h>; times are in milliseconds. A node that is open for reading
and writing lets every command through, also a maker's own. A device that was just put in
answers its first command with "unit attention" and has not carried it out: such a command is
sent once more.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Final

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
)
from firmware_bridge.transports.device import Ioctl, call, error_of, open_node, timeout_of

SG_IO: Final = 0x2285
_INTERFACE: Final = ord("S")
NONE: Final = -1
TO_DEVICE: Final = -2
FROM_DEVICE: Final = -3
_MAX_CDB: Final = 16
_MAX_TRANSFER: Final = 64 * 1024
_SENSE_SIZE: Final = 32

# SPC: statuses, and where the sense key stands in the two formats of sense data.
_GOOD: Final = 0
_CHECK_CONDITION: Final = 2
_UNIT_ATTENTION: Final = 6
_SENSE_KEY_AT: Final = {0x70: 2, 0x71: 2, 0x72: 1, 0x73: 1}

# Linux' host byte (DID_…), as far as it means something of its own; the rest is trouble on the
# way that no later command gets over.
_HOST_SILENT: Final = frozenset({3, 5, 8})  # TIME_OUT, ABORT, RESET: what a time limit ends in
_HOST_NONSENSE: Final = frozenset({6, 7})  # PARITY, ERROR: a transfer that broke its protocol
_DRIVER_TIMEOUT: Final = 6
_DRIVER_SENSE: Final = 8
_DRIVER_MASK: Final = 0x0F


class SgIoHdr(ctypes.Structure):
    """`struct sg_io_hdr` of <scsi/sg.h>."""

    _fields_ = (
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


class ScsiGeneric:
    """A device behind one descriptor of the SCSI generic driver. It owns the descriptor."""

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

    def read(self, cdb: bytes, length: int, *, within_ms: int) -> bytes:
        """Send a command; return what the device gave, at most `length` bytes."""
        buffer = ctypes.create_string_buffer(length or 1)
        direction = FROM_DEVICE if length else NONE
        left = self._run(cdb, direction, buffer, length, within_ms)
        return buffer.raw[: length - left]

    def write(self, cdb: bytes, data: bytes, *, within_ms: int) -> None:
        """Send a command with `data`; BadAnswerError if the device took only a part."""
        buffer = ctypes.create_string_buffer(data, len(data) or 1)
        direction = TO_DEVICE if data else NONE
        left = self._run(cdb, direction, buffer, len(data), within_ms)
        if left:
            raise BadAnswerError(
                command=_name(cdb), reason=f"{len(data) - left} of {len(data)} bytes were taken"
            )

    def close(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._close(descriptor)

    def _run(
        self,
        cdb: bytes,
        direction: int,
        buffer: "ctypes.Array[ctypes.c_char]",
        length: int,
        within_ms: int,
    ) -> int:
        """Carry a command out; return how many bytes of `length` were left over."""
        header, sense = self._send(cdb, direction, buffer, length, within_ms)
        if header.status == _CHECK_CONDITION and _sense_key(sense) == _UNIT_ATTENTION:
            rest_ms = within_ms - header.duration
            header, sense = self._send(cdb, direction, buffer, length, rest_ms)
        if (error := _error_of(header, _name(cdb), within_ms)) is not None:
            raise error
        if not 0 <= header.resid <= length:
            raise BadAnswerError(
                command=_name(cdb), reason=f"{header.resid} of {length} bytes left over"
            )
        return int(header.resid)

    def _send(
        self,
        cdb: bytes,
        direction: int,
        buffer: "ctypes.Array[ctypes.c_char]",
        length: int,
        within_ms: int,
    ) -> tuple[SgIoHdr, bytes]:
        if self._descriptor is None:
            raise ChannelLostError("it was let go of")
        if not 0 < len(cdb) <= _MAX_CDB or length > _MAX_TRANSFER:
            raise ChannelNotOpenedError(place=self._node, reason=f"{_name(cdb)} is out of bounds")
        command = ctypes.create_string_buffer(cdb, len(cdb))
        sense = ctypes.create_string_buffer(_SENSE_SIZE)
        header = SgIoHdr(
            interface_id=_INTERFACE,
            dxfer_direction=direction,
            cmd_len=len(cdb),
            mx_sb_len=_SENSE_SIZE,
            dxfer_len=length,
            dxferp=ctypes.addressof(buffer) if length else None,
            cmdp=ctypes.addressof(command),
            sbp=ctypes.addressof(sense),
            timeout=timeout_of(within_ms),
        )
        try:
            self._ioctl(self._descriptor, SG_IO, header)
        except OSError as error:
            raise error_of(
                error, place=self._node, command=_name(cdb), within_ms=within_ms
            ) from None
        return header, sense.raw[: min(header.sb_len_wr, _SENSE_SIZE)]


def open_scsi(node: str) -> ScsiGeneric:
    """Return the device at a node such as /dev/sg2; ChannelNotOpenedError if it can't be had."""
    return ScsiGeneric(open_node(node), node)


def _error_of(header: SgIoHdr, command: str, within_ms: int) -> RecorderError | None:
    """Return what is wrong with a command that came back; None if nothing is."""
    driver = header.driver_status & _DRIVER_MASK
    if header.host_status in _HOST_SILENT or driver == _DRIVER_TIMEOUT:
        return RecorderSilentError(command=command, waited_ms=within_ms)
    if header.host_status in _HOST_NONSENSE:
        return BadAnswerError(command=command, reason=f"host status {header.host_status}")
    if header.host_status:
        return ChannelLostError(f"host status {header.host_status}")
    if header.status != _GOOD:
        return RefusedError(command=command, status=header.status)
    if driver not in {0, _DRIVER_SENSE}:
        return ChannelLostError(f"driver status {header.driver_status}")
    return None


def _sense_key(sense: bytes) -> int | None:
    place = _SENSE_KEY_AT.get(sense[0] & 0x7F) if sense else None
    return sense[place] & 0x0F if place is not None and place < len(sense) else None


def _name(cdb: bytes) -> str:
    return f"SCSI {cdb.hex(' ')}"
