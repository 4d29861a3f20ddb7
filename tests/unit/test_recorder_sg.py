"""SCSI pass-through: the structure's bytes, and what the kernel's answers mean."""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderBusyError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
)
from firmware_bridge.transports.sg import (
    FROM_DEVICE,
    NONE,
    SG_IO,
    TO_DEVICE,
    ScsiGeneric,
    SgIoHdr,
    open_scsi,
)

CDB = bytes(range(16))
# <scsi/sg.h>, spelled for the struct module: an oracle for what ctypes lays out.
HEADER = struct.Struct("@iiBBHIPPPIIiPBBBBHHiII0P")
NAMES = [field[0] for field in SgIoHdr._fields_]


class Kernel:
    """What stands behind the descriptor: it takes commands, and answers as it is told."""

    def __init__(self, answer: bytes = b"", **outcome: int) -> None:
        self.answer = answer
        self.outcomes = [outcome]
        self.sense = b""
        self.error: OSError | None = None
        self.headers: list[dict[str, int]] = []
        self.commands: list[bytes] = []
        self.taken: list[bytes] = []
        self.closed: list[int] = []

    def ioctl(self, descriptor: int, request: int, header: ctypes.Structure) -> int:
        """Be the control call."""
        assert (descriptor, request) == (7, SG_IO)
        if self.error is not None:
            raise self.error
        fields = {name: getattr(header, name) or 0 for name in NAMES}
        assert HEADER.unpack(bytes(header)) == tuple(fields.values())
        self.headers.append(fields)
        self.commands.append(ctypes.string_at(fields["cmdp"], fields["cmd_len"]))
        if fields["dxfer_direction"] == TO_DEVICE:
            self.taken.append(ctypes.string_at(fields["dxferp"], fields["dxfer_len"]))
        if fields["dxfer_direction"] == FROM_DEVICE:
            given = self.answer[: fields["dxfer_len"]]
            ctypes.memmove(fields["dxferp"], given, len(given))
            header.resid = fields["dxfer_len"] - len(given)
        ctypes.memmove(fields["sbp"], self.sense, len(self.sense))
        header.sb_len_wr = len(self.sense)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        for name, value in outcome.items():
            setattr(header, name, value)
        return 0

    def link(self) -> ScsiGeneric:
        """Return the link whose other end this is."""
        return ScsiGeneric(7, "/dev/sg9", ioctl=self.ioctl, close=self.closed.append)


def test_structure_is_the_kernel_s() -> None:
    """Size and offsets are those that a C compiler gave for <scsi/sg.h> on a 64-bit machine."""
    kernel = Kernel(b"answer")
    kernel.link().read(CDB, 6, within_ms=2000)
    if struct.calcsize("P") == 8:
        assert HEADER.size == 88
    (header,) = kernel.headers
    assert header["interface_id"] == ord("S")
    assert (header["cmd_len"], header["mx_sb_len"], header["iovec_count"]) == (16, 32, 0)
    assert (header["dxfer_direction"], header["dxfer_len"], header["timeout"]) == (-3, 6, 2000)


def test_what_the_device_gave_is_returned() -> None:
    """A command brings its bytes; fewer than were asked for come as they are."""
    kernel = Kernel(b"short")
    assert kernel.link().read(CDB, 16, within_ms=2000) == b"short"
    assert kernel.commands == [CDB]


def test_data_goes_to_the_device() -> None:
    """An order carries its data, and one without any announces none."""
    kernel = Kernel()
    kernel.link().write(CDB, b"data", within_ms=10_000)
    kernel.link().write(CDB, b"", within_ms=10_000)
    assert kernel.taken == [b"data"]
    assert [header["dxfer_direction"] for header in kernel.headers] == [TO_DEVICE, NONE]


def test_data_that_was_taken_in_part_is_no_success() -> None:
    """A residual of an order is named."""
    with pytest.raises(BadAnswerError, match="3 of 4 bytes"):
        Kernel(resid=1).link().write(CDB, b"data", within_ms=1)


@pytest.mark.parametrize("resid", [-1, 17, 2**31 - 1])
def test_residual_that_cannot_be_is_refused(resid: int) -> None:
    """A driver that says that more is left than was asked for is not believed."""
    with pytest.raises(BadAnswerError):
        Kernel(b"x" * 16, resid=resid).link().read(CDB, 16, within_ms=1)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"status": 2}, RefusedError),
        ({"status": 8}, RefusedError),
        ({"status": 2, "driver_status": 8}, RefusedError),
        ({"host_status": 1}, ChannelLostError),
        ({"host_status": 3}, RecorderSilentError),
        ({"host_status": 4}, ChannelLostError),
        ({"host_status": 5}, RecorderSilentError),
        ({"host_status": 7}, BadAnswerError),
        ({"host_status": 8}, RecorderSilentError),
        ({"host_status": 999}, ChannelLostError),
        ({"driver_status": 6}, RecorderSilentError),
        ({"driver_status": 4}, ChannelLostError),
    ],
)
def test_what_came_back_is_named(outcome: dict[str, int], expected: type[RecorderError]) -> None:
    """Status, host status and driver status each mean one error."""
    with pytest.raises(expected) as caught:
        Kernel(b"x" * 6, **outcome).link().read(CDB, 6, within_ms=1)
    assert type(caught.value) is expected


