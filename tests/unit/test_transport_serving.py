"""The server: what clients may send, and how long they may take for it."""

import asyncio
import dataclasses
import gc
import logging
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.wire import WITHIN_S, Client, Reply, read_reply, request, serving
from transport import listening
from transport.door import Door
from transport.errors import ListenError
from transport.files import Answer, Bytes
from transport.limits import Limits
from transport.problems import ProblemError
from transport.serving import serve

BIG = 64 << 20  # more than a kernel holds for a client that does not read
ZEROS = bytes(BIG)
# Waits that are to end do so at once; those that are not to, never.
NEVER_S = 3600.0
QUICK_S = 0.05
PATIENT = Limits(
    head_s=NEVER_S,
    idle_s=NEVER_S,
    age_s=NEVER_S,
    body_s=NEVER_S,
    write_s=NEVER_S,
    linger_s=NEVER_S,
    stop_s=NEVER_S,
)


def titled(code: str, lang: str, _facts: object) -> str:
    """Return a title that says what it was asked for."""
    return f"{code} in {lang}"


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _big(_request: Request) -> Answer:
    return Answer(body=Bytes(ZEROS), media_type="x/y", etag="big", cache="no-store")


async def _fail(_request: Request) -> Response:
    raise ZeroDivisionError


async def _fail_late(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    return StreamingResponse(parts())


async def _refuse(_request: Request) -> Response:
    raise ProblemError(409, "clash", headers={"x-more": "1"}, size=7)


ROUTES = [
    Route("/small", lambda _request: PlainTextResponse("small")),
    Route("/echo", _echo, methods=["POST"]),
    Route("/big", _big),
    Route("/fail", _fail),
    Route("/fail-late", _fail_late),
    Route("/refuse", _refuse),
]
APP = Door(ROUTES, titled, ["zh-CN", "en"], body_bytes=1000)


async def talk(*requests: bytes, limits: Limits = PATIENT) -> bytes:
    """Return all that comes back for bytes sent at once, until the server hangs up."""
    async with serving(APP, limits=limits) as address:
        return await Client(address).raw(b"".join(requests))


async def asked(method: str, target: str, **fields: str) -> Reply:
    """Return the answer to one request."""
    async with serving(APP, limits=PATIENT) as address:
        return await Client(address).ask(method, target, **fields)


LAST = request("GET", "/small", connection="close")


async def test_requests_come_one_after_another_or_all_at_once() -> None:
    """A connection is kept, and pipelined requests are answered in their order."""
    replies = await talk(
        request("GET", "/small"), request("GET", "/none"), request("HEAD", "/small"), LAST
    )
    assert replies.count(b"HTTP/1.1 200 OK") == 3
    assert replies.index(b"404 Not Found") < replies.rindex(b"200 OK")
    assert replies.endswith(b"small")


async def test_every_answer_is_dressed() -> None:
    """Each answer has a date and is to be taken for nothing else; none names the server."""
    for reply in (await asked("GET", "/small"), await asked("GET", "/none")):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["date"].endswith(" GMT")
        assert "server" not in reply.headers


async def test_problems_are_told_in_the_language_that_was_asked_for() -> None:
    """What a route refuses is a problem document with its facts."""
    reply = await asked("GET", "/refuse", accept_language="de, en;q=0.5")
    assert (reply.status, reply.code) == (409, "clash")
    assert (reply.json["title"], reply.json["size"]) == ("clash in en", 7)
    assert reply.headers["content-language"] == "en"
    assert reply.headers["x-more"] == "1"


async def test_what_is_not_there_and_what_is_not_done() -> None:
    """404 and 405 are problem documents; 405 says what is allowed."""
    assert (await asked("GET", "/none")).code == "not-found"
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "ODD"):
        reply = await asked(method, "/small")
        assert (reply.status, reply.code) == (405, "method")
        assert set(reply.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_fault_of_ours_is_told_as_that(caplog: pytest.LogCaptureFixture) -> None:
    """An exception is a 500 without a word of what it was, which stands in the log."""
    reply = await asked("GET", "/fail")
    assert (reply.status, reply.code) == (500, "internal")
    assert b"ZeroDivision" not in reply.body
    assert any(record.exc_info for record in caplog.records)


async def test_an_answer_that_breaks_off_does_not_end_well() -> None:
    """What fails after it began ends without its end: no client takes it for whole."""
    replies = await talk(request("GET", "/fail-late"))
    assert replies.endswith(b"begun\r\n")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/small", 200),
        ("http://elsewhere.example/small", 200),
        ("HTTPS://elsewhere.example:99/small", 200),
        ("/small?a=1", 200),
        ("http://elsewhere.example", 404),
        ("/small/", 404),
        ("/", 404),
        ("//small", 400),
        ("/./small", 400),
        ("/none/../small", 400),
        ("/..", 400),
        ("/%73mall", 400),
        ("/%2e%2e/small", 400),
        ("/small%00", 400),
        ("/small%2f", 400),
        ("/small\\", 400),
        ("/sm|all", 400),
        ("*", 400),
        ("small", 400),
        ("file:///small", 400),
        ("http://elsewhere.example//small", 400),
    ],
)
async def test_a_path_has_one_spelling(target: str, status: int) -> None:
    """Whatever could be read in two ways is no path here."""
    assert (await asked("GET", target)).status == status


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /small\r\n\r\n",
        b"GET /small HTTP/1.1\r\n\r\n",
        b"GET /small HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /sm all HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /small HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n"[:-4] + b"\x00\r\n\r\n",
        b"GET /small HTTP/1.1\r\nhost: a\r\nna me: b\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"x" * (20 << 10) + b"\r\n\r\n",
    ],
    ids=range(13),
)
async def test_what_is_no_http_ends_the_connection(data: bytes) -> None:
    """It is answered by one 400 that is a problem document, and nothing after it is read."""
    replies = await talk(data, LAST)
    head, _, body = replies.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert b'"no-http"' in body
    assert replies.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/small", filler="x" * (17 << 10)),
        b"GET /" + b"x" * (17 << 10) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /small?" + b"x" * (17 << 10) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        request("GET", "/small")[:-2] + b"accept: b\r\n" * 4000 + b"\r\n",
    ],
    ids=["field", "path", "query", "fields"],
)
async def test_a_head_is_bounded(head: bytes) -> None:
    """One that is longer than its bound is refused, and ends the connection."""
    assert (await talk(head, LAST)).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


