"""The log over HTTP: its files, byte for byte, under their one path each; and its proofs."""

import asyncio
import base64
import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock_daemon import control
from hashing import checkpoint, merkle, note, proofs
from hashing.entry import leaf_hash
from tests import sealed
from tests.sealed import Disk, Sealed
from tests.web_faces import ToldCore, faced, json_of
from tests.wire import Client, request

SIZES = (1, 70, 256, 257)


@pytest.fixture(scope="module")
def log() -> Sealed:
    """Return a log of 300 entries."""
    return sealed.long(300)


@pytest.fixture
def disk(log: Sealed, tmp_path: Path) -> Disk:
    """Return that log on a disk, published several times."""
    return log.write(tmp_path, sizes=SIZES)


async def test_every_file_of_the_log_is_served_as_it_is(disk: Disk) -> None:
    """Tiles and bundles are immutable octets; checkpoint and vkey are text, asked for anew."""
    files = [path for path in disk.log.rglob("*") if path.is_file()]
    assert len(files) > 10
    async with faced(disk.root) as address:
        for path in files:
            name = str(path.relative_to(disk.log))
            reply = await Client(address).get(f"/{name}")
            assert (reply.status, reply.body) == (200, path.read_bytes())
            if name.startswith("tile/"):
                assert reply.headers["content-type"] == "application/octet-stream"
                assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
            else:
                assert reply.headers["content-type"] == "text/plain; charset=utf-8"
                assert reply.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000", "/tile/entries/001.p/44"])
async def test_what_is_known_is_not_sent_again(disk: Disk, path: str) -> None:
    """If-None-Match is a 304, a range is a 206, HEAD has no body."""
    async with faced(disk.root) as address:
        client = Client(address)
        whole = await client.get(path)
        tag = whole.headers["etag"]
        assert not tag.startswith("W/")
        known = await client.get(path, if_none_match=tag)
        assert (known.status, known.body, known.headers["etag"]) == (304, b"", tag)
        part = await client.get(path, range="bytes=2-9", if_range=tag)
        assert (part.status, part.body) == (206, whole.body[2:10])
        head = await client.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.body))


async def test_a_new_checkpoint_has_a_new_tag(disk: Disk, log: Sealed) -> None:
    """Whoever holds the old one is given the new one."""
    async with faced(disk.root) as address:
        client = Client(address)
        old = await client.get("/checkpoint")
        disk.put("log/checkpoint", log.checkpoint(299))
        new = await client.get("/checkpoint", if_none_match=old.headers["etag"])
        assert (new.status, new.body) == (200, log.checkpoint(299))


async def test_partial_tiles_that_went_are_answered_from_the_full_one(disk: Disk) -> None:
    """A reader who holds an older checkpoint finds its tiles, byte for byte."""
    gone = ["tile/0/000.p/1", "tile/0/000.p/70", "tile/entries/000.p/70"]
    before = {path: disk.read(path) for path in gone}
    shutil.rmtree(disk.log / "tile/0/000.p")
    shutil.rmtree(disk.log / "tile/entries/000.p")
    async with faced(disk.root) as address:
        for path in gone:
            reply = await Client(address).get(f"/{path}")
            assert (reply.status, reply.body) == (200, before[path])
        for path in ("/tile/0/001.p/45", "/tile/entries/001.p/2", "/tile/1/000.p/2"):
            assert (await Client(address).get(path)).code == "no-tile"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tile/0/002", 404),
        ("/tile/63/000", 404),
        ("/tile/0/x001/000", 404),
        ("/tile/64/000", 400),
        ("/tile/00/000", 400),
        ("/tile/-1/000", 400),
        ("/tile/0/0", 400),
        ("/tile/0/x000/000", 400),
        ("/tile/0/000.p/256", 400),
        ("/tile/0/000.p/0", 400),
        ("/tile/0/000.p/", 400),
        ("/tile/0/000.p/070", 400),
        ("/tile/0/000/", 400),
        ("/tile/0", 400),
        ("/tile/", 400),
        ("/tile/entries/abc", 400),
        ("/tile/data/000", 400),
        ("/tile/0/../../vkey", 400),
        ("/tile/0/%2e%2e/%2e%2e/vkey", 400),
        ("//checkpoint", 400),
        ("/.checkpoint.new", 404),
        ("/checkpoint/", 404),
        ("/key/log.key", 404),
        ("/ledger.db", 404),
        ("/vkey-mldsa", 404),
        ("/log/checkpoint", 404),
        ("/store/id", 404),
    ],
)
async def test_nothing_else_has_a_path(disk: Disk, path: str, status: int) -> None:
    """Other spellings, other levels, and other files of the state are not served."""
    for secret in (".checkpoint.new", "x"):
        disk.put(f"log/{secret}", b"secret")
    disk.put("ledger.db", b"secret")
    disk.put("key/log.key", b"secret")
    async with faced(disk.root) as address:
        assert (await Client(address).get(path)).status == status


