"""A reader that was taken over, or dies: the core learns nothing false and loses nothing.

A scripted reader has said all its lines before the core listens; the processes here
are for what only a process can do.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from firmware_bridge.errors import (
    BridgeError,
    MediumGoneError,
    MediumReadError,
    NotOpenedError,
    ReaderFailedError,
    UnknownFilesystemError,
)
from firmware_bridge.volume import spawn, wire
from firmware_bridge.volume.client import Bounds, DeviceIdentity, open_medium
from firmware_bridge.volume.listing import Entry, Extent, Medium, Name, Refused, Volume
from firmware_bridge.volume.spawn import Connector, Worker, child

SIZE: Final = 65_536
ENTRY: Final = Entry(
    path=(Name(b"A\0", "A", b"A          "),),
    deleted=False,
    directory=False,
    size=1000,
    valid_size=1000,
    attributes=0,
    created=None,
    modified=None,
    accessed=None,
    first_cluster=2,
    extents=(Extent(4096, 1000),),
    unallocated=None,
    problems=(),
    record_offset=512,
    record=b"",
)
VOLUME: Final = Volume(
    index=0,
    offset=0,
    length=SIZE,
    filesystem="fat16",
    serial=1,
    label="CAM01",
    dirty=False,
    cluster_size=512,
    total_bytes=SIZE,
    free_bytes=0,
    sound=True,
)
MEDIUM: Final = wire.MediumFound(Medium(size=SIZE, sector_size=512, table="none"))
OPENED: Final = wire.Opened(SIZE, 512, block_device=False)
ENTRIES: Final = wire.Entries((ENTRY,))
DONE: Final = wire.VolumeRead(VOLUME)
END: Final = wire.End(present=True)
REST: Final = (MEDIUM, ENTRIES, DONE, END)


@dataclass(frozen=True)
class Line:
    """Bytes that a scripted reader sends, with the descriptors that go along."""

    data: bytes
    descriptors: tuple[int, ...] = ()


def says(*lines: Line | wire.Answer, hangs: bool = False) -> Connector:
    """Return a connector to a reader that has said `lines`, then hung up or fell silent."""

    def connect() -> Worker:
        ours, theirs = socket.socketpair()
        for line in lines:
            match line:
                case Line(data, descriptors):
                    socket.send_fds(theirs, [data], descriptors)
                case answer:
                    theirs.sendall(wire.encode(answer))
        if hangs:
            return Silent(ours, theirs)
        theirs.shutdown(socket.SHUT_WR)
        return Silent(ours, theirs)

    return connect


@dataclass(frozen=True, slots=True)
class Silent:
    """Both ends of a scripted conversation."""

    link: socket.socket
    other: socket.socket

    def end(self) -> None:
        """Close both."""
        self.link.close()
        self.other.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a file that stands for a card image."""
    image = tmp_path / "card.img"
    image.write_bytes(bytes(SIZE))
    return image


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """Each test ends with as many descriptors as it began with, and with no child."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def open_descriptors() -> set[str]:
    """Return the numbers of this process's open descriptors."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def opened(card: Path, *, flags: int = os.O_RDONLY, answer: wire.Answer = OPENED) -> "Handed":
    """Return the first line of a reader that hands over `card`."""
    return Handed(card, flags, answer)


class Handed:
    """A first line whose descriptor lives as long as the `with` block."""

    def __init__(self, card: Path, flags: int, answer: wire.Answer) -> None:
        self._descriptor = os.open(card, flags)
        self._answer = answer

    def __enter__(self) -> Line:
        return Line(wire.encode(self._answer), (self._descriptor,))

    def __exit__(self, *_raised: object) -> None:
        os.close(self._descriptor)


def fail(card: Path, connector: Connector, **more: Bounds | DeviceIdentity) -> BridgeError:
    """Return the error with which opening `card` fails."""
    bounds, expected = more.get("bounds", Bounds()), more.get("expected")
    assert isinstance(bounds, Bounds)
    assert expected is None or isinstance(expected, DeviceIdentity)
    with pytest.raises(BridgeError) as caught:
        open_medium(
            str(card),
            stop=threading.Event(),
            connector=connector,
            bounds=bounds,
            expected=expected,
            deadline_s=20,
        )
    return caught.value


def test_an_honest_script_is_believed(card: Path) -> None:
    """What the script of these tests says is right when nothing in it is wrong."""
    with (
        opened(card) as first,
        open_medium(str(card), stop=threading.Event(), connector=says(first, *REST)) as reading,
    ):
        assert reading.volumes == ((VOLUME, (ENTRY,)),)
        assert (reading.size, reading.present) == (SIZE, True)
        assert os.pread(reading.descriptor, 4, 0) == bytes(4)


