"""How a recorder fares: battery, clock, faults, dockings, and what wants service (R-MAINT). Pure.

What is stated was seen at this dock, within the time that was asked for. What a model does not
tell is not guessed: of a battery whose wear is not told, the charge that went into it is a lower
bound of its full charges; a clock's drift is measured as drift.py says. The limits are data
(config/maintenance.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from config.maintenance import Maintenance
from dock_daemon.fitness.drift import Drift, running
from dock_daemon.fitness.history import Checked, History
from hashing.canonical import JSON

Level = Literal["now", "soon"]

RULE: Final = "R-MAINT"
HIDDEN: Final = "storage-not-shown"
"""The finding of a recorder that did not show its storage (evidence/history.py)."""
_DAY_MS: Final = 86_400_000
_FULL: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryHealth:
    """The newest readings, None where none was told.

    `full_charges` is a lower bound: the charge in percent that its readings rose by, in hundreds.
    `trend` are the readings of health, else of charge, each with its time.
    """

    at_ms: int | None = None
    percent: int | None = None
    health: int | None = None
    cycles: int | None = None
    full_charges: int = 0
    trend: tuple[tuple[int, int], ...] = ()
    of_health: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockHealth:
    """The newest offset, how often it was set, and its drift; None where not known.

    `jumps` is how often it was set by somebody else, as far as that shows.
    """

    at_ms: int | None = None
    offset_ms: int | None = None
    uncertainty_ms: int | None = None
    settings: int = 0
    drift: Drift | None = None
    jumps: int = 0
    trend: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealth:
    """What it reported (None: its model does not tell), and what was found on its card.

    `hidden` is how often it did not show its storage, so that nobody has seen its card.
    """

    newest: int | None = None
    checks_with_faults: int = 0
    card_findings: int = 0
    hidden: int = 0
    trend: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingHealth:
    """How often it was put in, how often that was broken off, and when it was here last."""

    plugged: int = 0
    interrupted: int = 0
    last_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why it wants service: a stable word with the facts of its sentence, and how soon."""

    code: str
    level: Level
    facts: dict[str, JSON] = field(default_factory=dict)
    rule: str = RULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All that is known of one recorder's health, and what wants service, the worst first."""

    recorder: str
    profile: str
    firmware: str
    battery: BatteryHealth
    clock: ClockHealth
    faults: FaultHealth
    dockings: DockingHealth
    checks: tuple[Checked, ...]
    reasons: tuple[Reason, ...]

    @property
    def level(self) -> Level | None:
        """How soon it wants service; None: not that is known."""
        return self.reasons[0].level if self.reasons else None


_RANK: Final = (
    "unfit", "faults", "battery-spent", "clock-lost", "card", "storage-hidden",
    "faults-repeated", "battery-worn", "connector", "drift", "unseen", "never-seen",
)  # fmt: skip
"""Which reason comes first, where both are as urgent."""


def judge(history: History, limits: Maintenance, now_ms: int) -> Health:
    """Return how a recorder fares at `now_ms`."""
    battery, clock = _battery(history), _clock(history, limits)
    faults, dockings = _faults(history, limits, now_ms), _dockings(history, limits, now_ms)
    reasons = [
        *_of_checks(history),
        *_of_battery(battery, limits),
        *_of_clock(history, clock, limits),
        *_of_faults(history, faults, limits),
        *_of_dockings(dockings, limits, now_ms),
    ]
    last = history.checks[-1] if history.checks else None
    return Health(
        recorder=history.recorder,
        profile="" if last is None else last.profile,
        firmware=next((one.firmware for one in reversed(history.checks) if one.firmware), ""),
        battery=battery,
        clock=clock,
        faults=faults,
        dockings=dockings,
        checks=history.checks[-5:],
        reasons=tuple(sorted(reasons, key=_urgency)),
    )


def ranked(found: list[Health]) -> list[Health]:
    """Return recorders in the order in which they want service."""

    def key(health: Health) -> tuple[int, int, int, str]:
        if not health.reasons:
            return (2, 0, 0, health.recorder)
        first = health.reasons[0]
        return (*_urgency(first), -len(health.reasons), health.recorder)

    return sorted(found, key=key)


def _urgency(reason: Reason) -> tuple[int, int]:
    return ("now", "soon").index(reason.level), _RANK.index(reason.code)


# -- battery ------------------------------------------------------------------------


def _battery(history: History) -> BatteryHealth:
    told = [one for one in history.checks if one.percent is not None]
    if not told:
        return BatteryHealth()
    health = [(one.at_ms, one.health) for one in told if one.health is not None]
    charge = [(one.at_ms, one.percent) for one in told if one.percent is not None]
    rises = sum(max(0, after - before) for (_, before), (_, after) in pairwise(charge))
    cycles = [one.cycles for one in told if one.cycles is not None]
    return BatteryHealth(
        at_ms=told[-1].at_ms,
        percent=told[-1].percent,
        health=health[-1][1] if health else None,
        cycles=cycles[-1] if cycles else None,
        full_charges=rises // _FULL,
        trend=tuple(health or charge),
        of_health=bool(health),
    )


def _of_battery(battery: BatteryHealth, limits: Maintenance) -> Iterator[Reason]:
    wanted, health, cycles = limits.battery, battery.health, battery.cycles
    facts: dict[str, JSON] = {"health": health, "cycles": cycles}
    spent = health is not None and health < wanted.spent_percent
    worn = health is not None and health < wanted.worn_percent
    if spent or (cycles is not None and cycles >= wanted.spent_cycles):
        yield Reason(code="battery-spent", level="now", facts=facts)
    elif worn or (cycles is not None and cycles >= wanted.worn_cycles):
        yield Reason(code="battery-worn", level="soon", facts=facts)


