"""Faults that the kernel's log tells of, and what it is fed besides."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.faults import KernelLog, Known, open_kernel_log
from agent.kernel_log import MOST_FAULTS, Troubles, trouble

RECORDS = {
    "3,812,9123456,-;I/O error, dev mmcblk0, sector 2048 op 0x0:(READ) flags 0x80700": (
        "storage-io-error",
        "mmcblk0",
    ),
    "3,813,9123460,-;blk_update_request: I/O error, dev sda, sector 7": ("storage-io-error", "sda"),
    "3,813,9123460,-;critical medium error, dev mmcblk0, sector 99 op 0x0:(READ)": (
        "storage-io-error",
        "mmcblk0",
    ),
    "3,814,9123470,-;Buffer I/O error on dev mmcblk0p3, logical block 4, async page read": (
        "storage-io-error",
        "mmcblk0p3",
    ),
    "3,815,9123480,-;mmc0: error -110 whilst initialising SD card": ("card-error", "mmc0"),
    "3,816,9123490,-;mmc1: Timeout waiting for hardware interrupt.": ("card-error", "mmc1"),
    "3,817,9123500,-;mmcblk0: error -84 requesting status": ("card-error", "mmcblk0"),
    "2,818,9123510,-;EXT4-fs error (device mmcblk0p2): ext4_find_entry:1658: reading directory": (
        "filesystem-error",
        "mmcblk0p2",
    ),
    "3,819,9123520,-;FAT-fs (mmcblk0p3): error, invalid access to FAT (entry 0x0000d1d1)": (
        "filesystem-error",
        "mmcblk0p3",
    ),
    "3,820,9123530,-;FAT-fs (mmcblk0p3): Filesystem has been set read-only": (
        "filesystem-read-only",
        "mmcblk0p3",
    ),
    "2,821,9123540,-;EXT4-fs (mmcblk0p2): Remounting filesystem read-only": (
        "filesystem-read-only",
        "mmcblk0p2",
    ),
    "4,822,9123550,-;FAT-fs (mmcblk0p3): Volume was not properly unmounted. Some data may": (
        "filesystem-dirty",
        "mmcblk0p3",
    ),
    "4,823,9123560,-;exFAT-fs (mmcblk0p3): Volume was not properly unmounted. Please run fsck.": (
        "filesystem-dirty",
        "mmcblk0p3",
    ),
    "3,824,9123570,-;exFAT-fs (mmcblk0p3): error, invalid access to FAT bad cluster": (
        "filesystem-error",
        "mmcblk0p3",
    ),
    "2,825,9123580,-;hwmon hwmon1: Undervoltage detected!": ("power-low", "hwmon1"),
    "2,826,9123590,-;Under-voltage detected! (0x00050005)": ("power-low", ""),
}
"""As Linux 5.15 to 6.12 prints them; the addresses are made up."""

INNOCENT = (
    "6,100,1,-;EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode",
    "6,101,1,-;mmc0: new high speed SDXC card at address aaaa",
    "6,102,1,-;mmcblk0: mmc0:aaaa SD64G 59.5 GiB",
    "6,103,1,-;FAT-fs (mmcblk0p1): utf8 is not a recommended IO charset",
    # A program's own words (facility 1 and up) are no news of a device.
    "11,104,1,-;I/O error, dev mmcblk0, sector 2048",
)


@pytest.mark.parametrize("record", list(RECORDS))
def test_each_sign_of_trouble_is_known(record: str) -> None:
    """What the kernel says of cards, file systems and power becomes a fault with its device."""
    seen = trouble(record.encode())
    assert seen is not None
    assert (seen.code, seen.device) == RECORDS[record]
    assert seen.last_us == int(record.split(",")[2])


@pytest.mark.parametrize("record", [*INNOCENT, "", ";", "3,1,1,-", " SUBSYSTEM=block", "x,y,z;I/O"])
def test_everything_else_is_no_trouble(record: str) -> None:
    """Good news, programs' words, continuation lines and nonsense are none."""
    assert trouble(record.encode()) is None


@given(st.binary(max_size=400), st.integers(0, 7))
@settings(max_examples=300)
def test_any_record_is_read_within_bounds(text: bytes, level: int) -> None:
    """Whatever stands in the log, the parser ends, and what it keeps is short and printable."""
    for record in (text, b"%d,1,2,-;" % level + text, b"3,1,2,-;FAT-fs (" + text):
        seen = trouble(record)
        assert seen is None or (len(seen.detail) <= 160 and seen.detail.isprintable())


def test_one_fault_stands_for_all_of_its_kind() -> None:
    """A card that fails a thousand times is one fault, counted; kinds are bounded."""
    troubles = Troubles()
    for count in range(1000):
        troubles.take(b"3,%d,%d,-;I/O error, dev mmcblk0, sector %d" % (count, count, count))
    (one,) = troubles.all()
    assert (one.times, one.last_us) == (1000, 999)
    for count in range(100):
        troubles.take(b"3,1,1,-;I/O error, dev disk%d, sector 1" % count)
    assert len(troubles.all()) == MOST_FAULTS


def test_the_log_is_read_record_by_record_until_it_ends() -> None:
    """Each record that comes is taken, and the end of the log is noticed."""
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.set_blocking(ours.fileno(), False)
    log, troubles = KernelLog(os.dup(ours.fileno())), Troubles()
    kernel.send(b"3,1,5,-;mmc0: error -110 whilst initialising SD card\n SUBSYSTEM=mmc\n")
    assert log.drain(troubles)
    kernel.send(b"6,2,6,-;all is well\n")
    kernel.close()
    assert not log.drain(troubles)
    assert [each.code for each in troubles.all()] == ["card-error"]
    log.close()
    ours.close()


def test_a_log_that_may_not_be_read_is_a_fault(tmp_path: Path) -> None:
    """Silence is not taken for health: what can't be looked at is said."""
    known, troubles = Known(), Troubles()
    assert open_kernel_log(str(tmp_path / "none"), known, troubles, 7) is None
    assert [fault.code for fault in known.faults.values()] == ["kernel-log-closed"]
    assert open_kernel_log("", Known(), troubles, 7) is None
    (tmp_path / "kmsg").write_text("\n".join(RECORDS), encoding="ascii")
    assert open_kernel_log(str(tmp_path / "kmsg"), Known(), troubles, 7) is None
    assert {each.code for each in troubles.all()} == {code for code, _ in RECORDS.values()}
