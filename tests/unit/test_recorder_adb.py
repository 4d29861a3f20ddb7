"""The adb client against a server on a Unix socket, sound and otherwise."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.drivers.zzx_adb import ZzxAdb
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderError,
    RecorderSilentError,
)
from firmware_bridge.transports.adb import AdbDevice, AdbServer, SocketPipe
from tests.recorders.adb_server import Device, exactly, fail, okay, request, serving
from tests.recorders.mischief import FakeClock, FakePassword

SOON_MS = 10_000  # far more than is needed; nothing here waits for it
NOW_MS = 20  # what is waited for in vain


@contextmanager
def device_of(folder: Path, serve: Callable[[socket.socket], None]) -> Iterator[AdbDevice]:
    """Return the client's end of a device behind a server."""
    with serving(folder, serve) as address:
        yield AdbServer(address).device("ZZX0001")


def test_shell_returns_what_was_printed(tmp_path: Path) -> None:
    """A command runs on the device that was named, and its output comes whole."""
    device = Device()
    device.printed = "你好\n".encode() * 1000
    with device_of(tmp_path, device.serve) as link:
        assert link.shell("am broadcast", within_ms=SOON_MS) == device.printed
    assert device.commands == ["am broadcast"]


def test_output_without_end_is_cut_off(tmp_path: Path) -> None:
    """More than 64 KiB of output is no answer."""
    device = Device()
    device.printed = b"x" * 70_000
    with device_of(tmp_path, device.serve) as link, pytest.raises(BadAnswerError):
        link.shell("yes", within_ms=SOON_MS)


def test_pipe_carries_bytes_both_ways(tmp_path: Path) -> None:
    """What is sent to the port arrives, and what it says comes back; then it hangs up."""

    def echo(link: socket.socket) -> None:
        link.sendall(exactly(link, 5)[::-1])

    device = Device()
    device.ports[10086] = echo
    with device_of(tmp_path, device.serve) as link:
        pipe = link.connect(10086, within_ms=SOON_MS)
        pipe.send(b"abcde", within_ms=SOON_MS)
        assert pipe.receive(within_ms=SOON_MS) == b"edcba"
        with pytest.raises(ChannelLostError):
            pipe.receive(within_ms=SOON_MS)
        pipe.close()


def test_port_on_which_nobody_listens_is_said(tmp_path: Path) -> None:
    """The server's FAIL is an error with its reason."""
    with device_of(tmp_path, Device().serve) as link:
        with pytest.raises(ChannelNotOpenedError, match="closed"):
            link.connect(10086, within_ms=SOON_MS)
        with pytest.raises(ChannelNotOpenedError):
            link.connect(65_536, within_ms=SOON_MS)


def test_device_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Another device behind the server is never taken for the one that was named."""
    with (
        device_of(tmp_path, Device("OTHER").serve) as link,
        pytest.raises(ChannelNotOpenedError, match="not found"),
    ):
        link.shell("id", within_ms=SOON_MS)


def test_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Without a server there is no way."""
    server = AdbServer(f"localfilesystem:{tmp_path}/none")
    with pytest.raises(ChannelNotOpenedError):
        server.device("ZZX0001").shell("id", within_ms=SOON_MS)


def test_server_on_loopback_is_reached() -> None:
    """A server behind a TCP port of this machine is one too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = AdbServer(f"tcp:127.0.0.1:{port}")
        with pytest.raises(RecorderSilentError):
            server.device("ZZX0001").shell("id", within_ms=NOW_MS)


def test_server_that_accepts_nobody_is_left_in_time() -> None:
    """A server whose queue is full, so that not even a connection comes about, is given up."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        place = listener.getsockname()
        for _waiting in range(4):
            link = waiting.enter_context(socket.socket())
            link.settimeout(0)
            link.connect_ex(place)
        server = AdbServer(f"tcp:127.0.0.1:{place[1]}")
        with pytest.raises(RecorderSilentError):
            server.device("ZZX0001").shell("id", within_ms=NOW_MS)


def test_server_behind_ipv6_s_loopback_is_on_this_machine_too() -> None:
    """Such an address is asked; that nobody is there is said."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = AdbServer(f"tcp:[::1]:{unused.getsockname()[1]}")
        with pytest.raises(ChannelNotOpenedError):
            server.device("ZZX0001").shell("id", within_ms=SOON_MS)


def test_endless_command_is_not_sent(tmp_path: Path) -> None:
    """A request is at most 4,096 bytes."""
    device = Device()
    with device_of(tmp_path, device.serve) as link, pytest.raises(ChannelNotOpenedError):
        link.shell("x" * 4096, within_ms=SOON_MS)
    assert device.commands == []


@pytest.mark.parametrize(
    "address",
    [
        "tcp:192.0.2.1:5037",
        "tcp:[2001:db8::1]:5037",
        "tcp:localhost:5037",
        "tcp:127.0.0.1:0",
        "tcp:127.0.0.1:99999",
        "tcp:127.0.0.1",
        "127.0.0.1:5037",
        "localfilesystem:relative",
        "",
    ],
)
def test_server_is_on_this_machine(address: str) -> None:
    """Passwords go to it in clear: no other machine's server is asked, nor a name looked up."""
    with pytest.raises(ChannelNotOpenedError):
        AdbServer(address)