async def test_other_versions_of_http_are_not_spoken() -> None:
    """What calls itself HTTP/2.0 in this form is refused."""
    replies = await talk(b"GET /small HTTP/2.0\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert replies.startswith(b"HTTP/1.1 505 ")


async def test_length_and_chunks_together_are_no_second_request() -> None:
    """Smuggling: with Transfer-Encoding, Content-Length counts for nothing."""
    replies = await talk(
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n"
        b"transfer-encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n",
        LAST,
    )
    assert replies.count(b"HTTP/1.1 200 OK") == 2
    assert b"GET /" in replies


async def test_bodies_that_are_too_long_are_refused() -> None:
    """A body of more than its bound is 413, whether it says so first or not."""
    said = await talk(request("POST", "/echo", content_length="1001"), bytes(1001), LAST)
    unsaid = await talk(
        request("POST", "/echo", transfer_encoding="chunked"),
        b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        LAST,
    )
    for replies in (said, unsaid):
        assert replies.startswith(b"HTTP/1.1 413 ")
        assert replies.endswith(b"small")
    assert (
        await talk(request("POST", "/echo", content_length="1000", connection="close"), b"x" * 1000)
    ).endswith(b"x" * 1000)


async def test_a_chunk_that_is_none_ends_the_request() -> None:
    """A body that stops making sense is a 400, and the application is told the client left."""
    replies = await talk(request("POST", "/echo", transfer_encoding="chunked"), b"zz\r\n")
    assert replies.startswith(b"HTTP/1.1 400 ")


async def test_a_head_has_to_come_to_an_end() -> None:
    """Slowloris: a client that never ends its head is hung up on."""
    limits = dataclasses.replace(PATIENT, head_s=QUICK_S)
    assert await talk(b"GET /small HTTP/1.1\r\n", limits=limits) == b""
    assert await talk(b"", limits=limits) == b""


async def test_a_second_head_has_to_come_to_an_end_too() -> None:
    """After an answer the same holds, from the first byte of the next request."""
    async with (
        serving(APP, limits=dataclasses.replace(PATIENT, head_s=QUICK_S)) as address,
        Client(address).connected() as (reader, writer),
    ):
        writer.write(request("GET", "/small"))
        assert (await read_reply(reader)).status == 200
        writer.write(b"GET /small HT")
        assert await reader.read() == b""


async def test_a_connection_that_idles_is_ended() -> None:
    """Between requests a client has its time, and no more."""
    limits = dataclasses.replace(PATIENT, idle_s=QUICK_S)
    assert (await talk(request("GET", "/small"), limits=limits)).endswith(b"small")


async def test_a_connection_does_not_grow_old() -> None:
    """After its time a connection ends with the next answer, however busy it is."""
    limits = dataclasses.replace(PATIENT, age_s=0.0)
    replies = await talk(request("GET", "/small"), request("GET", "/small"), limits=limits)
    assert replies.count(b"HTTP/1.1 200 OK") == 1
    assert b"connection: close" in replies


async def test_a_body_has_to_come_at_a_pace() -> None:
    """A client that sends its body too slowly is hung up on; what it says first counts."""
    limits = dataclasses.replace(PATIENT, body_s=QUICK_S, body_rate=1e9)
    slow = request("POST", "/echo", content_length="900")
    assert await talk(slow, b"x", limits=limits) == b""
    limits = dataclasses.replace(PATIENT, body_s=QUICK_S, body_rate=1 / NEVER_S)
    done = await talk(slow, b"x" * 900, request("GET", "/small", connection="close"), limits=limits)
    assert done.endswith(b"small")


async def test_the_rest_of_an_unwanted_body_is_not_waited_for() -> None:
    """After a refusal the rest of the body is thrown away for a moment only."""
    limits = dataclasses.replace(PATIENT, linger_s=QUICK_S)
    replies = await talk(request("POST", "/none", content_length="900"), b"x", limits=limits)
    assert replies.startswith(b"HTTP/1.1 404 ")


async def test_who_takes_nothing_of_an_answer_is_hung_up_on() -> None:
    """A client that stops reading does not hold what it asked for for ever."""
    begun = asyncio.Event()

    async def big(request: Request) -> Answer:
        begun.set()
        return await _big(request)

    app = Door([Route("/big", big)], titled, ["en"])
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WITHIN_S):
        with socket.socket() as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.setblocking(False)  # noqa: FBT003  its only argument
            async with serving(app, limits=dataclasses.replace(PATIENT, write_s=QUICK_S)) as at:
                place = listening.parse(at)
                await loop.sock_connect(link, (str(place.address), place.port))
                await loop.sock_sendall(link, request("GET", "/big"))
                await begun.wait()
                # The server is now told to stop, which it does when it is rid of this client.


