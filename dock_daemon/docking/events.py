"""What a docking tells while it happens, for screens, terminals and `--json`.

An event says what is already true: a `ClipSealed` is sent only once the ledger
has the clip for good.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dock_daemon.fitness.checklist import Item, Whole
from hashing.canonical import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The recorder said who it is, or did not."""

    docking: int
    recorder: str
    holder: str
    unit: str
    registered: bool
    source: str
    volumes: tuple[str, ...]
    clock: str  # whether the dock's own clock is synchronised: one of hashing.entry.SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The checklist was gone through. `because` is the item that matters most, if any does."""

    verdict: Whole
    items: tuple[Item, ...]
    because: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How much is to come over, and by when."""

    clips: int
    bytes: int
    known: int
    nearest_due_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Bytes copied so far; sent at most ten times a second."""

    clips_sealed: int
    bytes_copied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSealed:
    """A clip is taken over for good."""

    seq: int
    path: str
    sha256: str
    size: int
    media_class: str
    due_ms: int
    done_ms: int
    late: bool
    quarantine: bool
    verified: str
    marks: tuple[str, ...]
    incomplete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipKnown:
    """A clip that was sealed at an earlier docking is still on the card, unchanged."""

    seq: int
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipUnread:
    """A file could not be taken over."""

    path: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingMade:
    """A fact now stands in the ledger."""

    seq: int
    finding: str
    volume: str
    path: str
    clip: int | None
    facts: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The docking is over. Of `unjudged` clips in the recorder's journal nothing could be said."""

    docking: int
    result: str  # "complete" | "partial" | "interrupted"
    sealed: int
    known: int
    unread: int
    incomplete: int
    findings: int
    late: int
    bytes: int
    remaining: int
    unjudged: int = 0
    log_size: int = 0


Event: TypeAlias = (
    Identified
    | Checked
    | Planned
    | Progress
    | ClipSealed
    | ClipKnown
    | ClipUnread
    | FindingMade
    | Released
)
Report: TypeAlias = Callable[[Event], None]
