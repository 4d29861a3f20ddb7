"""A dock, its messenger and a real centre, each as its own program: from enrolment to alarm."""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from config.settings import Cosigner
from dock_daemon import control
from dock_daemon.answering import Answering
from dock_daemon.evidence.heartbeat import beat
from dock_daemon.evidence.state import State
from dock_daemon.sync.told import Code
from hashing import checkpoint, note
from hashing.cosigners import parse_cosigner
from hashing.submission import origin_hash
from tests.authority import Authority
from tests.docks import ORIGIN, DockIn
from tests.syncing import stage
from transport.client import Link

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "SEALDOCK_LANG": "en"}


def name_of(vkey: str) -> str:
    """Return the name in a verifier key."""
    return vkey.partition("+")[0]


@dataclass(frozen=True, slots=True)
class Central:
    """A centre that runs, and how to speak to it."""

    folder: Path
    address: str
    keys: dict[str, str]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the centre's commands."""
        where = ("--state", str(self.folder / "state"), "--config", str(self.folder / "etc"))
        return subprocess.run(
            [sys.executable, "-m", "central.commands.root", *arguments, *where],
            capture_output=True, text=True, check=False, env=ENVIRONMENT,
        )  # fmt: skip

    def enrol(self, vkey: str) -> None:
        """Have it know a dock by its key."""
        added = self.command("dock", "add", name_of(vkey), "--key", vkey, "--yes")
        assert added.returncode == 0, added.stderr

    def cosigner(self, role: str) -> Cosigner:
        """Return it as a cosigner of a dock's settings."""
        key = self.keys[role]
        return Cosigner(
            name=name_of(key),
            role=cast("Any", role),  # one of the two that the settings have
            keys=(key,),
            url=f"{self.address}/{role}",
        )

    def settings(self, more: str = "") -> str:
        """Return the settings of a dock that has it as witness and mirror."""
        blocks = [more]
        for role in ("witness", "mirror"):
            one = self.cosigner(role)
            blocks += ["[[cosigners]]", f'name = "{one.name}"', f'role = "{role}"']
            blocks += [f'keys = ["{one.keys[0]}"]', f'url = "{one.url}"']
        return "\n".join([*blocks, ""])


@contextmanager
def running(folder: Path, web: str = "", scheme: str = "http") -> Iterator[Central]:
    """Run a centre of its own on a port that the kernel picks."""
    (folder / "etc").mkdir(parents=True)
    text = f'[centre]\norigin = "central.example"\n[web]\nlisten = "127.0.0.1:0"\n{web}'
    (folder / "etc" / "central.toml").write_text(text, encoding="utf-8")
    where = ("--state", str(folder / "state"), "--config", str(folder / "etc"))
    command = [sys.executable, "-m", "central.commands.root", "run", "--json", *where]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as child:
        try:
            assert child.stdout is not None
            told = json.loads(child.stdout.readline())
            port = told["address"].rpartition(":")[2]
            central = Central(folder, f"{scheme}://127.0.0.1:{port}", {})
            for line in central.command("key", "show", "--json").stdout.splitlines():
                shown = json.loads(line)
                central.keys[shown["role"]] = shown["keys"][0]
            yield central
        finally:
            child.terminate()


@pytest.fixture
def central(tmp_path: Path) -> Iterator[Central]:
    """Return a centre that knows no dock."""
    with running(tmp_path / "central") as one:
        yield one


@asynccontextmanager
async def core(dock: DockIn, settings: str) -> AsyncIterator[State]:
    """Open a dock's state, and answer on its socket."""
    dock.clock.utc_ms = time.time_ns() // 1_000_000
    with dock.open(settings) as state:
        answering = Answering(state)

        async def answer(request: control.Request) -> object:
            return await asyncio.to_thread(answering.answer, request)

        async with control.serving(state.root, answer):
            yield state


@dataclass(frozen=True, slots=True)
class Synced:
    """How `sealdock sync --once` ended, and what it said."""

    code: int
    out: str
    told: dict[str, Any]

    def codes(self) -> list[str]:
        """Return what became of each cosigner."""
        return [one["code"] for one in self.told["cosigners"]]


async def sync_once(dock: DockIn) -> Synced:
    """Run `sealdock sync --once` as a program of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dock_daemon.commands.root", "sync", "--once",
        "--state", str(dock.root), "--config", str(dock.config), "--lang", "en",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**ENVIRONMENT, "SEALDOCK_DOCK_ORIGIN": ORIGIN},
    )  # fmt: skip
    out, err = await child.communicate()
    status = dock.root / "sync" / "status.json"
    assert status.exists(), err.decode()
    assert child.returncode is not None
    return Synced(child.returncode, out.decode(), json.loads(status.read_text("utf-8")))


async def published(dock: DockIn, more_than: int) -> None:
    """Wait until a head of more entries is published."""
    async with asyncio.timeout(60):
        while True:
            told = await asyncio.to_thread(control.ask, dock.root, {"ask": "signing"})
            if cast("dict[str, Any]", told)["published"] > more_than:
                return


async def vouched(dock: DockIn) -> Synced:
    """Sync until signing is permitted: a cosignature of the last life's second is not fresh."""
    async with asyncio.timeout(60):
        while True:
            done = await sync_once(dock)
            told = await asyncio.to_thread(control.ask, dock.root, {"ask": "signing"})
            if cast("dict[str, Any]", told)["state"] == "granted":
                return done


def cosigners_of(dock: DockIn, central: Central) -> set[str]:
    """Return who has cosigned the published head, each line verified."""
    keys = [parse_cosigner(key) for key in central.keys.values()]
    opened = note.open_note((dock.root / "log" / "checkpoint").read_bytes(), keys)
    return {line.name for line in opened.signatures}


