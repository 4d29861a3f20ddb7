"""Run by test_recorder_command.py under umockdev: plug three devices in, and probe."""

import sys
from dataclasses import replace

from dock_daemon.commands.root import main
from dock_daemon.rehearsal.umockdev import Testbed, UsbDevice
from dock_daemon.rehearsal.usb import RECORDER, STORAGE

_PORT = "pci-0000:00:14.0-usb-0:"
_STRANGER = UsbDevice(vendor_id="4255", product_id="0002", manufacturer='A "[*]"', product="仪")


if __name__ == "__main__":
    sys.argv = ["sealdock", "recorder", "probe", *sys.argv[1:]]
    with Testbed() as bed:
        bed.add_usb(f"{_PORT}1", replace(RECORDER, serial="ZF-7"))
        bed.add_tty("ttyACM0", f"{_PORT}1")
        bed.add_usb(f"{_PORT}2", _STRANGER)
        bed.add_usb(f"{_PORT}7", STORAGE)
        bed.add_disk("sdk", f"{_PORT}7", size_bytes=64 << 20)
        main()