async def test_one_client_too_many_costs_an_idle_one_its_place() -> None:
    """At the bound a new client is let in for one that only waits."""
    limits = dataclasses.replace(PATIENT, connections=2)
    async with serving(APP, limits=limits) as address:
        client = Client(address)
        async with client.connected() as first, client.connected() as second:
            for reader, writer in (first, second):
                writer.write(request("GET", "/small"))
                assert (await read_reply(reader)).status == 200
            assert (await client.get("/small")).status == 200
            ended = [asyncio.ensure_future(reader.read()) for reader, _ in (first, second)]
            done, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            assert (len(done), len(waiting)) == (1, 1)
            waiting.pop().cancel()


async def test_a_client_too_many_among_busy_ones_is_turned_away() -> None:
    """Where all are being served, the new one goes."""
    inside, out = asyncio.Event(), asyncio.Event()

    async def hold(_request: Request) -> Response:
        inside.set()
        await out.wait()
        return PlainTextResponse("held")

    app = Door([Route("/hold", hold)], titled, ["en"])
    async with (
        serving(app, limits=dataclasses.replace(PATIENT, connections=1)) as address,
        Client(address).connected() as (reader, writer),
    ):
        writer.write(request("GET", "/hold"))
        await inside.wait()
        with pytest.raises((OSError, EOFError)):
            await Client(address).get("/hold")
        out.set()
        assert (await read_reply(reader)).body == b"held"


