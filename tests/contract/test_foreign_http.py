"""Clients that we did not write read a dock over HTTP: Go's tlog over net/http, and curl.

Wants the Debian packages golang-go, golang-golang-x-mod-dev and curl; no network.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.require import need
from tests.sealed import KEY, ORIGIN, Sealed, long
from tests.web_faces import Guard, ToldCore, faced
from tests.wire import WITHIN_S
from transport.callers import CENTRAL

SOURCE: Final = Path(__file__).parent / "foreign_go_client" / "main.go"
GOPATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go sources
PACKAGE: Final = GOPATH / "src/golang.org/x/mod/sumdb/tlog"


async def done(*command: str, **environment: str) -> tuple[int, str, str]:
    """Run a program; return its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environment},
    )
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the client from Debian's sources; return the program."""
    go = shutil.which("go")
    need(go, "the Go compiler (Debian: golang-go)")
    need(PACKAGE.is_dir(), "golang.org/x/mod (Debian: golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("foreign")
    built = asyncio.run(
        done(
            str(go),
            "build",
            "-o",
            str(folder / "client"),
            str(SOURCE),
            HOME=str(folder),
            GOCACHE=str(folder / "cache"),
            GOPATH=str(GOPATH),
            GO111MODULE="off",
            GOPROXY="off",
            CGO_ENABLED="0",
        )
    )
    assert built[0] == 0, built[2]
    return str(folder / "client")


@pytest.fixture
def curl() -> str:
    """Return curl."""
    found = shutil.which("curl")
    need(found, "curl")
    return str(found)


@pytest.mark.parametrize("size", [1, 2, 256, 257, 600])
async def test_go_reads_and_proves_our_log(client: str, tmp_path: Path, size: int) -> None:
    """Every record is in the tree that was signed, by tiles and by proofs over HTTP."""
    log = long(size)
    olds = [str(old) for old in (1, 255, 256, 300, size) if old <= size]
    async with faced(log.write(tmp_path, sizes=(1,) if size > 1 else ()).root) as address:
        told = await done(client, str(KEY.verifier()), f"http://{address}", *olds)
    assert told == (0, f"{ORIGIN} {size}\n", "")


async def test_go_reads_it_over_mutual_tls(client: str, tmp_path: Path) -> None:
    """With a certificate of ours Go's TLS gets in; without one it does not."""
    guard = Guard.below(tmp_path / "ca")
    reader = guard.authority.client(CENTRAL)
    stranger = Guard.below(tmp_path / "other").authority.client(CENTRAL)
    async with faced(long(300).write(tmp_path / "state").root, tls=guard.tls) as address:
        rest = (str(KEY.verifier()), f"https://{address}")
        told = await done(client, "-tls", guard.authority.ca, reader.cert, reader.key, *rest)
        assert told == (0, f"{ORIGIN} 300\n", "")
        told = await done(client, "-tls", guard.authority.ca, stranger.cert, stranger.key, *rest)
        assert told[:2] == (1, "")


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/entries/001.p/44"])
async def test_go_refuses_what_was_changed(client: str, tmp_path: Path, path: str) -> None:
    """It is no rubber stamp: one changed byte, and it says no."""
    disk = long(300).write(tmp_path)
    disk.change(f"log/{path}", lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:])
    async with faced(disk.root) as address:
        assert (await done(client, str(KEY.verifier()), f"http://{address}"))[0] == 1


async def test_curl_resumes_a_clip(curl: str, tmp_path: Path) -> None:
    """A download that broke off goes on where it stopped, and is then left alone."""
    log = Sealed()
    log.genesis()
    content = bytes(range(256)) * 4000
    log.docking(1, [content])
    name = next(iter(log.clips))
    guard = Guard.below(tmp_path / "ca")
    reader = guard.authority.client(CENTRAL)
    target = tmp_path / "clip"
    target.write_bytes(content[:123_456])
    core = ToldCore(log)
    async with faced(log.write(tmp_path / "state").root, core, tls=guard.tls) as address:
        command = [
            curl, "--silent", "--show-error", "--fail", "--cacert", guard.authority.ca,
            "--cert", reader.cert, "--key", reader.key, "--output", str(target),
            "--write-out", "%{http_code}", f"https://{address}/v1/clips/sha256/{name}",
        ]  # fmt: skip
        assert await done(*command, "--continue-at", "-") == (0, "206", "")
        assert target.read_bytes() == content
        assert await done(*command, "--header", f'If-None-Match: "{name}"') == (0, "304", "")
    assert len(core.accesses) == 1


async def test_curl_is_told_what_is_wrong(curl: str, tmp_path: Path) -> None:
    """Paths that curl sends as they are do not lead out of the log."""
    async with faced(long(6).write(tmp_path).root) as address:
        for path in ("/../vkey", "/tile/../../ledger.db", "/%2e%2e/ledger.db", "//vkey"):
            told = await done(
                curl, "--silent", "--path-as-is", "--write-out", "%{http_code}",
                "--output", str(tmp_path / "out"), f"http://{address}{path}",
            )  # fmt: skip
            assert told == (0, "400", "")
