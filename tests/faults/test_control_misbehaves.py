"""A control worker that was taken over, hangs or dies: the core is told so, in its time.

A scripted worker has said all its lines before the core listens; the processes here are for
what only a process can do.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from dock_daemon.recorders.passwords import PasswordMemory
from dock_daemon.recorders.session import Session, Workers
from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Fault,
    Identity,
)
from firmware_bridge.control import spawn, wire
from firmware_bridge.errors import (
    ChannelNotOpenedError,
    ControlFailedError,
    MissingCapabilityError,
    RecorderSilentError,
)
from firmware_bridge.workers import Child, Worker

Ask: TypeAlias = Callable[[Session], object]

REQUEST: Final = wire.Open(
    driver="open", channel=wire.Channel(kind="serial", node="/dev/null"), zone="UTC"
)
OPENED: Final = wire.Opened(name="open", capabilities=frozenset({Capability.BATTERY}))
BATTERY: Final = Battery(percent=50)


@dataclass(frozen=True, slots=True)
class Scripted:
    """Both ends of a scripted conversation."""

    link: socket.socket
    other: socket.socket

    def end(self) -> None:
        """Close both."""
        self.link.close()
        self.other.close()


def says(*lines: bytes | wire.Answering, hangs: bool = False) -> Workers:
    """Return a worker that has said `lines`, then hung up or fallen silent."""

    def connect() -> Worker:
        ours, theirs = socket.socketpair()
        for line in lines:
            theirs.sendall(line if isinstance(line, bytes) else wire.encode(line))
        if not hangs:
            theirs.shutdown(socket.SHUT_WR)
        return Scripted(ours, theirs)

    return Workers(usual=connect, timeout_s=0.2)


def session(workers: Workers, memory: PasswordMemory | None = None) -> Session:
    """Return a session with such a worker, not yet open."""
    return Session(REQUEST, workers=workers, stop=threading.Event(), memory=memory)


def after_opening(*lines: bytes | wire.Answering, hangs: bool = False) -> Workers:
    """Return a worker that opens as it should, and then says `lines`."""

    def connect() -> Worker:
        made = says(hangs=True).usual()
        assert isinstance(made, Scripted)
        said = [OPENED, *lines]
        whole = b"".join(one if isinstance(one, bytes) else wire.encode(one) for one in said)

        def speak() -> None:
            # One answer for one request, as the core insists; what follows the first of them
            # comes when the core has asked for it.
            with made.other.dup() as other:
                other.recv(1 << 16)
                first = wire.encode(OPENED)
                other.sendall(first)
                if other.recv(1 << 16):
                    other.sendall(whole[len(first) :])
                    if not hangs:
                        other.shutdown(socket.SHUT_WR)

        threading.Thread(target=speak, daemon=True).start()
        return made

    return Workers(usual=connect, timeout_s=0.2)


def test_honest_worker_is_believed() -> None:
    """The same script without a fault gives the value: the faults below are what fails."""
    with session(after_opening(BATTERY)) as asked:
        assert asked.battery() == BATTERY


@pytest.mark.parametrize(
    "workers",
    [
        says(),
        says(hangs=True),
        says(b"\0\0"),
        says(b"\0\0", hangs=True),
        says(b"\xff\xff\xff\xff"),
        says(wire.encode(OPENED)[:-1], hangs=True),
        says(b"\0\0\0\2{}"),
        says(wire.Opened(name="jieli-scsi", capabilities=frozenset())),
        says(BATTERY),
        says(wire.Done()),
        says(OPENED, OPENED),
        says(wire.PasswordRefused(), hangs=True),
        says(wire.Trying(bytes(32)), wire.Trying(bytes(32)), wire.Trying(bytes(32))),
    ],
)
def test_worker_that_opens_nothing_has_failed(workers: Workers) -> None:
    """Silence, half a frame, noise, another driver or another answer end the worker."""
    asked = session(workers)
    with pytest.raises(ControlFailedError):
        asked.open()
    with pytest.raises(ControlFailedError):
        asked.battery()


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"\0\0\0",),
        (wire.Done(),),
        (OPENED,),
        (Identity(number="1"),),
        (BATTERY, BATTERY),
        (BATTERY, b"\0"),
        (wire.Faults((Fault(code="x"),)),),
        (b"\0\0\0\2[]",),
    ],
)
@pytest.mark.parametrize("hangs", [False, True])
def test_answer_to_something_else_ends_the_worker(
    lines: tuple[bytes | wire.Answering, ...], *, hangs: bool
) -> None:
    """What is not the one answer to what was asked is no answer, and the worker's last."""
    with session(after_opening(*lines, hangs=hangs)) as asked:
        with pytest.raises(ControlFailedError):
            asked.battery()
        with pytest.raises(ControlFailedError, match="it has ended"):
            asked.battery()


