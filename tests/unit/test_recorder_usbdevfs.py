"""USB control transfers: the structure's bytes, and what the kernel's answers mean."""

import ctypes
import errno
import os
import struct
from pathlib import Path

import pytest

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
)
from firmware_bridge.transports.usbdevfs import USBDEVFS_CONTROL, UsbDevice, open_usb

# <linux/usbdevice_fs.h>, spelled for the struct module: an oracle for what ctypes lays out.
TRANSFER = struct.Struct("@BBHHHIP")


class Kernel:
    """What stands behind the descriptor: it takes transfers, and answers as it is told."""

    def __init__(self, answer: bytes = b"", error: int | None = None) -> None:
        self.answer = answer
        self.error = error
        self.count: int | None = None
        self.setups: list[tuple[int, ...]] = []
        self.taken: list[bytes] = []
        self.closed: list[int] = []

    def ioctl(self, descriptor: int, request: int, transfer: ctypes.Structure) -> int:
        """Be the control call."""
        assert (descriptor, request) == (7, USBDEVFS_CONTROL)
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        *setup, place = TRANSFER.unpack(bytes(transfer))
        self.setups.append(tuple(setup))
        length = setup[4]
        if setup[0] & 0x80:
            given = self.answer[:length]
            ctypes.memmove(place, given, len(given))
            return len(given) if self.count is None else self.count
        self.taken.append(ctypes.string_at(place, length))
        return length if self.count is None else self.count

    def link(self) -> UsbDevice:
        """Return the link whose other end this is."""
        return UsbDevice(7, "/dev/bus/usb/001/002", ioctl=self.ioctl, close=self.closed.append)


def test_request_is_the_kernel_s() -> None:
    """The number is the one that a C compiler gave for <linux/usbdevice_fs.h>."""
    wide = struct.calcsize("P") == 8
    assert (0xC0185500 if wide else 0xC0105500) == USBDEVFS_CONTROL


def test_setup_goes_out_as_it_was_given() -> None:
    """Each part of the setup packet, the length and the limit stand in their places."""
    kernel = Kernel(b"answer")
    assert kernel.link().control_in(0xC0, 0x55, 0x1234, 0x5678, 16, within_ms=2000) == b"answer"
    kernel.link().control_out(0x40, 0x55, 0x00AA, 0, b"data", within_ms=3000)
    assert kernel.setups == [
        (0xC0, 0x55, 0x1234, 0x5678, 16, 2000),
        (0x40, 0x55, 0x00AA, 0, 4, 3000),
    ]
    assert kernel.taken == [b"data"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EPIPE, RefusedError),
        (errno.ETIMEDOUT, RecorderSilentError),
        (errno.ENODEV, ChannelLostError),
        (errno.ESHUTDOWN, ChannelLostError),
        (errno.EPROTO, ChannelLostError),
        (errno.EOVERFLOW, BadAnswerError),
        (errno.EPERM, ChannelNotOpenedError),
    ],
)
def test_failed_transfer_is_named(number: int, expected: type[RecorderError]) -> None:
    """A stall is a refusal; a device that has gone, one that is silent, each has its error."""
    link = Kernel(error=number).link()
    with pytest.raises(expected) as heard:
        link.control_in(0xC0, 0x55, 0, 0, 6, within_ms=1)
    with pytest.raises(expected) as told:
        link.control_out(0x40, 0x55, 0, 0, b"x", within_ms=1)
    assert type(heard.value) is type(told.value) is expected


@pytest.mark.parametrize("count", [-1, 3, 5])
def test_count_that_cannot_be_is_refused(count: int) -> None:
    """Data that was taken in part, or more than there was, is no success."""
    kernel = Kernel()
    kernel.count = count
    with pytest.raises(BadAnswerError):
        kernel.link().control_out(0x40, 0x55, 0, 0, b"data", within_ms=1)


def test_answer_longer_than_asked_is_refused() -> None:
    """More bytes than the buffer has are never taken for an answer."""
    kernel = Kernel(b"data")
    kernel.count = 5
    with pytest.raises(BadAnswerError):
        kernel.link().control_in(0xC0, 0x55, 0, 0, 4, within_ms=1)


def test_no_time_limit_means_for_ever() -> None:
    """The kernel takes 0 for "for ever": it is never told that."""
    kernel = Kernel()
    kernel.link().control_out(0x40, 0x55, 0, 0, b"", within_ms=0)
    assert kernel.setups[0][-1] == 1


def test_too_long_a_transfer_is_not_sent() -> None:
    """Transfers have at most 4,096 bytes."""
    kernel = Kernel()
    with pytest.raises(ChannelNotOpenedError):
        kernel.link().control_in(0xC0, 0x55, 0, 0, 4097, within_ms=1)
    assert kernel.setups == []


def test_descriptor_is_let_go_of_once() -> None:
    """After close nothing is sent, and a second close closes nobody else's descriptor."""
    kernel = Kernel()
    link = kernel.link()
    link.close()
    link.close()
    assert kernel.closed == [7]
    with pytest.raises(ChannelLostError):
        link.control_in(0xC0, 0x55, 0, 0, 4, within_ms=1)


def test_node_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    """A node that is not there is said, with its place."""
    with pytest.raises(ChannelNotOpenedError) as caught:
        open_usb(str(tmp_path / "002"))
    assert caught.value.place == str(tmp_path / "002")


def test_real_character_device_takes_no_transfers() -> None:
    """A device that is no USB device refuses the control call, by name."""
    link = open_usb("/dev/null")
    with pytest.raises(ChannelLostError):
        link.control_in(0xC0, 0x55, 0, 0, 4, within_ms=1)
    link.close()
