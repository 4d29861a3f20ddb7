"""Control workers behind a socket, as systemd starts them: some that fail, and those after."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_bridge.capabilities import Battery, Driver, HostClock, JournalPiece, PasswordSource
from firmware_bridge.control import worker
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.control.wire import Open
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import ChannelNotOpenedError
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.transports.serial_port import open_serial


class DyingAtBattery(OpenDriver):
    """Its worker ends rather than answer how full the battery is."""

    def battery(self) -> Battery:
        """Hang up."""
        raise worker.HungUpError


class StumblingAtJournal(OpenDriver):
    """It has a bug in what reads the journal."""

    def journal(self, first: int) -> JournalPiece:
        """Break."""
        raise ValueError(first)


class DyingAtSwitch(OpenDriver):
    """Its worker ends rather than let the storage be shown."""

    def switch_to_storage(self) -> None:
        """Hang up."""
        raise worker.HungUpError


class HeldByAnother(OpenDriver):
    """Its channel is still held by the worker before it."""

    def __init__(self, link: ByteLink, clock: HostClock) -> None:
        super().__init__(link, clock)
        link.close()
        raise ChannelNotOpenedError(place="the line", reason="held by another")


@contextmanager
def workers_at(path: Path, *drivers: type[OpenDriver]) -> Iterator[list[str]]:
    """Serve a worker per connection, the first with the first of `drivers`; the last one stays.

    Yields the names of the drivers that were opened so far.
    """
    opened: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, drivers, opened))
        thread.start()
        try:
            yield opened
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(
    listener: socket.socket, drivers: tuple[type[OpenDriver], ...], opened: list[str]
) -> None:
    left = list(drivers)

    def open_with(request: Open, *, clock: HostClock, password: PasswordSource) -> Driver:
        assert password is not None
        kind = left.pop(0) if len(left) > 1 else left[0]
        opened.append(kind.__name__)
        return kind(open_serial(request.channel.node), clock)

    while True:
        try:
            link, _ = listener.accept()
        except OSError:  # shut down: nobody asks any more
            return
        with link:
            worker.serve(link, RealClock(), open_with=open_with)
