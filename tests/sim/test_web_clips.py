"""Clips and manifests over HTTP: who gets them, what is written down first, and their bytes."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dock_daemon import control
from dock_daemon.web.app import title
from dock_daemon.web.clips import ONE_ACCESS_S, Clips
from dock_daemon.web.core import Core
from hashing import manifest
from tests import sealed
from tests.sealed import Disk, Sealed
from tests.web_faces import Guard, ToldCore, faced, json_of
from tests.wire import Client, Reply, request, serving
from transport.callers import AUDITOR, CENTRAL, DOCK, OPERATOR
from transport.door import Door
from transport.threads import Threads

FIRST = b"first clip"
NAME = hashlib.sha256(FIRST).hexdigest()
CLIP = f"/v1/clips/sha256/{NAME}"


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    """Return who is let in."""
    return Guard.below(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def log() -> Sealed:
    """Return a log with clips."""
    log = sealed.long(61)
    content = {NAME: FIRST}
    log.clips |= content
    return log


@pytest.fixture
def disk(log: Sealed, tmp_path: Path) -> Disk:
    """Return that log on a disk."""
    return log.write(tmp_path)


@pytest.fixture
def core(log: Sealed) -> ToldCore:
    """Return the core of that log."""
    return ToldCore(log)


SEALED = "/v1/manifests/1?documents=sealed"
PRIVATE = (CLIP, "/v1/inventory", SEALED)


@pytest.mark.parametrize("path", PRIVATE)
async def test_without_a_certificate_there_is_only_the_log(
    disk: Disk, core: ToldCore, path: str
) -> None:
    """A plain connection gives the log away, and nothing that is about people."""
    async with faced(disk.root, core) as address:
        for method in ("GET", "HEAD"):
            assert (await Client(address).ask(method, path)).status == 403
        assert (await Client(address).get(path)).code == "certificate"
        assert (await Client(address).get("/checkpoint")).status == 200
    assert core.accesses == []


async def test_without_a_certificate_manifests_come_without_documents(
    disk: Disk, core: ToldCore, guard: Guard
) -> None:
    """What a manifest proves is for all; what its documents say is for those who may."""
    async with faced(disk.root, core) as address:
        client = Client(address)
        listed = json_of(await client.get("/v1/manifests"))
        plain = (await client.get("/v1/manifests/1")).body
        assert plain == (await client.get("/v1/manifests/1?documents=withheld")).body
    async with faced(disk.root, core, tls=guard.tls) as address:
        stranger, auditor = guard.client(address, DOCK), guard.client(address, AUDITOR)
        assert (await stranger.get("/v1/manifests/1")).body == plain
        assert json_of(await auditor.get("/v1/manifests")) == listed
        sealed = (await auditor.get("/v1/manifests/1")).body
        assert sealed == (await auditor.get(SEALED)).body
    assert manifest.parse(plain).documents is None
    assert manifest.parse(sealed).documents
    assert listed["items"]


@pytest.mark.parametrize("roles", [(), (DOCK,), (OPERATOR,), (AUDITOR,), (CENTRAL,)])
async def test_the_role_decides(
    disk: Disk, core: ToldCore, guard: Guard, roles: tuple[str, ...]
) -> None:
    """Clips are for centres, documents for centres and auditors, the log for all."""
    clips = 200 if CENTRAL in roles else 403
    manifests = 200 if {CENTRAL, AUDITOR} & set(roles) else 403
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, *roles)
        for path, status in zip(PRIVATE, (clips, clips, manifests), strict=True):
            reply = await client.get(path)
            assert reply.status == status
            assert status == 200 or reply.code == "role"
        assert (await client.get("/checkpoint")).status == 200
    assert len(core.accesses) == (CENTRAL in roles)


async def test_an_access_is_sealed_before_the_first_byte(
    disk: Disk, core: ToldCore, guard: Guard
) -> None:
    """Who, by which certificate, in which roles: the core is told, and then the clip is given."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL, AUDITOR, name="central-01")
        reply = await client.get(CLIP)
    assert (reply.status, reply.body) == (200, FIRST)
    assert reply.headers["etag"] == f'"{NAME}"'
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert reply.headers["content-type"] == "application/octet-stream"
    (access,) = core.accesses
    assert access["fingerprint"] == _fingerprint(guard, "central-01")
    assert {**access, "fingerprint": ""} == {
        "tell": "access",
        "sha256": NAME,
        "who": "central-01",
        "fingerprint": "",
        "roles": [AUDITOR, CENTRAL],
        "reason": "pull",
    }


