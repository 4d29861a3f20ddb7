"""The Go project's transparency log verifier, which we did not write, judges our log directory.

Wants the Debian packages golang-go and golang-golang-x-mod-dev; no network.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.require import need
from tests.sealed import KEY, ORIGIN, Disk, long

SOURCE: Final = Path(__file__).parent / "foreign_go" / "main.go"
GOPATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go sources
PACKAGE: Final = GOPATH / "src/golang.org/x/mod/sumdb/tlog"


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the verifier from Debian's sources; return the program."""
    go = shutil.which("go")
    need(go, "the Go compiler (Debian: golang-go)")
    need(PACKAGE.is_dir(), "golang.org/x/mod (Debian: golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("foreign")
    program = folder / "foreign"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOCACHE": str(folder / "cache"),
        "GOPATH": str(GOPATH),
        "GO111MODULE": "off",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    command = [str(go), "build", "-o", str(program), str(SOURCE)]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return program


def judge(program: Path, disk: Disk) -> subprocess.CompletedProcess[str]:
    """Return what the foreign verifier says of a log under the test key."""
    command = [str(program), str(KEY.verifier()), str(disk.log)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 600])
def test_it_accepts_what_we_write(foreign: Path, tmp_path: Path, size: int) -> None:
    """Checkpoint, every tile and every entry of our log are accepted, at awkward sizes too."""
    disk = long(size).write(tmp_path, sizes=(1, size // 2) if size > 2 else ())
    done = judge(foreign, disk)
    assert (done.stdout, done.stderr) == (f"{ORIGIN} {size}\n", "")


def test_it_accepts_three_levels(foreign: Path, tmp_path: Path) -> None:
    """A log of more than 65,536 entries is accepted."""
    sealed = long(5)
    for _ in range(65_700):
        sealed.add("heartbeat")
    done = judge(foreign, sealed.write(tmp_path))
    assert (done.stdout, done.stderr) == (f"{ORIGIN} 65705\n", "")


@pytest.mark.parametrize(
    "path", ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/001.p/44"]
)
def test_it_refuses_what_was_changed(foreign: Path, tmp_path: Path, path: str) -> None:
    """It is no rubber stamp: one changed byte is refused, so what it accepts means something."""
    disk = long(300).write(tmp_path)
    disk.change(f"log/{path}", lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:])
    assert judge(foreign, disk).returncode == 1