def test_error_of_the_recorder_leaves_the_worker_alive() -> None:
    """A recorder that does not answer can be asked something else."""
    silent = wire.Failed(RecorderSilentError(command="battery", waited_ms=5))
    with session(after_opening(silent)) as asked:
        with pytest.raises(RecorderSilentError) as caught:
            asked.battery()
        assert (caught.value.command, caught.value.waited_ms) == ("battery", 5)


def test_what_the_model_lacks_is_not_asked_again() -> None:
    """A capability that turns out missing is no longer claimed."""
    missing = wire.Failed(MissingCapabilityError(Capability.BATTERY))
    with session(after_opening(missing)) as asked:
        assert asked.capabilities == {Capability.BATTERY}
        with pytest.raises(MissingCapabilityError):
            asked.battery()
        assert asked.capabilities == frozenset()


class StillClock:
    """Clocks that stand still."""

    def utc_us(self) -> int:
        """Return a moment of 2026."""
        return 1_795_316_400_000_000

    def monotonic_us(self) -> int:
        """Return the time since some start."""
        return 5_000_000


NOW: Final = StillClock().utc_us()
AT_ONCE: Final = ClockExchange(sent_us=NOW, round_trip_us=0, recorder_us=NOW, resolution_us=1)


@pytest.mark.parametrize(
    ("sent_us", "round_trip_us"),
    [(NOW - 3_000_000, 0), (NOW + 3_000_000, 0), (NOW, 1), (0, 0), (2**53 - 1, 0)],
)
def test_exchange_at_another_time_is_none(sent_us: int, round_trip_us: int) -> None:
    """A worker can't say that it asked before it was asked, or took longer than it did."""
    wrong = ClockExchange(
        sent_us=sent_us, round_trip_us=round_trip_us, recorder_us=NOW, resolution_us=1
    )
    told: list[tuple[wire.Answering, Ask]] = [
        (wrong, Session.read_clock),
        (
            ClockSetting(sent_us=sent_us, round_trip_us=round_trip_us, resolution_us=1),
            Session.set_clock,
        ),
        (
            ClockSetting(sent_us=NOW, round_trip_us=0, resolution_us=1, echo=wrong),
            Session.set_clock,
        ),
    ]
    for answer, ask in told:
        asked = Session(
            REQUEST,
            workers=after_opening(answer),
            stop=threading.Event(),
            clock=StillClock(),
        )
        with asked, pytest.raises(ControlFailedError, match="another time"):
            ask(asked)


def test_exchange_at_its_time_is_believed() -> None:
    """The same answer with times that fit is taken."""
    asked = Session(
        REQUEST, workers=after_opening(AT_ONCE), stop=threading.Event(), clock=StillClock()
    )
    with asked:
        assert asked.read_clock() == AT_ONCE


def test_password_is_granted_once_in_a_session(tmp_path: Path) -> None:
    """A worker that asks again and again, to have many guesses marked, is refused."""
    memory = PasswordMemory(tmp_path)
    memory.salt()
    request = wire.Open(
        driver="open",
        channel=REQUEST.channel,
        zone="UTC",
        password="cammpro",  # noqa: S106  a name
    )
    tries = [wire.Trying(bytes([n]) * 32) for n in range(3)]
    asked = Session(
        request, workers=after_opening(*tries, BATTERY), stop=threading.Event(), memory=memory
    )
    with asked:
        assert asked.battery() == BATTERY
    # The one that was granted counts as right, for the battery came; the others left no mark.
    assert memory.spent() == ()


def test_stopped_dock_does_not_wait() -> None:
    """A dock that stops lets go of a worker that hangs."""
    stop = threading.Event()
    stop.set()
    asked = Session(REQUEST, workers=says(hangs=True), stop=stop)
    with pytest.raises(ControlFailedError, match="stopped"):
        asked.open()


