"""Deadlines by R-24H: from which base, how sure, and when due."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from chinese_calendar import get_workdays
from chinese_calendar.constants import holidays
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from config.presets import rule_preset
from dock_daemon.custody.standing import Issue, Person, Standing, Trip
from dock_daemon.docking.deadlines import (
    Deadline,
    day_ends,
    deadline_of,
    due_after,
    late,
    local_of,
    return_of,
)
from dock_daemon.docking.working_days import (
    ChinasWorkingDays,
    calendar_unknown,
    unknown_year,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
LIAONING = rule_preset("liaoning-emergency", Path("/nonexistent")).content
JILIN = rule_preset("jilin-civil-affairs", Path("/nonexistent")).content
YUYAO = rule_preset("yuyao-emergency", Path("/nonexistent")).content
DAYS = ChinasWorkingDays()
UNANNOUNCED = max(day.year for day in holidays) + 1
HOUR_MS = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A day: clips at 10:00 and 16:30, back in the office at 18:00, docked at 19:02.
MORNING = datetime(2026, 11, 21, 10, 0)  # noqa: DTZ001  stored times have no zone
LAST = datetime(2026, 11, 21, 16, 30)  # noqa: DTZ001


def ms(local: datetime) -> int:
    """Return a Shanghai time as ms UTC."""
    return (local.replace(tzinfo=SHANGHAI) - EPOCH) // timedelta(milliseconds=1)


RETURNED = ms(LAST) + HOUR_MS * 3 // 2
DOCKED = RETURNED + HOUR_MS


def due(  # noqa: PLR0913  each is a way in which a docking may differ
    end: datetime | None = MORNING,
    day: datetime | None = LAST,
    *,
    docked: int = DOCKED,
    returned: int | None = None,
    yuyao: bool = False,
    corrected: bool = True,
) -> Deadline:
    """Return the deadline of a clip of that day."""
    return deadline_of(
        end,
        day,
        corrected=corrected,
        docked_at_utc_ms=docked,
        returned_utc_ms=returned,
        preset=YUYAO if yuyao else LIAONING,
        tz=SHANGHAI,
        days=DAYS,
    )


def test_liaoning_counts_from_the_days_last_clip() -> None:
    """R-24H: the morning's clip is due 24 hours after the afternoon's has ended."""
    base = ms(LAST)
    expected = Deadline(
        rule="R-24H", base="last-clip-of-day", base_ms=base, sure=True, due_ms=base + 24 * HOUR_MS
    )
    assert due() == expected == due(LAST)


def test_a_registered_return_moves_the_base() -> None:
    """R-24H: after remote work the 24 hours run from the return."""
    found = due(returned=RETURNED)
    assert (found.base, found.base_ms, found.sure) == ("return", RETURNED, True)


def test_yuyao_without_a_registered_return_takes_the_earlier_time() -> None:
    """R-24H: nobody returns before the last clip, so its end is the earlier base, unsure."""
    assert due(yuyao=True, returned=RETURNED).sure
    found = due(yuyao=True)
    assert (found.base, found.base_ms, found.sure) == ("last-clip-of-day", ms(LAST), False)


def test_a_return_before_the_clip_belongs_to_an_earlier_outing() -> None:
    """A clip recorded after the return is not covered by it."""
    assert due(LAST, LAST, returned=ms(LAST) - 1).base == "last-clip-of-day"


def test_a_return_after_the_docking_is_not_believed() -> None:
    """A recorder that is in the dock has returned already."""
    assert due(returned=DOCKED + 1).base == "last-clip-of-day"


def test_without_a_usable_time_the_docking_is_the_base() -> None:
    """Date 0, or a clock that started again in 1980, says nothing: the docking, unsure."""
    expected = Deadline(
        rule="R-24H", base="docking", base_ms=DOCKED, sure=False, due_ms=DOCKED + 24 * HOUR_MS
    )
    assert due(None, None) == expected
    assert due(datetime(1980, 1, 1), None) == expected  # noqa: DTZ001
    assert due(datetime(2015, 1, 1, 0, 3), None) == expected  # noqa: DTZ001


def test_a_clip_from_the_future_counts_from_the_docking() -> None:
    """A stored time after the docking can't be right."""
    found = due(LAST + timedelta(days=1), LAST + timedelta(days=1))
    assert (found.base, found.base_ms, found.sure) == ("docking", DOCKED, False)


