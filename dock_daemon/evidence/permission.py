"""May the dock sign? Pure: what is known goes in, a state comes out.

A disk that was restored is a disk that forgot: signing on from it makes a second log under
one name. So before the first signature after a start somebody who remembers has to agree
(docs/formats/log.md section 5.2). Nothing here knows a key, a clock or a file.

    free      nobody was ever asked to remember, or there is nothing to forget
    asking    nothing is signed until a witness has answered
    granted   a witness, or the copy of the head on another medium, agrees
    held      nobody who could agree was reached: clips are taken over, nothing is signed
    stopped   somebody remembers more, or something else: nothing is signed any more
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias


class Copy(StrEnum):
    """What the head on another medium says of ours."""

    NONE = "none"  # no such medium is configured
    ABSENT = "absent"  # it holds no head, or cannot be read
    SAME_MEDIUM = "same-medium"  # it lies on the state's own file system: it proves nothing
    OLDER = "older"
    AGREES = "agrees"
    UNKNOWN_KEY = "unknown-key"  # longer than ours, by a key that we do not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is known before anybody has answered."""

    witnesses: frozenset[str]
    """Whoever is configured to be asked."""
    acquainted: frozenset[str]
    """Those of them that have cosigned this log before."""
    nothing_signed: bool
    copy: Copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, and what came back so far."""

    before: Before
    forgot: frozenset[str] = frozenset()
    """Witnesses that once vouched for us and now know nothing: they can remember nothing."""
    heard: Mapping[str, str] = field(default_factory=dict)
    """The last answer of each witness, as a word."""


@dataclass(frozen=True, slots=True)
class Free:
    """There is nobody to ask, or nothing to ask about."""

    why: str


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers are awaited, until a moment of the monotonic clock, in seconds."""

    asked: Asked
    until_s: float


@dataclass(frozen=True, slots=True)
class Granted:
    """Somebody who remembers agrees."""

    by: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody who could agree has answered yet."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody knows another log under our name."""

    why: str


State: TypeAlias = Free | Asking | Granted | Held | Stopped


@dataclass(frozen=True, slots=True)
class Vouched:
    """A witness has freshly cosigned a head that is ours, or the beginning of ours."""

    witness: str


@dataclass(frozen=True, slots=True)
class KnowsNothing:
    """A witness says that it never saw this log."""

    witness: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A witness answered in a way that decides nothing, or could not be reached."""

    witness: str
    how: str


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Somebody knows a head that we cannot have."""

    why: str


@dataclass(frozen=True, slots=True)
class Doubted:
    """The copy holds a longer head under our name, of which nobody here can tell whose it is."""

    before: Before
    """What is known by now; it takes the place of what was."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """It is so late on the monotonic clock."""

    now_s: float


Event: TypeAlias = Vouched | KnowsNothing | Answered | Contradicted | Doubted | TimePassed

BY_COPY: Final = "head-copy"


def begin(before: Before, until_s: float, *, forgot: frozenset[str] = frozenset()) -> State:
    """Return the state in which a dock that has to ask begins."""
    return Asking(Asked(before=before, forgot=forgot & before.acquainted), until_s)


def step(state: State, event: Event) -> State:
    """Return what is so once `event` is known. Nothing leads out of `Stopped`."""
    match state, event:
        case Stopped(), _:
            return state
        case _, Contradicted(why):
            return Stopped(why)
        case _, Doubted(before):
            return _doubted(state, before)
        case ((Free() | Granted()), _):
            return state
        case _, Vouched(witness):
            asked = _heard(state.asked, witness, "vouched")
            return Granted(witness, asked) if _counts(witness, asked) else _with(state, asked)
        case _, KnowsNothing(witness):
            return _unknown_to(state, witness)
        case _, Answered(witness, how):
            return _with(state, _heard(state.asked, witness, how))
        case Asking(asked, until_s), TimePassed(now_s) if now_s >= until_s:
            return _out_of_time(asked)
        case _, TimePassed():
            return state


def may_sign(state: State) -> bool:
    """Tell whether a head may be signed."""
    return isinstance(state, Free | Granted)


def name_of(state: State) -> str:
    """Return the state as one word."""
    return type(state).__name__.lower()


def why(state: State) -> str:
    """Return why it is so, as one word that never changes its meaning."""
    match state:
        case Free(why=reason) | Stopped(why=reason):
            return reason
        case Granted(by=by):
            return BY_COPY if by == BY_COPY else "witness"
        case Asking(asked=asked) | Held(asked=asked):
            return _lack(asked)


def forgot(state: State) -> frozenset[str]:
    """Return the witnesses that have forgotten us; none any more once another has agreed."""
    return state.asked.forgot if isinstance(state, Asking | Held) else frozenset()


def _counts(witness: str, asked: Asked) -> bool:
    """Tell whether this witness could know that we forgot something.

    One that has met us just now remembers nothing: its word counts only where no other is
    configured that has met us before.
    """
    if witness in asked.forgot:
        return False
    return witness in asked.before.acquainted or not asked.before.acquainted


def _unknown_to(state: Asking | Held, witness: str) -> State:
    asked = _heard(state.asked, witness, "none")
    before = asked.before
    if before.nothing_signed and before.copy is not Copy.UNKNOWN_KEY:
        # Where nothing was signed there is nothing to vouch for: nobody knowing us will do,
        # but as long as there is time all are asked.
        unknown_to = {name for name, how in asked.heard.items() if how == "none"}
        if isinstance(state, Held) or unknown_to >= before.witnesses:
            return Granted(witness, asked)
    if witness in before.acquainted:
        asked = replace(asked, forgot=asked.forgot | {witness})
    return _with(state, asked)


def _out_of_time(asked: Asked) -> State:
    if asked.before.copy is Copy.AGREES:
        return Granted(BY_COPY, asked)
    unknown_to = sorted(name for name, how in asked.heard.items() if how == "none")
    doubted = asked.before.copy is Copy.UNKNOWN_KEY
    if asked.before.nothing_signed and unknown_to and not doubted:
        return Granted(unknown_to[0], asked)
    return Held(asked)


def _doubted(state: Free | Asking | Granted | Held, before: Before) -> State:
    """Return what is so once the copy is in doubt: who agreed has to say so again."""
    match state:
        case Asking(asked=asked, until_s=until_s):
            return Asking(replace(asked, before=before), until_s)
        case Granted(asked=asked) | Held(asked=asked):
            return Held(replace(asked, before=before))
        case Free():
            return Held(Asked(before=before))


def _heard(asked: Asked, witness: str, how: str) -> Asked:
    return replace(asked, heard={**asked.heard, witness: how})


def _with(state: Asking | Held, asked: Asked) -> State:
    return replace(state, asked=asked)


def _lack(asked: Asked) -> str:
    """Return what stands between us and a signature, the gravest first."""
    answers = set(asked.heard.values())
    if asked.before.copy is Copy.UNKNOWN_KEY:
        return "copy-unknown-key"
    if asked.forgot:
        return "witness-forgot"
    if "vouched" in answers:
        return "only-new-witness"
    for how in ("refused", "stale", "none", "unreachable"):
        if how in answers:
            return how
    return "unanswered"
