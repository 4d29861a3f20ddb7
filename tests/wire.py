"""HTTP as bytes: a server on loopback, and a client that may say anything."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from transport.asgi import App
from transport.limits import Limits
from transport.serving import serve

WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a problem document; it is one, or this fails."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json["code"])

    @property
    def json(self) -> Any:  # what it holds, the test knows
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to one address."""

    address: str
    tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection."""
        host, _, port = self.address.rpartition(":")
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await asyncio.open_connection(
                host, int(port), ssl=self.tls, server_hostname="127.0.0.1" if self.tls else None
            )
            try:
                yield reader, writer
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def raw(self, data: bytes) -> bytes:
        """Send bytes, and return all that comes until the server hangs up."""
        async with self.connected() as (reader, writer):
            writer.write(data)
            return await reader.read()

    async def ask(self, method: str, target: str, **fields: str) -> Reply:
        """Send one request; `fields` have "_" for "-" in their names."""
        async with self.connected() as (reader, writer):
            writer.write(request(method, target, **fields))
            return await read_reply(reader, method)

    async def get(self, target: str, **fields: str) -> Reply:
        """Send a GET."""
        return await self.ask("GET", target, **fields)


def request(method: str, target: str, **fields: str) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "host: dock.example"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def read_reply(reader: asyncio.StreamReader, method: str = "GET") -> Reply:
    """Read one answer off a connection that stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): text.strip() for name, _, text in map(_split, head[1:-2])}
    status = int(head[0].split(" ")[1])
    if method == "HEAD" or status == 304:
        return Reply(status, headers, b"")
    if "content-length" in headers:
        return Reply(status, headers, await reader.readexactly(int(headers["content-length"])))
    return Reply(status, headers, await _chunks(reader))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    whole = b""
    while size := int(await reader.readline(), 16):
        whole += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return whole


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


@asynccontextmanager
async def serving(
    app: App, *, tls: ssl.SSLContext | None = None, limits: Limits | None = None
) -> AsyncIterator[str]:
    """Serve while the block runs; yield the address."""
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(app, "127.0.0.1:0", tls=tls, stop=stop, ready=address.set_result, limits=limits)
    )
    try:
        yield await address
    finally:
        stop.set()
        await task