def test_refusal_carries_the_scsi_status() -> None:
    """The status that the device gave stands in the error, and the command is named."""
    with pytest.raises(RefusedError) as caught:
        Kernel(status=2).link().write(CDB, b"", within_ms=1)
    assert caught.value.status == 2
    assert CDB.hex(" ") in caught.value.command


@pytest.mark.parametrize("sense", [bytes((0x70, 0, 6)), bytes((0x72, 6, 0x29))])
def test_command_that_met_unit_attention_is_sent_once_more(sense: bytes) -> None:
    """A device that was just put in has not carried it out; it is not asked a third time."""
    kernel = Kernel(b"answer")
    kernel.sense = sense
    kernel.outcomes = [{"status": 2, "duration": 300}, {"status": 0}]
    assert kernel.link().read(CDB, 6, within_ms=2000) == b"answer"
    assert [header["timeout"] for header in kernel.headers] == [2000, 1700]
    kernel.outcomes = [{"status": 2}]
    with pytest.raises(RefusedError):
        kernel.link().read(CDB, 6, within_ms=2000)
    assert len(kernel.headers) == 4


@pytest.mark.parametrize("sense", [b"", b"\x70", bytes((0x70, 0, 5)), b"\x7f" * 32, bytes(40)])
def test_other_sense_data_is_a_refusal(sense: bytes) -> None:
    """Whatever else a device says of its refusal, the command is sent once."""
    kernel = Kernel(status=2)
    kernel.sense = sense[:32]
    with pytest.raises(RefusedError):
        kernel.link().read(CDB, 6, within_ms=1)
    assert len(kernel.headers) == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENODEV, ChannelLostError),
        (errno.ENXIO, ChannelLostError),
        (errno.EIO, ChannelLostError),
        (errno.ETIMEDOUT, RecorderSilentError),
        (errno.EPERM, ChannelNotOpenedError),
        (errno.EACCES, ChannelNotOpenedError),
        (errno.EBUSY, RecorderBusyError),
    ],
)
def test_failed_call_is_named(number: int, expected: type[RecorderError]) -> None:
    """An error of the control call itself is one of ours."""
    kernel = Kernel()
    kernel.error = OSError(number, os.strerror(number))
    with pytest.raises(expected) as caught:
        kernel.link().read(CDB, 6, within_ms=1)
    assert type(caught.value) is expected


@pytest.mark.parametrize(("within_ms", "told"), [(0, 1), (-5, 1), (2**40, 2**32 - 1)])
def test_no_time_limit_means_for_ever(within_ms: int, told: int) -> None:
    """The kernel is always given a limit that it takes for one."""
    kernel = Kernel()
    kernel.link().write(CDB, b"", within_ms=within_ms)
    assert kernel.headers[0]["timeout"] == told


@pytest.mark.parametrize(
    "ask",
    [
        lambda link: link.read(bytes(17), 6, within_ms=1),
        lambda link: link.read(b"", 6, within_ms=1),
        lambda link: link.read(CDB, 65_537, within_ms=1),
    ],
)
def test_what_is_out_of_bounds_is_not_sent(ask: Callable[[ScsiGeneric], object]) -> None:
    """Command blocks have 1 to 16 bytes, transfers at most 64 KiB."""
    kernel = Kernel()
    with pytest.raises(ChannelNotOpenedError):
        ask(kernel.link())
    assert kernel.headers == []


def test_descriptor_is_let_go_of_once() -> None:
    """After close nothing is sent, and a second close closes nobody else's descriptor."""
    kernel = Kernel()
    link = kernel.link()
    link.close()
    link.close()
    assert kernel.closed == [7]
    with pytest.raises(ChannelLostError):
        link.read(CDB, 6, within_ms=1)


def test_node_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    """No node, no device behind it, and a plain file are each said, with the place."""
    (tmp_path / "file").write_bytes(b"")
    for node in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(ChannelNotOpenedError) as caught:
            open_scsi(str(node))
        assert caught.value.place == str(node)
    with pytest.raises(ChannelNotOpenedError):
        open_scsi("a\0b")


def test_real_character_device_takes_no_scsi_commands() -> None:
    """A device that is no SCSI device refuses the control call, by name."""
    link = open_scsi("/dev/null")
    with pytest.raises(ChannelLostError):
        link.read(CDB, 6, within_ms=1)
    link.close()
