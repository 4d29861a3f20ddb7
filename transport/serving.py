"""One HTTP/1.1 server for dock and centre: uvicorn's protocol in a loop of our own."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from transport import listening
from transport.asgi import App
from transport.connection import Connection
from transport.limits import Limits


async def serve(  # noqa: PLR0913  what a server is made of comes in by name
    app: App,
    listen: str,
    *,
    tls: ssl.SSLContext | None = None,
    stop: asyncio.Event | None = None,
    ready: Callable[[str], None] | None = None,
    limits: Limits | None = None,
) -> None:
    """Serve `app` at `listen` ("127.0.0.1:8470", "[::]:0") until `stop` is set, or cancelled.

    `ready` is called with the address once connections are taken; its port is the one that the
    kernel picked where 0 was asked for. When stopping, answers under way get `limits.stop_s`.
    Raises ListenError.
    """
    limits = limits or Limits()
    config, state, gone = _config(app, limits), ServerState(), asyncio.Event()
    link = listening.bound(listen)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config, state, limits, gone),
        sock=link,
        ssl=tls,
        ssl_handshake_timeout=limits.handshake_s if tls else None,
        ssl_shutdown_timeout=limits.linger_s if tls else None,
    )
    try:
        if ready is not None:
            ready(listening.written(link))
        await (stop or asyncio.Event()).wait()
        server.close()
        await _finish(state, gone, limits.stop_s)
    finally:
        server.close()
        for connection in list(state.connections):
            cast("Connection", connection).abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def _config(app: App, limits: Limits) -> Config:
    """Return what uvicorn's protocol wants to know."""
    config = Config(
        cast("Any", app),  # uvicorn's types name each kind of message
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,  # nobody may say who he is but by his certificate
        server_header=False,
        timeout_keep_alive=cast("int", limits.idle_s),  # handed to call_later() as it is
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    config.load()
    return config


async def _finish(state: ServerState, gone: asyncio.Event, within_s: float) -> None:
    """Let answers that are under way come to their end, and idle clients go."""
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(within_s):
            while state.connections:
                gone.clear()
                await gone.wait()
    except TimeoutError:
        return  # whoever calls us hangs up
