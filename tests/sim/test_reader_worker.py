"""The real reader worker, on card images that the usual tools made."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from firmware_bridge.errors import NotOpenedError, ReaderFailedError, UnknownFilesystemError
from firmware_bridge.volume import spawn, worker
from firmware_bridge.volume.client import DeviceIdentity, Reading, open_medium
from tests.require import need

ROOT = Path(__file__).parents[2]
CLIP = bytes(range(256)) * 300


def tool(name: str, *arguments: Path | str) -> str:
    """Run one of the machine's own tools; return what it printed."""
    program = shutil.which(name)
    need(program, name)
    assert program is not None
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a FAT32 card with one clip and one deleted one."""
    image, clip = tmp_path / "card.img", tmp_path / "clip"
    clip.write_bytes(CLIP)
    with image.open("wb") as file:
        file.truncate(40 << 20)
    for command in (
        ("mkfs.vfat", "-F", "32", "-n", "CAM01", image),
        ("mmd", "-i", image, "::DCIM"),
        ("mcopy", "-i", image, clip, "::DCIM/20260131_120000_0001.mp4"),
        ("mcopy", "-i", image, clip, "::DCIM/LATER.MP4"),
        ("mdel", "-i", image, "::DCIM/LATER.MP4"),
    ):
        tool(*command)
    return image


def read(path: Path | str, connector: spawn.Connector = spawn.child) -> Reading:
    """Open a medium with the real worker."""
    return open_medium(str(path), stop=threading.Event(), connector=connector, deadline_s=30)


def test_live_and_deleted_clips_come_with_their_bytes(card: Path) -> None:
    """The extents of a live and of a freshly deleted clip lead to its bytes; the card is as it was.

    Nothing is mounted and nothing written: the image's digest is the same afterwards.
    """
    before = hashlib.sha256(card.read_bytes()).digest()
    with read(card) as reading:
        ((volume, entries),) = reading.volumes
        assert (volume.filesystem, volume.label, volume.sound) == ("fat32", "CAM01", True)
        clips = [entry for entry in entries if not entry.directory]
        assert [entry.deleted for entry in clips] == [False, True]
        assert clips[0].text == "DCIM/20260131_120000_0001.mp4"
        for clip in clips:
            data = b"".join(
                os.pread(reading.descriptor, one.length, one.offset) for one in clip.extents
            )
            assert data == CLIP
    assert hashlib.sha256(card.read_bytes()).digest() == before


def test_descriptor_is_for_reading_and_not_inherited(card: Path) -> None:
    """What the core holds can't write, and no child of the core gets it."""
    with read(card) as reading:
        assert fcntl.fcntl(reading.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        assert not os.get_inheritable(reading.descriptor)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(reading.descriptor, b"x", 0)


def test_image_behind_a_link_is_read(card: Path, tmp_path: Path) -> None:
    """An image is whatever the user's path leads to."""
    link = tmp_path / "link.img"
    link.symlink_to(card)
    with read(link) as reading:
        assert reading.size == 40 << 20


def test_only_files_and_block_devices_are_opened(tmp_path: Path) -> None:
    """A FIFO, a folder, a character device, nothing and an empty file are refused at once."""
    fifo, empty = tmp_path / "fifo", tmp_path / "empty"
    os.mkfifo(fifo)
    empty.touch()
    for path in (fifo, tmp_path, "/dev/zero", empty, tmp_path / "missing", "a\0b", "x" * 5000):
        with pytest.raises(NotOpenedError):
            read(path)


def test_card_without_a_known_file_system_is_named(tmp_path: Path) -> None:
    """An image of noise is no card; the error says what was found, not that it is empty."""
    image = tmp_path / "noise.img"
    image.write_bytes(bytes(range(256)) * 4096)
    with pytest.raises(UnknownFilesystemError) as caught:
        read(image)
    assert caught.value.found


def test_worker_serves_a_connection_that_systemd_accepted(card: Path, tmp_path: Path) -> None:
    """The same program answers on an accepted connection that is its descriptor 0."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "reader.sock"))
        listener.listen()

        def accept() -> None:
            link, _peer = listener.accept()
            with link:
                arguments = [sys.executable, "-B", "-m", "firmware_bridge.volume.worker"]
                subprocess.run(arguments, stdin=link.fileno(), cwd=ROOT, check=True, timeout=30)

        systemd = threading.Thread(target=accept)
        systemd.start()
        with read(card, spawn.at(tmp_path / "reader.sock")) as reading:
            assert len(reading.volumes) == 1
        systemd.join()


def test_worker_gives_up_what_it_can() -> None:
    """After `confine` memory, time, files and privileges are bounded for good."""
    program = (
        "import resource, signal, json\nfrom firmware_bridge.volume.worker import confine\n"
        "confine()\nlimits = [resource.getrlimit(n) for n in (resource.RLIMIT_AS, "
        "resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)]\n"
        "status = dict(l.split(':\\t') for l in open('/proc/self/status') if ':\\t' in l)\n"
        "print(json.dumps([limits, status['NoNewPrivs'].strip(), signal.alarm(0)]))"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=ROOT, capture_output=True, check=True
    )
    assert json.loads(run.stdout) == [
        [[worker.MEMORY_BYTES] * 2, [worker.CPU_S] * 2, [0, 0], [0, 0]],
        "1",
        worker.WALL_S,
    ]


def test_worker_starts_with_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the core's variables nor its working directory reach into the worker."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    program = "import json, os; os.write(0, json.dumps([*os.environ, os.getcwd()]).encode())"
    child = spawn.child([*spawn.command()[:4], "-c", program])
    try:
        told = json.loads(child.link.recv(65_536))
    finally:
        child.end()
    assert set(told) <= {"PATH", "LC_ALL", "/"}


@pytest.fixture
def loop_device(card: Path) -> str:
    """Return a loop device over `card`, writable as a card reader's would be."""
    need(os.geteuid() == 0 and Path("/dev/loop-control").exists(), "root and loop devices")
    return tool("losetup", "-f", "--show", card)


def test_block_device_is_read_by_its_number(loop_device: str, tmp_path: Path) -> None:
    """A device is accepted under the number that udev gave, never through a link."""
    try:
        number = os.stat(loop_device).st_rdev  # noqa: PTH116  st_rdev is what is wanted
        identity = DeviceIdentity(os.major(number), os.minor(number))
        tool("blockdev", "--setrw", loop_device)  # the kernel keeps the flag for the next user
        stop = threading.Event()
        with open_medium(loop_device, stop=stop, expected=identity) as reading:
            assert [one.code for one in reading.medium.problems] == ["device-not-read-only"]
        other = DeviceIdentity(identity.major, identity.minor + 1)
        with pytest.raises(ReaderFailedError, match="another device"):
            open_medium(loop_device, stop=stop, expected=other)
        (tmp_path / "link").symlink_to(loop_device)
        with pytest.raises(NotOpenedError, match="link"):
            read(tmp_path / "link")
        tool("blockdev", "--setro", loop_device)
        with read(loop_device) as reading:
            assert reading.medium.problems == ()
    finally:
        tool("blockdev", "--setrw", loop_device)
        tool("losetup", "-d", loop_device)


def test_technician_sees_every_entry(card: Path) -> None:
    """`python -m firmware_bridge.volume` prints medium, volume and entries as JSON lines."""
    arguments = [sys.executable, "-B", "-m", "firmware_bridge.volume"]
    run = subprocess.run([*arguments, card], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines[0]["medium"]["table"] == "none"
    assert lines[1]["volume"]["label"] == "CAM01"
    assert [(line["text"], line["entry"]["deleted"]) for line in lines[2:]] == [
        ("DCIM", False),
        ("DCIM/20260131_120000_0001.mp4", False),
        ("DCIM/?ATER.MP4", True),
    ]
    failed = subprocess.run([*arguments, "/dev/null"], cwd=ROOT, capture_output=True, check=False)
    assert (failed.returncode, failed.stdout) == (1, b"")
