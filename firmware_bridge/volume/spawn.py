"""How the core comes by a reader worker: its own child, or systemd's."""

from pathlib import Path

from firmware_bridge import workers
from firmware_bridge.errors import ReaderFailedError
from firmware_bridge.workers import Child, Connector, Remote, Worker

__all__ = ["Child", "Connector", "Remote", "Worker", "at", "child", "command"]


def command() -> list[str]:
    """Return the command that runs the worker with the code that runs here."""
    return workers.command("firmware_bridge.volume.worker")


def child(arguments: list[str] | None = None) -> Worker:
    """Start a worker on a socket pair; raise ReaderFailedError if it can't be."""
    return workers.start(command() if arguments is None else arguments, fail=ReaderFailedError)


def at(address: Path) -> Connector:
    """Return a connector to the socket where systemd starts a worker per connection."""
    return workers.at(address, what="reader", fail=ReaderFailedError)
