"""Each item of the checklist: what was seen, held against its threshold. Pure.

A check says what it saw (`Saw`): `good`, `odd` (worth a word), `bad`, `missing` (the model cannot
tell), or `unknown` (it could, and did not). What that is worth is the preset's to say
(checklist.py). The reasons are stable words, each with sentences in messages/<lang>/check.toml.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from config.checklists import (
    BatteryCheck,
    Checklist,
    ClockCheck,
    Failure,
    FaultCheck,
    FilesystemCheck,
    FirmwareCheck,
    ItemName,
    StorageCheck,
)
from config.profiles import Firmware
from dock_daemon.fitness.observed import Cards, Clock, Holding, Key, Observed, TakenOver, Untold
from dock_daemon.recorders.clock_measured import ClockMeasured
from firmware_bridge.capabilities import Battery, Fault, Storage
from firmware_bridge.errors import ChannelLostError
from hashing.canonical import JSON

Kind = Literal["good", "odd", "bad", "missing", "unknown"]

_ITEMS_TOLD: Final = 32  # faults that a document keeps
_HOUR_MIN: Final = 60
_NOT_READ: Final = frozenset({"absent", "unread"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Saw:
    """What a check saw. `facts` may be published, `told` may not."""

    kind: Kind
    reason: str
    value: int | None = None
    limit: int | None = None
    unit: str = ""
    facts: Mapping[str, JSON] = field(default_factory=dict)
    told: Mapping[str, JSON] = field(default_factory=dict)


def _untold(answer: Untold) -> Saw:
    if answer.missing:
        return Saw(kind="missing", reason="missing")
    if answer.error == ChannelLostError.code:
        # Asked when it was put in, it shows its storage since then: it cannot tell any more.
        return Saw(kind="missing", reason="not-now")
    return Saw(kind="unknown", reason="untold", facts={"error": answer.error})


def _as(failure: Failure) -> Kind:
    return "bad" if failure == "fail" else "odd"


def fault(faults: tuple[Fault, ...] | Untold, wanted: FaultCheck) -> Saw:
    """Judge what the recorder reports of itself."""
    if isinstance(faults, Untold):
        return _untold(faults)
    counted = [one for one in faults if one.code not in wanted.ignored]
    told: list[JSON] = [
        {"code": one.code, "detail": one.detail, "at_ms": one.at_ms} for one in faults[:_ITEMS_TOLD]
    ]
    return Saw(
        kind="bad" if counted else "good",
        reason="reported" if counted else "none",
        value=len(counted),
        limit=0,
        unit="count",
        told={"faults": told},
    )


def firmware(version: str | Untold, known: Firmware, wanted: FirmwareCheck) -> Saw:
    """Judge the firmware by what its profile knows of it."""
    if isinstance(version, Untold):
        return _untold(version)
    if not version:
        return Saw(kind="unknown", reason="untold", facts={"error": "empty"})
    told: dict[str, JSON] = {"firmware": version, "minimum": known.minimum}
    if known.minimum and _version(version) < _version(known.minimum):
        return Saw(kind="bad", reason="below-minimum", told=told)
    if not known.known:
        reason = "minimum" if known.minimum else "not-judged"
        return Saw(kind="good" if known.minimum else "missing", reason=reason, told=told)
    if any(fnmatchcase(version.casefold(), one.casefold()) for one in known.known):
        return Saw(kind="good", reason="known", told=told)
    return Saw(kind=_as(wanted.unlisted), reason="unlisted", told=told)


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version in their order: "V1.10b" comes after "V1.9"."""
    return tuple(int(number[:18]) for number in re.findall("[0-9]+", text))


def filesystem(cards: Cards, wanted: FilesystemCheck) -> Saw:
    """Judge whether the card's file system is whole, and was closed."""
    if cards.unlisted:
        return Saw(kind="bad", reason="unlisted")
    if (saw := _no_card(cards)) is not None:
        return saw
    damaged = sum(not volume.sound for volume in cards.volumes)
    if damaged:
        return Saw(kind="bad", reason="damaged", value=damaged, limit=0, unit="count")
    if any(volume.dirty for volume in cards.volumes):
        return Saw(kind=_as(wanted.dirty), reason="dirty")
    return Saw(kind="good", reason="sound")


def bad_sectors(cards: Cards) -> Saw:
    """Judge what of the card could not be read."""
    if cards.read_errors == 0 and (saw := _no_card(cards)) is not None:
        return saw
    found = cards.read_errors > 0
    return Saw(
        kind="bad" if found else "good",
        reason="found" if found else "none",
        value=cards.read_errors,
        limit=0,
        unit="count",
    )