def _fingerprint(guard: Guard, name: str) -> str:
    pem = (guard.authority.folder / f"{name}.pem").read_text("ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def _fails(_request: control.Request) -> object:
    raise ValueError("the ledger is full")


@pytest.mark.parametrize("how", [_fails, lambda _request: None])
async def test_what_cannot_be_sealed_is_not_given(
    disk: Disk, core: ToldCore, guard: Guard, how: Callable[[control.Request], object]
) -> None:
    """Where the core does not write the access down, no byte leaves."""
    core.answers["access"] = how
    async with faced(disk.root, core, tls=guard.tls) as address:
        reply = await guard.client(address, CENTRAL).get(CLIP)
    assert (reply.status, reply.code) == (503, "core-silent")
    assert FIRST not in reply.body


async def test_without_a_core_no_clip_is_given(disk: Disk, guard: Guard) -> None:
    """The log is served while the core is away; clips and manifests are not."""
    async with faced(disk.root, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL)
        for path in PRIVATE:
            assert (await client.get(path)).code == "core-silent"
        assert (await client.get("/checkpoint")).status == 200


async def test_ranges_of_one_clip_are_one_access(disk: Disk, core: ToldCore, guard: Guard) -> None:
    """A clip that is fetched in parts, also all at once, is one entry of the log."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL)
        asked = [client.get(CLIP, range=f"bytes={n}-{n}") for n in range(len(FIRST))]
        parts = await asyncio.gather(*asked)
    assert {part.status for part in parts} == {206}
    assert b"".join(part.body for part in parts) == FIRST
    assert len(core.accesses) == 1


async def test_what_gives_nothing_away_leaves_no_entry(
    disk: Disk, core: ToldCore, guard: Guard
) -> None:
    """HEAD, 304, 412 and 416 are no access."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL)
        statuses = [
            (await client.ask("HEAD", CLIP)).status,
            (await client.get(CLIP, if_none_match=f'"{NAME}"')).status,
            (await client.get(CLIP, if_match='"x"')).status,
            (await client.get(CLIP, range="bytes=10-")).status,
        ]
    assert statuses == [200, 304, 412, 416]
    assert core.accesses == []


async def test_another_caller_another_clip_and_later_are_further_accesses(
    disk: Disk, core: ToldCore, log: Sealed, guard: Guard
) -> None:
    """An entry stands for one caller, one clip, and ten minutes."""
    now = 0.0
    other = f"/v1/clips/sha256/{next(name for name in log.clips if name != NAME)}"
    asked, threads = Core(disk.root), Threads(2, "files")
    clips = Clips(asked, disk.store / "clips", threads, clock=lambda: now)
    async with (
        control.serving(disk.root, core.answer),
        serving(Door(clips.routes, title, ["en"]), tls=guard.tls) as address,
    ):
        one = guard.client(address, CENTRAL, name="one")
        two = guard.client(address, CENTRAL, name="two")
        sealed_by_then = []
        for client, path, then in (
            (one, CLIP, 0.0),
            (two, CLIP, 0.0),
            (one, other, 0.0),
            (one, CLIP, ONE_ACCESS_S - 1),
            (one, CLIP, ONE_ACCESS_S),
            (one, CLIP, ONE_ACCESS_S),
        ):
            now = then
            assert (await client.get(path)).status == 200
            sealed_by_then.append(len(core.accesses))
    asked.close()
    threads.close()
    assert sealed_by_then == [1, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    "name", ["", "0" * 64, NAME.upper(), NAME[:-1], NAME + "0", "x" * 64, "../" + NAME, f"{NAME}/"]
)
async def test_what_no_entry_seals_is_not_served(
    disk: Disk, core: ToldCore, guard: Guard, name: str
) -> None:
    """A file may lie in the store that no entry names; it is no clip."""
    disk.put(f"store/clips/00/{'0' * 64}", b"stray")
    async with faced(disk.root, core, tls=guard.tls) as address:
        reply = await guard.client(address, CENTRAL).get(f"/v1/clips/sha256/{name}")
    assert reply.status in {400, 404}
    assert core.accesses == []


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (Path.unlink, "clip-gone"),
        (lambda path: path.write_bytes(b"short"), "clip-damaged"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "clip-gone"),
    ],
)
async def test_a_clip_that_the_store_lost_is_gone(
    disk: Disk, core: ToldCore, guard: Guard, how: Callable[[Path], Any], code: str
) -> None:
    """What is sealed and not there is 410, with the reason, and no access."""
    how(disk.store / "clips" / NAME[:2] / NAME)
    async with faced(disk.root, core, tls=guard.tls) as address:
        reply = await guard.client(address, CENTRAL).get(CLIP)
    assert (reply.status, reply.code) == (410, code)
    assert core.accesses == []


