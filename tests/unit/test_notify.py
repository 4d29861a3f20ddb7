"""What the service manager is told."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Return the address of a pretended systemd, and its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        path = f"{tmp_path}/n"
        link.bind(path if request.param == "path" else f"\0{path}")
        link.settimeout(5)
        yield path if request.param == "path" else f"@{path}", link


def test_each_piece_of_news_is_one_datagram(manager: tuple[str, socket.socket]) -> None:
    """Ready, alive, status and stopping arrive in order, at a path or an abstract name."""
    address, link = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.alive()
    notifier.status("bay 3: 采集中")
    notifier.stopping()
    told = [link.recv(100).decode() for _ in range(4)]
    assert told == ["READY=1", "WATCHDOG=1", "STATUS=bay 3: 采集中", "STOPPING=1"]


def test_status_can_say_nothing_else(manager: tuple[str, socket.socket]) -> None:
    """A line break in a status starts no second message."""
    address, link = manager
    Notifier(address).status("a\nREADY=1\r\n\u2028b")
    assert link.recv(100).decode() == "STATUS=a READY=1 b"


@pytest.mark.parametrize("address", ["", "relative", "/nonexistent/socket", "@nobody-is-here"])
def test_nobody_listening_is_no_trouble(address: str) -> None:
    """Without systemd, or with one that is gone, telling does nothing."""
    Notifier.from_environment({"NOTIFY_SOCKET": address}).ready()


def test_manager_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    """A full socket loses news and never blocks the dock."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(f"{tmp_path}/n")
        for _ in range(2000):
            Notifier(f"{tmp_path}/n").alive()
        assert link.recv(100) == b"WATCHDOG=1"