def _no_card(cards: Cards) -> Saw | None:
    if cards.folder:
        return Saw(kind="missing", reason="folder")
    if not cards.volumes:
        return Saw(kind="unknown", reason="no-volume")
    return None


def last_clip(outcome: str) -> Saw:
    """Judge whether the newest clip could be read to its end."""
    kinds: Mapping[str, Kind] = {"whole": "good", "none": "good", "not-reached": "unknown"}
    return Saw(kind=kinds.get(outcome, "bad"), reason=outcome)


def battery(answer: Battery | Untold, wanted: BatteryCheck) -> Saw:
    """Judge the charge, and how worn the battery is."""
    if isinstance(answer, Untold):
        return _untold(answer)
    facts: dict[str, JSON] = {
        "charging": answer.charging,
        "health_percent": answer.health_percent,
        "cycles": answer.cycles,
    }

    def saw(kind: Kind, reason: str, limit: int) -> Saw:
        worn = reason == "worn"
        value = answer.health_percent if worn else answer.percent
        return Saw(kind=kind, reason=reason, value=value, limit=limit, unit="percent", facts=facts)

    if answer.percent < wanted.min_percent:
        return saw("bad", "low", wanted.min_percent)
    if answer.health_percent is not None and answer.health_percent < wanted.min_health_percent:
        return saw("odd", "worn", wanted.min_health_percent)
    if answer.percent < wanted.warn_percent:
        return saw("odd", "middling", wanted.warn_percent)
    return saw("good", "enough", wanted.min_percent)


def storage(
    cards: Cards, answer: Storage | Untold, kbit_s: int | None, wanted: StorageCheck
) -> Saw:
    """Judge the room: what the dock measured of the card, else what the recorder says."""
    # Below a folder lies somebody's disk, and not the recorder's.
    if cards.volumes and not cards.folder:
        free = sum(volume.free_bytes for volume in cards.volumes)
        total = sum(volume.total_bytes for volume in cards.volumes)
    elif isinstance(answer, Storage):
        free, total = answer.free_bytes, answer.total_bytes
    elif answer.missing and cards.folder:
        return Saw(kind="missing", reason="missing")
    else:
        return Saw(kind="unknown", reason="no-volume")
    facts: dict[str, JSON] = {"free_bytes": free, "total_bytes": total}
    if kbit_s is None:
        return _share(free, total, facts, wanted)
    minutes = free * 8 // (kbit_s * 1000 * 60)
    facts["kbit_s"] = kbit_s

    def saw(kind: Kind, reason: str, hours: int) -> Saw:
        return Saw(
            kind=kind,
            reason=reason,
            value=minutes,
            limit=hours * _HOUR_MIN,
            unit="minutes",
            facts=facts,
        )

    if minutes < wanted.min_hours * _HOUR_MIN:
        return saw("bad", "short", wanted.min_hours)
    if minutes < wanted.warn_hours * _HOUR_MIN:
        return saw("odd", "little", wanted.warn_hours)
    return saw("good", "enough", wanted.min_hours)


def _share(free: int, total: int, facts: dict[str, JSON], wanted: StorageCheck) -> Saw:
    percent = free * 100 // total if total > 0 else 0
    enough = percent >= wanted.min_free_percent
    return Saw(
        kind="good" if enough else "bad",
        reason="share" if enough else "share-short",
        value=percent,
        limit=wanted.min_free_percent,
        unit="percent",
        facts=facts,
    )


def clock(seen: Clock, wanted: ClockCheck) -> Saw:
    """Judge how far the clock is off, after it was set if it was."""
    facts: dict[str, JSON] = {"sync": seen.sync, "not_set": seen.not_set or None}
    if seen.ahead_ms is not None:
        facts["ahead_at_least_ms"] = seen.ahead_ms
    limit_ms = wanted.tolerance_s * 1000
    now = seen.measured if seen.set is None else seen.set.after
    if isinstance(now, ClockMeasured):
        facts["uncertainty_ms"] = now.uncertainty_ms
        return _measured(now, facts, wanted)
    if seen.set is not None and seen.set.before is not None:
        return Saw(kind="unknown", reason="unverified", limit=limit_ms, unit="ms", facts=facts)
    if seen.set is not None:
        return Saw(kind="good", reason="set", limit=limit_ms, unit="ms", facts=facts)
    if seen.ahead_ms is not None and seen.ahead_ms > limit_ms:
        sure = seen.sync == "synchronized"
        return Saw(
            kind="bad" if sure else "unknown",
            reason="ahead" if sure else "dock-unsynchronized",
            value=seen.ahead_ms,
            limit=limit_ms,
            unit="ms",
            facts=facts,
        )
    saw = _untold(now if isinstance(now, Untold) else Untold())
    return replace(saw, facts={**facts, **saw.facts})