async def test_a_link_in_the_log_is_not_followed(disk: Disk) -> None:
    """A tile that is a symbolic link is no tile, wherever it leads."""
    disk.put("secret", b"secret")
    tile = disk.log / "tile/0/000"
    tile.unlink()
    tile.symlink_to(disk.root / "secret")
    async with faced(disk.root) as address:
        assert (await Client(address).get("/tile/0/000")).status == 404


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(tail=st.text("x0123456789./ptilenrs-", max_size=30))
def test_whatever_is_asked_below_tile_is_a_tile_or_nothing(disk: Disk, tail: str) -> None:
    """No path makes the server fail or leave the log."""

    async def once() -> None:
        async with faced(disk.root) as address:
            reply = await Client(address).get(f"/tile/{tail}")
            assert reply.status in {200, 400, 404}

    asyncio.run(once())


async def test_the_logs_own_paths_have_no_parameters(tmp_path: Path, log: Sealed) -> None:
    """What follows them is ignored, as any server of files would; elsewhere it is refused."""
    log.write(tmp_path / "state")
    async with faced(tmp_path / "state") as address:
        client = Client(address)
        assert (await client.get("/checkpoint?x=1")).body == log.checkpoint(300)
        assert (await client.get("/tile/0/000?x=1")).status == 200
        assert (await client.get("/v1/dock?x=1")).code == "query"


async def test_before_the_first_start_there_is_nothing_and_then_there_is(
    tmp_path: Path, log: Sealed
) -> None:
    """A server that was started first begins to serve once there is a log."""
    async with faced(tmp_path / "state") as address:
        client = Client(address)
        for path in ("/checkpoint", "/vkey", "/v1/proofs/inclusion?index=0&size=1"):
            assert (await client.get(path)).code == "no-log"
        assert (await client.get("/tile/0/000")).code == "no-tile"
        assert (await client.get("/v1/dock")).code == "core-silent"
        log.write(tmp_path / "state")
        assert (await client.get("/checkpoint")).body == log.checkpoint(300)


def hashes(reply: Any) -> list[bytes]:
    """Return the hashes of a proof."""
    assert reply.headers["cache-control"].endswith("immutable")
    return [base64.b64decode(each, validate=True) for each in json_of(reply)["proof"]]


def root(log: Sealed, size: int) -> bytes:
    """Return the root that was signed at a size."""
    return checkpoint.parse(note.parse(log.checkpoint(size))[0]).root


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 300), (255, 256), (256, 299), (299, 300)])
async def test_inclusion_is_proved(disk: Disk, log: Sealed, index: int, size: int) -> None:
    """The proof leads from the entry to the root of any size that was published or not."""
    async with faced(disk.root) as address:
        reply = await Client(address).get(f"/v1/proofs/inclusion?index={index}&size={size}")
    leaf = leaf_hash(log.entries[index])
    proofs.check_inclusion(index, size, leaf, hashes(reply), root(log, size))
    assert (reply.json["index"], reply.json["size"]) == (index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 300), (1, 2), (70, 256), (256, 300), (7, 7)])
async def test_growth_is_proved(disk: Disk, log: Sealed, old: int, new: int) -> None:
    """The proof shows that the larger log begins with the smaller one."""
    async with faced(disk.root) as address:
        reply = await Client(address).get(f"/v1/proofs/consistency?from={old}&to={new}")
    roots = [root(log, size) if size else merkle.EMPTY_ROOT for size in (old, new)]
    proofs.check_consistency(old, new, roots[0], roots[1], hashes(reply))


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("inclusion?index=0&size=301", "beyond"),
        ("consistency?from=0&to=301", "beyond"),
        ("inclusion?index=300&size=300", "query"),
        ("inclusion?index=0&size=0", "query"),
        ("inclusion?index=-1&size=300", "query"),
        ("inclusion?index=00&size=300", "query"),
        ("inclusion?index=%31&size=300", None),
        ("inclusion?index=1", "query"),
        ("inclusion", "query"),
        ("inclusion?index=1&size=300&size=300", "query"),
        ("inclusion?index=1&size=300&x=1", "query"),
        ("inclusion?index=1&size=99999999999999999999", "query"),
        ("inclusion?index=%D9%A3&size=300", "query"),
        ("consistency?from=2&to=1", "query"),
        ("consistency?from=&to=1", "query"),
        ("none", "not-found"),
    ],
)
async def test_proofs_of_nonsense_are_refused(disk: Disk, target: str, code: str | None) -> None:
    """What is beyond the log is told from what is no question."""
    async with faced(disk.root) as address:
        reply = await Client(address).get(f"/v1/proofs/{target}")
    assert (reply.status == 200) if code is None else (reply.code == code)


