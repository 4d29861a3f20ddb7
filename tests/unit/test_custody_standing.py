"""Who has which recorder: folded from issues, returns, dockings and trips in any order."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.custody.standing import (
    Event,
    Issued,
    Person,
    Returned,
    Standing,
    TripBegan,
    TripEnded,
    fold,
)

ZHANG, ZHAO = Person(user_no="880317", name="张䶮"), Person(user_no="880318")
TIMES = st.integers(0, 50)
PEOPLE = st.sampled_from([ZHANG, ZHAO])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Issued, seq=TIMES, at_ms=TIMES, holder=PEOPLE, shift_end_ms=st.none() | TIMES),
    st.builds(Returned, at_ms=TIMES, how=st.sampled_from(["registered", "docked"])),
    st.builds(TripBegan, at_ms=TIMES, until_ms=TIMES),
    st.builds(TripEnded, at_ms=TIMES),
)


def issued(at_ms: int, holder: Person = ZHANG, seq: int = 1) -> Issued:
    """Return an issue at that time."""
    return Issued(seq=seq, at_ms=at_ms, holder=holder)


def returned(at_ms: int) -> Returned:
    """Return a person's word that it was back."""
    return Returned(at_ms=at_ms, how="registered")


def docked(at_ms: int) -> Returned:
    """Return the dock's word that it is back."""
    return Returned(at_ms=at_ms, how="docked")


def test_nothing_entered_is_nobodys() -> None:
    """A recorder that was never issued has no holder, and is held against nothing."""
    standing = fold([])
    assert standing == Standing()
    assert (standing.out, standing.holder, standing.returned_ms) == (None, None, None)
    assert not standing.applies(required=False)
    assert standing.applies(required=True)
    assert standing.outside(1, 2)


def test_a_docking_ends_an_issue_and_moves_no_deadline() -> None:
    """A recorder that was docked is back; only a person's word is a base of deadlines."""
    standing = fold([issued(10), docked(50)])
    assert standing.out is None
    assert standing.holder == ZHANG
    assert standing.returned_ms is None
    assert standing.latest is not None
    assert (standing.latest.docked_ms, standing.latest.over_ms) == (50, 50)


def test_a_return_can_be_registered_after_the_docking() -> None:
    """It then counts as returned when the person says, and the docking stays known."""
    standing = fold([issued(10), docked(50), returned(40)])
    assert standing.returned_ms == 40
    assert standing.latest is not None
    assert (standing.latest.docked_ms, standing.latest.over_ms) == (50, 40)


def test_the_first_word_of_a_kind_counts() -> None:
    """A second return, or another docking, changes nothing of an issue that is over."""
    once = fold([issued(10), returned(40), docked(50)])
    assert fold([issued(10), returned(40), docked(50), returned(60), docked(70)]) == once


def test_the_next_issue_ends_the_one_before() -> None:
    """Whatever was forgotten, two people never have one recorder."""
    standing = fold([issued(10), issued(30, ZHAO, seq=2)])
    assert [one.over_ms for one in standing.issues] == [30, None]
    assert standing.holder == ZHAO


@pytest.mark.parametrize(
    ("start", "end", "slack", "outside"),
    [
        (10, 50, 0, False),
        (20, 30, 0, False),
        (9, 30, 0, True),
        (20, 51, 0, True),
        (9, 51, 1, False),
        (8, 30, 1, True),
        (60, 70, 0, True),
        (100, 10_000, 0, False),
        (0, 5, 0, True),
        (52, 53, 2, True),
        (51, 52, 2, False),
    ],
)
def test_what_lies_outside_every_issue(start: int, end: int, slack: int, outside: bool) -> None:  # noqa: FBT001  a case's answer
    """R-WORKONLY: outside is what no issue covers whole, its times' doubt in its favour."""
    standing = fold([issued(10), docked(50), issued(100, seq=2)])
    assert standing.outside(start, end, slack) is outside


