"""How full the battery is, as the kernel tells (Documentation/ABI/testing/sysfs-class-power).

What a supply does not tell is left out; a recorder with none that tells its charge has no
battery that the dock can be told of.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent import durable

_FULL: Final = 100
_MOST_SUPPLIES: Final = 16
_MOST: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """One battery, as told: charge or energy in any one unit, None where untold."""

    percent: int
    charging: bool | None
    full: int | None
    design: int | None
    cycles: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """All batteries taken for one: percent full, percent of the design it still holds."""

    percent: int
    charging: bool | None
    health: int | None
    cycles: int | None


def charge(folder: Path) -> Charge | None:
    """Return how full the batteries below `folder` are; None where none tells."""
    try:
        places = sorted(folder.iterdir())[:_MOST_SUPPLIES]
    except OSError:
        return None
    return together([told for place in places if (told := _supply(place)) is not None])


def together(supplies: Iterable[Supply]) -> Charge | None:
    """Return several batteries as one; None for none.

    The fuller counts by what it holds where all tell that; else each counts the same. Health
    is the worst one's, cycles are the oldest one's: the dock looks for what needs service.
    """
    each = tuple(supplies)
    if not each:
        return None
    weights = [supply.full or 0 for supply in each]
    if not all(weights):
        weights = [1] * len(each)
    percent = sum(s.percent * weight for s, weight in zip(each, weights, strict=True))
    told = [supply.charging for supply in each if supply.charging is not None]
    health = [_of(s.full, s.design) for s in each if s.full is not None and s.design]
    return Charge(
        percent=percent // sum(weights),
        charging=any(told) if told else None,
        health=min((share for share in health if share is not None), default=None),
        cycles=max((s.cycles for s in each if s.cycles is not None), default=None),
    )


def _supply(folder: Path) -> Supply | None:
    """Return one battery; None for what is none, is absent, or tells no charge."""
    if durable.read_text(folder / "type") != "Battery":
        return None
    # A wireless mouse has a battery too: its scope is "Device".
    if durable.read_text(folder / "scope") == "Device" or _number(folder, "present") == 0:
        return None
    full, design = (
        next((told for unit in ("charge", "energy") if (told := _number(folder, f"{unit}_{what}"))),
             None)
        for what in ("full", "full_design")
    )  # fmt: skip
    percent = _percent(folder)
    if percent is None:
        return None
    return Supply(
        percent=percent,
        charging=_charging(durable.read_text(folder / "status")),
        full=full,
        design=design,
        cycles=_number(folder, "cycle_count") or None,  # the ABI: 0 is "not available"
    )


def _percent(folder: Path) -> int | None:
    told = _number(folder, "capacity")
    if told is not None:
        return min(told, _FULL)
    for unit in ("charge", "energy"):
        now, full = _number(folder, f"{unit}_now"), _number(folder, f"{unit}_full")
        if now is not None and full:
            return _of(now, full)
    return None


def _charging(status: str | None) -> bool | None:
    match status:
        case "Charging":
            return True
        case "Discharging" | "Not charging" | "Full":
            return False
        case _:  # "Unknown", or nothing
            return None


def _of(part: int | None, whole: int | None) -> int | None:
    return None if part is None or not whole else min(part * _FULL // whole, _FULL)


def _number(folder: Path, name: str) -> int | None:
    told = durable.read_text(folder / name)
    if told is None or not told.isascii() or not told.isdigit():
        return None
    return min(int(told[:16]), _MOST)
