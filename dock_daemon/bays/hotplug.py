"""Media and control channels coming and going at USB ports, from udev on the event loop.

Whole disks on USB, and what may be a recorder's control channel: ttys, generic SCSI nodes and
the USB devices themselves. Which of the ports are bays, and which channels a profile knows, is
the daemon's to know. Netlink loses messages under load, so what udev tells is a hint: a full
look at sysfs at the start, after every loss and once a minute makes it true.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Protocol, TypeAlias

import pyudev

from dock_daemon.bays.media import (
    Appeared,
    ChannelAppeared,
    ChannelGone,
    Gone,
    MediumAppeared,
    MediumGone,
)
from dock_daemon.bays.sighting import channel_of, finished, medium_of

log = logging.getLogger(__name__)

# Channels come first: a recorder is asked before its disk is read.
_WATCHED: Final = (
    ("usb", "usb_device"),
    ("tty", None),
    ("scsi_generic", None),
    ("block", "disk"),
)
LOOK_AGAIN_S: Final = 60.0
_BUFFER_BYTES: Final = 8 << 20
# A device that comes and goes without end must not keep the loop from all else.
_MOST_AT_ONCE: Final = 256


HotplugEvent: TypeAlias = Appeared | Gone
Tell: TypeAlias = Callable[[HotplugEvent], None]


class Hotplug(Protocol):
    """Where news of recorders comes from: udev, or a script in rehearsals."""

    name: str

    async def run(self, tell: Tell) -> None:
        """Tell of everything that is there, then of each change, until cancelled."""


class Present:
    """What is known to be there, and what a new sight of it means. Pure."""

    def __init__(self) -> None:
        self._known: dict[str, Appeared] = {}

    def saw(self, thing: Appeared) -> list[HotplugEvent]:
        """Return the news in one sight of a thing; a disk of size 0 is without its medium."""
        if isinstance(thing, MediumAppeared) and thing.size_bytes == 0:
            return self.lost(thing.sys_path)
        known = self._known.get(thing.sys_path)
        if known is not None and _same(known, thing):
            return []
        news: list[HotplugEvent] = [*self.lost(thing.sys_path), thing]
        self._known[thing.sys_path] = thing
        return news

    def lost(self, sys_path: str) -> list[HotplugEvent]:
        """Return the news in the disappearance of whatever was at a place."""
        match self._known.pop(sys_path, None):
            case None:
                return []
            case ChannelAppeared():
                return [ChannelGone(sys_path)]
            case MediumAppeared():
                return [MediumGone(sys_path)]

    def looked(self, things: Iterable[Appeared]) -> list[HotplugEvent]:
        """Return the news in a full look: first what left, then what is new."""
        seen = list(things)
        gone = self._known.keys() - {thing.sys_path for thing in seen}
        news = [event for sys_path in sorted(gone) for event in self.lost(sys_path)]
        return news + [event for thing in seen for event in self.saw(thing)]


def _same(known: Appeared, seen: Appeared) -> bool:
    """Return whether nothing that identifies a thing differs. Other properties may."""
    match known, seen:
        case MediumAppeared(), MediumAppeared():
            return (known.node, known.port, known.major, known.minor) == (
                seen.node,
                seen.port,
                seen.major,
                seen.minor,
            ) and (known.size_bytes, known.sequence) == (seen.size_bytes, seen.sequence)
        case ChannelAppeared(), ChannelAppeared():
            return (known.node, known.port, known.seen) == (seen.node, seen.port, seen.seen)
        case _:
            return False


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
        for subsystem, kind in _WATCHED:
            monitor.filter_by(subsystem, kind)
        try:
            monitor.set_receive_buffer_size(_BUFFER_BYTES)
        except OSError as error:  # beyond net.core.rmem_max it takes CAP_NET_ADMIN
            log.info("udev's buffer stays as it is: %s", error.strerror)
        # First listen, then look: a disk that comes in between is seen twice, which
        # `Present` undoes; the other way round it would not be seen.
        monitor.start()
        loop = asyncio.get_running_loop()
        _tell_all(tell, self._present.looked(at_start(look(context))))
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
                    # News that waits is older than the look: after it, a disk that was pulled
                    # and came back would seem to leave again.
                    self._drain(context, monitor, tell)
        finally:
            loop.remove_reader(monitor.fileno())

    def _drain(self, context: pyudev.Context, monitor: pyudev.Monitor, tell: Tell) -> None:
        """Tell what waits, the oldest first; where messages were lost, what a look shows then."""
        lost = False
        for _ in range(_MOST_AT_ONCE):  # the rest keeps the descriptor readable
            try:
                device = monitor.poll(timeout=0)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            if device is None:
                break
            if device.action == "remove":
                _tell_all(tell, self._present.lost(device.sys_path))
            elif (thing := _sighted(device)) is not None:
                _tell_all(tell, self._present.saw(thing))
        if lost:
            log.warning("udev's messages were lost; looking at all devices")
            self._look(context, tell)

    def _look(self, context: pyudev.Context, tell: Tell) -> None:
        _tell_all(tell, self._present.looked(look(context)))


def look(context: pyudev.Context) -> list[Appeared]:
    """Return everything that is at a USB port now, channels before media."""
    found: list[Appeared] = []
    for subsystem, kind in _WATCHED:
        wanted = {"subsystem": subsystem} | ({"DEVTYPE": kind} if kind else {})
        devices = context.list_devices(**wanted)
        things = [_sighted(device) for device in devices if finished(device)]
        found += [thing for thing in things if thing is not None]
    return found


def at_start(things: Iterable[Appeared]) -> list[Appeared]:
    """Return what was there when the dock began to look, marked as such."""
    return [replace(thing, at_start=True) for thing in things]


def _sighted(device: pyudev.Device) -> Appeared | None:
    return medium_of(device) if device.subsystem == "block" else channel_of(device)


def _tell_all(tell: Tell, news: Iterable[HotplugEvent]) -> None:
    for event in news:
        tell(event)
