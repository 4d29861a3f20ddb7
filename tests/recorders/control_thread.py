"""The real control worker's loop in a thread, over drivers of the test's own choosing."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from dock_daemon.recorders.session import Workers
from firmware_bridge.capabilities import Driver, HostClock, PasswordSource
from firmware_bridge.control import worker
from firmware_bridge.control.wire import Open
from firmware_bridge.workers import Worker

Make = Callable[[Open, HostClock, PasswordSource], Driver]


@dataclass(frozen=True, slots=True)
class InThread:
    """A worker that is a thread of the test: it ends when the core hangs up."""

    link: socket.socket
    thread: threading.Thread

    def end(self) -> None:
        """Hang up, and wait for it."""
        self.link.close()
        self.thread.join()


def workers(make: Make, clock: HostClock, *, timeout_s: float = 30.0) -> Workers:
    """Return workers whose drivers `make` makes."""

    def open_with(request: Open, *, clock: HostClock, password: PasswordSource) -> Driver:
        return make(request, clock, password)

    def connect() -> Worker:
        ours, theirs = socket.socketpair()

        def serve() -> None:
            with theirs:
                worker.serve(theirs, clock, open_with=open_with)

        thread = threading.Thread(target=serve)
        thread.start()
        return InThread(ours, thread)

    return Workers(usual=connect, scsi=connect, timeout_s=timeout_s)
