"""How long and how much: what a server of this house takes from a client before it hangs up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one server. Times are seconds; a client that keeps to them is served for ever."""

    handshake_s: float = 10.0
    """From the connection to the end of the TLS handshake."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its head."""
    idle_s: float = 75.0
    """From an answer to the next request on the same connection."""
    age_s: float = 3600.0
    """How long a connection is kept at all: a client that was revoked since comes back to that."""
    body_s: float = 15.0
    """What a body may take, however short it is."""
    body_rate: float = 1024.0
    """Bytes a second that a body must come at beyond that."""
    write_s: float = 60.0
    """How long a client may take nothing of what we have for it."""
    linger_s: float = 2.0
    """How long the rest of a body is thrown away that nobody wanted."""
    stop_s: float = 10.0
    """What answers that are under way get when the server stops."""
    buffer_bytes: int = 64 << 10
    """What we hold for a client that has not taken it yet, beyond the chunk being sent."""
    head_bytes: int = 16 << 10
    """The head of a request, its line and all its fields."""
    connections: int = 1000
    """So many at once; one more, and an idle one has to go, or it itself."""