def test_a_medium_that_left_makes_no_listing_sound(card: Path) -> None:
    """A volume is sound only if the medium still answered when all was read."""
    script = (MEDIUM, ENTRIES, DONE, wire.End(present=False))
    with (
        opened(card) as first,
        open_medium(str(card), stop=threading.Event(), connector=says(first, *script)) as reading,
    ):
        ((volume, _entries),) = reading.volumes
        assert not volume.sound


@pytest.mark.parametrize(
    "rest",
    [
        (),
        (MEDIUM, ENTRIES),
        (MEDIUM, ENTRIES, END),
        (MEDIUM, MEDIUM),
        (ENTRIES, DONE, END),
        (MEDIUM, OPENED),
        (MEDIUM, wire.ExtentsAhead((Extent(0, 512),)), END),
        (wire.MediumFound(Medium(size=SIZE + 512, sector_size=512, table="none")), DONE, END),
        (wire.MediumFound(Medium(size=SIZE, sector_size=4096, table="none")), DONE, END),
        (MEDIUM, wire.Entries((replace(ENTRY, extents=(Extent(SIZE - 10, 11),)),)), DONE, END),
        (MEDIUM, wire.Entries((replace(ENTRY, extents=(Extent(2**63, 1),)),)), DONE, END),
        (MEDIUM, wire.Entries((replace(ENTRY, extents=(Extent(0, 1001),)),)), DONE, END),
        (MEDIUM, wire.Entries((replace(ENTRY, extents=(Extent(0, 600),) * 2),)), DONE, END),
        (
            MEDIUM,
            wire.Entries((replace(ENTRY, size=0, extents=(Extent(0, SIZE),) * 2),)),
            DONE,
            END,
        ),
        (MEDIUM, wire.ExtentsAhead((Extent(SIZE, 1),)), ENTRIES, DONE, END),
        (Line(b"\x00\x00\x00\x05hello"),),
        (Line(b"\xff" * 100),),
        (MEDIUM, Line(bytes(8))),
        (MEDIUM, wire.Failed(ReaderFailedError("a bug"))),
    ],
)
def test_broken_promises_are_the_readers_failure(
    card: Path, rest: tuple[Line | wire.Answer, ...]
) -> None:
    """Ending early, wrong order, impossible extents and noise all come to one error."""
    with opened(card) as first:
        assert isinstance(fail(card, says(first, *rest)), ReaderFailedError)


def test_no_first_line_is_the_readers_failure(card: Path) -> None:
    """A reader that says nothing, or begins in the middle, has failed."""
    assert isinstance(fail(card, says()), ReaderFailedError)
    assert isinstance(fail(card, says(*REST)), ReaderFailedError)


@pytest.mark.parametrize(
    "error",
    [
        NotOpenedError(path="/dev/sdb", reason="Permission denied"),
        MediumGoneError(offset=512, wanted=512, got=0),
        MediumReadError(offset=0, length=512, reason="Input/output error"),
    ],
)
def test_what_the_reader_could_not_do_is_told_as_it_was(card: Path, error: BridgeError) -> None:
    """The reader's own errors reach the caller, before and after the medium was open."""
    with opened(card) as first:
        for script in ((wire.Failed(error),), (first, MEDIUM, wire.Failed(error))):
            caught = fail(card, says(*script))
            assert (type(caught), vars(caught)) == (type(error), vars(error))


def test_a_medium_of_refused_partitions_is_named(card: Path) -> None:
    """Where nothing can be walked, the error names what was found."""
    parts = (Refused(0, 512, 512, "NTFS"), Refused(1, 1024, 512, "ext4"))
    medium = Medium(size=SIZE, sector_size=512, table="mbr", refused=parts)
    with opened(card) as first:
        caught = fail(card, says(first, wire.MediumFound(medium), END))
    assert isinstance(caught, UnknownFilesystemError)
    assert caught.found == "NTFS, ext4"


def test_a_writable_descriptor_is_refused(card: Path) -> None:
    """A descriptor through which the recorder could be written never reaches the core."""
    for flags in (os.O_RDWR, os.O_WRONLY, os.O_PATH):
        with opened(card, flags=flags) as first:
            assert "reading only" in str(fail(card, says(first, *REST)))


def test_a_descriptor_of_something_else_is_refused(card: Path, tmp_path: Path) -> None:
    """Another file of the same content, a folder, a device: none passes for the card."""
    twin = tmp_path / "twin.img"
    twin.write_bytes(bytes(SIZE))
    for other in (twin, tmp_path, Path("/dev/zero")):
        with opened(other) as first:
            assert "another file" in str(fail(card, says(first, *REST)))
    with opened(card) as first:
        caught = fail(card, says(first, *REST), expected=DeviceIdentity(8, 16))
        assert "another device" in str(caught)


