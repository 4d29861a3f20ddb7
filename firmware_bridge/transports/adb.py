"""Devices behind an adb server, which owns the USB side and its keys.

The server's own protocol: each request is its length in four hexadecimal digits and its text;
the answer is OKAY, or FAIL and a reason in the same form. After `host:transport:` the
connection is the device's, and the next request names the service on it. Times are in
milliseconds; every wait is bounded, and so is all that is read.
"""

import ipaddress
import re
import socket
import time
from typing import Final

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderError,
    RecorderSilentError,
)

_MAX_OUTPUT: Final = 64 * 1024
_MAX_SERVICE: Final = 4096
_MAX_REASON: Final = 512
_MAX_SERIAL: Final = 128
_MAX_PORT: Final = 65535
_LENGTH_DIGITS: Final = 4
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]{4}")
_UNIX: Final = "localfilesystem:"
_TCP: Final = "tcp:"


class AdbServer:
    """An adb server at `tcp:127.0.0.1:5037` or `localfilesystem:/run/…`; nowhere else.

    A password goes through it in clear: so it is on this machine. Raises
    ChannelNotOpenedError for any other address.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._place = _parse(address)

    def device(self, serial: str) -> "AdbDevice":
        """Return the device with this serial; nothing is asked yet."""
        if not 0 < len(serial) <= _MAX_SERIAL or not serial.isascii() or not serial.isprintable():
            raise ChannelNotOpenedError(place=self._address, reason="no such serial can be")
        return AdbDevice(self, serial)

    def connection(self, deadline: "_Deadline") -> socket.socket:
        """Return a new connection to the server; ChannelNotOpenedError if there is none."""
        family = socket.AF_UNIX if isinstance(self._place, str) else socket.AF_INET
        if not isinstance(self._place, str) and ":" in self._place[0]:
            family = socket.AF_INET6
        link = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            link.settimeout(deadline.left_s("connect"))
            link.connect(self._place)
        except TimeoutError:
            link.close()
            raise deadline.over("connect") from None
        except OSError as error:
            link.close()
            raise ChannelNotOpenedError(
                place=self._address, reason=error.strerror or "no answer"
            ) from None
        except RecorderError:
            link.close()
            raise
        return link


class AdbDevice:
    """One device. Each shell command and each pipe is a connection of its own."""

    def __init__(self, server: AdbServer, serial: str) -> None:
        self._server = server
        self._serial = serial

    def shell(self, command: str, *, within_ms: int) -> bytes:
        """Run a command on the device; return what it printed, at most 64 KiB."""
        deadline = _Deadline(within_ms)
        link = self._service(f"shell:{command}", deadline)
        try:
            return _all(link, deadline)
        finally:
            link.close()

    def connect(self, port: int, *, within_ms: int) -> "SocketPipe":
        """Return a pipe to a TCP port of the device; ChannelNotOpenedError if none listens."""
        if not 0 < port <= _MAX_PORT:
            raise ChannelNotOpenedError(place=f"tcp:{port}", reason="no such port can be")
        return SocketPipe(self._service(f"tcp:{port}", _Deadline(within_ms)))

    def close(self) -> None:
        """Let go of it: there is nothing to let go of, pipes are their owners'."""

    def _service(self, service: str, deadline: "_Deadline") -> socket.socket:
        link = self._server.connection(deadline)
        try:
            _request(link, f"host:transport:{self._serial}", deadline)
            _request(link, service, deadline)
        except BaseException:
            link.close()
            raise
        return link


class SocketPipe:
    """A pipe for bytes over a connected socket, which it owns."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Send all of `data`."""
        _send(self._link, data, _Deadline(within_ms), "send")

    def receive(self, *, within_ms: int) -> bytes:
        """Return at least one byte, at most 64 KiB."""
        data = _receive(self._link, _MAX_OUTPUT, _Deadline(within_ms), "receive")
        if not data:
            raise ChannelLostError("the other end hung up")
        return data

    def close(self) -> None:
        """Let go of it."""
        self._link.close()


