"""Copies of store and log in a directory: complete, checked, and damaged in every way."""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dock_daemon.errors import (
    NothingPublishedError,
    ReplicaAheadError,
    ReplicaFullError,
    ReplicaOtherError,
    ReplicaTargetError,
    ReplicaUnsetError,
    StateUnusableError,
    StoppedError,
    SyncBusyError,
)
from dock_daemon.evidence import durable
from dock_daemon.sync import holding
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.recurring import LOCK, Job
from dock_daemon.sync.replica.replication import Report, Step
from hashing.verify import verify_log
from tests import sealed
from tests.faults.small_disk import mounted

Damage = Callable[[bytes], bytes]
CLIPS = [b"first clip", b"second clip, longer", b""]


def flip(data: bytes) -> bytes:
    """Change one bit."""
    return bytes([data[0] ^ 1]) + data[1:]


def cut(data: bytes) -> bytes:
    """Lose the last byte."""
    return data[:-1]


@pytest.fixture
def dock(tmp_path: Path) -> sealed.Disk:
    """Return a dock's state: a log of 7 entries, three clips, five documents."""
    return sealed.small().write(tmp_path / "state", sizes=[2])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return an empty directory for the copy."""
    path = tmp_path / "copy"
    path.mkdir()
    return path


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


def test_a_copy_is_whole_and_verifies(dock: sealed.Disk, place: Path) -> None:
    """Every clip, document, tile and bundle arrives, is read back, and the verifier agrees."""
    report = copy(dock, place)
    assert (report.complete, report.entries) == (True, 7)
    assert report.copied == report.verified == len(report_paths(place)) - 2
    assert verifies(place)
    assert clip(place).read_bytes() == CLIPS[0]
    assert list((place / "store" / "incoming").iterdir()) == []


def report_paths(place: Path) -> list[Path]:
    """Return every file of a copy."""
    return [path for path in place.rglob("*") if path.is_file()]


def test_only_what_is_missing_is_copied(dock: sealed.Disk, place: Path) -> None:
    """A second copy moves nothing; one after more was sealed moves that."""
    copy(dock, place)
    before = {path: path.stat().st_ino for path in report_paths(place)}
    again = copy(dock, place)
    assert (again.copied, again.complete) == (0, True)
    log = sealed.small()
    log.docking(2, [b"a new clip"])
    log.write(dock.root, sizes=[2, 7])
    more = copy(dock, place)
    assert (more.entries, more.complete) == (11, True)
    assert clip(place, b"a new clip").exists()
    assert verifies(place)
    kept = [path for path in before if path.exists() and path.name not in {"checkpoint", "vkey"}]
    assert [path for path in kept if path.stat().st_ino != before[path]] == []


def test_the_checkpoint_comes_last(dock: sealed.Disk, place: Path) -> None:
    """Whatever has arrived when the checkpoint does, it covers no more than that."""
    seen: list[tuple[str, bool]] = []

    def tell(step: Step) -> None:
        seen.append((step.room, (place / "log" / "checkpoint").exists()))

    recurring.run(Job(state=dock.root, target=str(place)), threading.Event(), tell)
    assert seen == [("store/clips", False), ("store/documents", False), ("log", False)]


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("room", ["clips", "documents", "tiles", "bundles"])
def test_damage_at_the_copy_is_found_and_made_good(
    dock: sealed.Disk, place: Path, damage: Damage, room: str
) -> None:
    """A check finds what rotted there, names it, and replaces it by what is proved right."""
    copy(dock, place)
    pattern = {"clips": "store/clips/*/*", "documents": "store/documents/*/*"}
    pattern |= {"tiles": "log/tile/0/000.p/7", "bundles": "log/tile/entries/000.p/7"}
    victim = next(path for path in sorted(place.glob(pattern[room])) if path.stat().st_size)
    spoil(victim, damage)
    assert not verifies(place)
    report = copy(dock, place, check=True)
    assert report.damaged == report.repaired == [str(victim.relative_to(place))]
    assert report.complete
    assert verifies(place)


def test_another_size_is_found_without_a_check(dock: sealed.Disk, place: Path) -> None:
    """A file that was cut off is replaced by any copy."""
    copy(dock, place)
    spoil(clip(place), cut)
    assert copy(dock, place).repaired == [str(clip(place).relative_to(place))]
    assert verifies(place)


@pytest.mark.parametrize("damage", [flip, cut, lambda _data: b"nonsense"])
def test_a_checkpoint_that_is_none_is_written_anew(
    dock: sealed.Disk, place: Path, damage: Damage
) -> None:
    """A torn or scribbled checkpoint of the copy gives way to the dock's."""
    copy(dock, place)
    spoil(place / "log" / "checkpoint", lambda data: damage(data).replace(b"\n\n", b"\n"))
    report = copy(dock, place)
    assert report.damaged == report.repaired == ["log/checkpoint"]
    assert verifies(place)


