"""How a recorder fares, in words: values, reasons and what to do about them. Pure."""

from datetime import tzinfo
from typing import Final

from config import text
from config.messages import say, term
from dock_daemon.fitness.drift import Drift
from dock_daemon.fitness.health import ClockHealth, Health, Reason
from dock_daemon.fitness.sparkline import Trend

_NONE: Final = "-"
_FULL: Final = 100
_OFF_MS: Final = 1000
"""A clock that is off by less is drawn near the bottom."""


def battery_trend(health: Health) -> Trend:
    """Return the readings of wear, else of charge, in percent."""
    return Trend(tuple(value for _, value in health.battery.trend), 0, _FULL)


def offset_trend(health: Health) -> Trend:
    """Return how far the clock was off, either way (ms)."""
    values = tuple(abs(value) for _, value in health.clock.trend)
    return Trend(values, 0, max((*values, _OFF_MS)))


def fault_trend(health: Health) -> Trend:
    """Return how many faults it reported."""
    values = tuple(value for _, value in health.faults.trend)
    return Trend(values, 0, max((*values, 1)))


def level(health: Health, lang: str) -> str:
    """Return how soon it wants service, in a word."""
    return say(f"health-level.{health.level or 'fine'}", lang)


def battery(health: Health, lang: str) -> str:
    """Return charge, wear and cycles; of a model that tells no wear, the bound that is known."""
    found = health.battery
    if found.percent is None:
        return _untold(health, lang)
    parts = [say("health.charge", lang, percent=found.percent)]
    if found.health is not None:
        parts.append(say("health.wear", lang, percent=found.health))
    if found.cycles is not None:
        parts.append(say("health.cycles", lang, count=found.cycles))
    elif found.full_charges:
        parts.append(say("health.charges", lang, count=found.full_charges))
    return text.listed(parts, lang)


def _untold(health: Health, lang: str) -> str:
    """Say that a model does not tell; of a recorder that was never checked, only that."""
    return say("health.untold", lang) if health.checks else "-"


def offset(health: Health, lang: str) -> str:
    """Return how far the clock was off at the newest reading, with its uncertainty."""
    found = health.clock
    if found.offset_ms is None or found.uncertainty_ms is None:
        return _untold(health, lang)
    return say(
        "health.offset",
        lang,
        offset=seconds(found.offset_ms),
        uncertainty=seconds(found.uncertainty_ms, sign=False),
    )


def drift(found: Drift | None, lang: str) -> str:
    """Return how far the clock runs off in a day, with its uncertainty."""
    if found is None:
        return say("health.drift-unknown", lang)
    key = "health.drift" if found.sure else "health.drift-unsure"
    return say(
        key,
        lang,
        drift=seconds(found.per_day_ms),
        uncertainty=seconds(found.uncertainty_ms, sign=False),
    )


def running(clock: ClockHealth, lang: str) -> str:
    """Return its drift, and how often somebody else set it."""
    found = [drift(clock.drift, lang)]
    if clock.jumps:
        found.append(say("health.jumps", lang, count=clock.jumps))
    return text.listed(found, lang)


def dockings(health: Health, lang: str) -> str:
    """Return how often it was put in, and how often that was broken off."""
    found = health.dockings
    return say("health.dockings", lang, count=found.plugged, interrupted=found.interrupted)


def faults(health: Health, lang: str) -> str:
    """Return what it reported of itself, and what was found on its card."""
    found = health.faults
    told = _NONE if found.newest is None else found.newest
    return say("health.faults", lang, told=told, card=found.card_findings)


def last_seen(health: Health, lang: str, zone: tzinfo) -> str:
    """Return when it was docked last."""
    if health.dockings.last_ms is None:
        return say("health.never", lang)
    return text.local_time(health.dockings.last_ms, zone)


def verdict(word: str, lang: str) -> str:
    """Return a checklist's verdict."""
    return term("verdict", word, lang)


def reason(found: Reason, lang: str, zone: tzinfo) -> str:
    """Return why it wants service, as a sentence with its rule."""
    facts: dict[str, object] = {}
    for name, value in found.facts.items():
        if name == "at_ms" and isinstance(value, int):
            facts["at"] = text.local_time(value, zone)
        elif name.endswith("_ms") and isinstance(value, int):
            facts[name.removesuffix("_ms")] = seconds(value, sign=name != "uncertainty_ms")
        elif name == "kinds" and isinstance(value, list):
            facts[name] = text.listed((term("finding", str(one), lang) for one in value), lang)
        elif name == "because":
            facts[name] = term("check-item", str(value), lang) if value else _NONE
        else:
            facts[name] = _NONE if value is None else value
    return say(f"health-reason.{found.code}", lang, rule=found.rule, **facts)


def advice(found: Reason, lang: str) -> str:
    """Return what to do about it."""
    return say(f"health-advice.{found.code}", lang)


def seconds(ms: int, *, sign: bool = True) -> str:
    """Return milliseconds as seconds with three digits: "+1.250", "0.004"."""
    whole = f"{abs(ms) // 1000}.{abs(ms) % 1000:03}"
    if ms < 0:
        return f"-{whole}"
    return f"+{whole}" if sign else whole
