"""What was seen of one recorder over time, from the rows that the ledger answers. Pure.

Times in ms UTC; offsets in ms, forward where the recorder is ahead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

SYNCHRONIZED: Final = "synchronized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One checklist: what it saw; None where the model does not tell it, or did not."""

    at_ms: int
    docking: int
    occasion: str
    verdict: str
    because: str
    profile: str = ""
    firmware: str = ""
    offset_ms: int | None = None
    uncertainty_ms: int | None = None
    percent: int | None = None
    health: int | None = None
    cycles: int | None = None
    faults: int | None = None
    sync: str = SYNCHRONIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWasSet:
    """The clock was set: what it showed before and after; None where it shows nothing."""

    at_ms: int
    docking: int
    before_ms: int | None
    before_uncertainty_ms: int | None
    after_ms: int | None
    after_uncertainty_ms: int | None
    sync: str = SYNCHRONIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class Docked:
    """One docking, and how it ended; an empty result: it has not."""

    at_ms: int
    docking: int
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFinding:
    """A finding about the card or the recorder itself."""

    at_ms: int
    docking: int
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All of it, each list the oldest first."""

    recorder: str
    checks: tuple[Checked, ...] = ()
    settings: tuple[ClockWasSet, ...] = ()
    dockings: tuple[Docked, ...] = ()
    findings: tuple[DeviceFinding, ...] = ()


def histories(rows: Iterable[Mapping[str, Any]]) -> dict[str, History]:
    """Return the history of each recorder, by its folded number, from rows the newest first."""
    sorted_by: dict[str, list[Mapping[str, Any]]] = {}
    names: dict[str, str] = {}
    for row in rows:
        number = str(row["recorder"])
        names.setdefault(number.casefold(), number)
        sorted_by.setdefault(number.casefold(), []).append(row)
    return {key: _history(names[key], found[::-1]) for key, found in sorted_by.items()}


def _history(recorder: str, rows: list[Mapping[str, Any]]) -> History:
    def of(what: str) -> list[Mapping[str, Any]]:
        return [row for row in rows if row["what"] == what]

    return History(
        recorder=recorder,
        checks=tuple(_checked(row) for row in of("checked")),
        settings=tuple(_set(row) for row in of("set")),
        dockings=tuple(
            Docked(
                at_ms=row["at_ms"], docking=row["facts"]["docking"], result=row["facts"]["result"]
            )
            for row in of("docked")
        ),
        findings=tuple(
            DeviceFinding(
                at_ms=row["at_ms"], docking=row["facts"]["docking"], finding=row["facts"]["finding"]
            )
            for row in of("finding")
        ),
    )


def _checked(row: Mapping[str, Any]) -> Checked:
    facts = cast("dict[str, Any]", row["facts"])
    names = (
        "docking", "occasion", "verdict", "because", "profile", "firmware", "offset_ms",
        "uncertainty_ms", "percent", "health", "cycles", "faults", "sync",
    )  # fmt: skip
    texts = {"occasion", "verdict", "because", "profile", "firmware", "sync"}
    told = {name: facts[name] for name in names if name not in texts or facts[name] is not None}
    return Checked(at_ms=row["at_ms"], **{"occasion": "", "verdict": "", "because": "", **told})


def _set(row: Mapping[str, Any]) -> ClockWasSet:
    facts = cast("dict[str, Any]", row["facts"])
    return ClockWasSet(
        at_ms=row["at_ms"],
        docking=facts["docking"],
        before_ms=facts["before_ms"],
        before_uncertainty_ms=facts["before_uncertainty_ms"],
        after_ms=facts["after_ms"],
        after_uncertainty_ms=facts["after_uncertainty_ms"],
        sync=str(facts["sync"]),
    )