class _Deadline:
    """A moment by which a whole exchange is over."""

    def __init__(self, within_ms: int) -> None:
        self._within_ms = within_ms
        self._until = time.monotonic() + within_ms / 1000

    def left_s(self, command: str) -> float:
        """Return what is left; RecorderSilentError when nothing is."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.over(command)
        return left

    def over(self, command: str) -> RecorderSilentError:
        """Return the error that says it is over."""
        return RecorderSilentError(command=f"adb {command}", waited_ms=self._within_ms)


def _parse(address: str) -> str | tuple[str, int]:
    if address.startswith(_UNIX + "/"):
        return address.removeprefix(_UNIX)
    host, _colon, port = address.removeprefix(_TCP).rpartition(":")
    try:
        place = ipaddress.ip_address(host.strip("[]"))
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        place, number = None, 0
    if not address.startswith(_TCP) or place is None or not 0 < number <= _MAX_PORT:
        raise ChannelNotOpenedError(
            place=address, reason="neither tcp:ADDRESS:PORT nor localfilesystem:/PATH"
        )
    if not place.is_loopback:
        raise ChannelNotOpenedError(place=address, reason="it is not on this machine")
    return str(place), number


def _request(link: socket.socket, text: str, deadline: _Deadline) -> None:
    """Ask for a service; ChannelNotOpenedError with the server's reason if it says FAIL."""
    data = text.encode("utf-8", "replace")
    if len(data) > _MAX_SERVICE:
        raise ChannelNotOpenedError(place="adb", reason="the service's name is too long")
    what = text.partition(":")[0]
    _send(link, b"%04x" % len(data) + data, deadline, what)
    answer = _exactly(link, 4, deadline, what)
    if answer == b"FAIL":
        raise ChannelNotOpenedError(
            place=f"adb {text[:_MAX_SERIAL]}", reason=_reason(link, deadline)
        )
    if answer != b"OKAY":
        raise BadAnswerError(command=f"adb {what}", reason="neither OKAY nor FAIL")


def _reason(link: socket.socket, deadline: _Deadline) -> str:
    digits = _exactly(link, _LENGTH_DIGITS, deadline, "FAIL")
    if not _HEXADECIMAL.fullmatch(digits):
        raise BadAnswerError(command="adb FAIL", reason="its length is no number")
    length = int(digits, 16)
    text = _exactly(link, min(length, _MAX_REASON), deadline, "FAIL").decode("utf-8", "replace")
    return "".join(point if point.isprintable() else " " for point in text)


def _exactly(link: socket.socket, size: int, deadline: _Deadline, what: str) -> bytes:
    data = b""
    while len(data) < size:
        piece = _receive(link, size - len(data), deadline, what)
        if not piece:
            raise ChannelLostError("the adb server hung up")
        data += piece
    return data


def _all(link: socket.socket, deadline: _Deadline) -> bytes:
    data = b""
    while piece := _receive(link, _MAX_OUTPUT, deadline, "shell"):
        data += piece
        if len(data) > _MAX_OUTPUT:
            raise BadAnswerError(command="adb shell", reason=f"more than {_MAX_OUTPUT} bytes")
    return data


def _send(link: socket.socket, data: bytes, deadline: _Deadline, what: str) -> None:
    try:
        link.settimeout(deadline.left_s(what))
        link.sendall(data)  # its time limit is one for all of it
    except TimeoutError:
        raise deadline.over(what) from None
    except OSError as error:
        raise ChannelLostError(error.strerror or "the adb server hung up") from None


def _receive(link: socket.socket, size: int, deadline: _Deadline, what: str) -> bytes:
    try:
        link.settimeout(deadline.left_s(what))
        return link.recv(size)
    except TimeoutError:
        raise deadline.over(what) from None
    except OSError as error:
        raise ChannelLostError(error.strerror or "the adb server hung up") from None
