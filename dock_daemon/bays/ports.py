"""The physical port that a disk hangs on, from what udev or sysfs says of it. Pure.

A port is the controller's path and the chain of hub ports below it, written as udev
writes it in ID_PATH: `pci-0000:00:14.0-usb-0:3.2`. Bus numbers, device nodes and
serial numbers change or are forged; the controller belongs to the name because two
controllers have the same chains. So have the two sides of a USB 3 controller, whose
port 3 for USB 2 and port 3 for USB 3 may be different sockets: `usbv2` or `usbv3` in
place of `usb` tells them apart, as udev does from systemd 256 on.
"""

import re
from collections.abc import Sequence
from typing import Final

# USB allows six ports in a row: the root hub's and those of five hubs below it.
_CHAIN: Final = r"[1-9]\d{0,2}(?:\.[1-9]\d{0,2}){0,5}"
# As systemd's udev-builtin-path_id.c writes it: what the disk hangs on, joined with "-".
_ID_PATH: Final = re.compile(
    rf"(?P<port>[a-z][\w.:]*(?:-[\w.:]+)*?-usb(?:v[23])?-0:{_CHAIN})"
    r"(?::\d{1,3}\.\d{1,3}(?:-[\w.:-]+)?)?",
    re.ASCII,
)
_BUS: Final = re.compile(r"usb[1-9]\d*", re.ASCII)
_USB_DEVICE: Final = re.compile(rf"[1-9]\d*-(?P<chain>{_CHAIN})", re.ASCII)
_PCI_DEVICE: Final = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
_PCI_ROOT: Final = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}", re.ASCII)


def port_of(id_path: str) -> str | None:
    """Return the port in udev's ID_PATH; None where it names no USB port of a controller.

    >>> port_of("pci-0000:00:04.0-usb-0:3.2:1.0-scsi-0:0:0:0")
    'pci-0000:00:04.0-usb-0:3.2'
    """
    match = _ID_PATH.fullmatch(id_path)
    return None if match is None else match["port"]


def port_of_sys_path(sys_path: str) -> str | None:
    """Return the same port from a device's place in sysfs, for a udev without ID_PATH."""
    parts = sys_path.strip("/").split("/")
    bus = next((at for at, part in enumerate(parts) if _BUS.fullmatch(part)), None)
    if bus is None:
        return None
    chains = [match["chain"] for part in parts[bus:] if (match := _USB_DEVICE.fullmatch(part))]
    controller = _controller(parts[:bus])
    if controller is None or not chains:
        return None
    return f"{controller}-usb-0:{chains[-1]}"


def root_hub_of(sys_path: str) -> str | None:
    """Return the place in sysfs of the bus that a device hangs on, e.g. /sys/…/usb1."""
    parts = sys_path.split("/")
    bus = next((at for at, part in enumerate(parts) if _BUS.fullmatch(part)), None)
    return None if bus is None else "/".join(parts[: bus + 1])


def with_revision(port: str, protocol: str) -> str | None:
    """Return `port` with the side of the controller that it belongs to.

    `protocol` is the root hub's attribute bDeviceProtocol (USB 2.0, 11.23.1; USB 3.2,
    10.15.1): 3 for a SuperSpeed hub. Without one that is known, None.
    """
    revision = {"00": "v2", "01": "v2", "02": "v2", "03": "v3"}.get(protocol.strip())
    if revision is None or "-usb-0:" not in port:
        return None
    controller, _, chain = port.rpartition("-usb-0:")
    return f"{controller}-usb{revision}-0:{chain}"


def _controller(parents: Sequence[str]) -> str | None:
    """Name a controller as path_id does: its PCI address, before it the platform device.

    Of several devices of one kind in a row (PCI bridges, nested platform devices)
    only the lowest is named.
    """
    rest = list(parents)
    names: list[str] = []
    if rest and _PCI_DEVICE.fullmatch(rest[-1]):
        names.append(f"pci-{rest[-1]}")
        while rest and (_PCI_DEVICE.fullmatch(rest[-1]) or _PCI_ROOT.fullmatch(rest[-1])):
            rest.pop()
    if "platform" in rest[:-1]:
        names.append(f"platform-{rest[-1]}")
    return "-".join(reversed(names)) or None
