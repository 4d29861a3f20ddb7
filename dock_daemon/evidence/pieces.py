"""What is handed to the sealer, one piece for each entry to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dock_daemon.evidence.durable import Reread
from dock_daemon.evidence.records import Row
from dock_daemon.evidence.store import Staged
from hashing.canonical import JSON
from hashing.entry import At


@dataclass(frozen=True, slots=True)
class Outcome:
    """How and when a clip was found whole: what its body still has to learn."""

    verified: Reread | None
    at: At


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry to be, with the files that must be durable before it."""

    kind: str
    docking: int | None
    finish: Callable[[Outcome], tuple[dict[str, JSON], Row | None]]
    facts: Mapping[str, JSON] | None = None
    clip: Staged | None = None
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """A piece that is kept for good."""

    seq: int
    body: Mapping[str, JSON]
    at: At
