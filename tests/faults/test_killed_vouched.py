"""kill -9 of a dock with a witness: never two heads of one size, nothing signed unasked."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dock_daemon.evidence.state import look
from hashing import checkpoint, note
from tests.docks import DockIn
from tests.faults.traced import moments, run
from tests.faults.vouched_child import live

CALLS = ("openat", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink")
PARTS = 3  # moments for each kind of system call
CHILD = "tests.faults.vouched_child"
ROUNDS = "3"


@dataclass(frozen=True, slots=True)
class Scene:
    """A dock that has a past and a witness, and when to strike."""

    dock: DockIn
    moments: dict[str, list[int]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a dock after its first life, and the moments of an undisturbed second one."""
    dock = DockIn(tmp_path_factory.mktemp("dock"))
    (dock.folder / "stick").mkdir()
    live(dock, 2)
    trial = DockIn(tmp_path_factory.mktemp("trial"))
    shutil.copytree(dock.folder, trial.folder, dirs_exist_ok=True)
    trace = run(trial.folder, [CHILD, str(trial.folder), ROUNDS], "-e", f"trace={','.join(CALLS)}")
    assert trace.code == 0, trace.errors
    return Scene(dock, moments(trace.calls, trial.root))


def heads(dock: DockIn) -> Iterator[tuple[int, bytes]]:
    """Yield size and root of every head that stands anywhere: kept, shown, copied, cosigned."""
    notes = look(dock.root, lambda ledger: ledger.rows("SELECT note FROM checkpoint"))
    found = [row["note"] for row in notes]
    for path in (dock.root / "log", dock.folder / "witness", dock.folder / "stick"):
        files = [one for one in path.iterdir() if one.is_file() and not one.name.startswith("vkey")]
        found += [one.read_bytes() for one in files if not one.name.endswith(".new")]
    for one in found:
        assert isinstance(one, bytes)
        head = checkpoint.parse(note.parse(one)[0])
        yield head.size, head.root


def assert_one_root_each(dock: DockIn, seen: set[tuple[int, bytes]]) -> None:
    """No size has two roots, now or compared with what stood there before."""
    seen |= set(heads(dock))
    assert len({size for size, _ in seen}) == len(seen)


def killed_copy(scene: Scene, folder: Path, call: str, part: int) -> DockIn:
    """Kill a life of a copy of the dock at one of the calls of the undisturbed run.

    A late call may not come this time: then a fresh copy is struck one call earlier.
    """
    counts = scene.moments[call]
    for nth in reversed(counts[: part * len(counts) // PARTS + 1]):
        shutil.rmtree(folder, ignore_errors=True)
        dock = DockIn(Path(shutil.copytree(scene.dock.folder, folder)))
        if killed(dock, call, nth):
            return dock
    return pytest.fail(f"no {call} came at all")


def killed(dock: DockIn, call: str, nth: int) -> bool:
    """Let a dock live until the nth such call of one of its threads; tell whether that came."""
    struck = run(
        dock.folder, [CHILD, str(dock.folder), ROUNDS], "-o", "/dev/null",
        "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}",
    )  # fmt: skip
    assert struck.code in {0, -9, 137}, struck.errors
    return struck.code != 0


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("call", CALLS)
def test_killed_at(scene: Scene, memory_path: Path, call: str, part: int) -> None:
    """Killed at one of the calls by which a disk changes, dock and witness still agree."""
    dock = killed_copy(scene, memory_path / "dock", call, part)
    seen: set[tuple[int, bytes]] = set(heads(scene.dock))
    assert_one_root_each(dock, seen)
    live(dock, 2)
    assert_one_root_each(dock, seen)
    assert dock.verify().problems == ()


@pytest.mark.parametrize("nth", [2, 5, 8])
def test_killed_in_its_first_life(tmp_path: Path, nth: int) -> None:
    """A key that may have signed is asked about, and goes on once the witness has answered."""
    dock = DockIn(tmp_path)
    (dock.folder / "stick").mkdir()
    assert killed(dock, "rename", nth)
    live(dock, 2)
    assert_one_root_each(dock, set())
    assert dock.verify().problems == ()
