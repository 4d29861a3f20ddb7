"""How the core comes by a reader worker: its own child, or systemd's.

Both give a socket to talk over and a way to end the worker; the worker's program
is the same.
"""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import firmware_bridge
from firmware_bridge.errors import ReaderFailedError

log = logging.getLogger(__name__)

_REAP_S: Final = 5.0
_CONNECT_S: Final = 10.0

# -I: neither PYTHON* variables nor the working directory choose what is imported.
# -S: no site-packages, so no .pth file of anybody's runs in the reader, which needs
# the standard library alone. What -I and -S take away, the folder that this very
# program was loaded from, is given back by name; so a checkout and an installed
# dock start the same code in the same way, which `-m` with -I could not.
_BOOTSTRAP: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from firmware_bridge.volume.worker import main; main()"
)


class Worker(Protocol):
    """A reader worker at the other end of a socket."""

    @property
    def link(self) -> socket.socket:
        """The socket to it."""

    def end(self) -> None:
        """Hang up and, where it is ours, end and reap it. May be called twice."""


Connector: TypeAlias = Callable[[], Worker]


@dataclass(frozen=True, slots=True)
class Child:
    """A worker that is a child process of this one."""

    link: socket.socket
    process: subprocess.Popen[bytes]

    def end(self) -> None:
        """Hang up, kill it and wait until it is gone."""
        self.link.close()
        self.process.kill()
        try:
            self.process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            # Only a read that hangs in the kernel outlives SIGKILL. It ends with the
            # device; subprocess reaps it at a later start of a child.
            log.warning("reader %d hangs in the kernel", self.process.pid)


@dataclass(frozen=True, slots=True)
class Remote:
    """A worker that systemd started for our connection, and ends when we hang up."""

    link: socket.socket

    def end(self) -> None:
        """Hang up."""
        self.link.close()


def command() -> list[str]:
    """Return the command that runs the worker with the code that runs here."""
    (root,) = {str(Path(folder).resolve().parent) for folder in firmware_bridge.__path__}
    return [sys.executable, "-I", "-S", "-B", "-c", _BOOTSTRAP, root]


def child(arguments: list[str] | None = None) -> Worker:
    """Start a worker on a socket pair; raise ReaderFailedError if it can't be."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        try:
            # Ended and reaped by Child.end(). Its own session: Ctrl-C on a terminal is
            # the core's to handle, not the worker's.
            process = subprocess.Popen(
                command() if arguments is None else arguments,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ReaderFailedError(f"not started: {error.strerror}") from error
    return Child(ours, process)


def at(address: Path) -> Connector:
    """Return a connector to the socket where systemd starts a worker per connection."""

    def connect() -> Worker:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(_CONNECT_S)
        try:
            link.connect(os.fspath(address))
        except OSError as error:
            link.close()
            raise ReaderFailedError(f"no reader at {address}: {error}") from error
        return Remote(link)

    return connect
