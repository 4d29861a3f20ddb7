"""What the procedure works with: a clip, an intention, and how each ended. Values only."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dock_daemon.erasing.gate import Dock, Sealed, Vouched

Step: TypeAlias = Literal["intended", "done", "gone", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A sealed clip, and how to know it again on its card (evidence.records.Known)."""

    seq: int
    recorder: str
    volume: str
    path_key: str
    path: str
    listed_size: int
    stamps: str
    extents: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An intention that stands in the ledger, and whose outcome does not."""

    seq: int
    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows of a clip, asked at one moment."""

    sealed: Sealed | None
    findings: frozenset[str]
    held: bool
    unsettled: bool
    vouched: tuple[Vouched, ...]
    dock: Dock


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an intention; `reason` is a stable word, empty where all is well."""

    intent: Intent
    step: Step
    reason: str = ""
