"""What the daemon tells the service manager: sd_notify's protocol, one datagram each."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells systemd how the daemon is; says nothing where no systemd listens.

    `address` is NOTIFY_SOCKET's: a path, or a name in the abstract namespace, written
    with "@" for its leading NUL.
    """

    address: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the notifier for what systemd left in `environment`."""
        return cls(environment.get("NOTIFY_SOCKET", ""))

    def ready(self) -> None:
        """Say that start-up and recovery are over."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Feed the watchdog. Call it only when every part has lately said it is alive."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line what the daemon is doing."""
        self._tell("STATUS=" + " ".join(text.split()))

    def stopping(self) -> None:
        """Say that the daemon is ending in good order."""
        self._tell("STOPPING=1")

    def _tell(self, line: str) -> None:
        if not self.address.startswith(("/", "@")):
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
                link.connect(address)
                link.send(line.encode("utf-8", "replace"))
        except OSError:
            return  # news for the manager is never worth the dock: a watchdog unfed says it too
