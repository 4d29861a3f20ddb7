"""What is late or wrong with a dock, seen from the centre. Pure: facts and the time come in.

The centre judges by its own clock: when it *heard* of something new. A dock's clock may be
wrong, and a dock that was offline for a month catches up with old entries and is not silent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from central.fleet.reading import Broken

_S: Final = 1000  # milliseconds
_DAY_MS: Final = 86_400_000


class Grade(IntEnum):
    """How bad: the worst stands first on the page."""

    ALARM = 2
    WARNING = 1
    FINE = 0


ALARMS: Final = ("forked", "broken", "gone", "copy-gone", "silent", "never-seen", "refused")
"""Codes of grade ALARM, in the order in which they are shown; all others are warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on something is late."""

    silent_beats: int
    """So many heartbeats missed make a dock silent."""
    silent_s: int
    """For a dock that never promised an interval: so many seconds without a word."""
    unmirrored_s: int
    """So long may what was witnessed stay without a copy here."""
    late_days: int
    """So long a clip that was late is shown as an alarm of today."""
    certificate_days: int
    """So long before its end a certificate is said to run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the centre knows of one dock, as plain values. Times are ms by our own clock."""

    enrolled_ms: int
    heard_ms: int | None = None
    """When its log last grew here, as witness or as mirror."""
    witnessed: int | None = None
    """Size of the newest head that was cosigned as witness."""
    witnessed_ms: int | None = None
    """When the witness first saw that size."""
    mirrored: int | None = None
    """Size of the newest head whose every entry is held here."""
    interval_s: int | None = None
    late_ms: int | None = None
    forks: int = 0
    broken: Broken | None = None
    gone: int = 0
    """Clips that the newest inventory of the dock itself found gone or damaged."""
    copy_gone: int = 0
    """What the newest inventory of a replica found gone or damaged."""
    refused: str = ""
    """Why what was pulled last could not be accepted; empty if it could."""
    unreachable_ms: int | None = None
    """Since when a dock that is pulled has not answered."""
    certificate_ends_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """One thing that is late or wrong: a code, and its facts."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def grade(self) -> Grade:
        """How bad it is."""
        return Grade.ALARM if self.code in ALARMS else Grade.WARNING


def judge(facts: Facts, limits: Limits, now_ms: int) -> list[Late]:
    """Return all that is late or wrong, the worst first; nothing if all is well."""
    found = [*_wrong(facts), *_silent(facts, limits, now_ms), *_behind(facts, limits, now_ms)]
    return sorted(found, key=_rank)


def grade(found: Iterable[Late]) -> Grade:
    """Return how bad the worst of them is."""
    return max((one.grade for one in found), default=Grade.FINE)


def silence_s(interval_s: int | None, limits: Limits) -> int:
    """Return how many seconds without a word make a dock silent."""
    return limits.silent_s if interval_s is None else limits.silent_beats * interval_s


def _wrong(facts: Facts) -> Iterable[Late]:
    if facts.forks:
        yield Late(code="forked", facts={"forks": facts.forks})
    if facts.broken is not None:
        yield Late(code="broken", facts={"seq": facts.broken.seq, "why": facts.broken.why})
    if facts.gone:
        yield Late(code="gone", facts={"clips": facts.gone})
    if facts.copy_gone:
        yield Late(code="copy-gone", facts={"clips": facts.copy_gone})
    if facts.refused:
        yield Late(code="refused", facts={"why": facts.refused})


def _silent(facts: Facts, limits: Limits, now_ms: int) -> Iterable[Late]:
    allowed_s = silence_s(facts.interval_s, limits)
    if facts.heard_ms is None:
        if now_ms - facts.enrolled_ms > allowed_s * _S:
            yield Late(code="never-seen", facts={"since_ms": facts.enrolled_ms})
    elif now_ms - facts.heard_ms > allowed_s * _S:
        yield Late(code="silent", facts={"since_ms": facts.heard_ms, "allowed_s": allowed_s})
    if facts.unreachable_ms is not None and now_ms - facts.unreachable_ms > allowed_s * _S:
        yield Late(code="unreachable", facts={"since_ms": facts.unreachable_ms})


def _behind(facts: Facts, limits: Limits, now_ms: int) -> Iterable[Late]:
    lag = (facts.witnessed or 0) - (facts.mirrored or 0)
    since_ms = facts.witnessed_ms
    if lag > 0 and since_ms is not None and now_ms - since_ms > limits.unmirrored_s * _S:
        yield Late(code="unmirrored", facts={"entries": lag, "since_ms": since_ms})
    if facts.late_ms is not None and now_ms - facts.late_ms <= limits.late_days * _DAY_MS:
        yield Late(code="late-clips", facts={"last_ms": facts.late_ms})
    ends_ms = facts.certificate_ends_ms
    if ends_ms is not None and ends_ms - now_ms <= limits.certificate_days * _DAY_MS:
        yield Late(code="certificate", facts={"ends_ms": ends_ms})


def _rank(one: Late) -> tuple[int, int]:
    return -one.grade, ALARMS.index(one.code) if one.code in ALARMS else 0
