"""How a recorder fares by what was seen of it, and what wants service."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.maintenance import Maintenance, maintenance
from dock_daemon import health_words
from dock_daemon.fitness.health import Health, judge, ranked
from dock_daemon.fitness.history import (
    Checked,
    ClockWasSet,
    DeviceFinding,
    Docked,
    History,
    histories,
)
from dock_daemon.fitness.sparkline import MOST, Trend, points, sparkline

DAY = 86_400_000
NOW = 1000 * DAY
LIMITS: Maintenance = maintenance(Path("/nowhere")).content


def checked(day: int, **seen: int | str | None) -> Checked:
    """Return a check so many days before now, of the docking of that number."""
    fit = Checked(
        at_ms=NOW - day * DAY, docking=10_000 - day, occasion="plugged", verdict="fit", because=""
    )
    return replace(fit, **seen)  # type: ignore[arg-type]  # columns by name, as the index has them


def history(*checks: Checked, settings: tuple[ClockWasSet, ...] = ()) -> History:
    """Return the history of a recorder that was docked for each check."""
    dockings = tuple(
        Docked(at_ms=one.at_ms, docking=one.docking, result="complete") for one in checks
    )
    return History(recorder="ZFY-1", checks=checks, settings=settings, dockings=dockings)


def health(*checks: Checked) -> Health:
    """Return how it fares."""
    return judge(history(*checks), LIMITS, NOW)


def codes(found: Health) -> list[tuple[str, str]]:
    """Return why it wants service, and how soon."""
    return [(reason.code, reason.level) for reason in found.reasons]


def test_a_recorder_in_order_wants_nothing() -> None:
    """Docked lately, fit, with a sound battery and clock: no reason, no level."""
    found = health(
        checked(9, percent=80, health=95, cycles=100, offset_ms=10, uncertainty_ms=5, faults=0),
        checked(1, percent=90, health=95, cycles=104, offset_ms=900, uncertainty_ms=5, faults=0),
    )
    assert (found.reasons, found.level) == ((), None)
    assert (found.battery.health, found.battery.cycles, found.battery.percent) == (95, 104, 90)


@pytest.mark.parametrize(
    ("wear", "cycles", "reason"),
    [
        (80, 399, []),
        (79, 0, [("battery-worn", "soon")]),
        (None, 400, [("battery-worn", "soon")]),
        (59, None, [("battery-spent", "now")]),
        (95, 500, [("battery-spent", "now")]),
    ],
)
def test_battery_wear_by_health_and_cycles(
    wear: int | None, cycles: int | None, reason: list[tuple[str, str]]
) -> None:
    """Either of them may tell; what is spent is not worn besides."""
    assert codes(health(checked(1, percent=90, health=wear, cycles=cycles))) == reason


def test_full_charges_are_a_lower_bound() -> None:
    """Every rise of the charge was a charge: in hundreds of percent, what is certain of it."""
    charge = (90, 20, 95, 30, 100, 40, 90)
    found = health(*(checked(9 - at, percent=value) for at, value in enumerate(charge)))
    assert found.battery.full_charges == (75 + 70 + 50) // 100
    assert [value for _, value in found.battery.trend] == list(charge)
    assert not found.battery.of_health


def test_what_is_not_told_is_not_judged() -> None:
    """A model that tells neither battery nor clock nor faults wants no service for them."""
    found = health(checked(1))
    assert found.reasons == ()
    assert (found.battery.percent, found.clock.offset_ms, found.clock.drift) == (None, None, None)
    assert found.faults.newest is None


def test_drift_is_measured_between_settings() -> None:
    """What the clock showed before a setting ends a stretch; what it showed after begins one."""
    done = ClockWasSet(
        at_ms=NOW - 20 * DAY, docking=10_000 - 20, before_ms=100_000, before_uncertainty_ms=50,
        after_ms=100, after_uncertainty_ms=50,
    )  # fmt: skip
    checks = (
        checked(30, offset_ms=0, uncertainty_ms=50),
        checked(20, offset_ms=100_000, uncertainty_ms=50),
        checked(0, offset_ms=120_100, uncertainty_ms=50),
    )
    found = judge(history(*checks, settings=(done,)), LIMITS, NOW)
    drift = found.clock.drift
    assert drift is not None
    assert (drift.per_day_ms, drift.uncertainty_ms) == (6000, 6)  # 20 days, of ±100 ms: the surest
    assert drift.sure
    assert codes(found) == [("drift", "soon")]
    assert found.clock.settings == 1


def test_readings_by_a_dock_without_time_are_marked() -> None:
    """They tell a drift where nothing better does, and it is not sure."""
    sure = (
        checked(30, offset_ms=0, uncertainty_ms=500),
        checked(25, offset_ms=500, uncertainty_ms=500),
    )
    unsure = checked(2, offset_ms=90_000, uncertainty_ms=5, sync="unsynchronized")
    found = health(sure[0], unsure).clock.drift
    assert found is not None
    assert not found.sure


def test_a_drift_within_its_own_doubt_is_no_reason() -> None:
    """Six seconds a day, plus or minus two, may be within the limit of five."""
    found = health(
        checked(1, offset_ms=0, uncertainty_ms=1000),
        checked(0, offset_ms=6000, uncertainty_ms=1000),
    )
    assert found.clock.drift is not None
    assert found.clock.drift.per_day_ms == 6000
    assert codes(found) == []


def test_a_clock_that_somebody_else_sets_has_no_false_drift() -> None:
    """What it ran off between the jumps counts; the jumps are told, and no mean over them."""
    days = range(180, -1, -3)
    saw = [checked(day, offset_ms=(180 - day) % 30 * 133, uncertainty_ms=50) for day in days]
    clock = health(*saw).clock
    assert clock.jumps == 6
    assert clock.drift is not None
    assert abs(clock.drift.per_day_ms - 133) <= clock.drift.uncertainty_ms


def test_what_no_clock_runs_off_is_no_drift() -> None:
    """Two readings an hour apart in a day: somebody set it, and nothing is known of its drift."""
    clock = health(
        checked(1, offset_ms=0, uncertainty_ms=50),
        checked(0, offset_ms=3_600_000, uncertainty_ms=50),
    ).clock
    assert (clock.drift, clock.jumps) == (None, 1)
    for lang in ("en", "zh-CN"):
        assert "1" in health_words.running(clock, lang)


@given(
    per_day_ms=st.integers(-60_000, 60_000),
    start_ms=st.integers(-10_000, 10_000),
    readings=st.lists(
        st.tuples(st.integers(0, 60 * 24), st.integers(0, 500), st.floats(-1, 1)),
        min_size=2,
        max_size=6,
        unique_by=lambda one: one[0],
    ),
)
def test_the_true_drift_lies_within_what_is_stated(
    per_day_ms: int, start_ms: int, readings: list[tuple[int, int, float]]
) -> None:
    """Whatever the readings err within their uncertainty, the drift errs within its own."""
    checks = []
    for at, (hour, doubt_ms, error) in enumerate(sorted(readings)):
        true_ms = start_ms + per_day_ms * hour / 24
        check = checked(0, offset_ms=round(true_ms + error * doubt_ms), uncertainty_ms=doubt_ms + 1)
        checks.append(replace(check, at_ms=hour * DAY // 24, docking=at))
    drift = judge(history(*checks), LIMITS, NOW).clock.drift
    assert drift is not None
    assert abs(drift.per_day_ms - per_day_ms) <= drift.uncertainty_ms
    assert judge(history(*checks), LIMITS, NOW).clock.jumps == 0


def test_a_clock_that_was_lost_is_told_once() -> None:
    """An offset of days is no drift: the clock has started anew."""
    lost = checked(5, offset_ms=-350_000_000_000, uncertainty_ms=500)
    found = health(checked(9, offset_ms=0, uncertainty_ms=500), lost)
    assert codes(found) == [("clock-lost", "now")]
    assert found.reasons[0].facts == {"times": 1, "at_ms": lost.at_ms}


def test_faults_that_come_again() -> None:
    """One that it reports now is urgent; some of late are worth a look; old ones are history."""
    assert codes(health(checked(5, faults=0), checked(1, faults=2))) == [("faults", "now")]
    again = (checked(20, faults=1), checked(10, faults=1), checked(1, faults=0))
    assert codes(health(*again)) == [("faults-repeated", "soon")]
    assert codes(health(checked(90, faults=1), checked(80, faults=1), checked(1, faults=0))) == []


def test_findings_about_the_card() -> None:
    """Of the last docking they are urgent, of earlier ones less so, of long ago no more."""
    seen = history(checked(10), checked(1))

    def found_at(day: int) -> list[tuple[str, str]]:
        finding = DeviceFinding(at_ms=NOW - day * DAY, docking=10_000 - day, finding="unread")
        return codes(judge(replace(seen, findings=(finding,)), LIMITS, NOW))

    assert found_at(1) == [("card", "now")]
    assert found_at(10) == [("card", "soon")]
    assert found_at(40) == []


def test_a_card_that_was_never_shown_is_not_blamed() -> None:
    """A recorder that did not show its storage wants a look at itself, not another card."""
    seen = history(checked(10), checked(1))

    def found_at(*days: int) -> list[tuple[str, str]]:
        hidden = tuple(
            DeviceFinding(at_ms=NOW - day * DAY, docking=10_000 - day, finding="storage-not-shown")
            for day in days
        )
        judged = judge(replace(seen, findings=hidden), LIMITS, NOW)
        assert judged.faults.card_findings == 0
        return codes(judged)

    assert found_at(10, 1) == [("storage-hidden", "now")]
    assert found_at(10) == [("storage-hidden", "soon")]
    assert found_at(40) == []


def test_dockings_that_are_broken_off() -> None:
    """A worn socket shows by its share, once there were enough; checks in the bay do not count."""
    days = range(10, 0, -1)
    checks = tuple(checked(day) for day in days)
    dockings = tuple(
        Docked(
            at_ms=NOW - day * DAY,
            docking=10_000 - day,
            result="interrupted" if day > 7 else "complete",
        )
        for day in days
    )
    worn = replace(history(*checks), dockings=dockings)
    assert codes(judge(worn, LIMITS, NOW)) == [("connector", "soon")]
    asked = tuple(replace(one, occasion="asked") for one in checks[:6])
    few = judge(replace(worn, checks=(*asked, *checks[6:])), LIMITS, NOW)
    assert (few.dockings.plugged, codes(few)) == (4, [])


def test_a_recorder_that_stays_away() -> None:
    """R-MAINT: the keeper looks at it regularly; one that never came is told as well."""
    assert codes(health(checked(14))) == []
    assert codes(health(checked(15))) == [("unseen", "soon")]
    assert codes(judge(History(recorder="ZFY-9"), LIMITS, NOW)) == [("never-seen", "soon")]


def test_what_is_unfit_comes_first() -> None:
    """The urgent before the rest; of recorders, those with the most urgent reason first."""
    unfit = health(checked(20, verdict="unfit", because="battery", percent=90, health=70))
    assert codes(unfit) == [("unfit", "now"), ("battery-worn", "soon"), ("unseen", "soon")]
    assert unfit.reasons[0].rule == "R-CHECK"
    worn, fine = health(checked(1, percent=9, health=70)), health(checked(1))
    assert ranked([fine, worn, unfit]) == [unfit, worn, fine]


def test_rows_become_histories() -> None:
    """Newest first from the ledger, oldest first here; one recorder however it is written."""
    facts = {
        "docking": 1, "occasion": "plugged", "verdict": "fit", "because": None, "profile": None,
        "firmware": None, "offset_ms": 5, "uncertainty_ms": 2, "percent": None, "health": None,
        "cycles": None, "faults": None, "sync": "unknown",
    }  # fmt: skip
    told = (
        (3, "finding", "ZFY-1", {"docking": 2, "finding": "unread"}),
        (2, "docked", "zfy-1", {"docking": 2, "result": ""}),
        (1, "checked", "zfy-1", facts),
        (0, "docked", "zfy-1", {"docking": 1, "result": "complete"}),
    )
    names = ("at_ms", "what", "recorder", "facts")
    rows = [dict(zip(names, row, strict=True)) for row in told]
    (found,) = histories(rows).values()
    assert found.recorder == "ZFY-1"
    assert [one.docking for one in found.dockings] == [1, 2]
    assert (found.checks[0].because, found.checks[0].sync) == ("", "unknown")
    assert [one.finding for one in found.findings] == ["unread"]


@given(st.lists(st.integers(-(10**6), 10**6), max_size=60), st.integers(-5, 5), st.integers(0, 50))
def test_a_trend_is_drawn_within_its_bounds(values: list[int], low: int, more: int) -> None:
    """One block for each of the newest values, whatever they are, and as many points."""
    trend = Trend(tuple(values), low, low + more)
    drawn = sparkline(trend)
    assert len(drawn) == min(len(values), MOST)
    assert set(drawn) <= set("▁▂▃▄▅▆▇█")
    pairs = [pair.split(",") for pair in points(trend, width=90, height=18).split()]
    assert len(pairs) == len(drawn)
    assert all(0 <= float(x) <= 90 and 0 <= int(y) <= 18 for x, y in pairs)


def test_blocks_rise_with_the_values() -> None:
    """The lowest block is the lower bound, the highest the upper one."""
    assert sparkline(Trend((0, 50, 100, 200, -3), 0, 100)) == "▁▅██▁"
    assert sparkline(Trend((0, 0), 0, 1)) == "▁▁"
