"""One sight of a device through udev: where it is, what it is, what it says of itself.

What it says is what its USB descriptors and its SCSI INQUIRY say: claims, used for matching.
"""

from pathlib import Path
from typing import Final

import pyudev

from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.bays.ports import port_of, port_of_sys_path, root_hub_of, with_revision
from dock_daemon.recorders.matching import Kind, Seen

SECTOR_BYTES: Final = 512  # the unit of the sysfs attribute `size`, whatever the disk's own
_MOST_TEXT: Final = 120
_HUB: Final = "09"  # bDeviceClass
_KINDS: Final[dict[str, Kind]] = {"tty": "serial", "scsi_generic": "scsi", "usb": "usb"}


def medium_of(device: pyudev.Device) -> MediumAppeared | None:
    """Return what udev knows of a disk on USB; None for any other, and for one just leaving."""
    properties = dict(device.properties)
    port = port_of(properties.get("ID_PATH", "")) or port_of_sys_path(device.sys_path)
    node = device.device_node
    if port is None or node is None:
        return None
    try:
        sectors = int(device.attributes.get("size") or b"0")
        major, minor = int(properties["MAJOR"]), int(properties["MINOR"])
    except (KeyError, ValueError):
        return None
    return MediumAppeared(
        sys_path=device.sys_path,
        node=node,
        port=port,
        exact_port=_exact(port, device.sys_path),
        major=major,
        minor=minor,
        size_bytes=sectors * SECTOR_BYTES,
        sequence=properties.get("DISKSEQ", ""),
        seen=seen_of(device, "disk"),
        properties=properties,
    )


def channel_of(device: pyudev.Device) -> ChannelAppeared | None:
    """Return what udev knows of a tty, an sg node or a USB device; None where it is none on USB.

    Hubs are none, and nothing without a node can be spoken to.
    """
    kind = _KINDS.get(device.subsystem)
    port, node = port_of_sys_path(device.sys_path), device.device_node
    if kind is None or port is None or node is None:
        return None
    if _text(device, "bDeviceClass") == _HUB:
        return None
    return ChannelAppeared(
        sys_path=device.sys_path,
        node=node,
        port=port,
        exact_port=_exact(port, device.sys_path),
        seen=seen_of(device, kind),
        properties=dict(device.properties),
    )


def seen_of(device: pyudev.Device, kind: Kind) -> Seen:
    """Return what a device, and the USB device that it is part of, say of themselves."""
    usb = device if kind == "usb" else device.find_parent("usb", "usb_device")
    scsi = device.find_parent("scsi", "scsi_device")
    return Seen(
        kind=kind,
        vendor_id=_text(usb, "idVendor").lower(),
        product_id=_text(usb, "idProduct").lower(),
        manufacturer=_text(usb, "manufacturer"),
        product=_text(usb, "product"),
        serial=_text(usb, "serial"),
        scsi=" ".join(
            f"{_text(scsi, 'vendor')} {_text(scsi, 'model')} {_text(scsi, 'rev')}".split()
        ),
        interfaces=_interfaces(usb),
    )


def finished(device: pyudev.Device) -> bool:
    """Return whether udev's rules have been through with a device.

    Until then it lacks its properties and is not set read-only, and its event is still
    to come. A testbed has no udev database, but it has what udev's rules leave.
    """
    return bool(device.is_initialized) or "ID_PATH" in device.properties


def _interfaces(usb: pyudev.Device | None) -> tuple[str, ...]:
    """Return class, subclass and protocol of each interface, as udev's usb_id gathers them."""
    told = "" if usb is None else usb.properties.get("ID_USB_INTERFACES", "")
    return tuple(one for one in told.split(":") if one)


def _text(device: pyudev.Device | None, name: str) -> str:
    """Return an attribute in sysfs as text; empty where there is none."""
    raw = None if device is None else device.attributes.get(name)
    return "" if raw is None else raw.decode("utf-8", "replace").strip()[:_MOST_TEXT]


def _exact(port: str, sys_path: str) -> str:
    hub = root_hub_of(sys_path)
    if hub is None:
        return ""
    try:
        protocol = Path(hub, "bDeviceProtocol").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):  # the hub has gone with its disk
        return ""
    return with_revision(port, protocol) or ""
