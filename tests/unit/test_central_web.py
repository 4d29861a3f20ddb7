"""Witness and mirror over HTTP: codes, content types, bounds; and who may speak for which log."""

import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from central.centre import Centre
from central.web.app import app
from hashing import note
from hashing.submission import MAX_SUBMISSION, MirrorInfo, UploadHead, origin_hash
from tests.authority import Authority
from tests.mirroring import Uploader
from tests.sealed import KEY, ORIGIN, long
from tests.submitting import START_MS, Submitter, Ticking, body, open_centre
from tests.wire import Client, Reply, read_reply, request, serving
from transport import tls

LOG = Uploader(long(300))
HEX = origin_hash(ORIGIN)
UPLOAD = "application/octet-stream"


@pytest.fixture
def centre(memory_path: Path) -> Iterator[Centre]:
    """Return a centre on SQLite that knows the test's log."""
    centre = open_centre(memory_path, clock=Ticking())
    centre.register.enrol(ORIGIN, [str(KEY.verifier())], now_ms=START_MS)
    yield centre
    centre.close()


@asynccontextmanager
async def served(centre: Centre) -> AsyncIterator[Client]:
    """Serve a centre while the block runs."""
    async with serving(app(centre)) as address:
        yield Client(address)


async def post(client: Client, target: str, data: bytes, **fields: str) -> Reply:
    """Post a body in one piece."""
    async with client.connected() as (reader, writer):
        head = request("POST", target, content_length=str(len(data)), **fields)
        writer.write(head + data)
        return await read_reply(reader)


async def submit(client: Client, data: bytes, where: str = "witness") -> Reply:
    """Post an add-checkpoint."""
    return await post(client, f"/{where}/add-checkpoint", data)


async def test_the_witness_speaks_the_protocol(centre: Centre) -> None:
    """Each answer of tlog-witness has its code and content type, over a real connection."""
    async with served(centre) as client:
        path = f"/witness/{HEX}/checkpoint"
        assert (await client.get(path)).status == 404
        done = await submit(client, LOG.submission(0, 100))
        assert (done.status, done.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert len(note.read_lines(done.body)) == 1
        shown = await client.get(path)
        assert shown.status == 200
        assert shown.body == LOG.sealed.checkpoint(100) + done.body
        conflict = await submit(client, LOG.submission(0, 200))
        assert (conflict.status, conflict.body) == (409, b"100\n")
        assert conflict.headers["content-type"] == "text/x.tlog.size"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"old 1\n", 400, "malformed"),
        (body(200, [], LOG.sealed.checkpoint(100)), 400, "malformed"),
        (body(0, [], LOG.sealed.checkpoint(100).replace(b"100", b"101")), 403, "unsigned"),
        (Submitter.of(9).body(0, 5).replace(b"0001", b"0002"), 404, "unknown-origin"),
        (body(0, [b"x" * 32], LOG.sealed.checkpoint(100)), 422, "inconsistent"),
    ],
)
async def test_refusals_are_problem_documents(
    centre: Centre, data: bytes, status: int, code: str
) -> None:
    """A refusal says what is wrong in the caller's language, and its code to programs."""
    async with served(centre) as client:
        for where in ("witness", "mirror"):
            refused = await submit(client, data, where)
            assert (refused.status, refused.code) == (status, code)
            assert any("\u4e00" <= char <= "\u9fff" for char in refused.json["title"])


async def test_a_huge_body_is_not_read(centre: Centre) -> None:
    """More than any submission can be is refused by its length alone."""
    async with served(centre) as client:
        huge = await submit(client, b"x" * (MAX_SUBMISSION + 1))
        assert (huge.status, huge.code) == (413, "too-large")


async def test_a_head_that_many_have_signed_is_taken(centre: Centre) -> None:
    """Forty cosignatures of the longest kind are far from the bound of the format."""
    others = [
        note.SignatureLine(f"witness.example/{number}", number, bytes(8 + 2420))
        for number in range(40)
    ]
    data = body(0, [], note.with_lines(LOG.sealed.checkpoint(100), others))
    assert 120_000 < len(data) < MAX_SUBMISSION
    async with served(centre) as client:
        for where in ("witness", "mirror"):
            assert (await submit(client, data, where)).status == 200


async def test_a_query_means_nothing_to_the_witness(centre: Centre) -> None:
    """The paths of the protocol have no parameters, and what follows them is ignored."""
    async with served(centre) as client:
        target = "/witness/add-checkpoint?x=1"
        assert (await post(client, target, LOG.submission(0, 100))).status == 200
        assert (await client.get(f"/witness/{HEX}/checkpoint?x=1")).status == 200


async def test_only_the_ways_of_the_protocol_are_open(centre: Centre) -> None:
    """Other methods and other paths lead nowhere."""
    async with served(centre) as client:
        assert (await client.get("/witness/add-checkpoint")).status == 405
        assert (await client.get("/witness/../mirror")).status == 400
        assert (await client.get("/witness/sign-subtree")).status == 404
        assert (await client.get(f"/mirror/{HEX}/tile/0/000")).status == 404
        assert (await client.get(f"/mirror/{HEX}/tile/../checkpoint")).status == 400


