"""Media coming and going at USB ports, from udev on the event loop.

Whole disks on USB only; which of the ports are bays is the daemon's to know. Netlink
loses messages under load, so what udev tells is a hint: a full look at sysfs at the
start, after every loss and once a minute makes it true.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import pyudev

from dock_daemon.bays.media import MediumAppeared, MediumGone
from dock_daemon.bays.ports import port_of, port_of_sys_path, root_hub_of, with_revision

log = logging.getLogger(__name__)

SECTOR_BYTES: Final = 512  # the unit of the sysfs attribute `size`, whatever the disk's own
LOOK_AGAIN_S: Final = 60.0
_BUFFER_BYTES: Final = 8 << 20


HotplugEvent: TypeAlias = MediumAppeared | MediumGone
Tell: TypeAlias = Callable[[HotplugEvent], None]


class Hotplug(Protocol):
    """Where news of media comes from: udev, or a script in rehearsals."""

    name: str

    async def run(self, tell: Tell) -> None:
        """Tell of every medium that is there, then of each change, until cancelled."""


class Present:
    """The media known to be there, and what a new sight of them means. Pure."""

    def __init__(self) -> None:
        self._known: dict[str, MediumAppeared] = {}

    def saw(self, medium: MediumAppeared) -> list[HotplugEvent]:
        """Return the news in one sight of a disk; a size of 0 means its medium is out."""
        if medium.size_bytes == 0:
            return self.lost(medium.sys_path)
        known = self._known.get(medium.sys_path)
        if known is not None and _same_medium(known, medium):
            return []
        news: list[HotplugEvent] = [*self.lost(medium.sys_path), medium]
        self._known[medium.sys_path] = medium
        return news

    def lost(self, sys_path: str) -> list[HotplugEvent]:
        """Return the news in the disappearance of a disk."""
        if self._known.pop(sys_path, None) is None:
            return []
        return [MediumGone(sys_path)]

    def looked(self, media: Iterable[MediumAppeared]) -> list[HotplugEvent]:
        """Return the news in a full look: first what left, then what is new."""
        seen = list(media)
        gone = self._known.keys() - {medium.sys_path for medium in seen}
        news = [event for sys_path in sorted(gone) for event in self.lost(sys_path)]
        return news + [event for medium in seen for event in self.saw(medium)]


def _same_medium(known: MediumAppeared, seen: MediumAppeared) -> bool:
    """Return whether nothing that identifies a medium differs. Other properties may."""
    return (known.node, known.port, known.major, known.minor) == (
        seen.node,
        seen.port,
        seen.major,
        seen.minor,
    ) and (known.size_bytes, known.sequence) == (seen.size_bytes, seen.sequence)


class UdevHotplug:
    """Hotplug from the running udev."""

    def __init__(self, *, look_again_s: float = LOOK_AGAIN_S) -> None:
        self.name = "udev"
        self._look_again_s = look_again_s
        self._present = Present()

    async def run(self, tell: Tell) -> None:
        """Serve until cancelled. Whatever udev or `tell` raises ends it."""
        context = pyudev.Context()
        monitor = pyudev.Monitor.from_netlink(context)
        monitor.filter_by("block", "disk")
        try:
            monitor.set_receive_buffer_size(_BUFFER_BYTES)
        except OSError as error:  # beyond net.core.rmem_max it takes CAP_NET_ADMIN
            log.info("udev's buffer stays as it is: %s", error.strerror)
        # First listen, then look: a disk that comes in between is seen twice, which
        # `Present` undoes; the other way round it would not be seen.
        monitor.start()
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(monitor.fileno(), readable.set)
        try:
            while True:
                self._look(context, tell)
                try:
                    async with asyncio.timeout(self._look_again_s):
                        while True:
                            await readable.wait()
                            readable.clear()
                            self._drain(context, monitor, tell)
                except TimeoutError:
                    continue
        finally:
            loop.remove_reader(monitor.fileno())

    def _drain(self, context: pyudev.Context, monitor: pyudev.Monitor, tell: Tell) -> None:
        try:
            while (device := monitor.poll(timeout=0)) is not None:
                if device.action == "remove":
                    _tell_all(tell, self._present.lost(device.sys_path))
                elif (medium := medium_of(device)) is not None:
                    _tell_all(tell, self._present.saw(medium))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            log.warning("udev's messages were lost; looking at all disks")
            self._look(context, tell)

    def _look(self, context: pyudev.Context, tell: Tell) -> None:
        disks = context.list_devices(subsystem="block", DEVTYPE="disk")
        media = [medium_of(disk) for disk in disks if _finished(disk)]
        _tell_all(tell, self._present.looked(medium for medium in media if medium is not None))


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
        properties=properties,
    )


def _exact(port: str, sys_path: str) -> str:
    hub = root_hub_of(sys_path)
    if hub is None:
        return ""
    try:
        protocol = Path(hub, "bDeviceProtocol").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):  # the hub has gone with its disk
        return ""
    return with_revision(port, protocol) or ""


def _finished(device: pyudev.Device) -> bool:
    """Return whether udev's rules have been through with a disk.

    Until then it lacks its properties and is not set read-only, and its event is still
    to come. A testbed has no udev database, but it has what udev's rules leave.
    """
    return bool(device.is_initialized) or "ID_PATH" in device.properties


def _tell_all(tell: Tell, news: Iterable[HotplugEvent]) -> None:
    for event in news:
        tell(event)
