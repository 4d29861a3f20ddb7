"""How the recorders fare, as CSV for a spreadsheet. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

from config.register import Holder, folded
from dock_daemon.fitness.health import Health

COLUMNS: Final = (
    "recorder", "user_no", "name", "unit", "model", "profile", "firmware", "level", "reasons",
    "battery_percent", "battery_health", "battery_cycles", "full_charges_at_least",
    "clock_offset_ms", "clock_uncertainty_ms", "clock_settings", "clock_set_by_others",
    "drift_ms_per_day",
    "drift_uncertainty_ms", "faults", "checks_with_faults", "card_findings", "dockings",
    "interrupted", "last_docked_ms", "last_verdict",
)  # fmt: skip
# What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def sheet(found: Sequence[Health], holders: Mapping[str, Holder]) -> bytes:
    """Return a CSV file: UTF-8 with the mark by which a spreadsheet knows it; times ms UTC."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in found:
        writer.writerow([_cell(value) for value in _row(one, holders.get(folded(one.recorder)))])
    return out.getvalue().encode("utf-8-sig", "replace")


def _row(one: Health, holder: Holder | None) -> list[str | int | None]:
    drift = one.clock.drift
    return [
        one.recorder,
        holder.user_no if holder else "",
        holder.name if holder else "",
        holder.unit if holder else "",
        holder.model if holder else "",
        one.profile,
        one.firmware,
        one.level or "fine",
        " ".join(reason.code for reason in one.reasons),
        one.battery.percent,
        one.battery.health,
        one.battery.cycles,
        one.battery.full_charges if one.battery.percent is not None else None,
        one.clock.offset_ms,
        one.clock.uncertainty_ms,
        one.clock.settings,
        one.clock.jumps,
        drift.per_day_ms if drift else None,
        drift.uncertainty_ms if drift else None,
        one.faults.newest,
        one.faults.checks_with_faults,
        one.faults.card_findings,
        one.dockings.plugged,
        one.dockings.interrupted,
        one.dockings.last_ms,
        one.checks[-1].verdict if one.checks else "",
    ]


def _cell(value: str | int | None) -> str | int:
    """Return a cell; text that would be a formula is marked as text."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
