"""What a docking's entries and documents say, in order: for people, and for programs.

Of bodies and documents only what verification uses is certain (docs/formats/entry.md
section 4); the rest are the dock's own words, and what is not there is None.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from hashing.canonical import JSON
from hashing.entry import Entry

_LEFT: Final = frozenset(
    {
        "listing-incomplete",
        "medium-unread",
        "partition-refused",
        "size-untrue",
        "unread",
        "unread-dock",
    }
)
"""Findings that say of something on the medium that it was not taken over."""

Facts = Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTold:
    """A clip that was taken over."""

    seq: int
    utc_ms: int
    sha256: str
    size: int
    media_class: str | None
    path: str | None
    verified: str | None
    marks: tuple[str, ...]
    quarantine: bool
    deadline: Facts
    supersedes: int | None

    @property
    def late(self) -> bool:
        """Tell whether it was due before it was stored (R-24H)."""
        return self.deadline.get("late") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingTold:
    """Something that did not fit."""

    seq: int
    utc_ms: int
    finding: str | None
    clip: int | None
    path: str | None
    volume: str | None
    facts: Facts | None  # None: the document that has them is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that was not taken over, or not beyond doubt: why, and which entry says so."""

    reason: str
    seq: int | None
    path: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a docking took over, and what it could not."""

    docking: int
    bay: str | None
    source: str | None
    registered: bool | None
    opened_ms: int | None
    closed_ms: int | None
    clock: str | None  # whether it was disciplined when the docking ended
    recorder: str | None
    holder: Facts | None
    result: str | None
    preset: str | None
    verdict: str | None
    checks: tuple[Facts, ...]
    clips: tuple[ClipTold, ...]
    findings: tuple[FindingTold, ...]
    left: tuple[Remark, ...]
    doubts: tuple[Remark, ...]

    @property
    def size(self) -> int:
        """How many bytes were taken over."""
        return sum(clip.size for clip in self.clips)

    def as_json(self) -> dict[str, JSON]:
        """Return it as one JSON object."""
        told: dict[str, JSON] = asdict(self)
        return told


def account_of(
    docking: int, entries: Sequence[Entry], documents: Mapping[str, Mapping[str, JSON]]
) -> Account:
    """Return what the entries of a docking say, with the documents that are there."""
    docked, checked, released = (_last(entries, kind) for kind in ("docked", "checked", "released"))
    paper = _paper(docked, documents)
    clips = tuple(_clip(it, documents) for it in entries if it.kind == "clip")
    findings = tuple(_finding(it, documents) for it in entries if it.kind == "finding")
    checks = _member(checked, "items")
    holder = paper.get("holder")
    return Account(
        docking=docking,
        bay=_text(docked, "bay"),
        source=_text(docked, "source"),
        registered=_flag(docked, "registered"),
        opened_ms=None if docked is None else docked.at.utc_ms,
        closed_ms=None if released is None else released.at.utc_ms,
        clock=None if released is None else released.at.sync,
        recorder=_as_text(paper.get("recorder")),
        holder=holder if isinstance(holder, dict) else None,
        result=_text(released, "result"),
        preset=_text(checked, "preset"),
        verdict=_text(checked, "verdict"),
        checks=tuple(it for it in checks if isinstance(it, dict)) if type(checks) is list else (),
        clips=clips,
        findings=findings,
        left=tuple(_left(findings, released)),
        doubts=tuple(_doubts(clips, findings)),
    )


def _clip(entry: Entry, documents: Mapping[str, Mapping[str, JSON]]) -> ClipTold:
    deadline, marks = entry.body.get("deadline"), entry.body.get("marks")
    return ClipTold(
        seq=entry.seq,
        utc_ms=entry.at.utc_ms,
        sha256=_text(entry, "sha256") or "",
        size=_count(entry, "size") or 0,
        media_class=_text(entry, "class"),
        path=_as_text(_paper(entry, documents).get("path")),
        verified=_text(entry, "verified"),
        marks=tuple(it for it in marks if type(it) is str) if type(marks) is list else (),
        quarantine=_flag(entry, "quarantine") is True,
        deadline=deadline if isinstance(deadline, dict) else {},
        supersedes=_count(entry, "supersedes"),
    )


def _finding(entry: Entry, documents: Mapping[str, Mapping[str, JSON]]) -> FindingTold:
    paper = _paper(entry, documents)
    facts = paper.get("facts")
    return FindingTold(
        seq=entry.seq,
        utc_ms=entry.at.utc_ms,
        finding=_text(entry, "finding"),
        clip=_count(entry, "clip"),
        path=_as_text(paper.get("path")),
        volume=_as_text(paper.get("volume")),
        facts=facts if isinstance(facts, dict) else None,
    )


def _left(findings: Sequence[FindingTold], released: Entry | None) -> Iterator[Remark]:
    """Yield what was not taken over: found out of reach, known from before, or cut off."""
    for found in findings:
        if found.finding in _LEFT:
            yield Remark(reason=str(found.finding), seq=found.seq, path=found.path)
    for name, reason in (("known", "known"), ("remaining", "interrupted")):
        count = _count(released, name)
        if count and released is not None:
            yield Remark(reason=reason, seq=released.seq, count=count)


def _doubts(clips: Sequence[ClipTold], findings: Sequence[FindingTold]) -> Iterator[Remark]:
    """Yield what was taken over and has something against it."""
    for clip in clips:
        for reason in _against(clip):
            yield Remark(reason=reason, seq=clip.seq, path=clip.path)
    for found in findings:
        if found.finding in {"doubtful", "still-written"}:
            seq = found.seq if found.clip is None else found.clip
            yield Remark(reason=str(found.finding), seq=seq, path=found.path)


def _against(clip: ClipTold) -> Iterator[str]:
    if clip.size == 0:
        yield "empty"
    if clip.late:
        yield "late"
    elif clip.deadline.get("sure") is False:
        yield "deadline-unsure"
    if clip.quarantine:
        yield "quarantined"
    if clip.verified == "not-cold":
        yield "not-cold"
    if "partial" in clip.marks:
        yield "partial"


def _last(entries: Sequence[Entry], kind: str) -> Entry | None:
    return next((it for it in reversed(entries) if it.kind == kind), None)


def _paper(entry: Entry | None, documents: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, JSON]:
    return {} if entry is None else documents.get(str(entry.body.get("document")), {})


def _member(entry: Entry | None, name: str) -> JSON:
    return None if entry is None else entry.body.get(name)


def _text(entry: Entry | None, name: str) -> str | None:
    return _as_text(_member(entry, name))


def _as_text(value: JSON) -> str | None:
    return value if type(value) is str else None


def _count(entry: Entry | None, name: str) -> int | None:
    value = _member(entry, name)
    return value if type(value) is int else None


def _flag(entry: Entry | None, name: str) -> bool | None:
    value = _member(entry, name)
    return value if type(value) is bool else None
