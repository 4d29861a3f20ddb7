"""The real control worker, on a pseudo-terminal with a recorder behind it."""

import hashlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from config.profiles import recorder_profile
from config.toml import SHIPPED
from dock_daemon.recorders.greeting import DockTime, Patience, Wants, greet
from dock_daemon.recorders.session import Session, Workers
from firmware_bridge.capabilities import Capability, Holder
from firmware_bridge.control import spawn, worker
from firmware_bridge.control.wire import Channel, Open
from firmware_bridge.errors import (
    ChannelLostError,
    ControlFailedError,
    RecorderSilentError,
    RefusedError,
)
from firmware_bridge.workers import Child, Worker
from tests.recorders.open_fake import OpenFake
from tests.recorders.open_on_pty import OnPty

ROOT: Final = Path(__file__).parents[2]
WANTS: Final = Wants(
    exchanges=5,
    dock_time=lambda: DockTime(sync="synchronized", source="test", uncertainty_us=1000),
    now_ms=lambda: 1_790_000_000_000,
    not_set=lambda _measured: "",
    journal_from=lambda _identity: 0,
    patience=Patience(now_s=lambda: 0.0, pause=lambda _s: True, busy=lambda: None),
)


def session(node: str, workers: Workers | None = None) -> Session:
    """Return a session with what is at `node`, not yet open."""
    request = Open(driver="open", channel=Channel(kind="serial", node=node), zone="Asia/Shanghai")
    return Session(request, workers=workers or Workers(), stop=threading.Event())


def test_recorder_is_greeted_through_the_worker() -> None:
    """Everything an open recorder tells comes through process, wire and session unharmed."""
    fake = OpenFake(clock_error_us=42_000_000)
    with OnPty(fake) as recorder, session(recorder.node) as driver:
        greeting = greet(driver, recorder_profile("open", SHIPPED), WANTS)
    assert greeting.troubles == {}
    assert greeting.identity is not None
    assert (greeting.identity.number, greeting.identity.vkey) == (fake.number, fake.vkey)
    assert greeting.holder is not None
    assert greeting.holder.user_name == "王小明"
    assert greeting.battery is not None
    assert (greeting.battery.percent, greeting.battery.charging) == (52, True)
    assert b"".join(piece.data for piece in greeting.journal) == b"".join(fake.journal)
    assert greeting.clock is not None
    assert abs(greeting.clock.offset_us - 42_000_000) <= greeting.clock.uncertainty_us
    assert greeting.switched
    assert fake.done == ["clock", "exported"]


def test_recorder_is_told_what_to_do() -> None:
    """Another holder, an erased clip and a reset arrive as they were meant."""
    fake = OpenFake()
    with OnPty(fake) as recorder, session(recorder.node) as driver:
        driver.write_holder(Holder(user_no="654321", user_name="李四"))
        with pytest.raises(RefusedError):
            driver.erase("DCIM/A.MP4", hashlib.sha256(b"other").hexdigest(), 4)
        assert "DCIM/A.MP4" in fake.clips
        driver.erase("DCIM/A.MP4", hashlib.sha256(b"clip").hexdigest(), 4)
        driver.reset()
    assert fake.holder.user_name == "李四"
    assert fake.clips == {}
    assert fake.done == ["holder", "erased DCIM/A.MP4", "reset"]


def test_capabilities_are_those_that_the_recorder_tells() -> None:
    """What the driver learns with the identity reaches the core."""
    fake = OpenFake(can=("identity", "battery"))
    with OnPty(fake) as recorder, session(recorder.node) as driver:
        before = driver.capabilities
        driver.identity()
        assert Capability.JOURNAL in before
        assert Capability.JOURNAL not in driver.capabilities
        assert Capability.BATTERY in driver.capabilities


def test_mute_recorder_is_silent_not_a_failure() -> None:
    """Nobody at the other end is RecorderSilentError, within the driver's own limits."""
    with (
        OnPty(OpenFake(), mute=True) as recorder,
        session(recorder.node) as driver,
        pytest.raises(RecorderSilentError),
    ):
        driver.identity()


def test_recorder_that_is_pulled_is_lost() -> None:
    """When the line goes away, the channel is lost, and the core hears it."""
    with OnPty(OpenFake()) as recorder:
        driver = session(recorder.node).open()
        assert driver.identity().number == "ZF-0007"
    try:
        with pytest.raises(ChannelLostError):
            driver.battery()
    finally:
        driver.close()


def test_worker_serves_a_connection_that_systemd_accepted(tmp_path: Path) -> None:
    """The same program, started as the unit starts it, answers on descriptor 0."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen()

        def accept() -> None:
            link, _peer = listener.accept()
            with link:
                arguments = [sys.executable, "-B", "-m", "firmware_bridge.control.worker"]
                subprocess.run(arguments, stdin=link.fileno(), cwd=ROOT, check=True, timeout=60)

        systemd = threading.Thread(target=accept)
        systemd.start()
        workers = Workers.at(str(tmp_path / "control.sock"), "", timeout_s=30)
        with OnPty(OpenFake()) as recorder, session(recorder.node, workers) as driver:
            assert driver.battery().percent == 52
        systemd.join()


def test_worker_ends_with_its_session() -> None:
    """No process is left when the dock is through with a recorder."""
    started: list[Child] = []

    def connect() -> Worker:
        made = spawn.child()
        assert isinstance(made, Child)
        started.append(made)
        return made

    with OnPty(OpenFake()) as recorder, session(recorder.node, Workers(usual=connect)):
        assert started[0].process.poll() is None
    assert started[0].process.poll() is not None


def test_worker_that_is_killed_has_failed() -> None:
    """A worker that the kernel ends in the middle is named, and asked no more."""
    started: list[Child] = []

    def connect() -> Worker:
        made = spawn.child()
        assert isinstance(made, Child)
        started.append(made)
        return made

    with OnPty(OpenFake()) as recorder, session(recorder.node, Workers(usual=connect)) as driver:
        started[0].process.kill()
        with pytest.raises(ControlFailedError):
            driver.battery()


def test_worker_gives_up_what_it_can() -> None:
    """After `confine` memory, time, files and privileges are bounded for good."""
    program = (
        "import json, os, resource\nfrom firmware_bridge.control.worker import confine\n"
        "confine()\nlimits = [resource.getrlimit(n) for n in (resource.RLIMIT_AS, "
        "resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, "
        "resource.RLIMIT_CORE)]\n"
        "status = dict(l.split(':\\t') for l in open('/proc/self/status') if ':\\t' in l)\n"
        "print(json.dumps([limits, status['NoNewPrivs'].strip(), os.umask(0)]))"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    bounds = (worker.MEMORY_BYTES, worker.CPU_S, worker.DESCRIPTORS, 0, 0)
    assert json.loads(run.stdout) == [[[bound, bound] for bound in bounds], "1", 0o777]


def test_worker_starts_with_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the core's variables only the folder of its credentials reaches the worker."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("SEALDOCK_SECRET", "x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    program = "import json, os; os.write(0, json.dumps([*os.environ, os.getcwd()]).encode())"
    child = spawn.child([*spawn.command()[:4], "-c", program])
    try:
        told = json.loads(child.link.recv(65_536))
    finally:
        child.end()
    assert set(told) <= {"PATH", "LC_ALL", "CREDENTIALS_DIRECTORY", "/"}
