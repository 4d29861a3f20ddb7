"""When a recorder that is out is due, and when an alarm is raised for it."""

from datetime import timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.custody.overdue import Due, Terms, base_of, next_due, outs
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
from dock_daemon.custody.watch import judge

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SHANGHAI = timezone(timedelta(hours=8))
ZHANG = Person(user_no="880317", name="张䶮", unit="执法一科")
# 2026-03-14 08:00 in Shanghai.
MORNING = 1_773_446_400_000
LAST_OF_DAY = MORNING + 16 * HOUR_MS - 1


def terms(*, trips: bool = True, hours: int = 24) -> Terms:
    """Return an agency's terms: so many hours after the base."""

    def due_from(base_ms: int) -> Due:
        return Due(rule="R-24H", due_ms=base_ms + hours * HOUR_MS)

    return Terms(due_from=due_from, zone=SHANGHAI, trips=trips)


def issued(shift_end_ms: int | None = None, at_ms: int = MORNING) -> Issued:
    """Return an issue of the morning."""
    return Issued(seq=7, at_ms=at_ms, holder=ZHANG, shift_end_ms=shift_end_ms)


def due(*events: Event, trips: bool = True) -> int:
    """Return when the recorder is due."""
    (out,) = outs({"ZFY-1": fold(events)}, terms(trips=trips))
    return out.due.due_ms


def test_a_shift_that_was_stated_is_the_base() -> None:
    """R-24H: 24 hours after the end of the shift."""
    assert due(issued(MORNING + 10 * HOUR_MS)) == MORNING + 34 * HOUR_MS


def test_without_a_stated_shift_the_day_is_the_base() -> None:
    """The day's enforcement ends with the local day, at the latest."""
    assert due(issued()) == LAST_OF_DAY + DAY_MS


def test_a_trip_moves_the_base_to_the_return() -> None:
    """While it lasts, to its stated end; once a person said it ended, to that."""
    trip = TripBegan(at_ms=MORNING + HOUR_MS, until_ms=MORNING + 3 * DAY_MS)
    assert due(issued(), trip) == MORNING + 4 * DAY_MS
    assert due(issued(), trip, TripEnded(at_ms=MORNING + 2 * DAY_MS)) == MORNING + 3 * DAY_MS


def test_a_trip_moves_nothing_where_the_agency_does_not_let_it() -> None:
    """The preset decides."""
    trip = TripBegan(at_ms=MORNING + HOUR_MS, until_ms=MORNING + 3 * DAY_MS)
    assert due(issued(), trip, trips=False) == due(issued())


def test_a_trip_that_ends_before_the_shift_moves_nothing() -> None:
    """The base never comes earlier through a trip."""
    trip = TripBegan(at_ms=MORNING, until_ms=MORNING + HOUR_MS)
    assert due(issued(), trip) == due(issued())


def test_a_trip_of_an_earlier_issue_moves_nothing() -> None:
    """Only a trip that began with the recorder out counts."""
    trip = TripBegan(at_ms=MORNING, until_ms=MORNING + 9 * DAY_MS)
    again = issued(at_ms=MORNING + HOUR_MS)
    standing = fold([issued(), trip, Returned(at_ms=MORNING + 1, how="docked"), again])
    assert standing.out is not None
    assert base_of(standing, standing.out, terms()) == LAST_OF_DAY


def test_an_alarm_names_device_holder_time_and_rule() -> None:
    """R-LIAB: whose, since when, due when and by which rule."""
    looked = judge({"ZFY-1": fold([issued()])}, set(), LAST_OF_DAY + DAY_MS + 1, terms())
    (out,) = looked.news
    assert (out.recorder, out.issue.holder, out.issue.issued_ms) == ("ZFY-1", ZHANG, MORNING)
    assert out.due == Due(rule="R-24H", due_ms=LAST_OF_DAY + DAY_MS)
    assert looked.next_ms is None


def test_one_deadline_has_one_alarm() -> None:
    """What was entered is not entered again; a deadline that a trip moved is another one."""
    at_ms = LAST_OF_DAY + DAY_MS + 1
    standings = {"ZFY-1": fold([issued()])}
    alarmed = {(7, LAST_OF_DAY + DAY_MS)}
    assert judge(standings, alarmed, at_ms, terms()).news == ()
    moved = {"ZFY-1": fold([issued(), TripBegan(at_ms=at_ms, until_ms=at_ms + HOUR_MS)])}
    assert judge(moved, alarmed, at_ms, terms()).next_ms == at_ms + 25 * HOUR_MS
    assert len(judge(moved, alarmed, at_ms + 26 * HOUR_MS, terms()).news) == 1


STANDINGS: st.SearchStrategy[dict[str, Standing]] = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.builds(
        lambda at, back, until: fold(
            [
                Issued(seq=at, at_ms=at, holder=ZHANG, shift_end_ms=at + 5),
                *([] if until is None else [TripBegan(at_ms=at, until_ms=until)]),
                *([] if back is None else [Returned(at_ms=back, how="docked")]),
            ]
        ),
        st.integers(0, 100),
        st.none() | st.integers(0, 200),
        st.none() | st.integers(0, 10 * HOUR_MS),
    ),
)


@given(STANDINGS, st.integers(0, 40 * HOUR_MS))
def test_overdue_is_what_is_out_past_its_deadline(
    standings: dict[str, Standing], now_ms: int
) -> None:
    """Exactly those are told: out, and later than the deadline; the most urgent first."""
    found = outs(standings, terms())
    assert {out.recorder for out in found} == {
        name for name, standing in standings.items() if standing.out is not None
    }
    assert [out.due.due_ms for out in found] == sorted(out.due.due_ms for out in found)
    late = {out.recorder for out in found if out.overdue(now_ms)}
    looked = judge(standings, set(), now_ms, terms())
    assert {out.recorder for out in looked.news} == late
    for out in found:
        standing = standings[out.recorder]
        assert standing.out is not None
        deadline = base_of(standing, standing.out, terms()) + 24 * HOUR_MS
        assert (now_ms > deadline) == (out.recorder in late)


@given(STANDINGS, st.integers(0, 40 * HOUR_MS))
def test_nothing_becomes_overdue_before_the_next_deadline(
    standings: dict[str, Standing], now_ms: int
) -> None:
    """Between looking and the deadline that was told, no alarm falls due."""
    found = outs(standings, terms())
    next_ms = next_due(found, now_ms)
    late = [out.overdue(now_ms) for out in found]
    if next_ms is None:
        assert all(late)
    else:
        assert [out.overdue(next_ms) for out in found] == late
        assert [out.overdue(next_ms + 1) for out in found] != late
