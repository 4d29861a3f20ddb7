"""Where a server listens: an address and a port, written out; names are never looked up."""

import errno
import ipaddress
import re
import socket
from typing import Final, NamedTuple

from transport.errors import ListenError

_LISTEN: Final = re.compile(
    r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[^:\[\]]+)):(?P<port>[0-9]{1,5})", re.ASCII
)
_MOST_PORT: Final = 65_535
_WAITING: Final = 512  # connections that the kernel holds for us
_PROBLEMS: Final = {errno.EADDRINUSE: "taken", errno.EACCES: "refused", errno.EPERM: "refused"}


class Place(NamedTuple):
    """An address and a port; port 0 lets the kernel pick."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int


def parse(listen: str) -> Place:
    """Return the place that "127.0.0.1:8470" or "[::1]:0" names; raise ListenError."""
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > _MOST_PORT:
        raise ListenError(listen, "address", "it is no address and port")
    try:
        if found["six"]:
            return Place(ipaddress.IPv6Address(found["six"]), int(found["port"]))
        return Place(ipaddress.IPv4Address(found["four"]), int(found["port"]))
    except ValueError as error:
        raise ListenError(listen, "address", str(error)) from error


def is_loopback(listen: str) -> bool:
    """Tell whether only this machine reaches `listen`; raise ListenError if it is no place."""
    return parse(listen).address.is_loopback


def bound(listen: str) -> socket.socket:
    """Return a socket that takes connections at `listen`; raise ListenError."""
    address, port = parse(listen)
    six = isinstance(address, ipaddress.IPv6Address)
    family = socket.AF_INET6 if six else socket.AF_INET
    # asyncio sends small pieces at once (TCP_NODELAY) only where the protocol is named.
    link = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        link.bind((str(address), port))
        link.listen(_WAITING)
    except OSError as error:
        link.close()
        problem = _PROBLEMS.get(error.errno or 0, "failed")
        raise ListenError(listen, problem, error.strerror or str(error)) from error
    return link


def written(link: socket.socket) -> str:
    """Return where a socket listens, as `parse` reads it."""
    address, port, *_ = link.getsockname()
    return f"[{address}]:{port}" if link.family == socket.AF_INET6 else f"{address}:{port}"
