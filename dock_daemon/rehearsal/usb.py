"""A USB port of the demo: udev's own events where umockdev plays them, else a script's."""

from typing import Final, Protocol

from dock_daemon.bays.hotplug import Hotplug, UdevHotplug
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.rehearsal import umockdev
from dock_daemon.rehearsal.scripted import ScriptedHotplug

_NAME: Final = "sdz"


class Port(Protocol):
    """A port into which one disk can be put."""

    hotplug: Hotplug
    node: str

    def plug(self, size_bytes: int) -> None:
        """Put the disk in."""

    def pull(self) -> None:
        """Take the disk out."""


class MockedPort:
    """Real libudev and pyudev over a sysfs and netlink that umockdev plays."""

    node = f"/dev/{_NAME}"

    def __init__(self, port: str) -> None:
        self.hotplug: Hotplug = UdevHotplug()
        self._port = port
        self._testbed = umockdev.Testbed()
        self._disk: umockdev.Disk | None = None

    def plug(self, size_bytes: int) -> None:
        """Put the disk in, with its udev event."""
        self._disk = self._testbed.add_disk(_NAME, self._port, size_bytes=size_bytes)

    def pull(self) -> None:
        """Take the disk out, with its udev event."""
        if self._disk is not None:
            self._testbed.remove_disk(self._disk)
            self._disk = None


class ScriptedPort:
    """The same events without udev, where umockdev is not installed."""

    node = f"/dev/{_NAME}"

    def __init__(self, port: str) -> None:
        self._script = ScriptedHotplug()
        self.hotplug: Hotplug = self._script
        self._port = port
        self._sys_path = umockdev.sys_path_at(port, _NAME)

    def plug(self, size_bytes: int) -> None:
        """Put the disk in."""
        self._script.plug(
            MediumAppeared(
                sys_path=self._sys_path,
                node=self.node,
                port=self._port,
                major=8,
                minor=16,
                size_bytes=size_bytes,
            )
        )

    def pull(self) -> None:
        """Take the disk out."""
        self._script.pull(self._sys_path)


def port_at(port: str) -> Port:
    """Return the most real port that this process can have."""
    return MockedPort(port) if umockdev.active() else ScriptedPort(port)
