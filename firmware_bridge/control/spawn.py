"""How the core comes by a control worker: its own child, or systemd's."""

import os
from pathlib import Path

from firmware_bridge import workers
from firmware_bridge.errors import ControlFailedError
from firmware_bridge.workers import Connector, Worker

__all__ = ["Connector", "Worker", "at", "child", "command"]

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


def command() -> list[str]:
    """Return the command that runs the worker with the code that runs here."""
    return workers.command("firmware_bridge.control.worker", "cbor2", "serial")


def child(arguments: list[str] | None = None) -> Worker:
    """Start a worker on a socket pair; raise ControlFailedError if it can't be."""
    credentials = os.environ.get(_CREDENTIALS)
    return workers.start(
        command() if arguments is None else arguments,
        fail=ControlFailedError,
        environment={} if credentials is None else {_CREDENTIALS: credentials},
    )


def at(address: Path) -> Connector:
    """Return a connector to the socket where systemd starts a worker per connection."""
    return workers.at(address, what="control worker", fail=ControlFailedError)