def program(text: str, *, timeout_s: float = 0.5) -> tuple[Workers, list[Child]]:
    """Return workers that run a Python program of the test's own, and those that were started."""
    started: list[Child] = []

    def connect() -> Worker:
        made = spawn.child([sys.executable, "-I", "-S", "-c", text])
        assert isinstance(made, Child)
        started.append(made)
        return made

    return Workers(usual=connect, timeout_s=timeout_s), started


@pytest.mark.parametrize(
    "text",
    [
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()",
        "while True: pass",
        "raise SystemExit(3)",
        "import os; os.abort()",
        "import os\nwhile os.write(0, bytes(65536)): pass",
    ],
)
def test_worker_that_hangs_or_dies_is_gone_afterwards(text: str) -> None:
    """Whatever a worker does instead of answering, no process of it is left."""
    workers, started = program(text)
    with pytest.raises(ControlFailedError):
        session(workers).open()
    (child,) = started
    assert child.process.poll() is not None


def test_worker_that_cannot_be_started_is_an_error() -> None:
    """A missing program, and a socket where nobody listens, are failures of the worker."""
    workers = Workers(usual=lambda: spawn.child(["/nowhere/python"]))
    with pytest.raises(ControlFailedError, match="not started"):
        session(workers).open()
    with pytest.raises(ControlFailedError, match="no control worker at"):
        session(Workers.at("/nowhere/socket", "", timeout_s=1)).open()


def test_scsi_has_a_worker_of_its_own() -> None:
    """A driver over SCSI is started where the right to it is; the others are not."""
    asked: list[str] = []

    def refuse(name: str) -> spawn.Connector:
        def connect() -> Worker:
            asked.append(name)
            raise ControlFailedError(name)

        return connect

    workers = Workers(usual=refuse("usual"), scsi=refuse("scsi"))
    for kind in ("scsi", "serial", "usb", "adb"):
        channel = wire.Channel(kind=kind, node="/dev/null")
        request = wire.Open(driver="open", channel=channel, zone="UTC")
        with pytest.raises(ControlFailedError):
            Session(request, workers=workers, stop=threading.Event()).open()
    assert asked == ["scsi", "usual", "usual", "usual"]


@pytest.mark.parametrize(
    ("driver", "kind", "zone", "params"),
    [
        ("none", "serial", "UTC", {}),
        ("open", "serial", "Nowhere/At_All", {}),
        ("open", "serial", "../../etc/passwd", {}),
        ("zzx-adb", "adb", "UTC", {}),
        ("zzx-adb", "adb", "UTC", {"port": 0}),
        ("zzx-adb", "adb", "UTC", {"port": "10086"}),
    ],
)
def test_real_worker_refuses_what_does_not_exist(
    driver: str, kind: str, zone: str, params: dict[str, int | str]
) -> None:
    """A driver, zone or parameter that there is none of is named, and nothing is opened."""
    channel = wire.Channel(kind=kind, node="localfilesystem:/nowhere", serial="X")
    request = wire.Open(driver=driver, channel=channel, zone=zone, params=params)
    with pytest.raises(ControlFailedError, match="no "):
        Session(request, workers=Workers(), stop=threading.Event()).open()


@pytest.mark.parametrize(
    ("driver", "kind"),
    [
        ("open", "serial"),
        ("jieli-scsi", "scsi"),
        ("cammpro-ctrl", "usb"),
        ("open", "usb"),
        ("jieli-scsi", "serial"),
    ],
)
def test_real_worker_names_a_channel_that_is_none(driver: str, kind: str, tmp_path: Path) -> None:
    """No node, a plain file, a FIFO and a driver's wrong kind of channel are all refused."""
    plain, fifo = tmp_path / "plain", tmp_path / "fifo"
    plain.touch()
    os.mkfifo(fifo)
    for node in (tmp_path / "missing", plain, fifo, Path("/dev/full/x")):
        channel = wire.Channel(kind=kind, node=str(node))
        request = wire.Open(driver=driver, channel=channel, zone="UTC")
        with pytest.raises(ChannelNotOpenedError):
            Session(request, workers=Workers(), stop=threading.Event()).open()
