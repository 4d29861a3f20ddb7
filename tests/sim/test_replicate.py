"""Copies of store and log in a directory: complete, checked, and made good."""

import threading
from pathlib import Path

import pytest

from dock_daemon.errors import (
    ReplicaAheadError,
    ReplicaOtherError,
)
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.recurring import Job
from dock_daemon.sync.replica.replication import Step
from hashing.verify import verify_log
from tests import sealed
from tests.copying import CLIPS, Damage, clip, copy, cut, files_of, flip, spoil, verifies


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


def test_a_copy_is_whole_and_verifies(dock: sealed.Disk, place: Path) -> None:
    """Every clip, document, tile and bundle arrives, is read back, and the verifier agrees."""
    report = copy(dock, place)
    assert (report.complete, report.entries) == (True, 7)
    assert report.copied == report.verified == len(files_of(place)) - 2
    assert verifies(place)
    assert clip(place).read_bytes() == CLIPS[0]
    assert list((place / "store" / "incoming").iterdir()) == []


def test_only_what_is_missing_is_copied(dock: sealed.Disk, place: Path) -> None:
    """A second copy moves nothing; one after more was sealed moves that."""
    copy(dock, place)
    before = {path: path.stat().st_ino for path in files_of(place)}
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
    before = sorted(files_of(place))
    with pytest.raises(ReplicaOtherError) as caught:
        copy(theirs, place)
    assert (caught.value.found, caught.value.wanted) == ("dock.example/0001", "dock.example/0002")
    assert sorted(files_of(place)) == before


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