def _measured(now: ClockMeasured, facts: dict[str, JSON], wanted: ClockCheck) -> Saw:
    limit_us = wanted.tolerance_s * 1_000_000

    def saw(kind: Kind, reason: str, limit_s: int) -> Saw:
        return Saw(
            kind=kind,
            reason=reason,
            value=now.offset_ms,
            limit=limit_s * 1000,
            unit="ms",
            facts=facts,
        )

    if now.from_utc_us is None or now.from_utc_us > wanted.dock_within_ms * 1000:
        return saw("unknown", "dock-unsynchronized", wanted.tolerance_s)
    unsure_us = now.uncertainty_us + now.from_utc_us
    least_us, most_us = max(0, abs(now.offset_us) - unsure_us), abs(now.offset_us) + unsure_us
    if least_us > limit_us:
        return saw("bad", "off", wanted.tolerance_s)
    if most_us > limit_us:
        return saw("unknown", "unsure", wanted.tolerance_s)
    if least_us > wanted.warn_s * 1_000_000:
        return saw("odd", "drifting", wanted.warn_s)
    return saw("good", "right", wanted.tolerance_s)


def holder(holding: Holding) -> Saw:
    """Judge whether it names the person whose it is (R-ISSUE)."""
    if holding.by == "nobody":
        return Saw(kind="bad", reason="unregistered")
    told = holding.told
    if isinstance(told, Untold):
        return _untold(told)
    told_facts: dict[str, JSON] = {"told": told, "expected": holding.expected}
    if not told:
        return Saw(kind="unknown", reason="empty", told=told_facts)
    if told.strip().casefold() != holding.expected.strip().casefold():
        return Saw(kind="bad", reason="differs", facts={"by": holding.by}, told=told_facts)
    reason = "issued" if holding.by == "issue" else "registered"
    return Saw(kind="good", reason=reason, told=told_facts)


def key(seen: Key) -> Saw:
    """Judge whether its key is the enrolled one."""
    told = seen.told
    if isinstance(told, Untold):
        if told.missing and seen.enrolled:
            return Saw(kind="unknown", reason="none")
        return _untold(told)
    if not told:
        return Saw(kind="unknown", reason="none")
    if not seen.enrolled:
        return Saw(kind="bad", reason="shared" if seen.doubt == "shared" else "unproved")
    if told != seen.enrolled:
        return Saw(kind="bad", reason="changed")
    if seen.doubt:
        kind: Kind = "unknown" if seen.doubt in _NOT_READ else "bad"
        return Saw(kind=kind, reason=seen.doubt)
    return Saw(kind="good", reason="new" if seen.new else "enrolled")


def taken_over(seen: TakenOver) -> Saw:
    """Judge whether all that was on it is kept here."""
    facts: dict[str, JSON] = {
        "taken": seen.taken,
        "known": seen.known,
        "incomplete": seen.incomplete,
        "remaining": seen.remaining,
    }

    def saw(kind: Kind, reason: str, value: int) -> Saw:
        return Saw(kind=kind, reason=reason, value=value, limit=0, unit="count", facts=facts)

    if seen.interrupted:
        return saw("bad", "interrupted", seen.remaining)
    if seen.unread:
        return saw("bad", "unread", seen.unread)
    if seen.taken + seen.known == 0:
        return saw("good", "nothing", 0)
    return saw("good", "all", 0)


Judge: TypeAlias = Callable[[Observed, Checklist], Saw]

JUDGES: Final[Mapping[ItemName, Judge]] = {
    "fault": lambda seen, wanted: fault(seen.faults, wanted.fault),
    "firmware": lambda seen, wanted: firmware(seen.firmware, seen.firmware_known, wanted.firmware),
    "filesystem": lambda seen, wanted: filesystem(seen.cards, wanted.filesystem),
    "bad-sectors": lambda seen, _: bad_sectors(seen.cards),
    "last-clip": lambda seen, _: last_clip(seen.last_clip),
    "battery": lambda seen, wanted: battery(seen.battery, wanted.battery),
    "storage": lambda seen, wanted: storage(seen.cards, seen.storage, seen.kbit_s, wanted.storage),
    "clock": lambda seen, wanted: clock(seen.clock, wanted.clock),
    "holder": lambda seen, _: holder(seen.holding),
    "key": lambda seen, _: key(seen.key),
    "taken-over": lambda seen, _: taken_over(seen.taken_over),
}
"""Item → what judges it."""
