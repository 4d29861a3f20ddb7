"""A disk so small that a test can fill it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.require import need

_MOUNT = ("/usr/bin/env", "mount")
_UMOUNT = ("/usr/bin/env", "umount")


class SmallDisk:
    """A mounted disk of a few MB."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def fill(self) -> None:
        """Leave not one page."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                return

    def relieve(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def freeze(self) -> None:
        """Make it read-only."""
        subprocess.run([*_MOUNT, "-o", "remount,ro", str(self.root)], check=True)


@contextmanager
def mounted(at: Path) -> Iterator[SmallDisk]:
    """Mount a small disk at `at` while the block runs; skip the test where nobody may."""
    at.mkdir()
    command = [*_MOUNT, "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(at)]
    done = subprocess.run(command, capture_output=True, check=False)
    need(done.returncode == 0, "permission to mount")
    try:
        yield SmallDisk(at)
    finally:
        subprocess.run([*_UMOUNT, "-l", str(at)], check=True)
