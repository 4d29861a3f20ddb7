"""What a dock's log has said so far: a fold over its entries. Pure.

Entries come in by their place, each once; what is known goes out. A dock may be hostile:
what it says is bounded, and an entry that breaks the format or the chain is remembered as
such and stops nothing (docs/formats/entry.md sections 2 to 5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hashing import entry
from hashing.canonical import JSON
from hashing.entry import GENESIS_PREV, Entry
from hashing.errors import EvidenceError
from hashing.merkle import leaf_hash

_MAX_KINDS: Final = 64  # of findings; a dock of ours knows a dozen
_MAX_OPEN: Final = 256  # dockings; a dock has a few dozen bays
_MAX_WORD: Final = 64
_OTHER: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Where a log first contradicts its own rules, though its tree is sound."""

    seq: int
    why: str
    """`entry-malformed`, `entry-seq`, `chain-broken` or `genesis` (docs/formats/log.md 7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the first `entries` entries of one log say."""

    entries: int = 0
    prev: bytes = GENESIS_PREV
    """Leaf hash of the last one."""
    last_ms: int | None = None
    """When the last one was made, by the dock's clock (ms since 1970)."""
    heartbeat_ms: int | None = None
    interval_s: int | None = None
    """How often the dock promises a heartbeat; None until it did."""
    dockings: int = 0
    open: Mapping[int, int] = field(default_factory=dict)
    """Dockings that began and did not end: their number, and when they began (ms)."""
    clips: int = 0
    clip_bytes: int = 0
    late: int = 0
    late_ms: int | None = None
    """When the last late clip was done at last (ms since 1970)."""
    unread: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    disposed: int = 0
    broken: Broken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A docking ended; a manifest can be asked for."""

    docking: int
    seq: int
    opened_ms: int | None
    """When it began; None where the log does not say."""
    at_ms: int
    result: str
    clips: int
    findings: int
    unread: int
    late: int
    remaining: int


def read(known: Said, leaves: Iterable[bytes], origin: str) -> tuple[Said, list[Closed]]:
    """Return what is known once `leaves` have followed, and which dockings ended.

    `leaves` are the entries' bytes from `known.entries` on; `origin` is the log's.
    """
    ended: list[Closed] = []
    for leaf in leaves:
        known, end = _one(known, leaf, origin)
        if end is not None:
            ended.append(end)
    return known, ended


def _one(known: Said, leaf: bytes, origin: str) -> tuple[Said, Closed | None]:
    seq = known.entries
    after = replace(known, entries=seq + 1, prev=leaf_hash(leaf))
    try:
        made = entry.parse(leaf)
    except EvidenceError:
        return _break(after, seq, "entry-malformed"), None
    if (why := _contradiction(known, made, origin)) is not None:
        after = _break(after, seq, why)
    after = replace(after, last_ms=made.at.utc_ms)
    return _said(after, made)


def _contradiction(known: Said, made: Entry, origin: str) -> str | None:
    if made.seq != known.entries:
        return "entry-seq"
    if made.prev != known.prev:
        return "chain-broken"
    if (made.kind == "genesis") != (made.seq == 0):
        return "genesis"
    if made.seq == 0 and made.body["origin"] != origin:
        return "genesis"
    return None


def _said(known: Said, made: Entry) -> tuple[Said, Closed | None]:
    body, at_ms = made.body, made.at.utc_ms
    match made.kind:
        case "heartbeat":
            interval = _count(body, "interval_s") or known.interval_s
            return replace(known, heartbeat_ms=at_ms, interval_s=interval), None
        case "docked":
            opened = _opened(known.open, _count(body, "docking"), at_ms)
            return replace(known, dockings=known.dockings + 1, open=opened), None
        case "clip":
            return _clip(known, body, at_ms), None
        case "finding":
            return replace(known, findings=_counted(known.findings, body)), None
        case "released":
            closed = _closed(made, known.open)
            still = {number: at for number, at in known.open.items() if number != closed.docking}
            return replace(known, unread=known.unread + closed.unread, open=still), closed
        case "disposal":
            return replace(known, disposed=known.disposed + 1), None
        case _:
            return known, None


def _clip(known: Said, body: Mapping[str, JSON], at_ms: int) -> Said:
    deadline = body.get("deadline")
    late = isinstance(deadline, dict) and deadline.get("late") is True
    return replace(
        known,
        clips=known.clips + 1,
        clip_bytes=known.clip_bytes + _count(body, "size"),
        late=known.late + late,
        late_ms=at_ms if late else known.late_ms,
    )


def _opened(known: Mapping[int, int], docking: int, at_ms: int) -> Mapping[int, int]:
    """Add a docking; one that never ends is forgotten when too many others have begun."""
    kept = list({**known, docking: at_ms}.items())
    return dict(kept[-_MAX_OPEN:])


def _closed(made: Entry, opened: Mapping[int, int]) -> Closed:
    body = made.body
    docking = _count(body, "docking")
    return Closed(
        docking=docking,
        seq=made.seq,
        opened_ms=opened.get(docking),
        at_ms=made.at.utc_ms,
        result=_word(body.get("result")),
        clips=_count(body, "clips"),
        findings=_count(body, "findings"),
        unread=_count(body, "unread"),
        late=_count(body, "late"),
        remaining=_count(body, "remaining"),
    )


def _counted(findings: Mapping[str, int], body: Mapping[str, JSON]) -> Mapping[str, int]:
    kind = _word(body.get("finding"))
    if kind not in findings and len(findings) >= _MAX_KINDS:
        kind = _OTHER
    return {**findings, kind: findings.get(kind, 0) + 1}


def _count(body: Mapping[str, JSON], name: str) -> int:
    """Return a count of a body; 0 where the dock's own words hold none."""
    value = body.get(name)
    return value if type(value) is int and value > 0 else 0


def _word(value: JSON) -> str:
    if isinstance(value, str) and 0 < len(value) <= _MAX_WORD and value.isprintable():
        return value
    return _OTHER


def _break(known: Said, seq: int, why: str) -> Said:
    if known.broken is not None:
        return known
    return replace(known, broken=Broken(seq=seq, why=why))
