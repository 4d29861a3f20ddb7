"""Recorders at USB ports that only this process sees, by way of umockdev.

libudev, and so pyudev and everything above it, runs unchanged: the kernel's netlink
messages and sysfs are what umockdev plays. For that the process must have been
started with umockdev's library preloaded, which `environment` gives:

    os.execve(sys.executable, [sys.executable, "-m", …], environment())

after which `Testbed` may be used in that same process, beside the code it feeds, or
in a parent of it. Children inherit the preload unless their environment is cleaned.
The library traps the C functions that touch /sys, /dev, /run/udev and netlink sockets
by name, so it also reaches a libudev that ctypes loads later. /dev nodes of a testbed
are hollow: a medium's bytes come from a card image, not from the node.
"""

import ctypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dock_daemon.bays.ports import root_hub_of
from dock_daemon.bays.sighting import SECTOR_BYTES

_LIBRARY: Final = "libumockdev.so.0"
_PRELOAD: Final = "libumockdev-preload.so.0"
_PORT: Final = re.compile(
    r"(?:platform-(?P<platform>.+?))?-?(?:pci-(?P<pci>[0-9a-f:]+\.[0-7]))?"
    r"-usb(?:v(?P<revision>[23]))?-0:(?P<chain>[\d.]+)"
)


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk in the testbed. `node` is e.g. /dev/sdb; `major` and `minor` are its number."""

    sys_path: str
    node: str
    major: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """A USB device in the testbed, and what its descriptors say."""

    vendor_id: str
    product_id: str
    manufacturer: str = ""
    product: str = ""
    serial: str = ""
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plugged:
    """Something in the testbed, to be removed by its place."""

    sys_path: str
    node: str


def environment(base: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """Return `base` with umockdev preloaded; None where umockdev is not installed."""
    try:
        ctypes.CDLL(_LIBRARY)
        ctypes.CDLL(_PRELOAD)
    except OSError:
        return None
    earlier = base.get("LD_PRELOAD", "")
    return {**base, "LD_PRELOAD": f"{_PRELOAD}:{earlier}" if earlier else _PRELOAD}


def active() -> bool:
    """Return whether this process was started with umockdev preloaded."""
    return _PRELOAD in os.environ.get("LD_PRELOAD", "")


class Testbed:
    """A set of pretended devices, empty at first. Use it as a context manager.

    Needs `active()`; without the preload the devices are nowhere to be seen.
    """

    __test__ = False  # the name is umockdev's; pytest would take it for a test

    def __init__(self) -> None:
        self._library = _load()
        self._bed = self._library.umockdev_testbed_new()
        self._next_minor = 16
        self._next_usb = 2
        self.root = Path(os.fsdecode(self._library.umockdev_testbed_get_root_dir(self._bed)))

    def add_disk(
        self,
        name: str,
        port: str,
        *,
        size_bytes: int,
        properties: Mapping[str, str] | None = None,
    ) -> Disk:
        """Plug a disk in, with its udev event. `port` as in ports.py, e.g. pci-…-usb-0:2.

        With usbv2 or usbv3 in it, the disk is on that side of its controller.
        """
        place = sys_path_at(port, name)
        self._add_root_hub(place)
        minor, self._next_minor = self._next_minor, self._next_minor + 16
        known = {
            "SUBSYSTEM": "block",
            "DEVTYPE": "disk",
            "DEVNAME": f"/dev/{name}",
            "MAJOR": "8",
            "MINOR": str(minor),
            "DISKSEQ": str(minor // 16),
            "ID_BUS": "usb",
            "ID_PATH": f"{_plain(port)}:1.0-scsi-0:0:0:0",
            **(properties or {}),
        }
        lines = [
            f"P: {place}",
            f"N: {name}",
            *(f"E: {key}={value}" for key, value in known.items()),
            rf"A: size={size_bytes // SECTOR_BYTES}\n",
            rf"A: dev=8:{minor}\n",
            r"A: removable=1\n",
        ]
        self._add("\n".join(lines) + "\n")
        return Disk(f"/sys{place}", f"/dev/{name}", 8, minor)

    def add_usb(self, port: str, device: UsbDevice) -> Plugged:
        """Plug a USB device in, with its udev event; its tty and disks are added apart."""
        place = usb_path_at(port)
        self._add_root_hub(place)
        number, self._next_usb = self._next_usb, self._next_usb + 1
        node = f"bus/usb/001/{number:03}"
        told = {
            "idVendor": device.vendor_id,
            "idProduct": device.product_id,
            "manufacturer": device.manufacturer,
            "product": device.product,
            "serial": device.serial,
            "bDeviceClass": "ef",
        }
        lines = [
            f"P: {place}",
            f"N: {node}",
            "E: SUBSYSTEM=usb",
            "E: DEVTYPE=usb_device",
            f"E: DEVNAME=/dev/{node}",
            "E: MAJOR=189",
            f"E: MINOR={number - 1}",
            f"E: ID_PATH={_plain(port)}",
            f"E: ID_USB_INTERFACES=:{':'.join(device.interfaces)}:",
            *(rf"A: {name}={text}\n" for name, text in told.items() if text),
        ]
        self._add("\n".join(lines) + "\n")
        return Plugged(f"/sys{place}", f"/dev/{node}")

    def add_tty(self, name: str, port: str) -> Plugged:
        """Let the USB device at a port show a serial line, e.g. ttyACM0, with its udev event."""
        place = f"{interface_path_at(port, 1)}/tty/{name}"
        lines = [
            f"P: {place}",
            # No node (N:): umockdev 0.17 would keep its pseudo-terminal for ever, and could not
            # make a second one of that name.
            "E: SUBSYSTEM=tty",
            f"E: DEVNAME=/dev/{name}",
            "E: MAJOR=166",
            "E: MINOR=0",
            "E: ID_BUS=usb",
            f"E: ID_PATH={_plain(port)}:1.1",
        ]
        self._add("\n".join(lines) + "\n")
        return Plugged(f"/sys{place}", f"/dev/{name}")

    def remove(self, thing: Plugged) -> None:
        """Take something out, with its udev event."""
        place = os.fsencode(thing.sys_path)
        self._library.umockdev_testbed_uevent(self._bed, place, b"remove")
        self._library.umockdev_testbed_remove_device(self._bed, place)
        # umockdev 0.17 forgets these links, and then can't add a device of that name again.
        name = Path(thing.sys_path).name
        for link in (f"class/tty/{name}", f"bus/usb/devices/{name}"):
            (self.root / "sys" / link).unlink(missing_ok=True)

    def resize_disk(self, disk: Disk, size_bytes: int) -> None:
        """Change what is in the reader: 0 takes the medium out and leaves the disk."""
        place = os.fsencode(disk.sys_path)
        size = str(size_bytes // SECTOR_BYTES)
        self._library.umockdev_testbed_set_attribute(self._bed, place, b"size", size.encode())
        self._library.umockdev_testbed_uevent(self._bed, place, b"change")

    def remove_disk(self, disk: Disk) -> None:
        """Pull a disk out, with its udev event."""
        place = os.fsencode(disk.sys_path)
        self._library.umockdev_testbed_uevent(self._bed, place, b"remove")
        self.vanish_disk(disk)

    def vanish_disk(self, disk: Disk) -> None:
        """Pull a disk out and lose the event, as netlink does under load."""
        self._library.umockdev_testbed_remove_device(self._bed, os.fsencode(disk.sys_path))
        # umockdev 0.17 forgets this link, and then can't add a disk of that name again.
        (self.root / "sys/block" / Path(disk.node).name).unlink(missing_ok=True)

    def close(self) -> None:
        """Take the testbed down and its files away. May be called twice."""
        if self._bed is not None:
            gobject = ctypes.CDLL("libgobject-2.0.so.0")
            gobject.g_object_unref.argtypes = [ctypes.c_void_p]
            gobject.g_object_unref(self._bed)
            self._bed = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _add_root_hub(self, place: str) -> None:
        hub = root_hub_of(place)
        if (
            hub is None
            or (self.root / "sys" / hub.lstrip("/")).joinpath("bDeviceProtocol").exists()
        ):
            return
        protocol = "03" if hub.endswith("/usb2") else "01"
        self._add(
            f"P: {hub}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
            rf"A: bDeviceProtocol={protocol}\n" + "\n"
        )

    def _add(self, description: str) -> None:
        failure = ctypes.c_void_p()
        done = self._library.umockdev_testbed_add_from_string(
            self._bed, description.encode(), ctypes.byref(failure)
        )
        if not done:
            raise OSError(f"umockdev took no device: {description}")


def sys_path_at(port: str, name: str) -> str:
    """Return a place below /sys where a disk at `port` could be: usb2 is the side for USB 3.

    The reverse of ports.port_of_sys_path, for controllers on PCI or of a platform.
    """
    return f"{interface_path_at(port, 0)}/host4/target4:0:0/4:0:0:0/block/{name}"


def interface_path_at(port: str, number: int) -> str:
    """Return the place of an interface of the USB device at `port`."""
    place = usb_path_at(port)
    return f"{place}/{place.rpartition('/')[2]}:1.{number}"


def usb_path_at(port: str) -> str:
    """Return a place below /sys where a USB device at `port` could be."""
    match = _PORT.fullmatch(port)
    if match is None:
        raise ValueError(f"no place is known for a device at {port}")
    platform, pci, chain = match["platform"], match["pci"], match["chain"]
    above = "/devices"
    if platform:
        above += f"/platform/{platform}"
    if pci:
        above += f"/pci{pci.rsplit(':', 1)[0]}/{pci}"
    ports = chain.split(".")
    bus = 2 if match["revision"] == "3" else 1
    hubs = "/".join(f"{bus}-" + ".".join(ports[: depth + 1]) for depth in range(len(ports)))
    return f"{above}/usb{bus}/{hubs}"


def _plain(port: str) -> str:
    """Return the port as udev before systemd 256 names it: without the controller's side."""
    return re.sub("-usbv[23]-", "-usb-", port)


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    bed, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("new", bed, []),
        ("get_root_dir", text, [bed]),
        ("add_from_string", ctypes.c_int, [bed, text, bed]),
        ("set_attribute", None, [bed, text, text, text]),
        ("uevent", None, [bed, text, text]),
        ("remove_device", None, [bed, text]),
    ):
        function = getattr(library, f"umockdev_testbed_{name}")
        function.restype = result
        function.argtypes = arguments
    return library
