"""A link to another machine: what it bounds, and what it calls the things that go wrong."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from transport.client import Link
from transport.errors import (
    BadAnswerError,
    LinkError,
    TimedOutError,
    TlsRefusedError,
    TooLargeError,
    UnreachableError,
)

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENCE_S = 30.0


@asynccontextmanager
async def serving(behave: Behave) -> AsyncIterator[str]:
    """Serve on a loopback port, each connection by `behave`; yield the address."""
    tasks: set[asyncio.Task[None]] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(reader, writer)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/prefix/"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(data: bytes, *, asked: list[bytes] | None = None, keep: bool = False) -> Behave:
    """Return what answers each request, once its head was read, with `data`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if asked is not None:
                asked.append(head)
            writer.write(data)
            await writer.drain()
            if not keep:
                return

    return behave


def reply(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return the bytes of an answer."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


async def test_an_answer_comes_whole_whatever_its_status() -> None:
    """Status, headers in lower case, the bare media type and the body are handed over."""
    data = reply(b"300\n", b"Content-Type: Text/X.Tlog.Size; charset=utf-8", status=b"409 No")
    async with serving(answering(data)) as url, Link(url, None, PATIENCE_S) as link:
        answer = await link.get("checkpoint")
    assert (answer.status, answer.body) == (409, b"300\n")
    assert answer.content_type == "text/x.tlog.size"
    assert answer.headers["content-length"] == "4"


async def test_paths_are_joined_by_one_slash() -> None:
    """A prefix keeps its path, with or without slashes at the joint."""
    asked: list[bytes] = []
    async with (
        serving(answering(reply(b""), asked=asked)) as url,
        Link(url, None, PATIENCE_S) as link,
    ):
        await link.get("a/b")
        await link.get("/a/b")
    assert [head.split(b"\r\n")[0] for head in asked] == [b"GET /prefix/a/b HTTP/1.1"] * 2


async def test_connections_are_kept() -> None:
    """Two requests in a row go over one connection."""
    connections = 0
    behave = answering(reply(b"x"), keep=True)

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await behave(reader, writer)

    async with serving(counted) as url, Link(url, None, PATIENCE_S) as link:
        for _ in range(3):
            assert (await link.get("a")).body == b"x"
    assert connections == 1


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    """Nobody but the settings says where to go."""
    asked: list[bytes] = []
    moved = reply(b"", b"Location: http://127.0.0.1:1/", status=b"301 Moved")
    async with serving(answering(moved, asked=asked)) as url, Link(url, None, PATIENCE_S) as link:
        assert (await link.get("a")).status == 301
    assert len(asked) == 1


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is passed by, and no name or password is sent."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    asked: list[bytes] = []
    async with (
        serving(answering(reply(b"x"), asked=asked)) as url,
        Link(url, None, PATIENCE_S) as link,
    ):
        assert (await link.get("a")).body == b"x"
    assert b"authorization" not in asked[0].lower()


async def test_a_streamed_body_arrives_as_it_was_sent() -> None:
    """A body that comes in pieces is sent in pieces, without its length being known."""
    arrived: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head.lower()
        while size := int(await reader.readline(), 16):
            arrived.append(await reader.readexactly(size))
            await reader.readline()
        writer.write(reply(b"ok"))
        await writer.drain()

    async def body() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d" % number * 1000

    async with serving(behave) as url, Link(url, None, PATIENCE_S) as link:
        answer = await link.post("up", body(), headers={"content-type": "x/y"})
    assert answer.body == b"ok"
    assert b"".join(arrived) == b"".join([b"%d" % number * 1000 for number in range(5)])


async def test_what_a_streamed_body_raises_comes_through() -> None:
    """Trouble on our own side is not taken for trouble on the line."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("our own")

    async with serving(answering(reply(b""))) as url, Link(url, None, PATIENCE_S) as link:
        with pytest.raises(LookupError, match="our own"):
            await link.post("up", body(), headers={})


async def test_an_early_answer_is_taken() -> None:
    """A server that answers before it has read the body is heard."""
    size = 16 << 20

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"12\n", status=b"409 Conflict"))
        await writer.drain()
        while await reader.read(1 << 16):
            continue

    async with serving(behave) as url, Link(url, None, PATIENCE_S) as link:
        answer = await link.post("up", bytes(size), headers={})
    assert (answer.status, answer.body) == (409, b"12\n")


@pytest.mark.parametrize("stated", [True, False])
async def test_an_answer_that_is_too_long_is_cut_off(*, stated: bool) -> None:
    """Neither a stated nor an endless length fills our memory."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()

    behave = answering(reply(bytes(1001))) if stated else endless
    async with serving(behave) as url, Link(url, None, PATIENCE_S) as link:
        with pytest.raises(TooLargeError) as caught:
            await link.get("a", at_most=1000)
    assert caught.value.at_most == 1000


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", reply(bytes(100))[:-50]])
async def test_time_is_up_wherever_the_answer_stops(head: bytes) -> None:
    """Silence before, within and after the headers ends at one deadline."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(behave) as url, Link(url, None, 0.05) as link:
        with pytest.raises(TimedOutError) as caught:
            await link.get("a")
    assert caught.value.after_s == 0.05


async def test_drops_do_not_put_the_deadline_off() -> None:
    """A byte now and then keeps nobody waiting: the whole answer has one deadline."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-A: ")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(behave) as url, Link(url, None, 0.05) as link:
        with pytest.raises((TimedOutError, BadAnswerError)):
            await link.get("a")


