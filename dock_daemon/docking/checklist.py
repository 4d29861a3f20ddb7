"""The pre-shift checklist over what this recorder can tell (R-CHECK, R-CLOCK).

Pure. What a model cannot show is stated as unreadable, never guessed; where other
evidence bounds it, the bound is given as a bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from config.presets import Checklist
from config.profiles import CapabilityName
from firmware_bridge.volume.listing import Volume
from hashing.canonical import JSON

OK, FAIL, UNREADABLE = "ok", "fail", "unreadable"
FIT, UNFIT, PARTLY = "fit", "unfit", "partly-checked"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist: what was looked at, and what was seen."""

    item: str  # "clock" | "battery" | "storage" | "fault"
    verdict: str
    facts: dict[str, JSON]

    def as_json(self) -> dict[str, JSON]:
        """Return the item as it stands in an entry."""
        return {"item": self.item, "verdict": self.verdict, **self.facts}


def check(
    volumes: Iterable[Volume],
    *,
    latest: datetime | None,
    now: datetime,
    wanted: Checklist,
    can: frozenset[CapabilityName],
) -> tuple[list[Item], str]:
    """Return every item and the verdict. `latest` and `now` are local times, no zone."""
    items = [
        _clock(latest, now, wanted, can),
        Item("battery", UNREADABLE, {"rule": wanted.battery.rule}),
        _storage(list(volumes), wanted, can),
        Item("fault", UNREADABLE, {"rule": wanted.fault.rule}),
    ]
    verdicts = {item.verdict for item in items}
    if FAIL in verdicts:
        return items, UNFIT
    return items, PARTLY if UNREADABLE in verdicts else FIT


def _clock(
    latest: datetime | None,
    now: datetime,
    wanted: Checklist,
    can: frozenset[CapabilityName],
) -> Item:
    facts: dict[str, JSON] = {"rule": wanted.clock.rule, "readable": "read-clock" in can}
    if latest is not None and latest > now:
        # A clip from the future: the recorder's clock is fast by at least so much.
        ahead_s = int((latest - now).total_seconds())
        facts["ahead_at_least_s"] = ahead_s
        if ahead_s > wanted.clock.tolerance_s:
            return Item("clock", FAIL, facts)
    return Item("clock", UNREADABLE, facts)


def _storage(volumes: list[Volume], wanted: Checklist, can: frozenset[CapabilityName]) -> Item:
    facts: dict[str, JSON] = {"rule": wanted.storage.rule}
    # Below a folder lies somebody's disk, and not the recorder's.
    volumes = [volume for volume in volumes if volume.filesystem != "folder"]
    total = sum(volume.total_bytes for volume in volumes)
    if "storage" not in can or total <= 0:
        return Item("storage", UNREADABLE, facts)
    free = sum(volume.free_bytes for volume in volumes)
    facts |= {"free_bytes": free, "total_bytes": total}
    facts["not_cleanly_closed"] = any(volume.dirty for volume in volumes)
    enough = free * 100 >= total * wanted.storage.min_free_percent
    return Item("storage", OK if enough else FAIL, facts)