async def test_stopping_lets_answers_finish() -> None:
    """What is being answered when the server stops is answered; nobody new is."""
    inside, out = asyncio.Event(), asyncio.Event()

    async def hold(_request: Request) -> Response:
        inside.set()
        await out.wait()
        return PlainTextResponse("held")

    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    app = Door([Route("/hold", hold)], titled, ["en"])
    task = asyncio.create_task(
        serve(app, "127.0.0.1:0", stop=stop, ready=address.set_result, limits=PATIENT)
    )
    async with Client(await address).connected() as (reader, writer):
        writer.write(request("GET", "/hold"))
        await inside.wait()
        stop.set()
        with pytest.raises(OSError):  # noqa: PT012, PT011  the first that is not let in ends it
            while True:
                async with Client(await address).connected():
                    continue
        out.set()
        assert (await read_reply(reader)).body == b"held"
        assert await reader.read() == b""
    await task


async def test_stopping_waits_for_nobody_for_ever() -> None:
    """An answer that does not come to its end is cut off when its time is over."""
    inside = asyncio.Event()

    async def hold(_request: Request) -> Response:
        inside.set()
        await asyncio.Event().wait()
        raise AssertionError

    limits = dataclasses.replace(PATIENT, stop_s=QUICK_S)
    async with serving(Door([Route("/hold", hold)], titled, ["en"]), limits=limits) as address:
        link = asyncio.ensure_future(Client(address).raw(request("GET", "/hold")))
        await inside.wait()
    assert await link == b""


async def test_nothing_is_left_behind() -> None:
    """Clients that come and go in every way leave neither tasks nor connections."""
    async with serving(APP, limits=PATIENT) as address:
        client = Client(address)
        for data in (b"", b"GET /", request("GET", "/big"), request("GET", "/small"), b"x\r\n\r\n"):
            async with client.connected() as (_, writer):
                writer.write(data)
        assert (await client.get("/small")).status == 200
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [b"GET /small HTTP/1.1\r\n", b"host: a\r\n", b"\r\n", b"content-length: 5\r\n"]
            ),
        ),
        max_size=12,
    )
)
def test_no_bytes_break_the_server(pieces: Sequence[bytes]) -> None:
    """Whatever a client sends, it is answered by HTTP or by nothing, and the next is served."""

    async def both() -> None:
        async with (
            serving(APP, limits=PATIENT) as address,
            Client(address).connected() as (reader, writer),
        ):
            writer.write(b"".join(pieces))
            writer.write_eof()
            try:
                replies = await reader.read()
            except ConnectionResetError:
                replies = b""
            assert replies == b"" or replies.startswith(b"HTTP/1.1 ")

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(both())
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    "listen",
    ["", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "localhost:80", "::1:80", "[::1]",
     "[127.0.0.1]:80", "127.0.0.1:٣", "127.0.0.1:-1", "256.0.0.1:80", "1.2.3:80", "[::g]:80"],
)  # fmt: skip
def test_an_address_is_written_out(listen: str) -> None:
    """Names, and what is half an address, are refused."""
    with pytest.raises(ListenError) as caught:
        listening.parse(listen)
    assert caught.value.problem == "address"


@pytest.mark.parametrize(
    ("listen", "loopback"),
    [("127.0.0.1:0", True), ("127.9.9.9:1", True), ("[::1]:0", True), ("0.0.0.0:0", False),
     ("[::]:0", False), ("192.0.2.1:80", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(listen: str, *, loopback: bool) -> None:
    """Only this machine's own addresses count."""
    assert listening.is_loopback(listen) is loopback


def test_an_address_that_is_taken_is_named() -> None:
    """Two servers do not share a port, and the second says why."""
    with listening.bound("127.0.0.1:0") as first:
        taken = listening.written(first)
        with pytest.raises(ListenError) as caught:
            listening.bound(taken)
    assert (caught.value.listen, caught.value.problem) == (taken, "taken")


def test_an_address_of_another_machine_is_refused() -> None:
    """What is no address of ours cannot be listened on."""
    with pytest.raises(ListenError) as caught:
        listening.bound("192.0.2.1:0")
    assert caught.value.problem == "failed"


async def test_small_answers_do_not_wait_for_one_another() -> None:
    """Head and body go out at once: else each answer would wait for the client's delayed ACK."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def look(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = writer.get_extra_info("socket")
        found.set_result(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    link = listening.bound("127.0.0.1:0")
    async with (
        await asyncio.start_server(look, sock=link),
        Client(listening.written(link)).connected(),
    ):
        assert await found == 1
