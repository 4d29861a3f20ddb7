"""When the disk will be full: told from whole days, and never guessed."""

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence.forecast import DAY_MS, DAYS, forecast, per_day

TODAY = 20_000
NOW_MS = TODAY * DAY_MS + DAY_MS // 2


def steady(days: int, count: int) -> list[tuple[int, int]]:
    """Return so many bytes on each of the last whole days."""
    return [(TODAY - at, count) for at in range(1, days + 1)]


def test_a_steady_office_is_told_exactly() -> None:
    """Ten GB a day and a hundred free: ten days, on as many days as there are."""
    told = forecast(steady(28, 10), first_ms=NOW_MS - 90 * DAY_MS, now_ms=NOW_MS, free_bytes=100)
    assert (told.full_in_days, told.why, told.bytes_per_day, told.over_days) == (10, "", 10, DAYS)


def test_the_last_week_counts_where_it_is_more() -> None:
    """An office that got twice the recorders is not told by a month."""
    intake = [*steady(7, 20), *((TODAY - at, 10) for at in range(8, 29))]
    assert per_day(intake, now_ms=NOW_MS) == 20


def test_days_without_dockings_count() -> None:
    """Seven days' bytes on one of 28 are a 28th of it a day, unless they came in the last week."""
    assert per_day([(TODAY - 20, 280)], now_ms=NOW_MS) == 10
    assert per_day([(TODAY - 2, 280)], now_ms=NOW_MS) == 40


def test_what_cannot_be_told_is_said() -> None:
    """Before a whole day has passed, where nothing came in, and beyond ten years."""
    young = forecast([(TODAY, 10)], first_ms=NOW_MS, now_ms=NOW_MS, free_bytes=1)
    never = forecast([], first_ms=None, now_ms=NOW_MS, free_bytes=1)
    idle = forecast([], first_ms=NOW_MS - 9 * DAY_MS, now_ms=NOW_MS, free_bytes=1)
    far = forecast(steady(8, 1), first_ms=NOW_MS - 9 * DAY_MS, now_ms=NOW_MS, free_bytes=10_000_000)
    whys = [(one.full_in_days, one.why) for one in (young, never, idle, far)]
    assert whys == [(None, "too-new"), (None, "too-new"), (None, "nothing-came"), (None, "far")]


@given(
    intake=st.lists(st.tuples(st.integers(0, 2 * TODAY), st.integers(0, 1 << 50)), max_size=40),
    first=st.none() | st.integers(0, 2 * NOW_MS),
    free=st.integers(0, 1 << 60),
)
def test_any_history_gives_an_answer(
    intake: list[tuple[int, int]], first: int | None, free: int
) -> None:
    """Days are no fewer than none, and where they are not told a reason is."""
    told = forecast(intake, first_ms=first, now_ms=NOW_MS, free_bytes=free)
    assert (told.full_in_days is None) == bool(told.why)
    assert told.full_in_days is None or 0 <= told.full_in_days <= 3650
