"""`sealdock serve` as it runs: beside a real dock, started, told to end, and refused."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon.dock import Dock
from dock_daemon.docking.rules import Rules
from dock_daemon.rehearsal.scripted import ScriptedHotplug
from hashing.heads import Trust
from hashing.kept import Named
from hashing.keys import VerifierKey
from hashing.manifest_check import check_manifest
from hashing.verify import verify_log
from tests import sealed
from tests.cards import make_fat_card
from tests.docks import DockIn, some_bytes
from tests.web_faces import Guard, faced, json_of
from tests.wire import WITHIN_S, Client
from transport.callers import CENTRAL

ROOT = Path(__file__).parents[2]
CLIPS = {"DCIM/1.MP4": some_bytes("one", 70_000), "DCIM/2.MP4": some_bytes("two", 5)}


@asynccontextmanager
async def running(dock: DockIn) -> AsyncIterator[None]:
    """Run a dock, without bays, on a state that is there."""
    with dock.open() as state:
        loaded = dock.settings()
        whole = Dock(state, loaded, Rules.of(loaded), dock.clock, ScriptedHotplug())
        up = asyncio.Event()
        task = asyncio.create_task(whole.serve(ready=up.set, alive=lambda: None))
        await up.wait()
        try:
            yield
        finally:
            whole.stop()
            await task


async def test_a_centre_gets_manifests_and_clips_of_a_real_dock(
    dock: DockIn, tmp_path: Path
) -> None:
    """All that a docking produced comes over HTTP whole, verifies alone, and is in the ledger."""
    card = make_fat_card(tmp_path / "card.img", CLIPS)
    told = await asyncio.to_thread(dock.take_over, card)
    guard = Guard.below(tmp_path / "ca")
    async with running(dock), faced(dock.root, tls=guard.tls) as address:
        client = guard.client(address, CENTRAL, name="central-01")
        (item,) = json_of(await client.get("/v1/manifests"))["items"]
        assert (item["clips"], item["result"]) == (2, "complete")
        reply = await client.get(f"/v1/manifests/{item['docking']}")
        for path, clip in told.sealed.items():
            got = await client.get(f"/v1/clips/sha256/{clip.sha256}")
            assert got.body == CLIPS[path]
        stock = json_of(await client.get("/v1/inventory"))["items"]
        assert {one["sha256"] for one in stock} == {one.sha256 for one in told.sealed.values()}
        about = json_of(await client.get("/v1/dock"))
        assert about["published"] == about["head"]["size"] > item["seq"]
    key = VerifierKey.parse(about["vkeys"][0])
    report = check_manifest(Named("manifest", reply.body), Trust(logs=(key,)))
    assert (report.problems, report.docking) == ((), item["docking"])
    accesses = dock.parsed("access")
    assert sorted(str(one.body["sha256"]) for one in accesses) == sorted(
        clip.sha256 for clip in told.sealed.values()
    )
    dock.assert_holds("central-01")
    assert verify_log(dock.root / "log", key).problems == ()


class Manager:
    """systemd's end of the notify socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.bind(str(path))
        self._link.setblocking(False)  # noqa: FBT003  its only argument

    async def wait_for(self, word: str) -> None:
        """Return once the service has said `word`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WITHIN_S):
            while (await loop.sock_recv(self._link, 4096)).decode() != word:
                continue

    def close(self) -> None:
        """Listen no more."""
        self._link.close()


def command(*arguments: str) -> list[str]:
    """Return `sealdock serve` as it is typed."""
    return [sys.executable, "-m", "dock_daemon.commands.root", "serve", *arguments]


def environment(**more: str) -> Mapping[str, str]:
    """Return what the command finds around it."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@asynccontextmanager
