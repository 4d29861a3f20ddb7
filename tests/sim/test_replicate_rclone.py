"""Copies at an rclone remote: a real rclone, its remote a directory of the test."""

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from dock_daemon.errors import (
    RcloneMissingError,
    ReplicaAheadError,
    ReplicaFullError,
    ReplicaOtherError,
    ReplicaTargetError,
    StoppedError,
)
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.recurring import Job
from dock_daemon.sync.replica.replication import Report
from tests import sealed
from tests.copying import clip, verifies
from tests.faults.small_disk import mounted
from tests.require import need


@pytest.fixture
def dock(tmp_path: Path) -> sealed.Disk:
    """Return a dock's state."""
    return sealed.small().write(tmp_path / "state", sizes=[2])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration of rclone, in which `offsite:` is a directory of the test."""
    need(shutil.which("rclone"), "rclone")
    path = tmp_path / "rclone.conf"
    place = tmp_path / "offsite"
    place.mkdir()
    path.write_text(f"[offsite]\ntype = alias\nremote = {place}\n", encoding="utf-8")
    return path


def job(
    dock: sealed.Disk, config: Path, *, check: bool = False, target: str = "offsite:docks/1"
) -> Job:
    """Return one copy to be made."""
    return Job(state=dock.root, target=target, rclone_config=str(config), check=check)


def copy(dock: sealed.Disk, config: Path, *, check: bool = False) -> Report:
    """Make one copy."""
    return recurring.run(job(dock, config, check=check), threading.Event())


def place_of(config: Path) -> Path:
    """Return where the copy lies."""
    return config.parent / "offsite" / "docks" / "1"


def test_a_remote_copy_is_whole_and_verifies(dock: sealed.Disk, config: Path) -> None:
    """Everything arrives, is fetched back and hashed; a second copy moves nothing."""
    report = copy(dock, config)
    assert (report.complete, report.entries, report.copied) == (True, 7, report.verified)
    assert verifies(place_of(config))
    again = copy(dock, config, check=True)
    assert (again.complete, again.copied, again.verified) == (True, 0, report.verified)


def test_a_remote_copy_grows_with_the_log(dock: sealed.Disk, config: Path) -> None:
    """What was sealed since follows, and the checkpoint after it."""
    copy(dock, config)
    log = sealed.small()
    log.docking(2, [b"a new clip"])
    log.write(dock.root, sizes=[2, 7])
    report = copy(dock, config)
    assert (report.entries, report.complete) == (11, True)
    assert clip(place_of(config), b"a new clip").exists()
    assert verifies(place_of(config))


@pytest.mark.parametrize(
    ("pattern", "check"),
    [("store/clips/*/*", True), ("store/documents/*/*", True), ("log/tile/0/000.p/7", True)],
)
def test_a_flipped_byte_at_the_remote_is_found_and_made_good(
    dock: sealed.Disk, config: Path, pattern: str, *, check: bool
) -> None:
    """A check fetches all of it; what is wrong gives way to what is proved right."""
    copy(dock, config)
    victim = next(one for one in sorted(place_of(config).glob(pattern)) if one.stat().st_size)
    data = victim.read_bytes()
    times = victim.stat()
    victim.chmod(0o640)
    victim.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    report = copy(dock, config, check=check)
    assert report.damaged == report.repaired == [str(victim.relative_to(place_of(config)))]
    assert victim.read_bytes() == data
    assert verifies(place_of(config))


def test_a_truncated_file_at_the_remote_is_made_good(dock: sealed.Disk, config: Path) -> None:
    """An upload that broke off leaves another size, which any copy sees."""
    copy(dock, config)
    victim = clip(place_of(config))
    victim.chmod(0o640)
    victim.write_bytes(b"firs")
    assert copy(dock, config).repaired == [str(victim.relative_to(place_of(config)))]
    assert verifies(place_of(config))


def test_what_the_dock_lost_is_not_sent(dock: sealed.Disk, config: Path) -> None:
    """A clip that rotted here is named and stays away."""
    victim = clip(dock.root)
    victim.write_bytes(b"first clap")
    report = copy(dock, config)
    assert report.spoilt == [str(victim.relative_to(dock.root))]
    assert not clip(place_of(config)).exists()


def test_other_logs_and_longer_ones_are_refused(dock: sealed.Disk, config: Path) -> None:
    """As in a directory: nothing is mixed, and nothing is set back."""
    longer = sealed.small()
    longer.docking(2, [b"a later clip"])
    copy(longer.write(dock.root.parent / "longer"), config)
    with pytest.raises(ReplicaAheadError):
        copy(dock, config)
    (place_of(config) / "log" / "vkey").write_text("dock.example/9+00000000+AAAA\n", "utf-8")
    with pytest.raises(ReplicaOtherError):
        copy(dock, config)


def test_a_remote_that_nobody_knows(dock: sealed.Disk, config: Path) -> None:
    """A remote that is not in the configuration is named with rclone's own words."""
    with pytest.raises(ReplicaTargetError, match="nowhere"):
        recurring.run(job(dock, config, target="nowhere:x"), threading.Event())


