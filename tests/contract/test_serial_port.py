"""A serial port as a pipe for bytes, on real pseudo-terminals."""

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.errors import ChannelLostError, ChannelNotOpenedError, RecorderSilentError
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.transports.serial_port import open_serial

LINES = b"\x06\x09AAA=\n\x04\x14\r\x03\x11\x13\x1a\x00\xff\n"
"""What a terminal in any mode but raw would stop at, answer, or change."""


class Cable:
    """A pseudo-terminal: `node` for the dock, `end` for the recorder."""

    def __init__(self) -> None:
        self.end, self._slave = pty.openpty()
        self.node = os.ttyname(self._slave)

    def pull(self) -> None:
        """Take the recorder away."""
        os.close(self.end)
        self.end = -1

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self._slave)
        if self.end >= 0:
            os.close(self.end)


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Give a cable with a recorder at its end."""
    cable = Cable()
    yield cable
    cable.close()


@pytest.fixture
def link(cable: Cable) -> Iterator[ByteLink]:
    """Give the dock's end of the cable, opened."""
    link = open_serial(cable.node)
    yield link
    link.close()


def test_every_byte_passes_unchanged_both_ways(cable: Cable, link: ByteLink) -> None:
    """No line discipline stands between dock and recorder."""
    link.send(LINES, within_ms=1_000)
    assert os.read(cable.end, 100) == LINES
    os.write(cable.end, LINES)
    assert link.receive(within_ms=1_000) == LINES


def test_what_was_sent_before_it_was_opened_is_thrown_away(cable: Cable) -> None:
    """A boot message, or the answer to the last caller, is not heard by the next."""
    os.write(cable.end, b"login: \n")
    link = open_serial(cable.node)
    os.write(cable.end, b"news\n")
    assert link.receive(within_ms=1_000) == b"news\n"
    link.close()


def test_silence_is_told_when_the_time_is_over(link: ByteLink) -> None:
    """Nothing to read is no answer in its time, and not the end of the line."""
    for within_ms in (0, 10):
        with pytest.raises(RecorderSilentError):
            link.receive(within_ms=within_ms)


def test_recorder_that_takes_nothing_is_silent(link: ByteLink) -> None:
    """Sending ends in its time, though nobody reads."""
    with pytest.raises(RecorderSilentError):
        link.send(bytes(1 << 20), within_ms=10)


def test_recorder_that_is_pulled_out_is_gone(cable: Cable, link: ByteLink) -> None:
    """Once the other end is closed, neither reading nor writing waits for anything."""
    cable.pull()
    with pytest.raises(ChannelLostError):
        link.receive(within_ms=60_000)
    with pytest.raises(ChannelLostError):
        link.send(b"x", within_ms=60_000)


def test_what_came_before_the_recorder_was_pulled_out_is_read(cable: Cable, link: ByteLink) -> None:
    """An answer that was complete is not lost with the line."""
    os.write(cable.end, b"last words\n")
    assert link.receive(within_ms=1_000) == b"last words\n"
    cable.pull()
    with pytest.raises(ChannelLostError):
        link.receive(within_ms=60_000)


def test_port_is_opened_once(cable: Cable, link: ByteLink) -> None:
    """Two workers never share a recorder; after closing the next one may have it."""
    with pytest.raises(ChannelNotOpenedError) as caught:
        open_serial(cable.node)
    assert caught.value.place == cable.node
    link.close()
    open_serial(cable.node).close()


def test_closing_does_not_wait_for_a_recorder_that_takes_nothing(link: ByteLink) -> None:
    """What was sent and not taken is dropped, and closing twice is closing once."""
    with pytest.raises(RecorderSilentError):
        link.send(bytes(1 << 20), within_ms=1)
    link.close()
    link.close()
    with pytest.raises(ChannelLostError):
        link.receive(within_ms=1)


def test_what_is_no_serial_port_is_not_opened(tmp_path: Path) -> None:
    """A file, a folder, or a node that is not there is named with the reason."""
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    for node in (plain, tmp_path, tmp_path / "ttyACM9"):
        with pytest.raises(ChannelNotOpenedError) as caught:
            open_serial(str(node))
        assert caught.value.place == str(node)
        assert caught.value.reason
