"""What drivers need of a transport. Each has a real end, and a fake that misbehaves on command.

Times are in milliseconds. Every method blocks no longer than it was given, and raises
ChannelLostError when the way is gone and RecorderSilentError when nothing came in time.
"""

from typing import Protocol


class ByteLink(Protocol):
    """A pipe for bytes: a serial port, or a socket behind adb."""

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Send all of `data`."""

    def receive(self, *, within_ms: int) -> bytes:
        """Return at least one byte, as soon as there is any; at most 64 KiB."""

    def close(self) -> None:
        """Let go of it."""


class ScsiLink(Protocol):
    """A SCSI device that takes commands as they are (SG_IO)."""

    def read(self, cdb: bytes, length: int, *, within_ms: int) -> bytes:
        """Send a command; return what the device gave, at most `length` bytes.

        Raises RefusedError with the SCSI status when it is not GOOD.
        """

    def write(self, cdb: bytes, data: bytes, *, within_ms: int) -> None:
        """Send a command with `data`; raises as `read`."""

    def close(self) -> None:
        """Let go of it."""


class UsbLink(Protocol):
    """A USB device that takes control transfers (USB 2.0, section 9.3)."""

    def control_in(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        length: int,
        *,
        within_ms: int,
    ) -> bytes:
        """Return what the device gave, at most `length` bytes; RefusedError when it stalls."""

    def control_out(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: bytes,
        *,
        within_ms: int,
    ) -> None:
        """Send `data`; RefusedError when it stalls."""

    def close(self) -> None:
        """Let go of it."""


class AdbLink(Protocol):
    """A device behind an adb server."""

    def shell(self, command: str, *, within_ms: int) -> bytes:
        """Run a command on the device; return what it printed, at most 64 KiB."""

    def connect(self, port: int, *, within_ms: int) -> ByteLink:
        """Return a pipe to a TCP port of the device."""

    def close(self) -> None:
        """Let go of it."""