async def started(
    *arguments: str, manager: Manager | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start the command; yield it and the URL that it says it serves at."""
    notify = {"NOTIFY_SOCKET": str(manager.path)} if manager else {}
    process = await asyncio.create_subprocess_exec(
        *command("--listen", "127.0.0.1:0", "--json", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**notify),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            told = json.loads(await process.stdout.readline())
        assert (told["message_type"], told["schema"]) == ("status", 1)
        yield process, told["listening"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_listens_serves_and_ends_in_good_order(tmp_path: Path) -> None:
    """Address on stdout, READY to systemd, the log over HTTP, exit 0 on SIGTERM."""
    disk = sealed.small().write(tmp_path / "state")
    manager = Manager(tmp_path / "notify")
    async with started("--state", str(disk.root), manager=manager) as (process, url):
        await manager.wait_for("READY=1")
        reply = await Client(url.removeprefix("http://")).get("/checkpoint")
        assert reply.body == disk.read("checkpoint")
        process.send_signal(signal.SIGTERM)
        await manager.wait_for("STOPPING=1")
        assert await process.wait() == ExitCode.OK
    manager.close()


async def test_it_serves_with_tls_as_it_is_configured(tmp_path: Path) -> None:
    """Certificates come from the settings; a client without one does not get in."""
    disk = sealed.small().write(tmp_path / "state")
    guard = Guard.below(tmp_path / "ca")
    arguments = configured(
        tmp_path,
        cert=guard.server.cert,
        key=guard.server.key,
        client_ca=guard.authority.ca,
        crl=guard.authority.revoke(),
    )
    async with started(*arguments, "--state", str(disk.root)) as (_, url):
        address = url.removeprefix("https://")
        client = guard.client(address, CENTRAL)
        assert (await client.get("/vkey")).body == disk.read("vkey")
        with pytest.raises((OSError, EOFError)):
            await Client(address).get("/vkey")


def configured(folder: Path, **web: str) -> tuple[str, str]:
    """Write settings of [web]; return the flag that names them."""
    etc = folder / "etc"
    etc.mkdir()
    lines = [f"{name} = {json.dumps(text)}" for name, text in web.items()]
    (etc / "sealdock.toml").write_text("\n".join(["[web]", *lines, ""]), encoding="utf-8")
    return "--config", str(etc)


@pytest.mark.parametrize(
    ("web", "listen", "says"),
    [
        ({}, "0.0.0.0:0", "web.cert"),
        ({"listen": "[::]:0"}, "", "web.cert"),
        ({}, "localhost:0", "127.0.0.1:8470"),
        ({}, "192.0.2.7:0", "web.cert"),
        ({"cert": "x"}, "127.0.0.1:0", "web.key"),
        ({"key": "x"}, "127.0.0.1:0", "web.cert"),
        ({"client_ca": "x"}, "127.0.0.1:0", "web.cert"),
        ({"crl": "x"}, "127.0.0.1:0", "web.client_ca"),
        ({"cert": "/none.pem", "key": "/none.key"}, "127.0.0.1:0", "/none.pem"),
    ],
)
def test_settings_that_would_serve_to_anybody_are_refused(
    tmp_path: Path, web: dict[str, str], listen: str, says: str
) -> None:
    """It ends with one message that names the setting, and listens nowhere."""
    flags = ["--listen", listen] if listen else []
    done = subprocess.run(
        command(*configured(tmp_path, **web), *flags, "--lang", "en", "--state", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=WITHIN_S,
    )
    assert done.returncode == ExitCode.FAILED
    assert says in done.stderr
    assert done.stdout == ""


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    """Two services do not share a port."""
    with socket.create_server(("127.0.0.1", 0)) as link:
        taken = f"127.0.0.1:{link.getsockname()[1]}"
        done = subprocess.run(
            command("--listen", taken, "--lang", "en", "--state", str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=WITHIN_S,
        )
    assert done.returncode == ExitCode.FAILED
    assert taken in done.stderr
    assert "another program" in done.stderr


def test_what_the_web_may_not_read_is_closed_to_its_group(dock: DockIn, tmp_path: Path) -> None:
    """With the core's umask the group reads log, clips and documents; key and ledger it can't."""
    before = os.umask(0o027)
    try:
        dock.take_over(make_fat_card(tmp_path / "card.img", CLIPS))
    finally:
        os.umask(before)
    closed = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "key", "key/log.key", "reserve"}
    found = sorted(dock.root.rglob("*"))
    for path in found:
        mode = path.stat().st_mode
        name = str(path.relative_to(dock.root))
        wanted = 0 if name in closed else 0o050 if path.is_dir() else 0o040
        assert mode & 0o070 & ~0o020 == wanted, name
        assert mode & 0o002 == 0, name
    assert {"ledger.db", "key"} <= {str(path.relative_to(dock.root)) for path in found}
