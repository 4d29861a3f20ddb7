"""How the core comes by a worker: its own child, or systemd's.

Both give a socket to talk over and a way to end the worker; the worker's program
is the same.
"""

import importlib.util
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import firmware_bridge
from firmware_bridge.strict import Fail

log = logging.getLogger(__name__)

_REAP_S: Final = 5.0
_CONNECT_S: Final = 10.0

# -I: neither PYTHON* variables nor the working directory choose what is imported.
# -S: no site-packages, so no .pth file of anybody's runs in a worker. What -I and -S take
# away, the folders of this very program and of the packages that the worker needs, is given
# back by name; so a checkout and an installed dock start the same code in the same way,
# which `-m` with -I could not.
_BOOTSTRAP: Final = (
    "import sys; sys.path.extend(sys.argv[2:]); "
    "import importlib; importlib.import_module(sys.argv[1]).main()"
)


class Worker(Protocol):
    """A worker at the other end of a socket."""

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
            # Only a call that hangs in the kernel outlives SIGKILL. It ends with the
            # device; subprocess reaps it at a later start of a child.
            log.warning("worker %d hangs in the kernel", self.process.pid)


@dataclass(frozen=True, slots=True)
class Remote:
    """A worker that systemd started for our connection, and ends when we hang up."""

    link: socket.socket

    def end(self) -> None:
        """Hang up."""
        self.link.close()


def command(module: str, *packages: str) -> list[str]:
    """Return the command that runs `module.main()` with the code and `packages` of here."""
    (root,) = {str(Path(folder).resolve().parent) for folder in firmware_bridge.__path__}
    folders = dict.fromkeys([root, *map(_folder_of, packages)])
    return [sys.executable, "-I", "-S", "-B", "-c", _BOOTSTRAP, module, *folders]


def start(
    arguments: list[str], *, fail: Fail, environment: Mapping[str, str] | None = None
) -> Worker:
    """Start a worker on a socket pair; raise what `fail` makes of it if it can't be."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        try:
            # Ended and reaped by Child.end(). Its own session: Ctrl-C on a terminal is
            # the core's to handle, not the worker's.
            process = subprocess.Popen(
                arguments,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise fail(f"not started: {error.strerror}") from error
    return Child(ours, process)


def at(address: Path, *, what: str, fail: Fail) -> Connector:
    """Return a connector to the socket where systemd starts a worker per connection."""

    def connect() -> Worker:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(_CONNECT_S)
        try:
            link.connect(os.fspath(address))
        except OSError as error:
            link.close()
            raise fail(f"no {what} at {address}: {error}") from error
        return Remote(link)

    return connect


def _folder_of(package: str) -> str:
    """Return the folder from which `package` is imported here."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(package)
    return str(Path(found.origin).parent.parent)
