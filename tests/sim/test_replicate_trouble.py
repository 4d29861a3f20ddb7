"""Copies in trouble: places that fill, freeze, vanish or lie, and a dock that moves on."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from dock_daemon.errors import (
    NothingPublishedError,
    ReplicaFullError,
    ReplicaTargetError,
    ReplicaUnsetError,
    StateUnusableError,
    StoppedError,
    SyncBusyError,
)
from dock_daemon.evidence import durable
from dock_daemon.sync import holding
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.directory import Directory
from dock_daemon.sync.replica.recurring import LOCK, Job
from dock_daemon.sync.replica.replication import replicate
from dock_daemon.sync.replica.source import Source
from tests import sealed
from tests.copying import (
    Meddling,
    clip,
    copy,
    files_of,
    rename,
    verifies,
)
from tests.faults.small_disk import mounted


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
    assert [path for path in files_of(place) if path.name != "lock"] == []
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


@pytest.mark.parametrize("nth", [1, 2, 5, 9, 14])
def test_a_disk_that_vanishes_is_told(dock: sealed.Disk, place: Path, nth: int) -> None:
    """Pulled in the middle of a copy it is an error of the place, and the next one goes on."""
    away = place.with_name("away")
    stop = Meddling(nth, lambda: rename(place, away))
    with pytest.raises(ReplicaTargetError):
        recurring.run(Job(state=dock.root, target=str(place)), stop)
    away.rename(place)
    assert copy(dock, place).complete
    assert verifies(place)


def test_what_does_not_come_back_as_it_went_is_no_success(dock: sealed.Disk, place: Path) -> None:
    """A disk that stores something else is found when the copy is read back."""

    def lying(path: Path) -> tuple[str, int, durable.Reread]:
        found, size, how = durable.reread(path)
        return ("0" * 64 if path == clip(place) else found), size, how

    source = Source(dock.root)
    target = Directory(place, source, reread=lying)
    report = replicate(source, target, check=False, expect=False, stop=threading.Event())
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

    stop = Meddling(3, move_on)
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