def test_what_the_dock_has_lost_itself_is_never_copied(dock: sealed.Disk, place: Path) -> None:
    """A clip that rotted here is named, stays away, and holds nothing else up."""
    spoil(clip(dock.root), flip)
    report = copy(dock, place)
    assert report.spoilt == [str(clip(place).relative_to(place))]
    assert not clip(place).exists()
    assert (place / "log" / "checkpoint").exists()
    found = verify_log(place / "log", sealed.KEY.verifier(), store=place / "store")
    assert [problem.code for problem in found.problems] == ["clip-missing"]


def test_a_good_copy_outlives_damage_at_the_dock(dock: sealed.Disk, place: Path) -> None:
    """What is right there is not touched by what is wrong here, not even where both are wrong."""
    copy(dock, place)
    spoil(clip(dock.root), flip)
    spoil(clip(dock.root, CLIPS[1]), flip)
    spoil(clip(place, CLIPS[1]), cut)
    report = copy(dock, place, check=True)
    lost = str(clip(place, CLIPS[1]).relative_to(place))
    assert clip(place).read_bytes() == CLIPS[0]
    assert (report.damaged, report.repaired, report.spoilt) == ([lost], [], [lost])
    assert not report.complete


def test_a_tile_that_rotted_here_replaces_none(dock: sealed.Disk, place: Path) -> None:
    """Where the two logs differ, the dock's own is verified before it is believed."""
    copy(dock, place)
    tile = dock.root / "log" / "tile" / "0" / "000.p" / "7"
    spoil(tile, flip)
    report = copy(dock, place, check=True)
    assert (report.damaged, report.repaired) == (["log/tile/0/000.p/7"], [])
    assert verifies(place)


def test_another_docks_copy_is_not_mixed_with_ours(dock: sealed.Disk, place: Path) -> None:
    """A place that holds another log is refused before anything is written."""
    copy(dock, place)
    other = sealed.Sealed(
        origin="dock.example/0002", key=type(sealed.KEY)("dock.example/0002", bytes(32))
    )
    other.genesis()
    other.docking(1, [b"theirs"])
    theirs = other.write(dock.root.parent / "other")
    before = sorted(report_paths(place))
    with pytest.raises(ReplicaOtherError) as caught:
        copy(theirs, place)
    assert (caught.value.found, caught.value.wanted) == ("dock.example/0001", "dock.example/0002")
    assert sorted(report_paths(place)) == before


def test_a_copy_that_knows_more_is_never_set_back(dock: sealed.Disk, place: Path) -> None:
    """After an old state was put back, the longer copy is evidence and stays."""
    longer = sealed.small()
    longer.docking(2, [b"a later clip"])
    copy(longer.write(dock.root.parent / "longer"), place)
    before = (place / "log" / "checkpoint").read_bytes()
    with pytest.raises(ReplicaAheadError) as caught:
        copy(dock, place)
    assert (caught.value.held, caught.value.ours) == (11, 7)
    assert (place / "log" / "checkpoint").read_bytes() == before


def test_a_copy_of_another_history_is_never_overwritten(dock: sealed.Disk, place: Path) -> None:
    """Two logs under one name are told apart by their roots, whatever their sizes."""
    other = sealed.Sealed()
    other.genesis()
    other.docking(1, [b"what really happened"])
    copy(other.write(dock.root.parent / "other"), place)
    with pytest.raises(ReplicaAheadError):
        copy(dock, place)


