"""China's working days: weekdays, less the public holidays, plus the days that make up for them.

The State Council announces a year's holidays late in the year before, so no program knows them
for long: chinesecalendar brings the announced years with it. Of any other year it is not known
which days are worked, and nothing is guessed (docs/adr/0022-clocks-and-working-days.md).
"""

from datetime import date, timedelta
from typing import Final, Protocol

import chinese_calendar
from chinese_calendar.constants import holidays

from config.presets import RulePreset

_YEARS: Final[frozenset[int]] = frozenset(day.year for day in holidays)


class WorkingDays(Protocol):
    """Which days are worked."""

    def worked(self, day: date) -> bool | None:
        """Tell whether `day` is a working day; None where nobody knows yet."""


class ChinasWorkingDays:
    """The working days as the State Council has announced them."""

    def worked(self, day: date) -> bool | None:
        """Tell whether `day` is a working day; None in a year that was not announced."""
        if day.year not in _YEARS:
            return None
        return bool(chinese_calendar.is_workday(day))


def calendar_unknown(preset: RulePreset, days: WorkingDays, today: date) -> int | None:
    """Return a coming year that deadlines of `preset` need and nobody knows yet, or None.

    An agency that counts in hours needs no calendar.
    """
    counted = (preset.deadline, preset.label, preset.special, preset.close)
    if all(rule is None or rule.working_days is None for rule in counted):
        return None
    return unknown_year(days, today)


def unknown_year(days: WorkingDays, today: date, *, ahead_days: int = 30) -> int | None:
    """Return the first year within the next `ahead_days` of which nothing is known, or None."""
    for day in (today, today + timedelta(days=ahead_days)):
        if days.worked(day) is None:
            return day.year
    return None