async def test_a_damaged_log_is_told_as_that(disk: Disk) -> None:
    """A proof for which a tile is missing is no proof, and no fault of who asked."""
    shutil.rmtree(disk.log / "tile")
    async with faced(disk.root) as address:
        reply = await Client(address).get("/v1/proofs/inclusion?index=0&size=300")
    assert (reply.status, reply.code) == (500, "log-damaged")


async def test_the_dock_says_who_it_is(disk: Disk, log: Sealed) -> None:
    """Origin, keys, version, how signing stands, and the newest head."""
    async with faced(disk.root, ToldCore(log)) as address:
        told = json_of(await Client(address).get("/v1/dock"))
    assert (told["origin"], told["published"]) == (sealed.ORIGIN, 300)
    assert told["signing"] == {"state": "free", "why": "no-cosigners"}
    assert told["head"]["note"].encode() == disk.read("checkpoint")
    assert told["vkeys"] == [disk.read("vkey").decode().strip()]
    assert "alarm" not in told


def _refuses(_request: object) -> object:
    raise ValueError("I was not asked this")


@pytest.mark.parametrize("how", [_refuses, lambda _request: None])
async def test_a_core_that_does_not_answer_is_told_apart(disk: Disk, log: Sealed, how: Any) -> None:
    """Then it is 503 with a time to come back; the log is served all the same."""
    async with faced(disk.root, ToldCore(log, {"signing": how})) as address:
        reply = await Client(address).get("/v1/dock")
        assert (reply.status, reply.code) == (503, "core-silent")
        assert int(reply.headers["retry-after"]) > 0
        assert (await Client(address).get("/checkpoint")).status == 200


async def test_a_core_that_hangs_holds_up_nobody_else(disk: Disk) -> None:
    """Some wait for it, whoever comes then is sent away at once, and the log is served."""
    out = threading.Event()
    async with (
        faced(disk.root) as address,
        control.serving(disk.root, lambda _request: asyncio.to_thread(out.wait)),
    ):
        asked = [asyncio.create_task(Client(address).get("/v1/dock")) for _ in range(50)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().code for task in done} == {"core-silent"}
        assert (await Client(address).get("/checkpoint")).status == 200
        out.set()
        assert waiting
        await asyncio.wait(waiting)


async def test_the_log_of_requests_names_nobody(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """A request is one line, without an address and without a query."""
    caplog.set_level("DEBUG", "transport")
    async with faced(disk.root) as address:
        await Client(address).get("/v1/proofs/inclusion?index=1&size=2")
        await Client(address).get("/none?who=officer-117")
    lines = [record.getMessage() for record in caplog.records if record.name == "transport.door"]
    assert [line.partition(": ")[0] for line in lines] == [
        "- GET /v1/proofs/inclusion",
        "- GET /none",
    ]
    assert "127.0.0.1" not in "".join(lines)


async def test_no_file_stays_open(disk: Disk) -> None:
    """However an answer ends, what was opened for it is closed."""
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208  numbers are wanted
    async with faced(disk.root) as address:
        client = Client(address)
        tag = (await client.get("/tile/0/000")).headers["etag"]
        await client.get("/tile/0/000", if_none_match=tag)
        await client.get("/tile/0/000", range="bytes=9999-")
        await client.get("/tile/0/000", range="bytes=1-2")
        await client.ask("HEAD", "/tile/entries/000")
        async with client.connected() as (_, writer):
            writer.write(request("GET", "/tile/entries/000"))
    async with asyncio.timeout(30):  # a thread that was left alone closes what it opened
        while sorted(os.listdir("/proc/self/fd")) != before:  # noqa: PTH208
            await asyncio.to_thread(os.sched_yield)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_tags_of_text_are_their_digests(disk: Disk) -> None:
    """A checkpoint's ETag and Repr-Digest are its SHA-256."""
    async with faced(disk.root) as address:
        reply = await Client(address).get("/checkpoint")
    digest = hashlib.sha256(reply.body)
    assert reply.headers["etag"] == f'"{digest.hexdigest()}"'
    coded = base64.b64encode(digest.digest()).decode()
    assert reply.headers["repr-digest"] == f"sha-256=:{coded}:"
