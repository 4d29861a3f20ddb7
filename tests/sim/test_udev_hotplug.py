"""The real pyudev on the real libudev, with umockdev in the kernel's place."""

import json
import subprocess
import sys
from pathlib import Path

from dock_daemon.rehearsal import umockdev
from tests.require import need

ROOT = Path(__file__).parents[2]
SIZE = 64 << 20
RECORDER = ("1d6b:0104", "sealdock open recorder")
PORT_2 = ("pci-0000:00:14.0-usbv2-0:2", "pci-0000:00:14.0-usb-0:2")
PORT_4 = ("pci-0000:00:14.0-usbv2-0:4", "pci-0000:00:14.0-usb-0:4")
PORT_3 = ("pci-0000:00:14.0-usbv3-0:3.2", "pci-0000:00:14.0-usb-0:3.2")


def test_udev_tells_of_disks_at_their_ports() -> None:
    """Plug, swap, pull and even a lost message come out as the right events, in order."""
    environment = umockdev.environment()
    need(environment, "umockdev")
    assert environment is not None
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.sim.udev_child", "0.2"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert {line["step"]: line["told"] for line in map(json.loads, run.stdout.splitlines())} == {
        "there before the dock": [["appeared", "/dev/sdb", *PORT_2, 8, 16, SIZE]],
        "plugged": [["appeared", "/dev/sdc", *PORT_3, 8, 48, SIZE]],
        "card out of its reader": [["gone", "sdc"]],
        "larger card in": [["appeared", "/dev/sdc", *PORT_3, 8, 48, 2 * SIZE]],
        "pulled": [["gone", "sdb"]],
        "in and out before anybody looked": [],
        "pulled, and the message lost": [["gone", "sdc"]],
        "a recorder with a line": [
            ["channel", "usb", "/dev/bus/usb/001/002", *PORT_4, *RECORDER],
            ["channel", "serial", "/dev/ttyACM0", *PORT_4, *RECORDER],
        ],
        "its disk beside the line": [["appeared", "/dev/sdd", *PORT_4, 8, 192, SIZE]],
        "back as a disk of another id": [
            ["gone", "sdd"],
            ["channel gone", "ttyACM0"],
            ["channel gone", "1-4"],
            ["channel", "usb", "/dev/bus/usb/001/003", *PORT_4, "0781:5567", "Mass Storage"],
            ["appeared", "/dev/sdd", *PORT_4, 8, 224, SIZE],
        ],
        "a disk without a medium": [],
        "its medium": [["appeared", "/dev/sde", *PORT_2, 8, 256, SIZE]],
    }


def test_environment_keeps_what_was_preloaded() -> None:
    """A library that was preloaded before stays, behind umockdev's."""
    found = umockdev.environment({"LD_PRELOAD": "libother.so", "HOME": "/"})
    need(found, "umockdev")
    assert found == {"LD_PRELOAD": "libumockdev-preload.so.0:libother.so", "HOME": "/"}
