"""Times as people type them, in the office's local time."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.commands.times import parse

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 14, 17, 30, tzinfo=SHANGHAI)


def ms(at: datetime) -> int:
    """Return an instant in ms UTC."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("given_text", "towards", "found"),
    [
        ("17:50", "future", datetime(2026, 3, 14, 17, 50, tzinfo=SHANGHAI)),
        ("17:50", "past", datetime(2026, 3, 13, 17, 50, tzinfo=SHANGHAI)),
        ("17:30", "future", datetime(2026, 3, 15, 17, 30, tzinfo=SHANGHAI)),
        ("17:30", "past", NOW),
        ("8:05", "future", datetime(2026, 3, 15, 8, 5, tzinfo=SHANGHAI)),
        (" 8:05 ", "past", datetime(2026, 3, 14, 8, 5, tzinfo=SHANGHAI)),
        ("2026-03-20", "future", datetime(2026, 3, 21, tzinfo=SHANGHAI)),
        ("2026-03-10", "past", datetime(2026, 3, 10, tzinfo=SHANGHAI)),
        ("2026-03-20 17:50", "future", datetime(2026, 3, 20, 17, 50, tzinfo=SHANGHAI)),
        ("2026-03-20T17:50", "past", datetime(2026, 3, 20, 17, 50, tzinfo=SHANGHAI)),
        ("2026-03-20T17:50+00:00", "past", datetime(2026, 3, 20, 17, 50, tzinfo=UTC)),
    ],
)
def test_what_people_type(
    given_text: str, towards: Literal["past", "future"], found: datetime
) -> None:
    """A time of day is the nearest one in the direction that makes sense; a day is its edge."""
    assert parse(given_text, now_ms=ms(NOW), zone=SHANGHAI, towards=towards) == ms(found)


@pytest.mark.parametrize("given_text", ["", "noon", "25:00", "17:60", "2026-13-01", "2026-02-30"])
def test_what_is_no_time(given_text: str) -> None:
    """Anything else is refused, never guessed."""
    with pytest.raises(ValueError, match=r"\w"):
        parse(given_text, now_ms=ms(NOW), zone=SHANGHAI, towards="past")


@given(
    st.integers(ms(datetime(2000, 1, 1, tzinfo=UTC)), ms(datetime(2100, 1, 1, tzinfo=UTC))),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_a_time_of_day_is_within_a_day(now_ms: int, hour: int, minute: int) -> None:
    """It lies on the asked side of now, and no more than a day away."""
    text = f"{hour:02}:{minute:02}"
    future = parse(text, now_ms=now_ms, zone=SHANGHAI, towards="future")
    past = parse(text, now_ms=now_ms, zone=SHANGHAI, towards="past")
    day_ms = 86_400_000
    assert now_ms < future <= now_ms + day_ms
    assert now_ms - day_ms < past <= now_ms


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_time_or_refused(given_text: str) -> None:
    """Nothing but ValueError comes out of a text that is no time."""
    try:
        parse(given_text, now_ms=ms(NOW), zone=SHANGHAI, towards="future")
    except ValueError:
        return
