"""Checks before the shift: local times of the office, through summer time and clock steps."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.shift import ShiftChecks, next_check

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES = [
    ("2026-03-14 00:00", ["07:30"], SHANGHAI, "2026-03-14 23:30"),  # 07:30 was half an hour ago
    ("2026-03-13 23:29", ["07:30"], SHANGHAI, "2026-03-13 23:30"),
    ("2026-03-13 23:30", ["07:30"], SHANGHAI, "2026-03-14 23:30"),  # not the same one again
    ("2026-03-14 00:00", ["19:00", "07:30"], SHANGHAI, "2026-03-14 11:00"),
    ("2026-03-14 12:00", ["19:00", "07:30"], SHANGHAI, "2026-03-14 23:30"),
    # Summer time skips 02:00 to 03:00: 02:30 is taken as 03:30 of the new time.
    ("2026-03-28 12:00", ["02:30"], BERLIN, "2026-03-29 01:30"),
    ("2026-03-29 01:30", ["02:30"], BERLIN, "2026-03-30 00:30"),
    # 02:30 comes twice in autumn: the first counts, and the second is no other.
    ("2026-10-24 12:00", ["02:30"], BERLIN, "2026-10-25 00:30"),
    ("2026-10-25 00:30", ["02:30"], BERLIN, "2026-10-26 01:30"),
]


@pytest.mark.parametrize(("after", "times", "zone", "due"), CASES)
def test_the_next_local_time(after: str, times: list[str], zone: ZoneInfo, due: str) -> None:
    """It is the first of the times after a moment, as the office's clock on the wall shows it."""
    assert next_check(utc(after), times, zone) == utc(due)


def test_without_a_time_there_is_no_check() -> None:
    """Nobody has asked for one."""
    assert next_check(utc("2026-03-14 00:00"), [], SHANGHAI) is None


@given(
    after=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("Australia/Lord_Howe")]),
)
def test_each_day_has_its_check(after: datetime, hour: int, minute: int, zone: ZoneInfo) -> None:
    """It lies ahead, at most a day and summer time away, and two are never within 22 hours."""
    times = [f"{hour:02}:{minute:02}"]
    first = next_check(after, times, zone)
    assert first is not None
    assert timedelta() < first - after <= timedelta(hours=25)
    second = next_check(first, times, zone)
    assert second is not None
    assert timedelta(hours=22) < second - first < timedelta(hours=26)


class World:
    """A clock that somebody may step, and what was done at which time of it."""

    def __init__(self, now: str) -> None:
        self.now = utc(now)
        self.checked: list[datetime] = []
        self.paused: list[float] = []
        self.steps: dict[int, timedelta] = {}

    async def pause(self, seconds: float) -> None:
        """Let the time pass; what stands in `steps` for this pause happens to the clock in it."""
        self.paused.append(seconds)
        self.now += timedelta(seconds=seconds) + self.steps.pop(len(self.paused), timedelta())
        await asyncio.sleep(0)

    async def until_checked(self, count: int, times: list[str]) -> None:
        """Run the checks until there were so many."""
        enough = asyncio.Event()

        def check() -> None:
            self.checked.append(self.now)
            if len(self.checked) == count:
                enough.set()

        checks = ShiftChecks(times, SHANGHAI, check, now=lambda: self.now, pause=self.pause)
        task = asyncio.create_task(checks.run())
        await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_checks_come_day_after_day_without_drift() -> None:
    """Each at its minute, however often the clock was looked at in between."""
    world = World("2026-03-14 00:00")
    await world.until_checked(3, ["07:30"])
    assert world.checked == [utc(f"2026-03-{day} 23:30") for day in (14, 15, 16)]
    assert max(world.paused) <= 60


async def test_a_clock_that_is_set_back_makes_no_second_check() -> None:
    """Half past seven comes once a day, though the clock shows it twice."""
    world = World("2026-03-13 23:29")
    world.steps = {2: -timedelta(minutes=10)}
    await world.until_checked(2, ["07:30"])
    assert [at.date().day for at in world.checked] == [13, 14]


async def test_a_clock_that_is_set_ahead_makes_one_check_of_several() -> None:
    """What was slept through is done once, and at once."""
    world = World("2026-03-13 23:29")
    world.steps = {1: timedelta(days=3)}
    await world.until_checked(2, ["07:30", "19:00"])
    assert world.checked[0] == utc("2026-03-16 23:30")
    assert world.checked[1] == utc("2026-03-17 11:00")


async def test_without_times_it_ends_at_once() -> None:
    """Nothing is left running."""
    checks = ShiftChecks(
        [], SHANGHAI, lambda: None, now=lambda: utc("2026-03-14 00:00"), pause=asyncio.sleep
    )
    await checks.run()
