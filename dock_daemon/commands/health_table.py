"""How the recorders fare, on a terminal and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import tzinfo
from typing import Any, Final

from rich.cells import cell_len

from config import text
from config.messages import printable, say
from dock_daemon import health_words
from dock_daemon.fitness.drift import Drift
from dock_daemon.fitness.health import Health
from dock_daemon.fitness.sparkline import Trend, sparkline

_COLUMNS: Final = ("level", "recorder", "battery", "clock", "drift", "faults", "dockings", "seen")
_SHORT: Final = 8
"""So many values of a trend fit beside the newest one."""


def as_json(health: Health) -> dict[str, Any]:
    """Return all values of one recorder; times in ms UTC, offsets in ms."""
    return {**asdict(health), "level": health.level or "fine"}


def table(found: Sequence[Health], lang: str, zone: tzinfo, *, details: bool) -> Iterator[str]:
    """Yield a line for each recorder, and below it why it wants service."""
    if not found:
        return
    rows = [
        [say(f"health-short.{name}", lang) for name in _COLUMNS],
        *(_cells(one, lang, zone) for one in found),
    ]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    yield _padded(rows[0], widths)
    for one, row in zip(found, rows[1:], strict=True):
        yield _padded(row, widths)
        for reason in one.reasons:
            yield f"    ! {health_words.reason(reason, lang, zone)}"
            yield f"      {health_words.advice(reason, lang)}"
        if details:
            yield from _details(one, lang, zone)


def _cells(one: Health, lang: str, zone: tzinfo) -> list[str]:
    battery, clock, dockings = one.battery, one.clock, one.dockings
    return [
        health_words.level(one, lang),
        printable(one.recorder),
        _with_trend(
            "-" if battery.percent is None else f"{battery.percent}/{_or_dash(battery.health)}",
            health_words.battery_trend(one),
        ),
        _with_trend(
            "-" if clock.offset_ms is None else health_words.seconds(clock.offset_ms),
            health_words.offset_trend(one),
        ),
        _drift(clock.drift),
        _with_trend(_or_dash(one.faults.newest), health_words.fault_trend(one)),
        f"{dockings.plugged}/{dockings.interrupted}",
        health_words.last_seen(one, lang, zone),
    ]


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _drift(drift: Drift | None) -> str:
    if drift is None:
        return "-"
    doubt = health_words.seconds(drift.uncertainty_ms, sign=False)
    return f"{health_words.seconds(drift.per_day_ms)} ±{doubt}{'' if drift.sure else ' ?'}"


def _with_trend(words: str, trend: Trend) -> str:
    if len(trend.values) < 2:  # noqa: PLR2004  a trend has two ends
        return words
    return f"{words} {sparkline(replace(trend, values=trend.values[-_SHORT:]))}"


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def _details(one: Health, lang: str, zone: tzinfo) -> Iterator[str]:
    told = (
        ("battery", health_words.battery(one, lang), health_words.battery_trend(one)),
        ("clock", health_words.offset(one, lang), health_words.offset_trend(one)),
        ("drift", health_words.running(one.clock, lang), None),
        ("faults", health_words.faults(one, lang), health_words.fault_trend(one)),
        ("dockings", health_words.dockings(one, lang), None),
    )
    for name, words, trend in told:
        drawn = sparkline(trend) if trend is not None and len(trend.values) > 1 else ""
        line = f"    {say(f'health-column.{name}', lang)}  {words}  {drawn}"
        yield line.rstrip()
    for check in reversed(one.checks):
        yield "    " + say(
            "health.check",
            lang,
            at=text.local_time(check.at_ms, zone),
            verdict=health_words.verdict(check.verdict, lang),
        )