async def test_the_inventory_is_told_page_by_page(
    disk: Disk, core: ToldCore, log: Sealed, guard: Guard
) -> None:
    """Every clip once, in order, each page going on where the last ended."""
    found: list[dict[str, object]] = []
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL)
        after = ""
        while True:
            page = json_of(await client.get(f"/v1/inventory?limit=10&after={after}"))
            found += page["items"]
            if page["next"] is None:
                break
            after = page["next"]
        for target in ("limit=0", "limit=1001", "after=x", "after=" + "A" * 64, "x="):
            assert (await client.get(f"/v1/inventory?{target}")).code == "query"
    assert found == [{"sha256": n, "size": len(log.clips[n])} for n in sorted(log.clips)]


async def test_manifests_are_listed_from_any_seq(disk: Disk, core: ToldCore, guard: Guard) -> None:
    """A client that keeps one number misses none and gets none twice."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, AUDITOR)
        seen: list[int] = []
        after = 0
        while True:
            page = json_of(await client.get(f"/v1/manifests?after={after}&limit=5"))
            seen += [item["docking"] for item in page["items"]]
            if page["next"] is None:
                break
            after = page["next"]
        assert seen == list(range(1, 13))
        assert json_of(await client.get("/v1/manifests?after=60")) == {"items": [], "next": None}
        for target in ("after=-1", "limit=0", "limit=501", "after=1&after=2", "before=1"):
            assert (await client.get(f"/v1/manifests?{target}")).code == "query"


async def _manifest(client: Client, target: str) -> Reply:
    reply = await client.get(f"/v1/manifests/{target}")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/vnd.sealdock.manifest"
    assert reply.headers["etag"] == f'"{hashlib.sha256(reply.body).hexdigest()}"'
    assert reply.headers["cache-control"] == "private, no-cache"
    return reply


async def test_a_manifest_stays_the_same(
    disk: Disk, core: ToldCore, log: Sealed, guard: Guard
) -> None:
    """It is made under the first checkpoint that covered it, whatever was signed since."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL)
        reply = await _manifest(client, "3")
        parts = manifest.parse(reply.body)
        assert (parts.docking, parts.entries) == (3, tuple(log.entries[11:16]))
        assert parts.note == log.checkpoint(16)
        assert parts.documents is not None
        assert (await _manifest(client, "3")).body == reply.body
        again = await client.get("/v1/manifests/3", if_none_match=reply.headers["etag"])
        assert again.status == 304
        newest = manifest.parse((await _manifest(client, "3?head=newest")).body)
        assert newest.note == log.checkpoint(61)


async def test_documents_can_be_withheld_and_may_be_gone(
    disk: Disk, core: ToldCore, guard: Guard
) -> None:
    """Without documents nobody is named; one that was removed is said to be absent."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, AUDITOR)
        whole = manifest.parse((await _manifest(client, "1")).body)
        bare = manifest.parse((await _manifest(client, "1?documents=withheld")).body)
        assert (bare.documents, bare.entries) == (None, whole.entries)
        for folder in (disk.store / "documents").iterdir():
            for file in folder.iterdir():
                file.unlink()
        less = manifest.parse((await _manifest(client, "1")).body)
    assert less.documents is not None
    assert all(isinstance(one, manifest.Absent) for one in less.documents)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("0", 404),
        ("13", 404),
        ("01", 404),
        ("-1", 404),
        ("x", 404),
        ("9" * 40, 404),
        ("1/2", 404),
        ("1?head=oldest", 400),
        ("1?head=cosigned", 404),
        ("1?documents=all", 400),
        ("1?x=", 400),
    ],
)
async def test_there_is_no_other_manifest(
    disk: Disk, core: ToldCore, guard: Guard, target: str, status: int
) -> None:
    """Dockings that are not, or not published, have none; nor have misspelt ones."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        reply = await guard.client(address, CENTRAL).get(f"/v1/manifests/{target}")
    assert reply.status == status


async def test_a_damaged_log_gives_no_manifest(disk: Disk, core: ToldCore, guard: Guard) -> None:
    """Entries that are not those that were signed are not handed out as such."""
    bundle = next((disk.log / "tile/entries").rglob("000.p/*"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"bay":"1"', b'"bay":"2"'))
    async with faced(disk.root, core, tls=guard.tls) as address:
        reply = await guard.client(address, CENTRAL).get("/v1/manifests/1")
    assert (reply.status, reply.code) == (500, "log-damaged")


async def test_nothing_can_be_written(disk: Disk, core: ToldCore, guard: Guard) -> None:
    """No method but GET and HEAD does anything, whatever the role."""
    async with faced(disk.root, core, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL, OPERATOR)
        for path in (*PRIVATE, "/checkpoint", "/tile/0/000", "/v1/dock", "/v1/proofs/inclusion"):
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                assert (await client.ask(method, path)).code == "method"
        async with client.connected() as (reader, writer):
            writer.write(request("PUT", CLIP, content_length="9", connection="close") + b"x" * 9)
            assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
    assert core.accesses == []
