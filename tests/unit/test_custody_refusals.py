"""What stands against handing a recorder out, and what a second person may overrule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.register import Register, parse_register
from dock_daemon.custody.book import Seen
from dock_daemon.custody.refusals import (
    OVERRIDABLE,
    Known,
    Wish,
    against_issue,
    against_return,
    against_trip,
    against_trip_end,
    overruled,
)
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

HOUR = 3_600_000
NOW = 1000 * HOUR
REGISTER: Register = parse_register(
    b"recorder,user_no,name,unit\nZFY-1,880317,a,u\nZFY-2,880318,b,u\n-,880002,c,u\n", source="x"
)
ZHANG = Person(user_no="880317", name="a")
WISH = Wish(recorder="ZFY-1", to="880317", now_ms=NOW)
OVERRIDE = replace(WISH, reason="battery is changed on site", second="880002")
FIT = Seen(docked=2, checked=3, checked_ms=NOW - HOUR, verdict="fit")
UNFIT = replace(FIT, verdict="unfit", failed=("battery",))


def known(
    seen: Seen = FIT, *, standing: Standing | None = None, docked: str | None = None
) -> Known:
    """Return what is known of a recorder; `docked` names the one recorder in the bays."""
    return Known(
        register=REGISTER,
        standing=standing or Standing(),
        seen=seen,
        docked=None if docked is None else {docked},
        checked_within_ms=12 * HOUR,
    )


def codes(wish: Wish, what: Known) -> list[str]:
    """Return the codes of what stands against an issue."""
    return [one.code for one in against_issue(wish, what)]


def test_a_fit_recorder_is_handed_out() -> None:
    """Registered, docked, checked lately and fit: nothing stands against it."""
    assert codes(WISH, known()) == []
    assert codes(WISH, known(docked="zfy-1")) == []
    assert codes(replace(WISH, shift_end_ms=NOW + 1), known()) == []


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (UNFIT, "check-failed"),
        (replace(FIT, verdict="partly"), "check-failed"),
        (replace(FIT, checked_ms=NOW - 12 * HOUR - 1), "check-old"),
        (replace(FIT, checked=None, checked_ms=None, verdict=""), "no-checklist"),
        (replace(FIT, quarantine=True), "quarantined"),
        (replace(FIT, docked=None), "not-docked"),
    ],
)
def test_what_a_second_person_may_overrule(seen: Seen, code: str) -> None:
    """Each is refused, and overruled by somebody else with a reason."""
    assert codes(WISH, known(seen)) == [code]
    assert codes(OVERRIDE, known(seen)) == []
    assert [one.code for one in overruled(OVERRIDE, known(seen))] == [code]
    assert code in OVERRIDABLE


def test_what_failed_is_named() -> None:
    """The refusal says which items, and when it was checked."""
    (refusal,) = against_issue(WISH, known(UNFIT))
    assert refusal.as_json() == {
        "code": "check-failed", "items": ["battery"], "at_ms": NOW - HOUR,
    }  # fmt: skip


def test_a_checklist_of_just_now_is_not_too_old() -> None:
    """Up to its age it counts; a dock's clock that was put back makes it no older."""
    assert codes(WISH, known(replace(FIT, checked_ms=NOW - 12 * HOUR))) == []
    assert codes(WISH, known(replace(FIT, checked_ms=NOW + HOUR))) == []


def test_a_recorder_in_no_bay_is_not_docked() -> None:
    """Where a dock runs, it knows what sits in its bays."""
    assert codes(WISH, known(docked="zfy-2")) == ["not-docked"]


def test_what_was_docked_before_its_last_issue_is_not_docked() -> None:
    """A recorder that was returned by hand and never put in was not looked at either."""
    standing = fold(
        [
            Issued(seq=4, at_ms=NOW - HOUR // 2, holder=ZHANG),
            Returned(at_ms=NOW - 1, how="registered"),
        ]
    )
    assert codes(WISH, known(standing=standing)) == ["not-docked", "no-checklist"]


def test_a_clock_that_was_ahead_at_an_issue_keeps_nobody_waiting() -> None:
    """What was entered after the issue came after it, whatever time the dock had then."""
    standing = fold(
        [
            Issued(seq=1, at_ms=NOW + 48 * HOUR, holder=ZHANG),
            Returned(at_ms=NOW - HOUR, how="docked"),
        ]
    )
    assert codes(WISH, known(standing=standing)) == []


def test_a_recorder_that_is_out_is_refused_for_that_alone() -> None:
    """It must come back first: nobody may overrule that two have it at once (R-ISSUE)."""
    out = fold([Issued(seq=1, at_ms=NOW - 9, holder=ZHANG)])
    for wish in (WISH, OVERRIDE):
        (refusal,) = against_issue(wish, known(UNFIT, standing=out))
        assert refusal.as_json() == {
            "code": "already-issued", "holder": "a", "user_no": "880317", "at_ms": NOW - 9,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (replace(WISH, recorder="ZFY-9"), "unknown-recorder"),
        (replace(WISH, recorder="-"), "unknown-recorder"),
        (replace(WISH, to="880999"), "unknown-holder"),
        (replace(WISH, to="  "), "unknown-holder"),
        (replace(WISH, shift_end_ms=NOW), "end-passed"),
    ],
)
def test_what_nobody_may_overrule(wish: Wish, code: str) -> None:
    """An unregistered recorder or person, or a shift that is over, has a remedy of its own."""
    assert codes(wish, known()) == [code]
    again = replace(wish, reason="r", second="880002")
    assert codes(again, known()) == [code]
    assert code not in OVERRIDABLE