async def test_from_enrolment_to_a_cosigned_head(dock: DockIn, central: Central) -> None:
    """A stranger is told the very command that enrols it; then both cosign, and hold all of it."""
    settings = central.settings()
    async with core(dock, settings):
        stranger = await sync_once(dock)
        assert (stranger.code, stranger.codes()) == (1, ["unknown-log", "unknown-log"])
        advice = next(line for line in stranger.out.splitlines() if "dock add" in line)
        command = shlex.split(advice.partition(": ")[2])
        assert command[0] == "sealdock-central"
        added = central.command(*command[1:], "--yes")
        assert added.returncode == 0, added.stderr
        done = await sync_once(dock)
        assert (done.code, done.codes()) == (0, ["cosigned", "cosigned"])
        assert cosigners_of(dock, central) == set(map(name_of, central.keys.values()))
    # The cosignatures are entries by now, which the next round brings.
    async with core(dock, settings):
        again = await vouched(dock)
        assert again.code == 0
    async with Link(f"{central.address}/mirror/{origin_hash(ORIGIN)}", None, 20) as link:
        mirrored = (await link.get("checkpoint")).body
        size = checkpoint.parse(note.parse(mirrored)[0]).size
        assert again.told["cosigners"][1]["size"] == size
        bundle = (await link.get(f"tile/entries/000.p/{size}")).body
    assert bundle == (dock.root / "log" / f"tile/entries/000.p/{size}").read_bytes()
    assert len(dock.parsed("cosigned")) >= 2
    dock.assert_holds()


async def test_an_old_disk_is_stopped_by_the_centre(
    dock: DockIn, central: Central, tmp_path: Path
) -> None:
    """A state that was put back asks first, hears that more is known, and never signs again."""
    settings = central.settings()
    async with core(dock, settings):
        central.enrol((dock.root / "log" / "vkey").read_text("ascii").strip())
        assert (await sync_once(dock)).code == 0
    shutil.copytree(dock.root, tmp_path / "backup")
    async with core(dock, settings) as state:
        later = await vouched(dock)
        assert (later.code, later.told["signing"]["state"]) == (0, "asking")
        state.sealer.submit(beat(interval_s=900, free_bytes=0, waiting=0)).result()
        await published(dock, later.told["cosigners"][0]["size"])
        assert (await sync_once(dock)).code == 0
    shutil.rmtree(dock.root)
    shutil.copytree(tmp_path / "backup", dock.root)
    before = (dock.root / "log" / "checkpoint").read_bytes()
    async with core(dock, settings):
        stopped = await sync_once(dock)
        assert (stopped.code, stopped.codes()) == (1, ["stopped", "stopped"])
        signing = await asyncio.to_thread(control.ask, dock.root, {"ask": "signing"})
        again = await sync_once(dock)
    told = cast("dict[str, Any]", signing)
    assert (told["state"], told["signed"]) == ("stopped", told["published"])
    assert told["alarm"]["theirs"]["size"] > told["signed"]
    assert again.told["signing"]["state"] == "stopped"
    assert "ALARM" in again.out
    assert (dock.root / "log" / "checkpoint").read_bytes() == before


async def test_a_start_while_it_is_not_enrolled_leaves_no_mark(
    dock: DockIn, central: Central
) -> None:
    """Taken out, started, enrolled again: the centre lost nothing, and signing goes on."""
    settings = central.settings()
    async with core(dock, settings):
        vkey = (dock.root / "log" / "vkey").read_text("ascii").strip()
        central.enrol(vkey)
        assert (await sync_once(dock)).code == 0
    assert central.command("dock", "remove", ORIGIN, "--yes").returncode == 0
    async with core(dock, settings):
        away = await sync_once(dock)
        assert (away.code, away.codes()) == (1, ["unknown-log", "unknown-log"])
        told = await asyncio.to_thread(control.ask, dock.root, {"ask": "signing"})
        assert cast("dict[str, Any]", told)["why"] != "witness-forgot"
        central.enrol(vkey)
        assert (await vouched(dock)).code == 0
    dock.assert_holds()


async def test_a_month_offline_is_caught_up_with(central: Central, tmp_path: Path) -> None:
    """Nine thousand entries reach a real mirror in several requests, and it vouches for all."""
    for dock in stage(tmp_path / "dock", 9000):
        central.enrol(str(dock.log.key.verifier()))
        told = await dock.visit(dock.courier(central.cosigner("mirror")))
        assert (told.code, told.facts) == (Code.COSIGNED, {"size": 9000})


async def test_certificates_on_both_sides(dock: DockIn, tmp_path: Path) -> None:
    """With a certificate of its own a dock is heard; without one, or by a stranger, it is not."""
    ca, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other", "other")
    server, other_dock = ca.server(), ca.client("dock")
    uris = ("urn:sealdock:role:dock", f"urn:sealdock:origin:{ORIGIN}")
    client = ca.issue("this-dock", uris=uris)
    web = f'cert = "{server.cert}"\nkey = "{server.key}"\nclient_ca = "{ca.ca}"\n'
    with running(tmp_path / "central", web, "https") as central:
        for files, code in (
            ({"ca": ca.ca}, "tls"),
            ({"ca": other.ca, "cert": client.cert, "key": client.key}, "tls"),
            ({"ca": ca.ca, "cert": other_dock.cert, "key": other_dock.key}, "not-admitted"),
            ({"ca": ca.ca, "cert": client.cert, "key": client.key}, "unknown-log"),
        ):
            lines = "".join(f'{name} = "{path}"\n' for name, path in files.items())
            async with core(dock, central.settings(f"[sync]\n{lines}")):
                done = await sync_once(dock)
            assert (done.code, set(done.codes())) == (1, {code}), done.out
