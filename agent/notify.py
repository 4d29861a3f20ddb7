"""What the companion tells the service manager: sd_notify's protocol, one datagram each."""

import os
import socket


def is_heard() -> bool:
    """Tell whether a service manager listens."""
    return os.environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def tell(line: str) -> None:
    """Say one line, such as READY=1; where no manager listens, say nothing."""
    if not is_heard():
        return
    address = os.environ["NOTIFY_SOCKET"]
    place = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
            link.connect(place)
            link.send(line.encode())
    except OSError:
        return  # news for the manager is never worth the journal; an unfed watchdog says it too
