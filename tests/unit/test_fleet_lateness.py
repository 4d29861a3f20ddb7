"""What counts as late, on values alone."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.fleet.lateness import ALARMS, Facts, Grade, Limits, grade, judge
from central.fleet.reading import Broken

LIMITS = Limits(silent_beats=3, silent_s=2700, unmirrored_s=600, late_days=7, certificate_days=30)
NOW = 1_800_000_000_000
S, DAY = 1000, 86_400_000
WELL = Facts(
    enrolled_ms=NOW - 90 * DAY, heard_ms=NOW - 60 * S, witnessed=10, witnessed_ms=NOW - 60 * S,
    mirrored=10, interval_s=900, certificate_ends_ms=NOW + 60 * DAY,
)  # fmt: skip


def codes(**differs: object) -> list[str]:
    """Return what is late with a dock that is well but for what differs."""
    facts = dataclasses.replace(WELL, **differs)  # type: ignore[arg-type]  # fields by name
    return [one.code for one in judge(facts, LIMITS, NOW)]


def test_a_dock_that_is_well() -> None:
    """Nothing is late with a dock that was heard a minute ago and is held whole."""
    assert codes() == []
    assert grade([]) is Grade.FINE


@pytest.mark.parametrize(
    ("differs", "code"),
    [
        ({"forks": 1}, "forked"),
        ({"broken": Broken(seq=7, why="chain-broken")}, "broken"),
        ({"gone": 2}, "gone"),
        ({"copy_gone": 1}, "copy-gone"),
        ({"refused": "bad signature"}, "refused"),
        ({"heard_ms": NOW - 2701 * S}, "silent"),
        ({"heard_ms": NOW - 2701 * S, "interval_s": None}, "silent"),
        ({"heard_ms": None, "witnessed": None, "mirrored": None}, "never-seen"),
        ({"unreachable_ms": NOW - 2701 * S}, "unreachable"),
        ({"mirrored": 9, "witnessed_ms": NOW - 601 * S}, "unmirrored"),
        ({"mirrored": None, "witnessed_ms": NOW - 601 * S}, "unmirrored"),
        ({"late_ms": NOW - 7 * DAY}, "late-clips"),
        ({"certificate_ends_ms": NOW + 30 * DAY}, "certificate"),
        ({"certificate_ends_ms": NOW - DAY}, "certificate"),
    ],
)
def test_each_lateness_has_its_code(differs: dict[str, object], code: str) -> None:
    """One thing that is wrong is named, and nothing besides."""
    assert codes(**differs) == [code]


@pytest.mark.parametrize(
    "differs",
    [
        {"heard_ms": NOW - 2700 * S},
        {"heard_ms": NOW - 5000 * S, "interval_s": 3600},
        {"heard_ms": None, "enrolled_ms": NOW - 2700 * S, "witnessed": None, "mirrored": None},
        {"unreachable_ms": NOW - 2700 * S},
        {"mirrored": 9, "witnessed_ms": NOW - 600 * S},
        {"mirrored": 11},
        {"late_ms": NOW - 7 * DAY - 1},
        {"certificate_ends_ms": NOW + 30 * DAY + 1},
    ],
)
def test_up_to_the_limit_all_is_well(differs: dict[str, object]) -> None:
    """A limit is the last moment at which nothing is said."""
    assert codes(**differs) == []


def test_the_worst_stands_first() -> None:
    """A fork is shown before silence, and both before a certificate that runs out."""
    told = codes(certificate_ends_ms=NOW, heard_ms=NOW - DAY, forks=1)
    assert told == ["forked", "silent", "certificate"]


@given(
    st.builds(
        Facts,
        enrolled_ms=st.integers(0, NOW),
        heard_ms=st.none() | st.integers(0, 2 * NOW),
        witnessed=st.none() | st.integers(0, 2**63),
        witnessed_ms=st.none() | st.integers(0, 2 * NOW),
        mirrored=st.none() | st.integers(0, 2**63),
        interval_s=st.none() | st.integers(1, 2**53),
        forks=st.integers(0, 3),
        gone=st.integers(0, 3),
        copy_gone=st.integers(0, 3),
    )
)
def test_alarms_come_before_warnings(facts: Facts) -> None:
    """Whatever is known, each code is told once, and no alarm stands behind a warning."""
    told = judge(facts, LIMITS, NOW)
    names = [one.code for one in told]
    assert len(names) == len(set(names))
    grades = [one.grade for one in told]
    assert grades == sorted(grades, reverse=True)
    assert all((one.code in ALARMS) == (one.grade is Grade.ALARM) for one in told)