@pytest.mark.parametrize("serial", ["", "a\nb", "x" * 129, "序列号"])
def test_serial_that_cannot_be_is_refused(serial: str) -> None:
    """A serial is visible ASCII of a bounded length."""
    with pytest.raises(ChannelNotOpenedError):
        AdbServer("tcp:127.0.0.1:5037").device(serial)


def silent(link: socket.socket) -> None:
    """Take everything, and say nothing until the client hangs up."""
    while link.recv(65536):
        continue


def after_okay(said: bytes) -> Callable[[socket.socket], None]:
    """Return a server that grants the device, and then says this and hangs up."""

    def serve(link: socket.socket) -> None:
        request(link)
        okay(link)
        request(link)
        link.sendall(said)

    return serve


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", ChannelLostError),
        (b"OK", ChannelLostError),
        (b"WHAT", BadAnswerError),
        (b"FAIL", ChannelLostError),
        (b"FAILwhat", BadAnswerError),
        (b"FAIL-001", BadAnswerError),
        (b"FAIL0010short", ChannelLostError),
        (b"FAILffff" + b"x" * 70_000, ChannelNotOpenedError),
        (b"FAIL0003a\nb", ChannelNotOpenedError),
    ],
)
def test_half_and_senseless_answers_are_named(
    tmp_path: Path, said: bytes, expected: type[RecorderError]
) -> None:
    """Whatever a server says instead of OKAY is one of our errors, bounded and on one line."""
    with device_of(tmp_path, after_okay(said)) as link:
        with pytest.raises(expected) as caught:
            link.shell("id", within_ms=SOON_MS)
        assert type(caught.value) is expected
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1000


def test_silent_server_is_left_in_time(tmp_path: Path) -> None:
    """A server that takes the request and never answers is given up when the time is over."""
    with device_of(tmp_path, silent) as link:
        with pytest.raises(RecorderSilentError):
            link.shell("id", within_ms=NOW_MS)
        with pytest.raises(RecorderSilentError):
            link.connect(10086, within_ms=0)


def test_silent_pipe_is_left_in_time(tmp_path: Path) -> None:
    """A pipe on which nothing comes, or nothing more goes, is given up when the time is over."""
    near, far = socket.socketpair()
    with far:
        pipe = SocketPipe(near)
        with pytest.raises(RecorderSilentError):
            pipe.receive(within_ms=NOW_MS)
        with pytest.raises(RecorderSilentError):
            pipe.send(b"x" * 10_000_000, within_ms=NOW_MS)
        far.close()
        with pytest.raises(ChannelLostError):
            pipe.send(b"x", within_ms=NOW_MS)
        pipe.close()
        with pytest.raises(ChannelLostError):
            pipe.receive(within_ms=NOW_MS)
    assert tmp_path.exists()


@given(said=st.binary(max_size=64))
def test_random_answers_raise_our_errors_only(said: bytes) -> None:
    """Random bytes from a server, to any request, end in a value or a named error."""
    near, far = socket.socketpair()
    with far:
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        device = AdbDevice(Connected(near), "ZZX0001")
        try:
            printed = device.shell("id", within_ms=SOON_MS)
        except RecorderError:
            return
        assert said.startswith(b"OKAYOKAY")
        assert printed == said[8:]


class Connected(AdbServer):
    """A server to which there is a connection already."""

    def __init__(self, link: socket.socket) -> None:
        super().__init__("localfilesystem:/nowhere")
        self._link = link

    def connection(self, _deadline: object) -> socket.socket:
        """Return the connection."""
        return self._link


def test_driver_and_client_together_ask_a_recorder(tmp_path: Path) -> None:
    """The driver over the real client reads a battery through a whole adb conversation."""

    def recorder(link: socket.socket) -> None:
        stream = link.makefile("rwb")
        for line in stream:
            number = json.loads(line)["header"]["id"]
            answer = {"header": {"id": number}, "body": {"password": True, "battery": 61}}
            stream.write(json.dumps(answer).encode() + b"\r\n")
            stream.flush()

    device = Device()
    device.ports[10086] = recorder
    with device_of(tmp_path, device.serve) as link:
        driver = ZzxAdb(link, FakeClock(), port=10086, password=FakePassword("123456"))
        assert driver.battery().percent == 61
        driver.close()
    assert device.commands == ["am broadcast -a com.zzx.sdk --ei port 10086"]


def test_reason_of_a_refusal_is_shown(tmp_path: Path) -> None:
    """An unauthorised device is said to be one, in the server's own words."""

    def serve(link: socket.socket) -> None:
        request(link)
        fail(link, "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set")

    with device_of(tmp_path, serve) as link, pytest.raises(ChannelNotOpenedError) as caught:
        link.shell("id", within_ms=SOON_MS)
    assert caught.value.reason.startswith("device unauthorized. This")
