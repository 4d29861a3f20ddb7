"""A copy of a small dock's store and log: made, spoilt, and judged by the verifier."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.recurring import Job
from dock_daemon.sync.replica.replication import Report
from hashing.verify import verify_log
from tests import sealed

Damage = Callable[[bytes], bytes]
CLIPS = [b"first clip", b"second clip, longer", b""]


def flip(data: bytes) -> bytes:
    """Change one bit."""
    return bytes([data[0] ^ 1]) + data[1:]


def cut(data: bytes) -> bytes:
    """Lose the last byte."""
    return data[:-1]


def copy(dock: sealed.Disk, place: Path, *, check: bool = False, anew: bool = False) -> Report:
    """Make one copy."""
    job = Job(state=dock.root, target=str(place), check=check, anew=anew)
    return recurring.run(job, threading.Event())


def verifies(place: Path) -> bool:
    """Tell whether the copy verifies as a log and a store."""
    report = verify_log(place / "log", sealed.KEY.verifier(), store=place / "store")
    return report.ok and not report.notices


def spoil(path: Path, damage: Damage) -> None:
    """Change a file that may be read-only."""
    data = damage(path.read_bytes())
    path.unlink()
    path.write_bytes(data)


def clip(root: Path, content: bytes = CLIPS[0]) -> Path:
    """Return where a clip lies below a state or its copy."""
    name = hashlib.sha256(content).hexdigest()
    return root / "store" / "clips" / name[:2] / name


def files_of(place: Path) -> list[Path]:
    """Return every file of a copy."""
    return [path for path in place.rglob("*") if path.is_file()]


def rename(old: Path, new: Path) -> None:
    """Take a directory away from where it was."""
    old.rename(new)


class Meddling(threading.Event):
    """Calls something the nth time it is looked at."""

    def __init__(self, nth: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._left = nth
        self._act = act

    def is_set(self) -> bool:
        """Count, act once, and say no."""
        self._left -= 1
        if self._left == 0:
            self._act()
        return False
