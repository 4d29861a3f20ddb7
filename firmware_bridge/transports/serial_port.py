"""A serial port as a pipe for bytes: USB CDC-ACM, a UART, or a pseudo-terminal.

pyserial opens it: raw, locked against a second opener of our own kind, what was buffered for
somebody else thrown away. The waiting is ours: one deadline for each call, on a descriptor
that never blocks.
"""

import contextlib
import os
import select
import termios
import time
from typing import Final

import serial

from firmware_bridge.errors import ChannelLostError, ChannelNotOpenedError, RecorderSilentError
from firmware_bridge.transports.ports import ByteLink

# USB carries bytes as fast as it can, whatever is set here; a UART must agree with its recorder.
_BAUD: Final = 115_200
_MOST: Final = 64 * 1024


def open_serial(node: str) -> ByteLink:
    """Return the opened port; raise ChannelNotOpenedError."""
    try:
        port = serial.Serial(node, _BAUD, timeout=0, write_timeout=0, exclusive=True)
    except (OSError, ValueError) as error:
        raise ChannelNotOpenedError(place=node, reason=_reason(error)) from None
    return _SerialPort(port)


class _SerialPort:
    """An open port; closed by whoever opened it."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._fd: int = port.fileno()

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Send all of `data`; RecorderSilentError when the other end takes no more of it."""
        deadline = time.monotonic() + within_ms / 1000
        while data:
            if not self._ready(select.POLLOUT, deadline):
                raise RecorderSilentError(command="taking what was sent", waited_ms=within_ms)
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChannelLostError(_reason(error)) from None

    def receive(self, *, within_ms: int) -> bytes:
        """Return what there is, as soon as there is any; at most 64 KiB."""
        deadline = time.monotonic() + within_ms / 1000
        while self._ready(select.POLLIN, deadline):
            try:
                data = os.read(self._fd, _MOST)
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChannelLostError(_reason(error)) from None
            if not data:
                raise ChannelLostError("the serial port was hung up")
            return data
        raise RecorderSilentError(command="listening", waited_ms=within_ms)

    def close(self) -> None:
        """Let go of it, without waiting for anybody to take what was sent."""
        if self._port.is_open:
            # Else the kernel may hold the close for half a minute. A port that is gone has none.
            with contextlib.suppress(OSError, termios.error):
                self._port.reset_output_buffer()
            self._port.close()

    def _ready(self, event: int, deadline: float) -> bool:
        """Wait for the port; tell whether it is time to read or write, be it to find it gone."""
        if not self._port.is_open:
            raise ChannelLostError("the serial port is closed")
        poll = select.poll()
        poll.register(self._fd, event)
        left_ms = max(0, round((deadline - time.monotonic()) * 1000))
        return bool(poll.poll(left_ms))


def _reason(error: Exception) -> str:
    """Return what went wrong in the system's words, else in pyserial's."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) else str(error)
