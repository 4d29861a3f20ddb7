"""May this clip be erased on its recorder? Pure: what is known goes in, a decision comes out.

The answer is no. It becomes yes only when everything in `_MUST_HOLD` holds at once, each of it
shown by what was written down or read, and nothing by belief (docs/erasing.md says why for
each). What nobody knows is None, and holds nothing. Each reason is a stable word; its sentence
stands in the messages `erasing-reason.*`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

NOW_MS: Final = 600_000
"""How long ago, in ms, a clip may have been re-read from its recorder to count as now."""

_MIRROR: Final = "mirror"
_COLD: Final = frozenset({"direct", "dropped"})


class Reason(StrEnum):
    """Why a clip is kept."""

    OFF = "off"
    NO_COMMAND = "no-command"
    NO_CHANNEL = "no-channel"
    ANOTHER_RECORDER = "another-recorder"
    NOT_REGISTERED = "not-registered"
    STAY_NOT_WHOLE = "stay-not-whole"
    NOT_SEALED = "not-sealed"
    NOT_DONE = "not-done"
    QUARANTINED = "quarantined"
    MARKED = "marked"
    FINDING = "finding"
    HELD = "held"
    UNSETTLED = "unsettled"
    LISTED_OTHERWISE = "listed-otherwise"
    NOT_MIRRORED = "not-mirrored"
    COOLING = "cooling"
    COOLING_AT_MIRROR = "cooling-at-mirror"
    STORE_UNREAD = "store-unread"
    STORE_NOT_COLD = "store-not-cold"
    STORE_LONG_AGO = "store-long-ago"
    STORE_DIFFERS = "store-differs"
    RECORDER_UNREAD = "recorder-unread"
    RECORDER_LONG_AGO = "recorder-long-ago"
    RECORDER_DIFFERS = "recorder-differs"
    NOT_SIGNING = "not-signing"
    IN_DOUBT = "in-doubt"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the settings demand. Times in ms; `synchronized`: of the dock's own clock."""

    enabled: bool
    mirrors: int
    cool_down_ms: int
    reread_within_ms: int
    synchronized: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The clip as its entry has it. `at_ms` is when it was sealed, `done_ms` when handed in."""

    seq: int
    recorder: str
    sha256: str
    size: int
    marks: frozenset[str]
    quarantine: bool
    at_ms: int
    done_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read to the end, how (evidence.durable.Reread), and how long ago."""

    sha256: str
    size: int
    how: str
    age_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A cosignature that verifies, by a key of a configured cosigner, over a head of ours."""

    name: str
    role: str
    size: int
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who answers on the control channel now."""

    number: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The recorder's stay in the bay: who was docked, and whether all of it was taken over.

    `unbroken` says that neither it nor its medium has left since, but by our own command.
    """

    number: str
    vkey: str
    registered: bool
    whole: bool
    unbroken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dock:
    """The dock itself. `stepped_ms`: how far its clock was set since the clip was sealed."""

    now_ms: int
    stepped_ms: int
    synchronized: bool
    signing: bool
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that is known of one clip on one recorder.

    `listed` says that exactly one live record is listed as it was when the clip was sealed;
    `findings` are those that concern this clip (doubts.py); `unsettled` that it was to be
    erased before, and nobody knows yet what came of it.
    """

    can_erase: bool
    answering: Answering | None
    stay: Stay | None
    sealed: Sealed | None
    listed: bool
    findings: frozenset[str]
    held: bool
    unsettled: bool
    vouched: tuple[Vouched, ...]
    store: Reading | None
    recorder: Reading | None
    dock: Dock


@dataclass(frozen=True, slots=True)
class Erase:
    """It may be erased: this content, and nothing else."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Keep:
    """It is kept, and why: at least one reason, in the order of Reason."""

    reasons: tuple[Reason, ...]


Decision: TypeAlias = Erase | Keep


def may_erase(case: Case, policy: Policy) -> Decision:
    """Decide; whatever is not shown to hold keeps the clip."""
    reasons = tuple(reason for reason in Reason if not _MUST_HOLD[reason](case, policy))
    match case.sealed, reasons:
        case Sealed(sha256=sha256, size=size), ():
            return Erase(sha256, size)
        case _:
            return Keep(reasons)


def beside_reading(decision: Decision) -> tuple[Reason, ...]:
    """Return what keeps a clip whatever reading recorder and store would show."""
    reasons = decision.reasons if isinstance(decision, Keep) else ()
    return tuple(reason for reason in reasons if reason not in _BY_READING)


_BY_READING: Final = frozenset(
    {
        Reason.LISTED_OTHERWISE,
        Reason.STORE_UNREAD,
        Reason.STORE_NOT_COLD,
        Reason.STORE_LONG_AGO,
        Reason.STORE_DIFFERS,
        Reason.RECORDER_UNREAD,
        Reason.RECORDER_LONG_AGO,
        Reason.RECORDER_DIFFERS,
    }
)


def _same_recorder(case: Case, _policy: Policy) -> bool:
    """Compare who answers with who was docked, and with whose clip it is."""
    now, stay, sealed = case.answering, case.stay, case.sealed
    if now is None or stay is None or sealed is None or not now.number:
        return False
    numbers = {one.casefold() for one in (now.number, stay.number, sealed.recorder)}
    return len(numbers) == 1 and now.vkey == stay.vkey


def _whole_stay(case: Case, _policy: Policy) -> bool:
    return case.stay is not None and case.stay.whole and case.stay.unbroken


def _mirrored(case: Case, policy: Policy) -> bool:
    """Enough mirrors hold the clip's entry; a witness holds nothing."""
    return len(_times_by_mirror(case)) >= max(1, policy.mirrors)


