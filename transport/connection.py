"""One client's connection: uvicorn's HTTP/1.1 protocol, and what it leaves open.

Who the peer is: uvicorn 0.54 does not say, so the client's certificate is put into the ASGI scope
here, as ASGI's "tls" extension has it. And that no wait is without end: a head, a body, an answer
that nobody takes, each has its time in `Limits`; uvicorn itself ends a connection that idles.

`H11Protocol` is not uvicorn's public interface: its minor version is pinned, and tests hold what
is relied on. docs/adr/0013-http-parts.md.
"""

import asyncio
import ssl
from email.utils import formatdate
from enum import Enum
from typing import Any, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from transport.asgi import App, Message, Receive, Scope, Send
from transport.limits import Limits

_TLS_1_3: Final = 0x0304
_NO_HTTP: Final = b'{"type":"urn:sealdock:problem:no-http","code":"no-http"}'
_NO_HTTP_HEADERS: Final = (
    ("content-type", "application/problem+json"),
    ("content-length", str(len(_NO_HTTP))),
    ("connection", "close"),
)


class _For(Enum):
    """What we wait for; a part of a request is never waited for without end."""

    NOTHING = 0
    HEAD = 1
    BODY = 2
    REST = 3
    """What is left of a body after the answer: thrown away."""


class Connection(H11Protocol):
    """Answers one client's requests, one after another."""

    def __init__(
        self, config: Config, state: ServerState, limits: Limits, gone: asyncio.Event
    ) -> None:
        super().__init__(config, state, app_state={}, _loop=asyncio.get_running_loop())
        self._limits = limits
        self._gone = gone
        self._waits_for = _For.NOTHING
        self._since = 0.0
        self._got = 0
        self._patience: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        # uvicorn's type leaves out that there is none before the first request.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def connection_made(  # type: ignore[override]  # as in uvicorn: streams have this transport
        self, transport: asyncio.Transport
    ) -> None:
        """Take a new client; one too many costs an idle one its connection, or gets none."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(self._limits.buffer_bytes)
        until = self.loop.time() + self._limits.age_s
        app = cast("App", self.app)
        self.app = cast("Any", _dressed(app, _tls_of(transport), self._limits, until))
        if len(self.connections) > self._limits.connections:
            others = [cast("Connection", one) for one in self.connections if one is not self]
            next((one for one in others if not one.busy), self).abort()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a client that has gone."""
        for timer in (self._patience, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        self._got += len(data)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on with the next request, if there is one."""
        super().on_response_complete()
        self._look()
        if self.transport.get_write_buffer_size():
            self._watch_writing()

    def pause_writing(self) -> None:
        """Wait for a client that takes less than we have for it, but not for ever."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._stall is not None:
            self._stall.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words, for its own log
        """Answer what is no HTTP, and hang up."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.abort()  # an answer is half said: no other can follow it
            return
        if self.busy:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        head = h11.Response(
            status_code=400,
            headers=[*_NO_HTTP_HEADERS, ("date", formatdate(usegmt=True))],
            reason=b"Bad Request",
        )
        for event in (head, h11.Data(data=_NO_HTTP), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._watch_writing()

    def abort(self) -> None:
        """Hang up at once."""
        self.transport.abort()

    def _look(self) -> None:
        """See what we wait for, and begin to count where that is something new."""
        waits_for = self._expected()
        if waits_for is self._waits_for:
            return
        self._waits_for, self._since, self._got = waits_for, self.loop.time(), 0
        if self._patience is not None:
            self._patience.cancel()
        if waits_for is not _For.NOTHING:
            self._patience = self.loop.call_at(self._due(), self._run_out)

    def _expected(self) -> _For:
        if self.conn.their_state is h11.SEND_BODY:
            return _For.BODY if self.busy else _For.REST
        # Between two requests uvicorn counts, until the first byte of the next.
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            return _For.HEAD
        return _For.NOTHING

    def _due(self) -> float:
        limits = self._limits
        match self._waits_for:
            case _For.BODY:
                return self._since + limits.body_s + self._got / limits.body_rate
            case _For.REST:
                return self._since + limits.linger_s
            case _:
                return self._since + limits.head_s

    def _run_out(self) -> None:
        if self._waits_for is _For.BODY and self.flow.read_paused:
            self._since = self.loop.time()  # it is we who are slow
        if self._due() > self.loop.time():
            self._patience = self.loop.call_at(self._due(), self._run_out)
        else:
            self.abort()

    def _watch_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
        self._stall = self.loop.call_later(self._limits.write_s, self._stalled)

    def _stalled(self) -> None:
        if not self.transport.get_write_buffer_size():
            return
        if self.busy and not self.flow.write_paused:
            self._watch_writing()  # what lies there is of a newer answer
        else:
            self.abort()


def _dressed(app: App, tls: dict[str, Any] | None, limits: Limits, until: float) -> App:
    """Return `app` with the peer in its scope and the date on its answers.

    From `until` on (the loop's time) an answer ends the connection.
    """

    async def dressed(scope: Scope, receive: Receive, send: Send) -> None:
        if tls is not None:
            scope["extensions"] = {**scope.get("extensions", {}), "tls": tls}

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(b"date", formatdate(usegmt=True).encode())]
                if asyncio.get_running_loop().time() >= until:
                    more.append((b"connection", b"close"))
                message = {**message, "headers": [*more, *message.get("headers", [])]}
            await send(message)

        # h11 bounds a head that is still to end, not one that came all at once.
        long = _head_bytes(scope) > limits.head_bytes
        await (_too_long if long else app)(scope, receive, dated)

    return dressed


def _head_bytes(scope: Scope) -> int:
    fields = sum(len(name) + len(text) for name, text in scope["headers"])
    return len(scope["raw_path"]) + len(scope["query_string"]) + fields


async def _too_long(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(name.encode(), text.encode()) for name, text in _NO_HTTP_HEADERS]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": _NO_HTTP})


def _tls_of(transport: asyncio.Transport) -> dict[str, Any] | None:
    """Return ASGI's "tls" extension; None where the connection is plain."""
    link: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if link is None:
        return None
    peer = link.getpeercert(binary_form=True)
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(peer)] if peer else [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": _TLS_1_3 if link.version() == "TLSv1.3" else None,
        "cipher_suite": None,
    }
