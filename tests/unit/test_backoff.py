"""Waiting after a failure: doubling, bounded, spread, and as long as was asked for."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import backoff
from transport.backoff import NONE, Bounds, Pause, failed, rest, retry_after_s

BOUNDS = Bounds(1, 60)
JITTER = st.floats(0, 1, exclude_max=True)


def test_the_first_try_waits_for_nothing() -> None:
    """Who never failed may go at any time."""
    assert NONE.over(-1e300)
    assert NONE.over(0)


def test_waits_double_up_to_the_longest() -> None:
    """With the most jitter, the waits are 1, 2, 4 … and then the longest."""
    pause, waits = NONE, []
    for _ in range(9):
        pause = failed(pause, 0, BOUNDS, lambda: 1.0)
        waits.append(pause.until_s)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pause.failures == 9


@given(failures=st.integers(0, 10_000), now=st.floats(0, 1e9), jitter=JITTER)
def test_no_wait_is_longer_than_the_longest(failures: int, now: float, jitter: float) -> None:
    """However often it failed, and whatever was asked for, the bound holds."""
    for asked in (0.0, 5.0, 1e12):
        pause = failed(Pause(failures), now, BOUNDS, lambda: jitter, at_least_s=asked)
        assert now <= pause.until_s <= now + BOUNDS.longest_s
        assert not pause.over(math.nextafter(pause.until_s, -math.inf))
        assert pause.over(pause.until_s)


def test_what_was_asked_for_is_kept_to() -> None:
    """Retry-After is a lower bound, with the jitter on top."""
    assert failed(NONE, 100, BOUNDS, lambda: 0.0, at_least_s=20).until_s == 120
    assert failed(NONE, 100, BOUNDS, lambda: 0.5, at_least_s=20).until_s == 120.5


@given(jitter=JITTER)
def test_what_only_a_person_can_change_is_tried_rarely(jitter: float) -> None:
    """The wait is long at once, and not the same for a whole fleet."""
    wait = rest(NONE, 0, BOUNDS, lambda: jitter).until_s
    assert BOUNDS.longest_s / 2 <= wait <= BOUNDS.longest_s


@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (2, 1), (1, math.inf), (math.nan, 1)])
def test_bounds_that_are_none_are_refused(bounds: tuple[float, float]) -> None:
    """A wait of nothing, or of ever, is a fault of the program."""
    with pytest.raises(ValueError, match="no bounds"):
        Bounds(*bounds)


def test_retry_after_in_both_spellings() -> None:
    """Seconds and dates are understood; a date that has passed asks for nothing."""
    now = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
    later = format_datetime(now.replace(minute=32), usegmt=True)
    assert retry_after_s(" 120 ", 0) == 120
    assert retry_after_s(later, now.timestamp()) == 120
    assert retry_after_s(later, now.timestamp() + 1e6) == 0
    assert retry_after_s("Sat, 14 Mar 2026 09:32:00", now.timestamp()) == 120


@given(st.text())
def test_any_other_text_asks_for_nothing(text: str) -> None:
    """Whatever a server writes there, a number of seconds comes out, and no error."""
    assert backoff.retry_after_s(text, 0) >= 0