def test_another_clip_from_the_future_does_not_move_a_sound_one() -> None:
    """Where the day's last end lies after the docking, the clip's own end is taken, unsure."""
    found = due(MORNING, LAST + timedelta(hours=6))
    assert (found.base, found.base_ms, found.sure) == ("last-clip-of-day", ms(MORNING), False)


def test_a_clock_that_nobody_measured_gives_no_sure_base() -> None:
    """R-24H counts by corrected time; a time that could not be corrected is a claim."""
    assert due().sure
    assert not due(corrected=False).sure
    assert due(corrected=False).due_ms == due().due_ms


def standing(*, returned: int | None = None, trip: Trip | None = None) -> Standing:
    """Return how it stands with a recorder that was issued the day before its clips."""
    issue = Issue(
        seq=1,
        holder=Person(user_no="1"),
        issued_ms=ms(MORNING) - 24 * HOUR_MS,
        returned_ms=returned,
    )
    return Standing(issues=(issue,), trips=() if trip is None else (trip,))


def test_a_return_on_the_same_day_counts_and_a_later_one_needs_a_trip() -> None:
    """R-24H, Liaoning: the day's work ends by the return; days later only a trip excuses."""
    end = ms(MORNING)
    days_later = RETURNED + 48 * HOUR_MS
    trip = Trip(began_ms=end - HOUR_MS, until_ms=days_later, ended_ms=days_later)
    away = standing(returned=days_later, trip=trip)
    assert return_of(end, standing(returned=RETURNED), LIAONING, SHANGHAI) == RETURNED
    assert return_of(end, standing(returned=days_later), LIAONING, SHANGHAI) is None
    assert return_of(end, away, LIAONING, SHANGHAI) == days_later
    assert return_of(end, standing(returned=days_later), YUYAO, SHANGHAI) == days_later


def test_jilin_knows_no_trips() -> None:
    """R-2WD: two working days run from the day of the clip, whoever is away."""
    end, later = ms(MORNING), RETURNED + 48 * HOUR_MS
    trip = Trip(began_ms=end - HOUR_MS, until_ms=later, ended_ms=later)
    assert return_of(end, standing(returned=later, trip=trip), JILIN, SHANGHAI) is None


def test_a_trip_that_no_person_ended_moves_nothing() -> None:
    """A docking ends a trip, and is no registered return."""
    end = ms(MORNING)
    trip = Trip(began_ms=end - HOUR_MS, until_ms=RETURNED, over_ms=RETURNED)
    assert return_of(end, standing(trip=trip), LIAONING, SHANGHAI) is None


def working_days(base: datetime, count: int) -> datetime:
    """Return when so many working days after `base` are over, in Shanghai."""
    rule = structs.replace(JILIN.deadline, working_days=count)
    found = due_after(ms(base), rule, SHANGHAI, DAYS)
    assert found.unknown_year is None
    return (EPOCH + timedelta(milliseconds=found.due_ms)).astimezone(SHANGHAI).replace(tzinfo=None)


def test_two_working_days_skip_holidays_and_count_make_up_days() -> None:
    """R-2WD around the National Day of 2026: 1 to 7 October are free, Saturday the 10th is not."""
    evening = datetime(2026, 9, 30, 18, 0)  # noqa: DTZ001
    assert working_days(evening, 2) == datetime(2026, 10, 10)  # noqa: DTZ001  the end of the 9th
    assert working_days(evening, 3) == datetime(2026, 10, 11)  # noqa: DTZ001  of that Saturday
    friday = datetime(2026, 11, 20, 18, 0)  # noqa: DTZ001
    assert working_days(friday, 2) == datetime(2026, 11, 25)  # noqa: DTZ001


def test_a_year_that_was_not_announced_gives_the_earliest_time_and_says_so() -> None:
    """What a coming year's holidays are is not guessed: each of its days may be worked."""
    assert unknown_year(DAYS, date(UNANNOUNCED - 1, 12, 20)) == UNANNOUNCED
    assert unknown_year(DAYS, date(UNANNOUNCED - 1, 11, 1)) is None
    end = datetime(UNANNOUNCED - 1, 12, 31, 18, 0)  # noqa: DTZ001
    found = due_after(ms(end), JILIN.deadline, SHANGHAI, DAYS)
    assert found.unknown_year == UNANNOUNCED
    assert found.due_ms == ms(datetime(UNANNOUNCED, 1, 3))  # noqa: DTZ001


