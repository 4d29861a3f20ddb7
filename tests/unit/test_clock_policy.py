"""When the dock sets a recorder's clock, and when it leaves it alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.checklists import checklist
from dock_daemon.fitness.clock_policy import not_set
from dock_daemon.recorders.clock_measured import ClockMeasured
from hashing.entry import SYNC

WANTED = checklist("standard", Path("/nowhere")).content.clock
OVER_US = WANTED.set_over_ms * 1000
SURE_US = WANTED.dock_within_ms * 1000


def measured(offset_us: int, uncertainty_us: int = 1000) -> ClockMeasured:
    """Return what a synchronised dock has measured."""
    return ClockMeasured(
        offset_us=offset_us,
        uncertainty_us=uncertainty_us,
        sync="synchronized",
        source="test",
        dock_uncertainty_us=1000,
    )


def why_not(
    before: ClockMeasured | None,
    *,
    sync: str = "synchronized",
    uncertainty_us: int | None = 1000,
    allowed: bool = True,
) -> str:
    """Return why the clock is not set, by the shipped checklist."""
    return not_set(before, sync=sync, uncertainty_us=uncertainty_us, allowed=allowed, wanted=WANTED)


@pytest.mark.parametrize("sync", sorted(SYNC - {"synchronized"}))
@pytest.mark.parametrize("before", [None, measured(10**12), measured(0)])
def test_an_unsynchronised_dock_refuses_to_set(before: ClockMeasured | None, sync: str) -> None:
    """However wrong the recorder is, a dock that does not know the time gives it none (R-CLOCK)."""
    assert why_not(before, sync=sync) == "dock-unsynchronized"


def test_a_dock_that_is_not_sure_enough_refuses_to_set() -> None:
    """Being synchronised is not enough: the dock's own error must be known, and small."""
    assert why_not(None, uncertainty_us=None) == "dock-unsure"
    assert why_not(None, uncertainty_us=SURE_US + 1) == "dock-unsure"
    assert why_not(None, uncertainty_us=SURE_US) == ""


def test_a_clock_that_cannot_be_read_is_set() -> None:
    """Most models take the time and never show it: they are set at each docking."""
    assert why_not(None) == ""


def test_a_clock_is_set_once_it_is_known_to_be_off() -> None:
    """What may still be within the threshold, for all that was measured, is left alone."""
    assert why_not(measured(0)) == "not-needed"
    assert why_not(measured(OVER_US + 1000, 1000)) == "not-needed"
    assert why_not(measured(OVER_US + 1001, 1000)) == ""
    assert why_not(measured(-OVER_US - 1001, 1000)) == ""


def test_the_settings_may_forbid_it() -> None:
    """`clocks.set = false` is the last word."""
    assert why_not(None, allowed=False) == "forbidden"


@given(
    before=st.none() | st.builds(measured, st.integers(-(10**15), 10**15), st.integers(0, 10**8)),
    sync=st.sampled_from(sorted(SYNC)),
    uncertainty_us=st.none() | st.integers(0, 10**8),
    allowed=st.booleans(),
)
def test_what_is_set_may_be_set(
    before: ClockMeasured | None,
    sync: str,
    uncertainty_us: int | None,
    allowed: bool,  # noqa: FBT001  hypothesis hands it over by position
) -> None:
    """Nothing is ever set but by an allowed, synchronised, sure dock, and for a reason."""
    if why_not(before, sync=sync, uncertainty_us=uncertainty_us, allowed=allowed):
        return
    assert allowed
    assert sync == "synchronized"
    assert uncertainty_us is not None
    assert uncertainty_us <= SURE_US
    assert before is None or before.least_off_us > OVER_US
