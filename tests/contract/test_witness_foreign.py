"""Witnesses and logs that we did not write: a log in Go and ours, a witness in Go and our dock.

Wants the Debian packages golang-go and golang-golang-x-mod-dev; no network but loopback.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from central.centre import Centre
from central.cosigning.outcomes import (
    Accepted,
    Conflict,
    Inconsistent,
    Malformed,
    Outcome,
    Unknown,
    Unsigned,
)
from config.settings import Cosigner
from dock_daemon.sync.carrier import Brought, Carrier
from dock_daemon.sync.party import Party
from dock_daemon.sync.published import Head, PublishedLog
from dock_daemon.sync.told import Told
from hashing import note
from hashing.cosigners import parse_cosigner
from hashing.keys import SignerKey
from tests.centres import CentreIn
from tests.require import need
from tests.sealed import KEY, long
from tests.submitting import SENDER, START_MS, open_centre

SOURCE: Final = Path(__file__).parent / "foreign_witness" / "main.go"
GOLDEN: Final = Path(__file__).parents[1] / "golden" / "witness" / "litewitness.json"
GOPATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go sources
PACKAGE: Final = GOPATH / "src/golang.org/x/mod/sumdb/tlog"
FOREIGN_LOG: Final = SignerKey.generate("log.example/go", b"g" * 32)
STATUS: Final[dict[type[Outcome], int]] = {
    Accepted: 200,
    Malformed: 400,
    Unsigned: 403,
    Unknown: 404,
    Conflict: 409,
    Inconsistent: 422,
}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the foreign log and witness from Debian's sources; return the program."""
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


@contextmanager
def foreign_witness(program: Path) -> Iterator[tuple[str, str]]:
    """Run a witness in Go for the test's log; yield its address and its key."""
    command = [str(program), "witness", str(KEY.verifier()), "witness.example/go", "07" * 32]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.stdout.readline().strip()
        finally:
            process.terminate()


def published(root: Path, size: int, *, swapped: int | None = None) -> tuple[PublishedLog, Head]:
    """Return a log directory of `size` entries and its head; two of them swapped, if asked for."""
    sealed = long(700)
    sealed.entries = sealed.entries[:size]
    if swapped is not None:
        at = slice(swapped, swapped + 2)
        sealed.entries[at] = reversed(sealed.entries[at])
    log = PublishedLog(sealed.write(root).log)
    head = log.head()
    assert head is not None
    return log, head


def test_our_witness_accepts_a_log_in_go(foreign: Path, memory_path: Path) -> None:
    """A client by others verifies our cosignatures itself, and gets each refusal it expects."""
    centre = CentreIn(memory_path)
    centre.json("dock", "add", FOREIGN_LOG.name, "--key", str(FOREIGN_LOG.verifier()))
    (key,) = [each["keys"][0] for each in centre.json("key", "show") if each["role"] == "witness"]
    with centre.running() as server:
        url = f"http://{server.address}/witness"
        command = [str(foreign), "log", url, FOREIGN_LOG.encode(), key]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("cosigned 1000\n", "")


async def test_a_witness_in_go_accepts_our_dock(foreign: Path, tmp_path: Path) -> None:
    """The dock's own courier gets cosignatures from a witness by others, at first and later."""
    with foreign_witness(foreign) as (url, vkey):
        settings = Cosigner(name="go", role="witness", keys=(vkey,), url=url)
        party = Party(settings, None, 60)
        for size in (1, 100, 100, 257, 700):
            log, head = published(tmp_path / f"{size}-{time.monotonic_ns()}", size)
            # A courier that has just begun knows nothing: the first answer names the size.
            brought = await Carrier(party, log, time.time).bring(head)
            assert isinstance(brought, Brought), brought
            signed = note.with_lines(head.note, brought.lines)
            opened = note.open_note(signed, [parse_cosigner(vkey)])
            assert opened.text == head.text
            assert len(opened.signatures) == 1
        await party.close()


async def test_a_witness_in_go_refuses_what_our_dock_rewrote(foreign: Path, tmp_path: Path) -> None:
    """Yesterday's entries rewritten with the dock's own key: the other's refusal is understood."""
    with foreign_witness(foreign) as (url, vkey):
        party = Party(Cosigner(name="go", role="witness", keys=(vkey,), url=url), None, 60)
        log, head = published(tmp_path / "honest", 300)
        assert isinstance(await Carrier(party, log, time.time).bring(head), Brought)
        told: list[Told | Brought] = []
        for size in (300, 700, 200):
            log, head = published(tmp_path / f"rewritten-{size}", size, swapped=7)
            told.append(await Carrier(party, log, time.time).bring(head))
        assert all(isinstance(each, Told) for each in told), told
        await party.close()


@pytest.fixture
def centre(memory_path: Path) -> Iterator[Centre]:
    """Return a centre."""
    centre = open_centre(memory_path)
    yield centre
    centre.close()


def test_the_dialogue_of_another_witness_is_ours(centre: Centre) -> None:
    """Requests that another witness's authors wrote down get the answers of today's protocol."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    centre.register.enrol(golden["origin"], [golden["vkey"]], now_ms=START_MS)
    assert centre.witness is not None
    for step in golden["steps"]:
        outcome = centre.witness.add_checkpoint(step["body"].encode(), SENDER)
        assert STATUS[type(outcome)] == step["status"], step["body"]
        if isinstance(outcome, Conflict):
            assert f"{outcome.size}\n" == step["answer"]