# -- clock --------------------------------------------------------------------------


def _clock(history: History, limits: Maintenance) -> ClockHealth:
    read = [one for one in history.checks if one.offset_ms is not None]
    newest = read[-1] if read else None
    found = running(history, limits.clock)
    return ClockHealth(
        at_ms=None if newest is None else newest.at_ms,
        offset_ms=None if newest is None else newest.offset_ms,
        uncertainty_ms=None if newest is None else newest.uncertainty_ms,
        settings=len(history.settings),
        drift=found.drift,
        jumps=found.jumps,
        trend=tuple((one.at_ms, one.offset_ms) for one in read if one.offset_ms is not None),
    )


def _of_clock(history: History, clock: ClockHealth, limits: Maintenance) -> Iterator[Reason]:
    lost = [
        one.at_ms
        for one in history.checks
        if one.offset_ms is not None
        and abs(one.offset_ms) - (one.uncertainty_ms or 0) >= limits.clock.lost_s * 1000
    ]
    if lost:
        yield Reason(code="clock-lost", level="now", facts={"times": len(lost), "at_ms": lost[-1]})
        return
    drift = clock.drift
    limit_ms = limits.clock.drift_s_per_day * 1000
    if drift is not None and abs(drift.per_day_ms) - drift.uncertainty_ms > limit_ms:
        facts: dict[str, JSON] = {
            "per_day_ms": drift.per_day_ms,
            "uncertainty_ms": drift.uncertainty_ms,
        }
        yield Reason(code="drift", level="soon", facts=facts, rule="R-CLOCK")


# -- faults -------------------------------------------------------------------------


def _faults(history: History, limits: Maintenance, now_ms: int) -> FaultHealth:
    since_ms = now_ms - limits.faults.window_days * _DAY_MS
    told = [(one.at_ms, one.faults) for one in history.checks if one.faults is not None]
    lately = [one for one in history.findings if one.at_ms >= since_ms]
    return FaultHealth(
        newest=told[-1][1] if told else None,
        checks_with_faults=sum(1 for at_ms, count in told if at_ms >= since_ms and count),
        card_findings=sum(one.finding != HIDDEN for one in lately),
        hidden=sum(one.finding == HIDDEN for one in lately),
        trend=tuple(told),
    )


def _of_faults(history: History, faults: FaultHealth, limits: Maintenance) -> Iterator[Reason]:
    days = limits.faults.window_days
    if faults.newest:
        yield Reason(code="faults", level="now", facts={"count": faults.newest})
    elif faults.checks_with_faults >= limits.faults.repeated:
        told: dict[str, JSON] = {"count": faults.checks_with_faults, "days": days}
        yield Reason(code="faults-repeated", level="soon", facts=told)
    last = history.dockings[-1].docking if history.dockings else None
    of_last = {one.finding for one in history.findings if one.docking == last}
    if faults.hidden:
        hidden: dict[str, JSON] = {"count": faults.hidden, "days": days}
        yield Reason(
            code="storage-hidden", level="now" if HIDDEN in of_last else "soon", facts=hidden
        )
    if faults.card_findings:
        kinds = sorted({one.finding for one in history.findings} - {HIDDEN})
        card: dict[str, JSON] = {
            "count": faults.card_findings, "days": days, "kinds": list[JSON](kinds),
        }  # fmt: skip
        yield Reason(code="card", level="now" if of_last - {HIDDEN} else "soon", facts=card)


# -- dockings and checks --------------------------------------------------------------


def _dockings(history: History, limits: Maintenance, now_ms: int) -> DockingHealth:
    since_ms = now_ms - limits.connector.window_days * _DAY_MS
    again = {one.docking for one in history.checks if one.occasion not in {"", "plugged"}}
    plugged = [one for one in history.dockings if one.docking not in again]
    recent = [one for one in plugged if one.at_ms >= since_ms]
    return DockingHealth(
        plugged=len(recent),
        interrupted=sum(one.result == "interrupted" for one in recent),
        last_ms=history.dockings[-1].at_ms if history.dockings else None,
    )


def _of_dockings(dockings: DockingHealth, limits: Maintenance, now_ms: int) -> Iterator[Reason]:
    wanted = limits.connector
    if dockings.plugged >= wanted.least_dockings:
        percent = dockings.interrupted * 100 // dockings.plugged
        if percent > wanted.interrupted_percent:
            facts: dict[str, JSON] = {
                "percent": percent, "count": dockings.plugged, "days": wanted.window_days,
            }  # fmt: skip
            yield Reason(code="connector", level="soon", facts=facts)
    if dockings.last_ms is None:
        yield Reason(code="never-seen", level="soon")
    elif (away_ms := now_ms - dockings.last_ms) > limits.keeping.unseen_days * _DAY_MS:
        yield Reason(code="unseen", level="soon", facts={"days": away_ms // _DAY_MS})


def _of_checks(history: History) -> Iterator[Reason]:
    if history.checks and history.checks[-1].verdict == "unfit":
        last = history.checks[-1]
        facts: dict[str, JSON] = {"because": last.because, "at_ms": last.at_ms}
        yield Reason(code="unfit", level="now", facts=facts, rule="R-CHECK")