def test_a_place_that_is_not_there_is_not_made(dock: sealed.Disk, tmp_path: Path) -> None:
    """A directory that does not exist may be a disk that is not mounted."""
    with pytest.raises(ReplicaTargetError):
        copy(dock, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_copy_that_is_gone_is_not_begun_anew_in_silence(dock: sealed.Disk, place: Path) -> None:
    """An empty mount point where a copy was is refused, until somebody says that it is meant."""
    copy(dock, place)
    place.rename(place.with_name("unmounted"))
    place.mkdir()
    with pytest.raises(ReplicaTargetError, match="gone"):
        copy(dock, place)
    assert list(place.glob("store/clips/*/*")) == []
    assert copy(dock, place, anew=True).complete
    assert copy(dock, place).complete


def test_a_place_that_is_no_place(dock: sealed.Disk) -> None:
    """Nothing, a name that is neither path nor remote, and what looks like an option."""
    with pytest.raises(ReplicaUnsetError):
        recurring.run(Job(state=dock.root, target=""), threading.Event())
    for target in ("relative/path", "--config=/x:y", "-x:y", " :x"):
        with pytest.raises(ReplicaTargetError):
            recurring.run(Job(state=dock.root, target=target), threading.Event())


def test_a_dock_that_published_nothing(dock: sealed.Disk, place: Path) -> None:
    """Without a checkpoint there is nothing whose copy could be checked."""
    (dock.root / "log" / "checkpoint").unlink()
    with pytest.raises(NothingPublishedError):
        copy(dock, place)


def test_a_store_that_is_not_there_is_no_empty_store(dock: sealed.Disk, place: Path) -> None:
    """A data disk that was not mounted is told, and nothing is copied in its stead."""
    (dock.store / "clips").rename(dock.root / "elsewhere")
    with pytest.raises(StateUnusableError, match="clips"):
        copy(dock, place)
    assert not (place / "log" / "checkpoint").exists()


def test_one_copy_at_a_time(dock: sealed.Disk, place: Path) -> None:
    """A second one says who is at it."""
    with holding.alone(dock.root, LOCK), pytest.raises(SyncBusyError) as caught:
        copy(dock, place)
    assert caught.value.holder == f"pid {os.getpid()}"
    assert copy(dock, place).complete


def test_a_copy_that_was_stopped_goes_on(dock: sealed.Disk, place: Path) -> None:
    """Stopped before any file, nothing half-made is left; the next one brings all."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        recurring.run(Job(state=dock.root, target=str(place)), stop)
    assert [path for path in report_paths(place) if path.name != "lock"] == []
    assert copy(dock, place).complete


def test_half_made_files_are_swept(dock: sealed.Disk, place: Path) -> None:
    """What a power cut left in the copy's incoming folder is gone after the next copy."""
    (place / "store" / "incoming").mkdir(parents=True)
    (place / "store" / "incoming" / "17").write_bytes(b"half")
    copy(dock, place)
    assert verifies(place)
    assert list((place / "store" / "incoming").iterdir()) == []


def test_how_it_stands_is_left_for_others(dock: sealed.Disk, place: Path) -> None:
    """What was copied, when and how many were verified; and what went wrong since."""
    report = copy(dock, place)
    told = holding.read(dock.root, holding.REPLICA)
    assert told is not None
    assert (told["report"], told["error"]) == (report.as_json(), None)
    place.rename(place.with_name("away"))
    with pytest.raises(ReplicaTargetError):
        copy(dock, place)
    told = holding.read(dock.root, holding.REPLICA)
    assert told is not None
    assert (told["report"], told["error"]["code"]) == (None, "replica-target")
    assert told["expect"] == [str(place)]


def test_a_full_disk_is_told_and_leaves_only_whole_files(dock: sealed.Disk, tmp_path: Path) -> None:
    """The copy stops where there is no room, and goes on once there is."""
    with mounted(tmp_path / "small") as disk:
        copy(dock, disk.root)
        clip(disk.root).unlink()
        disk.fill()
        with pytest.raises(ReplicaFullError):
            copy(dock, disk.root)
        assert not clip(disk.root).exists()
        assert list((disk.root / "store" / "incoming").iterdir()) == []
        disk.relieve()
        assert copy(dock, disk.root).complete
        assert verifies(disk.root)


def test_a_disk_that_became_read_only_is_told(dock: sealed.Disk, tmp_path: Path) -> None:
    """As Linux does with a disk in trouble."""
    with mounted(tmp_path / "small") as disk:
        copy(dock, disk.root)
        clip(disk.root).unlink()
        disk.freeze()
        with pytest.raises(ReplicaTargetError, match="Read-only"):
            copy(dock, disk.root)


def rename(old: Path, new: Path) -> None:
    """Take a directory away from where it was."""
    old.rename(new)


class _Vanishing(threading.Event):
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


@pytest.mark.parametrize("nth", [1, 2, 5, 9, 14])
def test_a_disk_that_vanishes_is_told(dock: sealed.Disk, place: Path, nth: int) -> None:
    """Pulled in the middle of a copy it is an error of the place, and the next one goes on."""
    away = place.with_name("away")
    stop = _Vanishing(nth, lambda: rename(place, away))
    with pytest.raises(ReplicaTargetError):
        recurring.run(Job(state=dock.root, target=str(place)), stop)
    away.rename(place)
    assert copy(dock, place).complete
    assert verifies(place)


def test_what_does_not_come_back_as_it_went_is_no_success(
    dock: sealed.Disk, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stores something else is found when the copy is read back."""
    honest = durable.reread

    def lying(path: Path) -> tuple[str, int, durable.Reread]:
        found, size, how = honest(path)
        return ("0" * 64 if path == clip(place) else found), size, how

    monkeypatch.setattr(durable, "reread", lying)
    report = copy(dock, place)
    assert report.failed == [str(clip(place).relative_to(place))]
    assert not report.complete


def test_a_log_that_moves_on_meanwhile_is_copied_as_it_then_is(tmp_path: Path, place: Path) -> None:
    """Partial files that were swept under our hands make the copy take the newer head."""
    state = sealed.long(200).write(tmp_path / "other")

    def move_on() -> None:
        sealed.long(300).write(state.root)
        for partial in state.log.rglob("*.p"):
            if partial.with_suffix("").exists():
                shutil.rmtree(partial)

    stop = _Vanishing(3, move_on)
    report = recurring.run(Job(state=state.root, target=str(place)), stop)
    assert (report.entries, report.complete) == (300, True)
    assert verifies(place)


def test_a_shorter_copy_of_our_log_is_known_as_its_beginning(place: Path, tmp_path: Path) -> None:
    """A copy of any earlier size goes on, also across full tiles."""
    state = sealed.long(300).write(tmp_path / "state-of-300", sizes=[7, 256, 290])
    for size in (7, 256, 290):
        short = sealed.Sealed(entries=sealed.long(300).entries[:size])
        shutil.rmtree(place)
        short.write(place)
        assert copy(state, place).entries == 300
        assert verifies(place)
