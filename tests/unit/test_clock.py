"""The dock's own clock: by whom it is kept, and how far it can be believed."""

from pathlib import Path

import pytest

from dock_daemon.clock import Kernel, SystemClock, Trust, read_kernel
from hashing.entry import SYNC

KEPT = Kernel(synchronized=True, max_error_us=31_000)
LEFT = Kernel(synchronized=False, max_error_us=16_000_000)


def clock(run: Path, kernel: Kernel | None, *marks: str) -> SystemClock:
    """Return a clock of a machine on which keepers of clocks have left `marks`."""
    for mark in marks:
        (run / mark).parent.mkdir(parents=True, exist_ok=True)
        (run / mark).touch()
    return SystemClock(kernel=lambda: kernel, run=run)


@pytest.mark.parametrize(
    ("mark", "source"),
    [
        ("systemd/timesync/synchronized", "systemd-timesyncd"),
        ("chrony/chronyd.pid", "chrony"),
        ("other", "kernel"),
    ],
)
def test_the_kernel_says_whether_it_is_kept(tmp_path: Path, mark: str, source: str) -> None:
    """Whoever keeps the clock, the kernel knows the state and the largest error."""
    told = clock(tmp_path, KEPT, mark).trust()
    assert told == Trust(sync="synchronized", source=source, uncertainty_us=31_000)


def test_a_keeper_that_lost_its_server_is_not_believed(tmp_path: Path) -> None:
    """The mark of timesyncd stays when its server has gone; the kernel gives the state up."""
    told = clock(tmp_path, LEFT, "systemd/timesync/synchronized").trust()
    assert (told.sync, told.uncertainty_us) == ("unsynchronized", None)


def test_a_kernel_that_does_not_tell_leaves_the_keepers_word(tmp_path: Path) -> None:
    """Without adjtimex nothing vouches for how far off the clock may be."""
    assert clock(tmp_path, None).trust().sync == "unsynchronized"
    assert clock(tmp_path, None, "chrony/chronyd.pid").trust().sync == "unknown"
    told = clock(tmp_path, None, "systemd/timesync/synchronized").trust()
    assert told == Trust(sync="synchronized", source="systemd-timesyncd", uncertainty_us=None)


def test_entries_carry_the_same_state(tmp_path: Path) -> None:
    """What an entry says of its time is what the clock was believed to be."""
    at = clock(tmp_path, LEFT).at()
    assert (at.sync, at.source) == ("unsynchronized", "kernel")
    assert at.boot_ms > 0


def test_this_machines_kernel_answers() -> None:
    """The real call is made, and sets nothing: its answer has the shape of one."""
    told = read_kernel()
    assert told is None or told.max_error_us >= 0
    assert SystemClock().at().sync in SYNC
