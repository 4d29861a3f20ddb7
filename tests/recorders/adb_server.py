"""An adb server on a Unix socket, with one device behind it; it misbehaves on command.

It serves as many connections as were planned, in a thread that ends by itself when the last of
them is over or the listening socket is closed.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Serve = Callable[[socket.socket], None]


def request(link: socket.socket) -> str:
    """Read one request: four hexadecimal digits, and as many bytes."""
    length = int(exactly(link, 4), 16)
    return exactly(link, length).decode("utf-8")


def exactly(link: socket.socket, size: int) -> bytes:
    """Read so many bytes, or raise EOFError."""
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def okay(link: socket.socket) -> None:
    """Say that it will be done."""
    link.sendall(b"OKAY")


def fail(link: socket.socket, reason: str) -> None:
    """Say that it won't, and why."""
    data = reason.encode("utf-8")
    link.sendall(b"FAIL%04x" % len(data) + data)


class Device:
    """A device with a shell that prints what is set, and ports behind which something talks."""

    def __init__(self, serial: str = "ZZX0001") -> None:
        self.serial = serial
        self.printed = b""
        self.ports: dict[int, Serve] = {}
        self.commands: list[str] = []

    def serve(self, link: socket.socket) -> None:
        """Serve one connection as a sound server would."""
        wanted = request(link)
        if wanted != f"host:transport:{self.serial}":
            fail(link, f"device '{wanted.rpartition(':')[2]}' not found")
            return
        okay(link)
        kind, _colon, what = request(link).partition(":")
        if kind == "shell":
            okay(link)
            self.commands.append(what)
            link.sendall(self.printed)
        elif kind == "tcp" and int(what) in self.ports:
            okay(link)
            self.ports[int(what)](link)
        else:
            fail(link, "closed")


@contextmanager
def serving(folder: Path, serve: Serve) -> Iterator[str]:
    """Serve connections one after another; give the server's address."""
    path = folder / "adb"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        # The client hangs up when it has had enough, and the test closes the listener.
        with suppress(OSError, EOFError):
            while True:
                link, _address = listener.accept()
                with link, suppress(OSError, EOFError, ValueError):
                    serve(link)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"localfilesystem:{path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
