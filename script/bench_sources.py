"""What script/bench ingest works on: clips on card images and in folders, and slow disks.

The folders hold the very bytes of the cards, for those who copy files. What is slow is slowed
down by qemu-storage-daemon's throttle, below a file system or a card image, for all alike.
"""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cards import make_exfat_card
from tests.power.devices import FILE_SYSTEMS, mounted

_ROOM: Final = 32 << 20  # on a card, beside its clips
_CLUSTER: Final = 128 << 10
_LOOP_TICKS: Final = 100


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clips on cards, and the same clips in folders: one of each for a bay."""

    cards: tuple[Path, ...]
    trees: tuple[Path, ...]
    clips: int
    bytes: int


def make(folder: Path, *, bays: int, clips: int, size: int, trees: bool = True) -> Corpus:
    """Write `clips` clips of `size` bytes for each of `bays` bays; always the same bytes.

    Without `trees` there are cards alone.
    """
    cards, folders = [], []
    for bay in range(bays):
        tree = folder / f"bay{bay}"
        files = {f"DCIM/100MEDIA/A{at:05d}.MP4": _bytes(bay, at, size) for at in range(clips)}
        if trees:
            _write(tree, files)
            folders.append(tree)
        room = clips * (-(-size // _CLUSTER) * _CLUSTER) + _ROOM
        card = folder / f"bay{bay}.img"
        cards.append(make_exfat_card(card, files, size=room, volume_serial=bay + 1))
    return Corpus(tuple(cards), tuple(folders), bays * clips, bays * clips * size)


def _write(tree: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)


def _bytes(bay: int, at: int, size: int) -> bytes:
    return random.Random(f"clip {at} of bay {bay}").randbytes(size)  # noqa: S311  no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a disk is, in bytes and requests a second; 0 is not bounded."""

    read: int = 0
    write: int = 0
    writes: int = 0

    def limits(self) -> dict[str, int]:
        """Return it in qemu's words."""
        told = {"bps-read": self.read, "bps-write": self.write, "iops-write": self.writes}
        return {name: value for name, value in told.items() if value}


def why_not_paced() -> str:
    """Return why nothing can be slowed down here; empty where it can."""
    if shutil.which("qemu-storage-daemon") is None:
        return "qemu-storage-daemon is not installed"
    return "" if os.access("/dev/fuse", os.R_OK | os.W_OK) else "there is no /dev/fuse for us"


def why_not_mounted() -> str:
    """Return why no disk of our own can be mounted here; empty where it can."""
    if os.geteuid() != 0:
        return "only root mounts"
    if not Path("/dev/loop-control").exists():
        return "the kernel has no loop devices"
    return "" if FILE_SYSTEMS["ext4"].there() else "ext4 cannot be made here"


@contextlib.contextmanager
def paced(
    images: list[Path], at: Path, pace: Pace, *, writable: bool = False
) -> Iterator[list[Path]]:
    """Show each image as a file of the same size at that pace, while the block runs."""
    shown, options = [], []
    for number, image in enumerate(images):
        face = at / f"paced{number}"
        face.touch()
        shown.append(face)
        limits = {f"x-{name}": value for name, value in pace.limits().items()}
        options += [
            "--object",
            json.dumps({"qom-type": "throttle-group", "id": f"t{number}", **limits}),
        ]
        options += ["--blockdev", json.dumps({
            "node-name": f"n{number}", "driver": "throttle", "throttle-group": f"t{number}",
            "file": {"driver": "file", "filename": str(image), "read-only": not writable},
        })]  # fmt: skip
        options += ["--export", json.dumps({
            "type": "fuse", "id": f"e{number}", "node-name": f"n{number}",
            "mountpoint": str(face), "writable": writable,
        })]  # fmt: skip
    ready = at / "paced.pid"
    daemon = subprocess.Popen(
        ["qemu-storage-daemon", *options, "--pidfile", str(ready)],  # noqa: S607  that of whoever measures
        stdin=subprocess.DEVNULL,
    )
    try:
        _wait_for(ready, daemon)
        yield shown
    finally:
        daemon.terminate()
        daemon.wait()


def _wait_for(ready: Path, daemon: "subprocess.Popen[bytes]") -> None:
    while not ready.exists():  # written when every export is there
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(timeout=1 / _LOOP_TICKS)
            raise SystemExit("qemu-storage-daemon did not start")


@contextlib.contextmanager
def disk(folder: Path, size: int, pace: Pace | None = None) -> Iterator[Path]:
    """Mount an ext4 of its own, on a disk of that pace, while the block runs."""
    kind = dataclasses.replace(FILE_SYSTEMS["ext4"], size=size)
    image, at = folder / "disk.img", folder / "disk"
    kind.fresh(image)
    at.mkdir()
    with contextlib.ExitStack() as held:
        if pace is not None:
            (image,) = held.enter_context(paced([image], folder, pace, writable=True))
        held.enter_context(mounted(image, at, kind))
        yield at


@contextlib.contextmanager
def attached(card: Path) -> Iterator[tuple[Path, Callable[[], int]]]:
    """Show a card image as a block device; give it, and what counts the bytes read of it."""
    found = subprocess.run(
        ["losetup", "--find", "--show", "--read-only", str(card)],  # noqa: S607  as above
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    node = Path(found.stdout.strip())
    counts = Path("/sys/block") / node.name / "stat"
    try:
        yield node, lambda: int(counts.read_text("ascii").split()[2]) * 512
    finally:
        subprocess.run(["losetup", "--detach", str(node)], check=True)  # noqa: S607  as above
