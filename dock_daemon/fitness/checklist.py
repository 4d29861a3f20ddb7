"""The pre-shift checklist (开机前检查): each item judged, and one verdict for all of them.

Pure. What was seen comes in, items and a verdict come out (R-CHECK, R-CLOCK, R-ISSUE). What a
model cannot tell is said to be missing, what it could have told and did not is unknown; neither is
guessed, and where other evidence bounds it, the bound is given as a bound. docs/checklist.md says
how each verdict arises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from config.checklists import ITEMS, Check, Checklist, ItemName
from dock_daemon.fitness.checks import JUDGES, Saw
from dock_daemon.fitness.observed import Observed
from hashing.canonical import JSON

Verdict = Literal["pass", "warn", "fail", "unknown"]
Whole = Literal["fit", "unfit"]

FIT: Final[Whole] = "fit"
UNFIT: Final[Whole] = "unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the checklist.

    `reason` is the stable word for what was seen; `value` and `limit` are in `unit`. `blocks`
    tells whether the recorder may not be handed out because of it. `facts` stand in the entry,
    `told` only in its document: what a recorder tells of itself may name anybody.
    """

    item: ItemName
    verdict: Verdict
    reason: str
    rule: str
    blocks: bool
    value: int | None = None
    limit: int | None = None
    unit: str = ""
    facts: Mapping[str, JSON] = field(default_factory=dict)
    told: Mapping[str, JSON] = field(default_factory=dict)

    def as_json(self) -> dict[str, JSON]:
        """Return the item as it stands in an entry."""
        return {
            "item": self.item,
            "verdict": self.verdict,
            "reason": self.reason,
            "rule": self.rule,
            "blocks": self.blocks,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "facts": dict(self.facts),
        }

    def with_told(self) -> dict[str, JSON]:
        """Return the item with all that is known of it: for documents, the index and screens."""
        return {**self.as_json(), "told": dict(self.told)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The whole checklist. `because` is the one item that matters most; None if all is well."""

    items: tuple[Item, ...]
    verdict: Whole
    because: Item | None


def check(seen: Observed, wanted: Checklist) -> Outcome:
    """Judge every item, and from them whether the recorder may be handed out (可领用)."""
    items = tuple(
        _item(name, JUDGES[name](seen, wanted), _check_of(name, wanted)) for name in ITEMS
    )
    unfit = any(item.blocks for item in items)
    return Outcome(items=items, verdict=UNFIT if unfit else FIT, because=_because(items, wanted))


def _item(name: ItemName, saw: Saw, check: Check) -> Item:
    verdict, blocks = _verdict(saw, check)
    return Item(
        item=name,
        verdict=verdict,
        reason=saw.reason,
        rule=check.rule,
        blocks=blocks,
        value=saw.value,
        limit=saw.limit,
        unit=saw.unit,
        facts=saw.facts,
        told=saw.told,
    )


def _verdict(saw: Saw, check: Check) -> tuple[Verdict, bool]:
    match saw.kind:
        case "good":
            return "pass", False
        case "odd":
            return "warn", False
        case "bad":
            return ("fail", True) if check.failure == "fail" else ("warn", False)
        case "missing":
            return "unknown", check.missing == "block"
        case "unknown":
            return "unknown", check.unknown == "block"


def _because(items: tuple[Item, ...], wanted: Checklist) -> Item | None:
    """Return what is said beside the verdict: what blocks first, then what is odd.

    An item that a model cannot tell, and that blocks nothing, is nobody's reason.
    """
    said = [item for item in items if item.blocks or item.verdict == "warn"]
    order = {name: at for at, name in enumerate(wanted.matters)}
    return min(said, key=lambda item: (not item.blocks, order[item.item]), default=None)


def _check_of(name: ItemName, wanted: Checklist) -> Check:
    found = {
        "fault": wanted.fault,
        "firmware": wanted.firmware,
        "filesystem": wanted.filesystem,
        "bad-sectors": wanted.bad_sectors,
        "last-clip": wanted.last_clip,
        "battery": wanted.battery,
        "storage": wanted.storage,
        "clock": wanted.clock,
        "holder": wanted.holder,
        "key": wanted.key,
        "taken-over": wanted.taken_over,
    }
    return found[name]