@pytest.mark.parametrize(
    ("reason", "second", "code"),
    [
        ("", "880002", "override-no-reason"),
        ("r", "", "override-no-second"),
        ("r", "880999", "second-unknown"),
        ("r", "880317", "second-is-holder"),
        ("r", " 880317 ", "second-is-holder"),
    ],
)
def test_an_override_needs_a_reason_and_somebody_else(reason: str, second: str, code: str) -> None:
    """R-ISSUE: a second person, in the register, who is not the one who gets it."""
    assert codes(replace(WISH, reason=reason, second=second), known(UNFIT)) == [code]


def test_an_override_of_nothing_is_an_ordinary_issue() -> None:
    """Where nothing stands against it, nothing is overruled."""
    assert codes(OVERRIDE, known()) == []
    assert overruled(OVERRIDE, known()) == []


@given(
    seen=st.builds(
        Seen,
        docked=st.none() | st.integers(0, 9),
        quarantine=st.booleans(),
        checked=st.none() | st.integers(0, 9),
        checked_ms=st.none() | st.integers(0, NOW),
        verdict=st.sampled_from(["fit", "unfit", ""]),
    ),
    wish=st.builds(
        replace,
        st.just(WISH),
        to=st.sampled_from(["880317", "880318", "880002", "1"]),
        reason=st.sampled_from(["", "r"]),
        second=st.sampled_from(["", "880317", "880002", "1"]),
    ),
)
def test_no_unfit_recorder_leaves_by_one_persons_word(seen: Seen, wish: Wish) -> None:
    """What is handed out was fit and here, or a registered other person gave a reason."""
    if against_issue(wish, known(seen)):
        return
    if overruled(wish, known(seen)):
        assert wish.reason
        assert wish.second in {"880317", "880002"} - {wish.to}
        return
    if not wish.overrides:
        assert seen.verdict == "fit"
        assert seen.docked is not None
        assert not seen.quarantine


def test_a_return_is_refused_where_it_makes_no_sense() -> None:
    """Of what was never issued, twice, before the issue, or in time to come."""
    out = fold([Issued(seq=1, at_ms=100, holder=ZHANG)])
    back = fold([Issued(seq=1, at_ms=100, holder=ZHANG), Returned(at_ms=200, how="registered")])
    found = [
        [one.code for one in against_return(standing, at_ms, 300)]
        for standing, at_ms in ((Standing(), 200), (back, 250), (out, 99), (out, 301), (out, 300))
    ]
    assert found == [["never-issued"], ["returned-already"], ["before-it-began"], ["not-yet"], []]


def test_a_trip_is_refused_where_it_makes_no_sense() -> None:
    """With no registered recorder, one that is here, on a trip already, or in time past."""
    out = fold([Issued(seq=1, at_ms=100, holder=ZHANG)])
    back = fold([Issued(seq=1, at_ms=100, holder=ZHANG), Returned(at_ms=200, how="docked")])
    away = fold([Issued(seq=1, at_ms=100, holder=ZHANG), TripBegan(at_ms=150, until_ms=900)])
    found = [
        [one.code for one in against_trip(recorder, REGISTER, standing, until_ms, 300)]
        for recorder, standing, until_ms in (
            ("ZFY-9", Standing(), 400),
            ("ZFY-1", back, 400),
            ("ZFY-1", away, 400),
            ("ZFY-1", out, 300),
            ("ZFY-1", out, 301),
            ("ZFY-1", Standing(), 301),
        )
    ]
    assert found == [["unknown-recorder"], ["not-out"], ["away-already"], ["end-passed"], [], []]


def test_the_end_of_a_trip_is_refused_where_there_is_none() -> None:
    """Of no trip, twice, before it began, or in time to come; one that a docking ended may be."""
    began: list[Event] = [
        Issued(seq=1, at_ms=100, holder=ZHANG),
        TripBegan(at_ms=150, until_ms=900),
    ]
    ended, docked = TripEnded(at_ms=180), Returned(at_ms=180, how="docked")
    found = [
        [one.code for one in against_trip_end(standing, at_ms, 300)]
        for standing, at_ms in (
            (Standing(), 200),
            (fold([*began, ended]), 200),
            (fold(began), 149),
            (fold(began), 301),
            (fold([*began, docked]), 170),
        )
    ]
    assert found == [["not-away"], ["not-away"], ["before-it-began"], ["not-yet"], []]