async def test_the_mirror_speaks_the_protocol(centre: Centre) -> None:
    """Head, entries in two requests, one of them packed, and the mirrored log as files."""
    async with served(centre) as client:
        assert (await client.get(f"/mirror/{HEX}/checkpoint")).status == 404
        pending = await submit(client, LOG.submission(0, 300), "mirror")
        assert (pending.status, pending.body) == (200, b"")
        first, second = LOG.packages(0, 300)
        data = UploadHead(ORIGIN, 0, 300).encode() + first
        more = await post(client, "/mirror/add-entries", data, content_type=UPLOAD)
        assert (more.status, more.body) == (202, MirrorInfo(300, 256).encode())
        assert more.headers["content-type"] == "text/x.tlog.mirror-info"
        assert "gzip" in more.headers["accept-encoding"]
        data = gzip.compress(UploadHead(ORIGIN, 256, 300).encode() + second)
        done = await post(
            client, "/mirror/add-entries", data, content_type=UPLOAD, content_encoding="gzip"
        )
        assert (done.status, done.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        shown = await client.get(f"/mirror/{HEX}/checkpoint")
        assert shown.body == LOG.sealed.checkpoint(300) + done.body
        for path, held in LOG.files(300).items():
            file = await client.get(f"/mirror/{HEX}/{path}")
            assert (file.status, file.body) == (200, held)
            assert "immutable" in file.headers["cache-control"]


@pytest.mark.parametrize(
    ("data", "fields", "status", "code"),
    [
        (b"", {"content_type": "text/plain"}, 400, "malformed"),
        (b"\0", {"content_type": UPLOAD}, 400, "malformed"),
        (b"\0\1a", {"content_type": UPLOAD, "content_encoding": "br"}, 415, "encoding"),
        (b"\x1f\x8bno", {"content_type": UPLOAD, "content_encoding": "gzip"}, 400, "malformed"),
        (
            UploadHead("dock.example/0002", 0, 1).encode(),
            {"content_type": UPLOAD},
            404,
            "unknown-origin",
        ),
        (LOG.upload(0, 5), {"content_type": UPLOAD}, 422, "inconsistent"),
    ],
)
async def test_uploads_that_are_refused(
    centre: Centre, data: bytes, fields: dict[str, str], status: int, code: str
) -> None:
    """What is no upload, or of no known log, has its own answer."""
    async with served(centre) as client:
        refused = await post(client, "/mirror/add-entries", data, **fields)
        assert (refused.status, refused.code) == (status, code)


async def test_an_upload_that_is_torn_keeps_what_came_whole(centre: Centre) -> None:
    """A packed body that breaks off leaves the packages before the break."""
    async with served(centre) as client:
        await submit(client, LOG.submission(0, 300), "mirror")
        data = gzip.compress(LOG.upload(0, 300))[:-30]
        more = await post(
            client, "/mirror/add-entries", data, content_type=UPLOAD, content_encoding="gzip"
        )
        assert (more.status, more.body) == (202, MirrorInfo(300, 256).encode())


async def test_a_small_body_that_unpacks_into_much_stays_small(centre: Centre) -> None:
    """A bomb is taken a bounded piece at a time, and refused at the first entry that is none."""
    async with served(centre) as client:
        await submit(client, LOG.submission(0, 300), "mirror")
        bomb = gzip.compress(UploadHead(ORIGIN, 0, 300).encode() + bytes(64 << 20))
        refused = await post(
            client, "/mirror/add-entries", bomb, content_type=UPLOAD, content_encoding="gzip"
        )
        assert (refused.status, refused.code) == (400, "malformed")


async def test_a_dock_speaks_for_itself_by_its_certificate(
    memory_path: Path, tmp_path: Path
) -> None:
    """With certificates a dock submits and reads its own log, and no other's."""
    authority = Authority(tmp_path)
    server = authority.server()
    centre = open_centre(
        memory_path,
        web__cert=server.cert,
        web__key=server.key,
        web__client_ca=authority.ca,
    )
    centre.register.enrol(ORIGIN, [str(KEY.verifier())], now_ms=START_MS)
    context = tls.server_context(cert=server.cert, key=server.key, client_ca=authority.ca)
    role = "urn:sealdock:role:"
    own = authority.issue("own", uris=(f"{role}dock", f"urn:sealdock:origin:{ORIGIN}"))
    other = authority.issue("other", uris=(f"{role}dock", "urn:sealdock:origin:dock.example/2"))
    callers = {
        "own": (own, 200, 200),
        "other": (other, 403, 403),
        "auditor": (authority.client("auditor", name="auditor"), 403, 200),
        "central": (authority.client("central", name="central"), 409, 200),
        "nobody": (authority.client(name="nobody"), 403, 403),
    }
    async with serving(app(centre), tls=context) as address:
        for name, (identity, submits, reads) in callers.items():
            client = Client(
                address,
                tls.client_context(ca=authority.ca, cert=identity.cert, key=identity.key),
            )
            done = await submit(client, LOG.submission(0, 300), "witness")
            assert done.status == submits, name
            if name == "own":
                await submit(client, LOG.submission(0, 300), "mirror")
                data = LOG.upload(0, 300)
                kept = await post(client, "/mirror/add-entries", data, content_type=UPLOAD)
                assert kept.status == 200
            read = await client.get(f"/mirror/{HEX}/tile/0/000")
            assert read.status == reads, name
    centre.close()


async def test_a_conflict_names_where_to_begin(centre: Centre) -> None:
    """An upload from beyond what is held is told the next entry."""
    async with served(centre) as client:
        await submit(client, LOG.submission(0, 300), "mirror")
        data = UploadHead(ORIGIN, 100, 300).encode()
        stale = await post(client, "/mirror/add-entries", data, content_type=UPLOAD)
        assert (stale.status, stale.body) == (409, MirrorInfo(300, 0).encode())