def test_without_rclone(dock: sealed.Disk, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing rclone is told as that."""
    monkeypatch.setenv("PATH", str(config.parent))
    with pytest.raises(RcloneMissingError):
        copy(dock, config)


def test_a_full_remote_is_told(dock: sealed.Disk, tmp_path: Path, config: Path) -> None:
    """No room over there is no room, and the next copy goes on."""
    with mounted(tmp_path / "small") as disk:
        config.write_text(f"[offsite]\ntype = alias\nremote = {disk.root}\n", encoding="utf-8")
        copy(dock, config)
        clip(disk.root / "docks" / "1").unlink()
        disk.fill()
        with pytest.raises(ReplicaFullError):
            copy(dock, config)
        disk.relieve()
        assert copy(dock, config).complete
        assert verifies(disk.root / "docks" / "1")


def rclone_that(folder: Path, verb: str, action: str) -> str:
    """Return a PATH on which rclone does something else for one verb."""
    real = shutil.which("rclone")
    script = folder / "bin" / "rclone"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\ncase "$1" in {verb}) {action};; esac\nexec {real} "$@"\n', "utf-8"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return f"{script.parent}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("verb", "action", "look"),
    [
        ("lsjson", "echo '[{\"Path\": 1}]'; exit 0", "lsjson"),
        ("lsjson", "echo nonsense; exit 0", "lsjson"),
        ("copy", "echo 'connection reset by peer' >&2; exit 1", "connection reset"),
        ("copy", "exit 9", "said nothing"),
    ],
)
def test_a_remote_that_breaks_off_is_told(  # noqa: PLR0913, PLR0917  a case and its stage
    dock: sealed.Disk,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    action: str,
    look: str,
) -> None:
    """Whatever rclone says, the place is in trouble, and no checkpoint claims otherwise."""
    monkeypatch.setenv("PATH", rclone_that(config.parent, verb, action))
    with pytest.raises(ReplicaTargetError, match=look):
        copy(dock, config)
    assert not (place_of(config) / "log" / "checkpoint").exists()


@pytest.mark.parametrize("action", ["exit 0", 'echo "$(printf %064d 0)  x"; exit 0'])
def test_what_cannot_be_read_back_is_no_success(
    dock: sealed.Disk, config: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """A remote that takes everything and gives nothing back has a copy of nothing."""
    monkeypatch.setenv("PATH", rclone_that(config.parent, "hashsum", action))
    report = copy(dock, config)
    assert not report.complete
    assert len(report.failed) == len(sealed.small().clips) + len(sealed.small().documents) + 2
    assert not (place_of(config) / "log" / "checkpoint").exists()


def test_an_upload_can_be_stopped(
    dock: sealed.Disk, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer that is under way ends with the process that asked for it."""
    monkeypatch.setenv("PATH", rclone_that(config.parent, "copy", "exec tail -f /dev/null"))
    counted = _Counting(4)
    with pytest.raises(StoppedError):
        recurring.run(job(dock, config), counted)


class _Counting(threading.Event):
    """Is set once it has been looked at so often."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        """Count down."""
        self._looks -= 1
        return self._looks < 0
