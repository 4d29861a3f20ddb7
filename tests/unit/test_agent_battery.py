"""The battery as the kernel's folder tells it: one, several, odd ones and none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.battery import Charge, Supply, charge, together
from tests.agents import BATTERY, supply

SUPPLIES = st.builds(
    Supply,
    percent=st.integers(0, 100),
    charging=st.none() | st.booleans(),
    full=st.none() | st.integers(0, 2**53),
    design=st.none() | st.integers(0, 2**53),
    cycles=st.none() | st.integers(1, 10_000),
)


def test_one_battery_is_told_as_it_is(tmp_path: Path) -> None:
    """Charge, state, health against the design, and cycles come from the kernel's files."""
    supply(tmp_path / "bat0", **BATTERY)
    supply(tmp_path / "usb", type="USB", online="1")
    assert charge(tmp_path) == Charge(percent=52, charging=False, health=90, cycles=33)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"status": "Charging"}, Charge(percent=52, charging=True, health=90, cycles=33)),
        ({"status": "Full"}, Charge(percent=52, charging=False, health=90, cycles=33)),
        ({"status": "Unknown"}, Charge(percent=52, charging=None, health=90, cycles=33)),
        ({"cycle_count": "0"}, Charge(percent=52, charging=False, health=90, cycles=None)),
        ({"cycle_count": "-1"}, Charge(percent=52, charging=False, health=90, cycles=None)),
        ({"charge_full_design": ""}, Charge(percent=52, charging=False, health=None, cycles=33)),
        ({"charge_full": "1300000"}, Charge(percent=52, charging=False, health=100, cycles=33)),
        ({"capacity": "130"}, Charge(percent=100, charging=False, health=90, cycles=33)),
        (
            {"capacity": "x", "charge_now": "450000"},
            Charge(percent=50, charging=False, health=90, cycles=33),
        ),
    ],
)
def test_what_a_supply_does_not_tell_is_left_out(
    tmp_path: Path, changed: dict[str, str], expected: Charge
) -> None:
    """A missing or odd value costs itself only; a charge is computed where it is not told."""
    supply(tmp_path / "bat0", **{**BATTERY, **changed})
    assert charge(tmp_path) == expected


@pytest.mark.parametrize(
    "told",
    [
        {"type": "Mains"},
        {**BATTERY, "scope": "Device"},
        {**BATTERY, "present": "0"},
        {"type": "Battery"},
        {"type": "Battery", "capacity": "full"},
    ],
)
def test_what_is_no_battery_of_the_recorder_is_none(tmp_path: Path, told: dict[str, str]) -> None:
    """A charger, a mouse's battery, an empty holder and one that tells no charge are left out."""
    supply(tmp_path / "any", **told)
    assert charge(tmp_path) is None


def test_no_folder_is_no_battery(tmp_path: Path) -> None:
    """A system without power supplies has no battery to tell of."""
    assert charge(tmp_path / "none") is None


def test_two_batteries_count_by_what_they_hold(tmp_path: Path) -> None:
    """A large battery weighs more than a small one; the worst health and most cycles are told."""
    supply(tmp_path / "a", **{**BATTERY, "capacity": "100", "charge_full": "300"})
    supply(tmp_path / "b", **{**BATTERY, "capacity": "0", "charge_full": "900", "cycle_count": "7"})
    told = charge(tmp_path)
    assert told is not None
    assert (told.percent, told.cycles, told.health) == (25, 33, 0)


@given(st.lists(SUPPLIES, min_size=1, max_size=8))
def test_together_they_are_no_fuller_than_the_fullest(supplies: list[Supply]) -> None:
    """The whole lies between the emptiest and the fullest battery."""
    whole = together(supplies)
    assert whole is not None
    percents = [each.percent for each in supplies]
    assert min(percents) <= whole.percent <= max(percents)
    assert whole.health is None or 0 <= whole.health <= 100
