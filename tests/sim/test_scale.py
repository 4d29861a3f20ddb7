"""As much as a recorder can hold: many small files, one very large clip, little memory."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cards import Clip, make_exfat_card, make_fat_card
from tests.docks import DockIn, some_bytes
from tests.require import need

MEMORY_BYTES = 150 << 20
MANY = 10_000
LARGE = 6 << 30
ROOT = Path(__file__).resolve().parents[2]


def take_over(dock: DockIn, card: Path) -> dict[str, Any]:
    """Run one docking in a process of its own; return what it said of itself."""
    command = [sys.executable, "-m", "tests.sim.scale_child", str(dock.folder), str(card)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_ten_thousand_files(dock: DockIn, memory_path: Path) -> None:
    """All of them come over with equal hashes, within the memory and a minute."""
    files = {
        f"DCIM/{number // 500:03d}MEDIA/{number:06d}.MP4": some_bytes(str(number), number % 3000)
        for number in range(MANY)
    }
    told = take_over(dock, make_fat_card(memory_path / "card", files, 256 << 20))
    assert (told["result"], told["sealed"]) == ("complete", MANY)
    assert told["peak_bytes"] < MEMORY_BYTES
    sealed = sorted(str(one.body["sha256"]) for one in dock.parsed("clip"))
    assert sealed == sorted(hashlib.sha256(data).hexdigest() for data in files.values())
    again = take_over(dock, memory_path / "card")
    assert (again["result"], again["sealed"]) == ("complete", 0)
    assert again["peak_bytes"] < MEMORY_BYTES
    dock.assert_holds("media/", "000001.mp4")


@pytest.fixture
def roomy_path() -> Iterator[Path]:
    """Return a folder on a disk with room for the clip, empty again at once afterwards."""
    with tempfile.TemporaryDirectory(prefix="sealdock-test-") as folder:
        need(shutil.disk_usage(folder).free > 2 * LARGE, "12 GB of free disk for a large clip")
        yield Path(folder)


def test_a_clip_of_six_gigabytes(roomy_path: Path) -> None:
    """A clip beyond every 32-bit number comes over whole, in little memory."""
    data = some_bytes("large", 1 << 20)
    files: dict[str, bytes | Clip] = {"LARGE.MP4": Clip(data=data, size=LARGE, valid_size=2 << 20)}
    dock = DockIn(roomy_path)
    told = take_over(dock, make_exfat_card(roomy_path / "card", files, 8 << 30))
    assert (told["result"], told["sealed"]) == ("complete", 1)
    assert told["peak_bytes"] < MEMORY_BYTES
    (clip,) = dock.parsed("clip")
    assert clip.body["size"] == LARGE
    # SHA-256 of the first MiB above and zeros up to 6 GiB, by head and sha256sum.
    assert clip.body["sha256"] == "773d2ca17ef490e09b6c5edb6353eea422876aa5930f38a28d1b47becad5df52"