async def test_nobody_there() -> None:
    """A refused connection and a broken one are out of reach, with the host named."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with Link(f"http://127.0.0.1:{port}", None, PATIENCE_S) as link:
            with pytest.raises(UnreachableError) as caught:
                await link.get("a")
    assert caught.value.host == f"127.0.0.1:{port}"
    assert caught.value.reason


async def test_a_torn_connection() -> None:
    """A reset in the middle is out of reach, and no crash."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        link = writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(behave) as url, Link(url, None, PATIENCE_S) as link:
        with pytest.raises(UnreachableError):
            await link.get("a")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff what is this\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        reply(b"x", b"Content-Encoding: gzip"),
    ],
)
async def test_what_is_no_answer_is_called_so(data: bytes) -> None:
    """What is no HTTP, or packed though nobody asked for it, is a bad answer."""
    async with serving(answering(data)) as url, Link(url, None, PATIENCE_S) as link:
        with pytest.raises(BadAnswerError):
            await link.get("a")


async def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    """Fewer bytes than were stated do not pass for a body."""
    behave = answering(reply(bytes(100))[:-1])
    async with serving(behave) as url, Link(url, None, PATIENCE_S) as link:
        with pytest.raises(UnreachableError):
            await link.get("a")


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1", "ftp://127.0.0.1/"])
async def test_an_address_that_is_none(url: str) -> None:
    """An address that nobody can be reached at is told by the link, as an error of the link."""
    with pytest.raises(LinkError):
        async with Link(url, None, PATIENCE_S) as link:
            await link.get("a")


async def test_plain_text_where_tls_was_expected() -> None:
    """A server that speaks no TLS is told apart from one that is not there."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with serving(behave) as url:
        link = Link(url.replace("http:", "https:"), tls, PATIENCE_S)
        with pytest.raises(TlsRefusedError):
            await link.get("a")
        await link.close()


async def test_a_handshake_that_never_ends_leaves_nothing_open() -> None:
    """A server that accepts and says nothing costs no descriptor, however often it is tried."""

    async def behave(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with serving(behave) as url, Link(url.replace("http:", "https:"), tls, 0.1) as link:
        for _ in range(3):
            with pytest.raises(TimedOutError):
                await link.get("a")


async def test_a_long_body_can_be_read_as_it_comes() -> None:
    """What is too long for memory comes in pieces, after its status and headers."""
    behave = answering(reply(bytes(1 << 20), b'ETag: "x"'))
    async with (
        serving(behave) as url,
        Link(url, None, PATIENCE_S) as link,
        link.streaming("clip") as (head, pieces),
    ):
        assert (head.status, head.headers["etag"]) == (200, '"x"')
        sizes = [len(piece) async for piece in pieces()]
    assert sum(sizes) == 1 << 20
    assert len(sizes) > 1