def _cool(case: Case, policy: Policy) -> bool:
    """By the dock's clock, without what it was set by since."""
    dock, sealed = case.dock, case.sealed
    if sealed is None:
        return False
    return dock.now_ms - dock.stepped_ms - sealed.at_ms >= policy.cool_down_ms


def _cool_at_mirror(case: Case, policy: Policy) -> bool:
    """By the clocks of enough mirrors, between their first and last word on the entry.

    They tell whole seconds, so that what they tell may be almost one too much.
    """
    times = _times_by_mirror(case).values()
    waited_ms = [max(0, 1000 * (max(at) - min(at)) - 999) for at in times]
    return sum(one >= policy.cool_down_ms for one in waited_ms) >= max(1, policy.mirrors)


def _times_by_mirror(case: Case) -> dict[str, list[int]]:
    """Return when each mirror vouched for a head that covers the entry; by its own clock, s."""
    times: dict[str, list[int]] = {}
    for one in case.vouched:
        if case.sealed is not None and one.role == _MIRROR and one.size > case.sealed.seq:
            times.setdefault(one.name, []).append(one.time_s)
    return times


def _is_sealed(read: Reading | None, case: Case) -> bool:
    """Whether what was read is the content that was sealed."""
    if read is None or case.sealed is None:
        return False
    return read.sha256 == case.sealed.sha256 and read.size == case.sealed.size


def _within(read: Reading | None, most_ms: int) -> bool:
    return read is not None and 0 <= read.age_ms <= most_ms


_MUST_HOLD: Final[Mapping[Reason, Callable[[Case, Policy], bool]]] = {
    Reason.OFF: lambda _case, policy: policy.enabled,
    Reason.NO_COMMAND: lambda case, _policy: case.can_erase,
    Reason.NO_CHANNEL: lambda case, _policy: case.answering is not None,
    Reason.ANOTHER_RECORDER: _same_recorder,
    Reason.NOT_REGISTERED: lambda case, _policy: case.stay is not None and case.stay.registered,
    Reason.STAY_NOT_WHOLE: _whole_stay,
    Reason.NOT_SEALED: lambda case, _policy: case.sealed is not None,
    Reason.NOT_DONE: lambda case, _policy: (
        case.sealed is not None and case.sealed.done_ms is not None
    ),
    Reason.QUARANTINED: lambda case, _policy: (
        case.sealed is not None and not case.sealed.quarantine
    ),
    Reason.MARKED: lambda case, _policy: case.sealed is not None and not case.sealed.marks,
    Reason.FINDING: lambda case, _policy: not case.findings,
    Reason.HELD: lambda case, _policy: not case.held,
    Reason.UNSETTLED: lambda case, _policy: not case.unsettled,
    Reason.LISTED_OTHERWISE: lambda case, _policy: case.listed,
    Reason.NOT_MIRRORED: _mirrored,
    Reason.COOLING: _cool,
    Reason.COOLING_AT_MIRROR: _cool_at_mirror,
    Reason.STORE_UNREAD: lambda case, _policy: case.store is not None,
    Reason.STORE_NOT_COLD: lambda case, _policy: case.store is not None and case.store.how in _COLD,
    Reason.STORE_LONG_AGO: lambda case, policy: _within(case.store, policy.reread_within_ms),
    Reason.STORE_DIFFERS: lambda case, _policy: _is_sealed(case.store, case),
    Reason.RECORDER_UNREAD: lambda case, _policy: case.recorder is not None,
    Reason.RECORDER_LONG_AGO: lambda case, _policy: _within(case.recorder, NOW_MS),
    Reason.RECORDER_DIFFERS: lambda case, _policy: _is_sealed(case.recorder, case),
    Reason.NOT_SIGNING: lambda case, _policy: case.dock.signing,
    Reason.IN_DOUBT: lambda case, _policy: case.dock.sound,
    Reason.CLOCK: lambda case, policy: case.dock.synchronized or not policy.synchronized,
}
