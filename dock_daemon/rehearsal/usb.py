"""A USB port of the demo: udev's own events where umockdev plays them, else a script's."""

from typing import Final, Protocol

from dock_daemon.bays.hotplug import Hotplug, UdevHotplug
from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.recorders.matching import Seen
from dock_daemon.rehearsal import umockdev
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from dock_daemon.rehearsal.umockdev import Disk, Plugged, UsbDevice

_NAME: Final = "sdz"
_TTY: Final = "ttyACM0"

# An open recorder with the companion, as its gadget shows it: a serial line and a card reader.
RECORDER: Final = UsbDevice(
    vendor_id="1d6b",
    product_id="0104",
    manufacturer="sealdock",
    product="sealdock open recorder",
    interfaces=("020201", "0a0000", "080650"),
)
# The same where it comes back as nothing but a disk, under another id.
STORAGE: Final = UsbDevice(
    vendor_id="0781", product_id="5567", product="Mass Storage", interfaces=("080650",)
)


class Port(Protocol):
    """A port into which a recorder can be put: a plain disk, or one with a serial line."""

    node: str
    line: str

    @property
    def hotplug(self) -> Hotplug:
        """Where the news of this port comes from."""

    def plug(self, size_bytes: int) -> None:
        """Put a disk in that is nothing else; or let the one that is in show its medium."""

    def plug_line(self) -> None:
        """Put a recorder in that can be asked, and shows no medium yet."""

    def come_back(self, size_bytes: int) -> None:
        """Let it leave the port, and come back as a disk of another id."""

    def pull(self) -> None:
        """Take everything out."""


class MockedPort:
    """Real libudev and pyudev over a sysfs and netlink that umockdev plays."""

    node = f"/dev/{_NAME}"
    line = f"/dev/{_TTY}"

    def __init__(self, port: str) -> None:
        self.hotplug = UdevHotplug()
        self._port = port
        self._testbed = umockdev.Testbed()
        self._disk: Disk | None = None
        self._rest: list[Plugged] = []

    def plug(self, size_bytes: int) -> None:
        """Put a disk in, or show a medium, with its udev event."""
        self._disk = self._testbed.add_disk(_NAME, self._port, size_bytes=size_bytes)

    def plug_line(self) -> None:
        """Put a recorder in, with the udev events of the whole device and of its line."""
        self._rest.append(self._testbed.add_usb(self._port, RECORDER))
        self._rest.append(self._testbed.add_tty(_TTY, self._port))

    def come_back(self, size_bytes: int) -> None:
        """Let it leave, and come back as a disk, with all the udev events of that."""
        self.pull()
        self._rest.append(self._testbed.add_usb(self._port, STORAGE))
        self.plug(size_bytes)

    def pull(self) -> None:
        """Take everything out, with its udev events."""
        if self._disk is not None:
            self._testbed.remove_disk(self._disk)
            self._disk = None
        while self._rest:
            self._testbed.remove(self._rest.pop())


class ScriptedPort:
    """The same events without udev, where umockdev is not installed."""

    node = f"/dev/{_NAME}"
    line = f"/dev/{_TTY}"

    def __init__(self, port: str) -> None:
        self.hotplug = ScriptedHotplug()
        self._port = port
        self._sys_path = umockdev.sys_path_at(port, _NAME)
        self._line_path = f"{umockdev.interface_path_at(port, 1)}/tty/{_TTY}"

    def plug(self, size_bytes: int) -> None:
        """Put a disk in, or show a medium."""
        self.hotplug.plug(
            MediumAppeared(
                sys_path=self._sys_path,
                node=self.node,
                port=self._port,
                major=8,
                minor=16,
                size_bytes=size_bytes,
            )
        )

    def plug_line(self) -> None:
        """Put a recorder in."""
        seen = Seen(
            kind="serial",
            vendor_id=RECORDER.vendor_id,
            product_id=RECORDER.product_id,
            manufacturer=RECORDER.manufacturer,
            product=RECORDER.product,
            interfaces=RECORDER.interfaces,
        )
        self.hotplug.plug(
            ChannelAppeared(sys_path=self._line_path, node=self.line, port=self._port, seen=seen)
        )

    def come_back(self, size_bytes: int) -> None:
        """Let it leave, and come back as a disk."""
        self.pull()
        self.plug(size_bytes)

    def pull(self) -> None:
        """Take everything out."""
        self.hotplug.pull(self._sys_path)
        self.hotplug.pull(self._line_path)


def port_at(port: str) -> Port:
    """Return the most real port that this process can have."""
    return MockedPort(port) if umockdev.active() else ScriptedPort(port)