def test_a_trip_ends_with_a_persons_word() -> None:
    """By its own end, or by the registered return of the recorder: that is a base."""
    away = fold([issued(10), TripBegan(at_ms=20, until_ms=90)])
    assert away.away is not None
    assert away.trip_at(30) == away.away
    assert away.trip_at(10) is None
    for ending in (TripEnded(at_ms=80), returned(80)):
        (trip,) = fold([issued(10), TripBegan(at_ms=20, until_ms=90), ending]).trips
        assert (trip.ended_ms, trip.over_ms) == (80, 80)


def test_a_docking_ends_a_trip_without_a_base() -> None:
    """The recorder is here, so its holder is no longer away with it; nobody said since when."""
    before: list[Event] = [issued(10), TripBegan(at_ms=20, until_ms=90), docked(70)]
    (trip,) = fold(before).trips
    assert (trip.ended_ms, trip.over_ms) == (None, 70)
    (trip,) = fold([*before, returned(60)]).trips
    assert (trip.ended_ms, trip.over_ms) == (60, 60)


def test_a_return_says_nothing_of_an_earlier_trip() -> None:
    """A trip of the issue before keeps how it ended."""
    events: list[Event] = [
        issued(10),
        TripBegan(at_ms=20, until_ms=90),
        docked(70),
        issued(80, seq=2),
    ]
    before = fold(events)
    assert fold([*events, returned(95)]).trips == before.trips


def test_who_had_it_is_told_for_any_time() -> None:
    """Of each time, the issue that covers it; of the time between, none."""
    standing = fold([issued(10), docked(50), issued(100, ZHAO, seq=2)])
    found = [standing.issue_at(at) for at in (5, 30, 70, 200)]
    assert [None if one is None else one.holder for one in found] == [None, ZHANG, None, ZHAO]


@given(st.lists(EVENTS, max_size=12), TIMES)
def test_never_two_holders_at_once(events: list[Event], at_ms: int) -> None:
    """Whatever is entered in whatever order, no moment inside of two issues exists."""
    standing = fold(events)
    inside = [
        one
        for one in standing.issues
        if one.issued_ms < at_ms and (one.over_ms is None or at_ms < one.over_ms)
    ]
    assert len(inside) <= 1
    assert [one.over_ms is None for one in standing.issues[:-1]] == [False] * (
        len(standing.issues) - 1 if standing.issues else 0
    )


@given(st.lists(EVENTS, max_size=12))
def test_only_the_newest_issue_and_trip_can_be_open(events: list[Event]) -> None:
    """What is out or away is the last of its kind, and was issued by the last issue entered."""
    standing = fold(events)
    issues = [event for event in events if isinstance(event, Issued)]
    assert len(standing.issues) == len(issues)
    if standing.out is not None:
        assert standing.out == standing.issues[-1]
        assert standing.out.holder == issues[-1].holder
        after = events[events.index(issues[-1]) :] if events.count(issues[-1]) == 1 else []
        assert not [event for event in after if isinstance(event, Returned)]
    assert all(trip.over_ms is not None for trip in standing.trips[:-1])


@given(st.lists(EVENTS, max_size=12), st.sampled_from([returned, docked]), TIMES)
def test_a_return_of_either_kind_ends_what_is_out(
    events: list[Event], how: Callable[[int], Returned], at_ms: int
) -> None:
    """Whatever came before it, nobody has the recorder then, and nobody is away with it."""
    standing = fold([*events, issued(5, seq=99), how(at_ms)])
    assert standing.out is None
    assert standing.away is None


@given(st.lists(EVENTS, min_size=1, max_size=12))
def test_only_a_registered_return_is_a_base(events: list[Event]) -> None:
    """`returned_ms` is the first registered return after the newest issue, and nothing else."""
    standing = fold(events)
    at = max((n for n, one in enumerate(events) if isinstance(one, Issued)), default=None)
    words = [] if at is None else [one for one in events[at:] if isinstance(one, Returned)]
    said = [one.at_ms for one in words if one.how == "registered"]
    assert standing.returned_ms == (said[0] if said else None)


@given(st.lists(TIMES, min_size=2, max_size=8, unique=True).map(sorted))
def test_honest_issues_never_overlap(times: list[int]) -> None:
    """With a clock that goes forward, each issue ends no later than the next one begins."""
    standing = fold([issued(at, seq=at) for at in times])
    for one, following in pairwise(standing.issues):
        assert one.over_ms == following.issued_ms