def test_a_wrong_size_is_refused(card: Path) -> None:
    """The size is the kernel's to say; a reader that says another has failed."""
    for size in (0, SIZE - 512, SIZE + 512):
        with opened(card, answer=replace(OPENED, size=size)) as first:
            medium = Medium(size=size, sector_size=512, table="none")
            script = (first, wire.MediumFound(medium), DONE, END)
            assert "as large as" in str(fail(card, says(*script)))


def test_descriptors_come_one_by_one_and_once(card: Path) -> None:
    """None, two, many or a late one: each is refused, and none stays open."""
    with opened(card) as first:
        (one,) = first.descriptors
        assert isinstance(fail(card, says(OPENED, *REST)), ReaderFailedError)
        for count in (2, 20):
            many = Line(first.data, (one,) * count)
            assert isinstance(fail(card, says(many, *REST)), ReaderFailedError)
        late = Line(wire.encode(END), (one,))
        assert "nobody asked" in str(fail(card, says(first, MEDIUM, ENTRIES, DONE, late)))


def test_a_flood_is_cut_off(card: Path) -> None:
    """Bytes, entries, extents and volumes are each bounded, whatever the reader sends."""
    with opened(card) as first:
        script = says(first, MEDIUM, wire.Entries((ENTRY,) * 3), DONE, DONE, END)
        for bounds in (
            Bounds(received_bytes=1000),
            Bounds(entries=2),
            Bounds(extents=2),
            Bounds(volumes=1),
        ):
            assert "more" in str(fail(card, script, bounds=bounds))


def test_a_silent_reader_is_given_up_in_time(card: Path) -> None:
    """A reader that hangs costs the deadline, and a request to stop is heard before it."""
    stopped = threading.Event()
    stopped.set()
    with opened(card) as first:
        for stop, deadline_s, word in (
            (threading.Event(), 0.2, "in time"),
            (stopped, 20, "stopped"),
        ):
            with pytest.raises(ReaderFailedError, match=word):
                open_medium(
                    str(card),
                    stop=stop,
                    connector=says(first, MEDIUM, hangs=True),
                    deadline_s=deadline_s,
                )


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(0)",
        "import os, signal; os.read(0, 9); os.kill(os.getpid(), signal.SIGKILL)",
        "import os\nos.read(0, 9)\nos.write(0, b'\\0\\0\\0\\2{}')",
        "import os\nwhile True: os.write(0, b'\\0\\0\\0\\x02{}' * 9999)",
        "import os\nwhile True: os.write(0, b'\\0\\x0f\\xff\\xff' + b'[' * 0xfffff)",
    ],
)
def test_a_process_that_dies_or_floods_is_reaped(card: Path, program: str) -> None:
    """Whatever the process does, the core has an error and no child afterwards."""
    connector = lambda: child([sys.executable, "-I", "-S", "-c", program])  # noqa: E731
    assert isinstance(fail(card, connector), ReaderFailedError)


def test_a_process_that_hangs_is_killed(card: Path) -> None:
    """A reader deaf to everything but SIGKILL is gone when the call returns."""
    program = (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "signal.pause()"
    )
    with pytest.raises(ReaderFailedError, match="in time"):
        open_medium(
            str(card),
            stop=threading.Event(),
            connector=lambda: child([sys.executable, "-I", "-S", "-c", program]),
            deadline_s=0.3,
        )


def test_a_reader_that_cannot_be_started_is_said(card: Path, tmp_path: Path) -> None:
    """No program, or nobody at the socket: the reader has failed, not the medium."""
    assert isinstance(fail(card, lambda: child(["/nonexistent"])), ReaderFailedError)
    assert isinstance(fail(card, spawn.at(tmp_path / "no.sock")), ReaderFailedError)


def test_a_reader_at_a_socket_is_as_good(card: Path, tmp_path: Path) -> None:
    """A worker that systemd would start for a connection answers like a child."""
    address = tmp_path / "reader.sock"
    with socket.socket(socket.AF_UNIX) as listener, opened(card) as first:
        listener.bind(str(address))
        listener.listen()

        def answer() -> None:
            link, _peer = listener.accept()
            with link:
                # Asked first: a reader that has hung up before it was asked is another tale.
                link.recv(1 << 16)
                socket.send_fds(link, [first.data], first.descriptors)
                link.sendall(b"".join(wire.encode(answer) for answer in REST))

        systemd = threading.Thread(target=answer)
        systemd.start()
        with open_medium(str(card), stop=threading.Event(), connector=spawn.at(address)) as reading:
            assert reading.volumes == ((VOLUME, (ENTRY,)),)
        systemd.join()