@given(st.datetimes(datetime(2004, 1, 1), datetime(2026, 11, 30)), st.integers(1, 10))  # noqa: DTZ001
def test_working_days_are_those_of_the_calendars_own_tables(base: datetime, count: int) -> None:
    """Between base and due time lie as many working days as the rule says, the last one whole."""
    due_at = working_days(base, count)
    after = base.date() + timedelta(days=1)
    worked = get_workdays(after, due_at.date() - timedelta(days=1))
    assert len(worked) == count
    assert worked[-1] == due_at.date() - timedelta(days=1)


def test_only_an_agency_that_counts_working_days_needs_their_calendar() -> None:
    """R-24H needs none; R-2WD is warned of a year that it will need (and Yuyao for R-3WD)."""
    eve = date(UNANNOUNCED - 1, 12, 20)
    assert calendar_unknown(LIAONING, DAYS, eve) is None
    assert calendar_unknown(JILIN, DAYS, eve) == UNANNOUNCED
    assert calendar_unknown(YUYAO, DAYS, eve) == UNANNOUNCED
    assert calendar_unknown(JILIN, DAYS, date(UNANNOUNCED - 1, 6, 1)) is None


@given(st.dates(date(UNANNOUNCED, 1, 1), date(2100, 1, 1)))
def test_no_unknown_day_is_called_worked_or_free(day: date) -> None:
    """Beyond the announced years the calendar says that it does not know."""
    assert DAYS.worked(day) is None


def test_late_is_after_due() -> None:
    """The last millisecond is still in time."""
    assert not late(10, 10)
    assert late(10, 11)


def test_a_stored_zone_counts() -> None:
    """A volume may store the zone (exFAT): 08:30 UTC is the same evening as 16:30 in Shanghai."""
    aware = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert local_of(aware, SHANGHAI) == LAST
    assert due(aware, aware) == due(LAST, LAST)
    assert day_ends([aware, MORNING, None], SHANGHAI) == {date(2026, 11, 21): LAST}


def test_clocks_put_back_count_as_the_earlier_time() -> None:
    """02:30 came twice in Berlin on 2026-10-25: the first one is the base."""
    berlin = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001
    found = deadline_of(
        end,
        end,
        corrected=True,
        docked_at_utc_ms=DOCKED,
        returned_utc_ms=None,
        preset=LIAONING,
        tz=berlin,
        days=DAYS,
    )
    assert found.base_ms == datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000


NAIVE = st.datetimes(datetime(1980, 1, 1), datetime(2107, 12, 31))  # noqa: DTZ001
ZONED = st.builds(
    lambda at, quarters: at.replace(tzinfo=timezone(timedelta(minutes=15 * quarters))),
    NAIVE,
    st.integers(-48, 56),
)
ENDS = st.one_of(st.none(), NAIVE, ZONED)
AT_MS = st.integers(1_400_000_000_000, 2_000_000_000_000)


@given(st.lists(ENDS, min_size=1, max_size=8), AT_MS, st.one_of(st.none(), AT_MS), st.booleans())
def test_a_deadline_never_starts_after_the_docking(
    ends: list[datetime | None],
    docked: int,
    returned: int | None,
    yuyao: bool,  # noqa: FBT001  hypothesis hands it over by position
) -> None:
    """Whatever a recorder stored, each clip's hours start by the docking, and are the rule's."""
    last = day_ends(ends, SHANGHAI)
    for end in ends:
        day = None if end is None else last[local_of(end, SHANGHAI).date()]
        found = due(end, day, docked=docked, returned=returned, yuyao=yuyao)
        assert found.base_ms <= docked
        assert found.due_ms - found.base_ms == 24 * HOUR_MS
        if end is not None and found.base == "last-clip-of-day":
            assert found.base_ms >= ms(local_of(end, SHANGHAI))


@given(st.lists(ENDS, max_size=20))
def test_each_day_ends_with_its_last_clip(ends: list[datetime | None]) -> None:
    """Every clip's day has an end, no earlier than the clip's, and it is some clip's own."""
    last = day_ends(ends, SHANGHAI)
    locals_ = [local_of(end, SHANGHAI) for end in ends if end is not None]
    assert set(last.values()) <= set(locals_)
    assert set(last) == {end.date() for end in locals_}
    assert all(end <= last[end.date()] for end in locals_)
