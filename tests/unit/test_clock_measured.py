"""How far a recorder's clock is off, and that the stated bound holds."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.recorders.clock_measured import ClockMeasured, best
from firmware_bridge.capabilities import ClockExchange

SENT_US = 1_767_225_600_000_000
RESOLUTIONS_US = (1, 1000, 1_000_000, 2_000_000)


def exchange(offset_us: int, there_us: int, back_us: int, resolution_us: int) -> ClockExchange:
    """Return what the dock sees of a recorder that is `offset_us` ahead."""
    read_us = SENT_US + there_us + offset_us
    return ClockExchange(
        sent_us=SENT_US,
        round_trip_us=there_us + back_us,
        recorder_us=read_us - read_us % resolution_us,
        resolution_us=resolution_us,
    )


def judged(exchanges: list[ClockExchange]) -> ClockMeasured:
    """Return the best of `exchanges`, asked from a synchronised dock."""
    return best(exchanges, sync="synchronized", source="chrony", dock_uncertainty_us=500)


def test_thousand_exchanges_never_exceed_their_bound() -> None:
    """Over 1,000 exchanges with lopsided delays, the true error stays within what is stated."""
    chance = random.Random(4)  # noqa: S311  delays, no secrets
    for _ in range(1000):
        offset_us = chance.randint(-400 * 86_400 * 10**6, 400 * 86_400 * 10**6)
        there_us, back_us = (int(chance.expovariate(1 / 50_000)) for _ in range(2))
        if chance.random() < 0.3:  # one way takes seconds, the other nothing
            there_us, back_us = chance.choice([(5_000_000, 0), (0, 5_000_000)])
        seen = exchange(offset_us, there_us, back_us, chance.choice(RESOLUTIONS_US))
        found = judged([seen])
        assert abs(found.offset_us - offset_us) <= found.uncertainty_us
        assert found.uncertainty_us == (seen.round_trip_us + 1) // 2 + seen.resolution_us


WAYS = st.tuples(st.integers(0, 10_000_000), st.integers(0, 10_000_000))


@given(
    offset_us=st.integers(-(10**15), 10**15),
    ways=st.lists(WAYS, min_size=1, max_size=8),
    resolution_us=st.sampled_from(RESOLUTIONS_US),
)
def test_best_of_several_bounds_the_error(
    offset_us: int, ways: list[tuple[int, int]], resolution_us: int
) -> None:
    """Of any several exchanges the surest is taken, and its bound holds, in ms as well."""
    seen = [exchange(offset_us, there, back, resolution_us) for there, back in ways]
    found = judged(seen)
    assert found.uncertainty_us == min(judged([one]).uncertainty_us for one in seen)
    assert found.least_off_us <= abs(offset_us) <= found.most_off_us
    assert abs(found.offset_ms * 1000 - offset_us) <= found.uncertainty_ms * 1000


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_dock_rounding_stays_within_the_bound(there_ns: int, back_ns: int) -> None:
    """A dock whose clocks are cut to whole microseconds still states a bound that holds."""
    sent_ns = SENT_US * 1000 + 999
    seen = ClockExchange(
        sent_us=sent_ns // 1000,
        round_trip_us=(there_ns + back_ns) // 1000,
        recorder_us=(sent_ns + there_ns) // 1_000_000 * 1000,
        resolution_us=1000,
    )
    found = judged([seen])
    assert abs(found.offset_us) <= found.uncertainty_us


def test_truth_of_the_dock_goes_with_it() -> None:
    """What the dock's own clock followed stands beside what was measured by it."""
    found = judged([exchange(0, 10, 10, 1)])
    assert (found.sync, found.source, found.dock_uncertainty_us) == ("synchronized", "chrony", 500)
    assert replace(found, offset_us=-1500).offset_ms == -1


def test_nothing_asked_is_nothing_known() -> None:
    """Without an exchange there is no offset, not one of zero."""
    with pytest.raises(ValueError, match="empty"):
        judged([])
