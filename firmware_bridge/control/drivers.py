"""Which driver speaks over which channel: the one place that opens real transports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from firmware_bridge.capabilities import Driver, HostClock, PasswordSource
from firmware_bridge.control.shapes import broken
from firmware_bridge.control.wire import Channel, Open
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.drivers.jieli_scsi import JieliScsi
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.drivers.zzx_adb import ZzxAdb
from firmware_bridge.errors import ChannelNotOpenedError
from firmware_bridge.transports.adb import AdbServer
from firmware_bridge.transports.serial_port import open_serial
from firmware_bridge.transports.sg import open_scsi
from firmware_bridge.transports.usbdevfs import open_usb


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every driver is made of."""

    channel: Channel
    clock: HostClock
    zone: tzinfo
    password: PasswordSource
    params: Mapping[str, int | str]

    def number(self, name: str, *, high: int) -> int:
        """Return a parameter of the profile, from 1 to `high`; raise ControlFailedError."""
        value = self.params.get(name)
        if not isinstance(value, int) or not 1 <= value <= high:
            raise broken(f"the parameter {name} is no number from 1 to {high}")
        return value


Factory: TypeAlias = Callable[[Means], Driver]


def _open(means: Means) -> Driver:
    return OpenDriver(open_serial(means.channel.node), means.clock)


def _jieli_scsi(means: Means) -> Driver:
    link = open_scsi(means.channel.node)
    return JieliScsi(link, means.clock, zone=means.zone, password=means.password)


def _cammpro_ctrl(means: Means) -> Driver:
    link = open_usb(means.channel.node)
    admin = means.params.get("user_login", 0) == 0
    return CammproCtrl(link, means.clock, zone=means.zone, password=means.password, admin=admin)


def _zzx_adb(means: Means) -> Driver:
    link = AdbServer(means.channel.node).device(means.channel.serial)
    port = means.number("port", high=65_535)
    return ZzxAdb(link, means.clock, port=port, password=means.password)


# Each driver, and the kind of channel that it speaks over.
DRIVERS: Final[Mapping[str, tuple[str, Factory]]] = {
    "open": ("serial", _open),
    "jieli-scsi": ("scsi", _jieli_scsi),
    "cammpro-ctrl": ("usb", _cammpro_ctrl),
    "zzx-adb": ("adb", _zzx_adb),
}


def open_driver(request: Open, *, clock: HostClock, password: PasswordSource) -> Driver:
    """Open the channel and return the driver that speaks over it.

    Raises ChannelNotOpenedError when there is no way, and ControlFailedError when the core asks
    for what does not exist.
    """
    kind, factory = DRIVERS.get(request.driver, ("", None))
    if factory is None:
        raise broken(f"no driver {request.driver}")
    if request.channel.kind != kind:
        raise ChannelNotOpenedError(
            place=request.channel.node, reason=f"{request.driver} speaks over {kind}"
        )
    means = Means(
        channel=request.channel,
        clock=clock,
        zone=_zone(request.zone),
        password=password,
        params=request.params,
    )
    return factory(means)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise broken(f"no time zone {name}") from None
