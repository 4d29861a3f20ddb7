"""kill -9 at every kind of write of a copy: what is there verifies, and the next one completes."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hashing.verify import verify_log
from tests import sealed
from tests.copying import copy, verifies
from tests.require import need

ROOT = Path(__file__).resolve().parents[2]
CALLS = ("openat", "write", "fsync", "syncfs", "rename", "mkdir", "unlink")
MOMENTS = 3  # of each kind: an early, a middle and a late one


def run(disk: sealed.Disk, place: Path, *strace: str) -> subprocess.CompletedProcess[str]:
    """Run `sealdock replicate` under strace."""
    path = shutil.which("strace")
    need(path, "strace")
    assert path is not None
    command = ["-m", "dock_daemon.commands.root", "replicate", "--to", str(place)]
    where = ["--state", str(disk.root), "--json"]
    return subprocess.run(
        [path, "-f", "-qq", *strace, sys.executable, *command, *where],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def grown(root: Path, *, full: bool) -> sealed.Disk:
    """Return a dock's state; `full` has a docking more than the copy knows."""
    log = sealed.small()
    if full:
        log.docking(2, [b"a later clip", b"and another"])
    return log.write(root, sizes=[7] if full else [])


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """Return, for each call, which of them touch the copy, counted from the start."""
    folder = tmp_path_factory.mktemp("trial")
    (folder / "copy").mkdir()
    copy(grown(folder / "state", full=False), folder / "copy")
    disk = grown(folder / "state", full=True)
    trace = folder / "trace"
    done = run(disk, folder / "copy", "-y", "-o", str(trace), "-e", f"trace={','.join(CALLS)}")
    assert done.returncode == 0, done.stderr
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[str, list[int]] = {}
    for thread, name, text in re.findall(r"^(\d+) +(\w+)\((.*)$", trace.read_text(), re.MULTILINE):
        seen[thread, name] += 1
        if str(folder / "copy") in text:
            found.setdefault(name, []).append(seen[thread, name])
    return found


@pytest.mark.parametrize("nth", range(MOMENTS))
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_write_the_copy_verifies(
    tmp_path: Path, moments: dict[str, list[int]], call: str, nth: int
) -> None:
    """The old checkpoint holds until the new one does; then the copy is made whole."""
    place = tmp_path / "copy"
    place.mkdir()
    copy(grown(tmp_path / "state", full=False), place)
    disk = grown(tmp_path / "state", full=True)
    when = moments[call][(len(moments[call]) - 1) * nth // (MOMENTS - 1)]
    fault = f"inject={call}:signal=KILL:when={when}"
    killed = run(disk, place, "-o", "/dev/null", "-e", f"trace={call}", "-e", fault)
    assert killed.returncode in {-9, 137}, killed.stderr
    report = verify_log(place / "log", sealed.KEY.verifier(), store=place / "store")
    assert report.problems == ()
    assert report.size in {7, 12}
    assert copy(disk, place).complete
    assert verifies(place)
