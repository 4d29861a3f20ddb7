"""Trends as one line of text, and as the points of a line in a picture. Pure."""

from dataclasses import dataclass
from typing import Final

_STEPS: Final = "▁▂▃▄▅▆▇█"
MOST: Final = 24


@dataclass(frozen=True, slots=True)
class Trend:
    """Values over time, and between which bounds they are drawn."""

    values: tuple[int, ...]
    low: int
    high: int


def sparkline(trend: Trend) -> str:
    """Return the newest values as blocks between their bounds."""
    levels = _scaled(trend, len(_STEPS) - 1)
    return "".join(_STEPS[level] for level in levels)


def points(trend: Trend, *, width: int, height: int) -> str:
    """Return the newest values as SVG points "x,y x,y" in a field of that size."""
    levels = _scaled(trend, height)
    step = width / max(1, len(levels) - 1)
    return " ".join(f"{at * step:.1f},{height - level}" for at, level in enumerate(levels))


def _scaled(trend: Trend, most: int) -> list[int]:
    """Return the newest values as whole steps from 0 to `most`."""
    span = max(1, trend.high - trend.low)
    clamped = (min(max(value, trend.low), trend.high) for value in trend.values[-MOST:])
    return [round((value - trend.low) * most / span) for value in clamped]
