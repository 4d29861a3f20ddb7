"""kill -9 at any moment: what was acknowledged is there, and the log is a prefix of the truth."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashing import checkpoint, note
from hashing.keys import VerifierKey
from tests.cards import Clip, make_exfat_card
from tests.docks import DockIn, some_bytes
from tests.faults.traced import CHANGES, Pulled, moments, pull

SETTINGS = "[ingest]\ngroup_clips = 2\nchunk_bytes = 8192\n"
OLD: dict[str, bytes | Clip] = {
    f"DCIM/OLD{i}.MP4": some_bytes(f"old {i}", 9000 + i) for i in range(3)
}
NEW = {f"DCIM/NEW{i}.MP4": some_bytes(f"new {i}", 20_000 + i) for i in range(5)}
PARTS = 4  # moments for each kind of system call


@dataclass(frozen=True, slots=True)
class Scene:
    """A dock that has a past, a card with old, new and deleted clips, and when to strike."""

    dock: DockIn
    card: Path
    moments: dict[str, list[int]]

    def copy(self, folder: Path) -> DockIn:
        """Return an own copy of the dock in `folder`."""
        shutil.copytree(self.dock.folder, folder, dirs_exist_ok=True)
        return DockIn(folder)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a dock after its first docking, and the moments of an undisturbed second one."""
    dock = DockIn(tmp_path_factory.mktemp("dock"))
    card = make_exfat_card(tmp_path_factory.mktemp("card") / "card", OLD, 4 << 20)
    dock.take_over(card, settings=SETTINGS)
    deleted: dict[str, bytes | Clip] = {"DCIM/GONE.MP4": Clip(data=b"gone", deleted=True)}
    make_exfat_card(card, {**OLD, **NEW, **deleted}, 4 << 20)
    trial = DockIn(tmp_path_factory.mktemp("trial"))
    shutil.copytree(dock.folder, trial.folder, dirs_exist_ok=True)
    trace = pull(trial, card, "-e", f"trace={','.join(CHANGES)}")
    assert trace.code == 0, trace.errors
    assert len(trace.sealed()) == len(NEW)
    return Scene(dock, card, moments(trace.calls, trial.root))


def published(dock: DockIn) -> int:
    """Return the size that the log directory's checkpoint vouches for."""
    key = VerifierKey.parse((dock.root / "log" / "vkey").read_text("ascii").strip())
    opened = note.open_note((dock.root / "log" / "checkpoint").read_bytes(), [key])
    return checkpoint.parse(opened.text).size


def assert_acknowledged(dock: DockIn, pulled: Pulled) -> None:
    """Assert that every clip that was said to be sealed lies in the store under its hash."""
    for clip in pulled.sealed():
        content = dock.stored(clip["sha256"]).read_bytes()
        assert content == NEW[clip["path"]]
        assert hashlib.sha256(content).hexdigest() == clip["sha256"]


def struck(dock: DockIn, card: Path, call: str, nth: int) -> Pulled:
    """Run a docking that is killed at the nth such call of one of its threads, if it comes."""
    return pull(
        dock, card, "-o", "/dev/null", "-e", f"trace={call}",
        "-e", f"inject={call}:signal=KILL:when={nth}",
    )  # fmt: skip


def killed(dock: DockIn, card: Path, call: str, nth: int) -> Pulled:
    """Kill a docking at the nth such call of one of its threads."""
    pulled = struck(dock, card, call, nth)
    assert pulled.code in {-9, 137}, pulled.errors
    return pulled


def killed_copy(scene: Scene, folder: Path, call: str, part: int) -> tuple[DockIn, Pulled]:
    """Kill a docking of a copy of the dock at one of the calls of the undisturbed run.

    How clips gather into groups is for the threads to settle, so a late call may not come
    this time: then a fresh copy is struck one call earlier. The first one always comes.
    """
    counts = scene.moments[call]
    for nth in reversed(counts[: part * len(counts) // PARTS + 1]):
        shutil.rmtree(folder)
        dock = scene.copy(folder)
        pulled = struck(dock, scene.card, call, nth)
        if pulled.code != 0:
            assert pulled.code in {-9, 137}, pulled.errors
            return dock, pulled
    return pytest.fail(f"no {call} came at all")


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("call", CHANGES)
def test_killed_at(scene: Scene, memory_path: Path, call: str, part: int) -> None:
    """Killed at one of the calls by which a disk changes, it goes on where it was."""
    before = published(scene.dock)
    dock, pulled = killed_copy(scene, memory_path, call, part)

    assert_acknowledged(dock, pulled)
    after = published(dock)
    assert before <= after <= len(dock.entries())
    assert dock.verify().problems == ()
    acknowledged = {clip["seq"]: clip["sha256"] for clip in pulled.sealed()}
    assert {
        one.seq: one.body["sha256"] for one in dock.parsed("clip") if one.seq in acknowledged
    } == acknowledged

    again = dock.take_over(scene.card, settings=SETTINGS)
    assert again.end.result == "complete"
    assert published(dock) > after
    sealed = {str(one.body["sha256"]) for one in dock.parsed("clip")}
    assert {hashlib.sha256(data).hexdigest() for data in NEW.values()} <= sealed
    assert [one.body["finding"] for one in dock.parsed("finding")] == ["deleted-unseen"]
    released = [one.body["docking"] for one in dock.parsed("released")]
    assert released == [one.body["docking"] for one in dock.parsed("docked")]
    dock.assert_holds("DCIM", "OLD0.MP4", "NEW0.MP4")


@pytest.mark.parametrize("at", [1, 100, 400])
def test_killed_at_its_very_first_start(scene: Scene, tmp_path: Path, at: int) -> None:
    """A dock whose first start was cut off starts again."""
    dock = DockIn(tmp_path)
    dock.settings(SETTINGS)
    killed(dock, scene.card, "mkdir", at)
    assert dock.take_over(scene.card, settings=SETTINGS).end.result == "complete"
    dock.assert_holds()


@pytest.mark.parametrize(
    ("call", "nth"), [("rename", 1), ("rename", 2), ("rename", 3), ("fdatasync", 4)]
)
def test_killed_while_it_makes_key_and_genesis(
    scene: Scene, tmp_path: Path, call: str, nth: int
) -> None:
    """Between identity, key, first entry and first checkpoint there is no way into doubt."""
    dock = DockIn(tmp_path)
    dock.settings(SETTINGS)
    killed(dock, scene.card, call, nth)
    assert dock.take_over(scene.card, settings=SETTINGS).end.result == "complete"
    dock.assert_holds()
