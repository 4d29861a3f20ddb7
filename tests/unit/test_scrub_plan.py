"""What is read again next: all of the store within the period, whatever it holds."""

import dataclasses
import math

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence.scrub_plan import (
    New,
    Outlook,
    ReadNew,
    ReadUnit,
    Rest,
    Terms,
    Unit,
    next_step,
    outlook,
    ripe_ms,
)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TERMS = Terms(
    period_ms=28 * DAY_MS,
    new_after_ms=4 * HOUR_MS,
    new_within_ms=24 * HOUR_MS,
    bytes_per_s=20 << 20,
)
START_MS = 1_773_480_600_000


def units(*sizes: int, read_ms: int = START_MS) -> list[Unit]:
    """Return units of these sizes, all read at one time."""
    return [
        Unit(room="clips", fan=f"{at:02x}", read_ms=read_ms, since_ms=None, size=size)
        for at, size in enumerate(sizes)
    ]


def gaps(held: list[Unit], terms: Terms, *, rounds: int) -> list[int]:
    """Return how long each unit went unread at the most, from begin to end of the next reading."""
    now = START_MS
    worst = [0] * len(held)
    for _ in range(rounds):
        match next_step(held, None, terms, now_ms=now):
            case Rest(for_ms):
                assert for_ms > 0
                now += for_ms
            case ReadUnit(unit):
                at = held.index(unit)
                done = now + math.ceil(unit.size * 1000 / terms.bytes_per_s)
                worst[at] = max(worst[at], done - unit.read_ms)
                held[at] = dataclasses.replace(unit, read_ms=now)
                now = done
            case ReadNew():
                raise AssertionError
    return worst


@given(
    sizes=st.lists(st.integers(0, 1 << 44), min_size=1, max_size=12),
    spare=st.floats(1.0, 50.0),
)
def test_all_is_read_within_the_period_at_any_size_that_the_throttle_allows(
    sizes: list[int], spare: float
) -> None:
    """Where the outlook says that the period is kept, no unit ever goes unread for longer."""
    held = units(*sizes)
    needed = outlook(held, TERMS, now_ms=START_MS).needed
    terms = dataclasses.replace(TERMS, bytes_per_s=max(1, math.ceil(needed * spare)))
    assert outlook(held, terms, now_ms=START_MS).keeps
    rounding = 2 * len(sizes) + 2
    assert max(gaps(held, terms, rounds=8 * len(sizes) + 8)) <= terms.period_ms + rounding


@given(sizes=st.lists(st.integers(1 << 20, 1 << 44), min_size=1, max_size=12))
def test_a_throttle_that_is_too_low_is_said_to_be(sizes: list[int]) -> None:
    """One byte a second less than what is needed is told, with what would be enough."""
    needed = outlook(units(*sizes), TERMS, now_ms=START_MS).needed
    terms = dataclasses.replace(TERMS, bytes_per_s=max(1, needed - 1))
    told = outlook(units(*sizes), terms, now_ms=START_MS)
    assert (told.keeps, told.needed) == (needed == 1, needed)


@given(
    sizes=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=40),
    ages=st.data(),
    now=st.integers(0, 2 * START_MS),
    asked=st.integers(0, 2 * START_MS),
)
def test_the_one_that_waits_longest_is_next(
    sizes: list[int], ages: st.DataObject, now: int, asked: int
) -> None:
    """Whatever the clock says, a unit that is read is the oldest, and a rest ends."""
    held = [
        dataclasses.replace(one, read_ms=ages.draw(st.integers(0, 2 * START_MS)))
        for one in units(*sizes)
    ]
    match next_step(held, None, TERMS, now_ms=now, asked_ms=asked):
        case ReadUnit(unit):
            # A time to come tells of a clock that was set: such a unit counts as never read.
            assert unit.read_ms > now or all(unit.read_ms <= one.read_ms <= now for one in held)
        case Rest(for_ms):
            assert 0 < for_ms <= TERMS.period_ms
        case ReadNew():
            raise AssertionError


def test_work_is_spread_over_the_period() -> None:
    """Units that were read in one go drift apart again: one after the other, a beat between."""
    held = units(*([1 << 30] * 512))
    beat = ripe_ms(held, TERMS) // len(held)
    step = next_step(held, None, TERMS, now_ms=START_MS)
    assert step == Rest(beat)
    assert next_step(held, None, TERMS, now_ms=START_MS + beat) == ReadUnit(held[0])
    held[0] = dataclasses.replace(held[0], read_ms=START_MS + beat)
    assert next_step(held, None, TERMS, now_ms=START_MS + beat) == Rest(beat)


def test_what_was_begun_is_ended_first() -> None:
    """A unit that is under way goes on, also where another is older."""
    held = units(1, 1, read_ms=START_MS - 40 * DAY_MS)
    held[1] = dataclasses.replace(held[1], read_ms=START_MS - DAY_MS, since_ms=START_MS)
    assert next_step(held, None, TERMS, now_ms=START_MS) == ReadUnit(held[1])


def test_new_clips_come_first() -> None:
    """Hours after they were sealed, or after a start, and before anything else that is due."""
    overdue = units(1, read_ms=START_MS - 40 * DAY_MS)
    for new in (New(age_ms=TERMS.new_after_ms), New(age_ms=None)):
        assert next_step(overdue, new, TERMS, now_ms=START_MS) == ReadNew()
    young = New(age_ms=TERMS.new_after_ms - HOUR_MS)
    assert next_step(overdue, young, TERMS, now_ms=START_MS) == ReadUnit(overdue[0])
    assert next_step(units(1), young, TERMS, now_ms=START_MS) == Rest(HOUR_MS)


def test_an_empty_dock_rests() -> None:
    """Where there is nothing there is nothing to do, and the outlook is fair."""
    assert isinstance(next_step([], None, TERMS, now_ms=START_MS), Rest)
    assert outlook([], TERMS, now_ms=START_MS) == Outlook(
        keeps=True, needed=0, pass_ms=0, oldest_ms=0, behind=False
    )


def test_all_is_read_when_a_person_wants_it() -> None:
    """Each unit that was not read since is due at once, the oldest first; then it rests."""
    held = units(1, 1)
    asked = START_MS + 1
    assert next_step(held, None, TERMS, now_ms=asked, asked_ms=asked) == ReadUnit(held[0])
    held = units(1, 1, read_ms=asked)
    assert isinstance(next_step(held, None, TERMS, now_ms=asked, asked_ms=asked), Rest)


def test_being_behind_is_told() -> None:
    """A unit that was not read for longer than the period is one too many."""
    held = units(1, 1, read_ms=START_MS - 29 * DAY_MS)
    told = outlook(held, TERMS, now_ms=START_MS)
    assert (told.keeps, told.behind, told.oldest_ms) == (True, True, 29 * DAY_MS)


def test_what_comes_in_is_counted() -> None:
    """Each new clip is read once more than the rest: a busy dock needs a higher throttle."""
    held = units(1 << 40)
    quiet = outlook(held, TERMS, now_ms=START_MS)
    busy = outlook(held, TERMS, now_ms=START_MS, new_bytes_per_day=100 << 30)
    assert (
        busy.needed - quiet.needed == math.ceil((100 << 30) / 86_400) or busy.needed > quiet.needed
    )
