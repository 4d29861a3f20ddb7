"""What stands against handing a recorder out, or against what else is told of it. Pure.

Some of it a second person may overrule with a reason (R-ISSUE); the rest has a remedy of its
own: a recorder that is out must come back first, or two would answer for it at once.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from config.register import Register, folded
from dock_daemon.custody.book import Seen
from dock_daemon.custody.standing import Issue, Standing
from hashing.canonical import JSON

FIT: Final = "fit"
"""The one verdict of the checklist with which a recorder is handed out."""

OVERRIDABLE: Final = frozenset(
    {"quarantined", "not-docked", "no-checklist", "check-failed", "check-old"}
)
"""What a second person may overrule."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that stands against it: a stable word, and the facts of its sentence."""

    code: str
    facts: Mapping[str, JSON] = field(default_factory=dict)

    def as_json(self) -> dict[str, JSON]:
        """Return it as an answer on the dock's socket holds it."""
        return {"code": self.code, **self.facts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who should get which recorder, until when, and who overrules what stands against it."""

    recorder: str
    to: str
    now_ms: int
    shift_end_ms: int | None = None
    reason: str = ""
    second: str = ""

    @property
    def overrides(self) -> bool:
        """Whether somebody wants to overrule what stands against it."""
        return bool(self.reason or self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the dock knows of a recorder that is asked for.

    `docked` are the numbers of the recorders that sit in the bays now; None where no dock runs
    that could tell.
    """

    register: Register
    standing: Standing
    seen: Seen
    docked: Collection[str] | None
    checked_within_ms: int


def against_issue(wish: Wish, known: Known) -> list[Refusal]:
    """Return all that stands against handing the recorder out; nothing where it may be."""
    final = [*_of_register(wish, known), *_of_shift(wish)]
    if (out := known.standing.out) is not None:  # it is not here to be looked at
        return [*final, Refusal("already-issued", _of_issue(out))]
    found = list(_of_fitness(wish, known))
    if not found:
        return final
    if not wish.overrides:
        return [*final, *found]
    return [*final, *_of_override(wish, known.register)]


def overruled(wish: Wish, known: Known) -> list[Refusal]:
    """Return what an override overrules: what would stand against it without one."""
    return list(_of_fitness(wish, known)) if wish.overrides else []


def against_return(standing: Standing, at_ms: int, now_ms: int) -> list[Refusal]:
    """Return what stands against a return that a person registers for `at_ms` (ms UTC)."""
    issue = standing.latest
    if issue is None:
        return [Refusal("never-issued")]
    if issue.returned_ms is not None:
        return [Refusal("returned-already", {"at_ms": issue.returned_ms})]
    return list(_of_time(at_ms, issue.issued_ms, now_ms))


def against_trip(
    recorder: str, known: Register, standing: Standing, until_ms: int, now_ms: int
) -> list[Refusal]:
    """Return what stands against a trip that begins now, until `until_ms` (ms UTC)."""
    found: list[Refusal] = []
    if known.find(recorder) is None:
        found.append(Refusal("unknown-recorder", {"recorder": recorder}))
    if standing.issues and standing.out is None:
        found.append(Refusal("not-out"))
    if standing.away is not None:
        found.append(Refusal("away-already", {"until_ms": standing.away.until_ms}))
    if until_ms <= now_ms:
        found.append(Refusal("end-passed", {"at_ms": until_ms}))
    return found


def against_trip_end(standing: Standing, at_ms: int, now_ms: int) -> list[Refusal]:
    """Return what stands against the end of a trip that a person registers for `at_ms`."""
    if not standing.trips or standing.trips[-1].ended_ms is not None:
        return [Refusal("not-away")]
    return list(_of_time(at_ms, standing.trips[-1].began_ms, now_ms))


def _of_register(wish: Wish, known: Known) -> Iterator[Refusal]:
    if known.register.find(wish.recorder) is None:
        yield Refusal("unknown-recorder", {"recorder": wish.recorder})
    if known.register.person(wish.to) is None:
        yield Refusal("unknown-holder", {"user_no": wish.to})


def _of_shift(wish: Wish) -> Iterator[Refusal]:
    if wish.shift_end_ms is not None and wish.shift_end_ms <= wish.now_ms:
        yield Refusal("end-passed", {"at_ms": wish.shift_end_ms})


def _of_fitness(wish: Wish, known: Known) -> Iterator[Refusal]:
    seen, issue = known.seen, known.standing.latest
    # By the order of their entries: the dock's clock may have been wrong at any of them.
    since = 0 if issue is None else issue.seq
    absent = known.docked is not None and folded(wish.recorder) not in known.docked
    if seen.docked is None or seen.docked < since or absent:
        yield Refusal("not-docked")
    if seen.quarantine:
        yield Refusal("quarantined")
    if seen.checked is None or seen.checked_ms is None or seen.checked < since:
        yield Refusal("no-checklist")
        return
    if seen.verdict != FIT:
        yield Refusal("check-failed", {"items": list[JSON](seen.failed), "at_ms": seen.checked_ms})
    age_ms = wish.now_ms - seen.checked_ms
    if age_ms > known.checked_within_ms:
        yield Refusal("check-old", {"at_ms": seen.checked_ms, "age_ms": max(0, age_ms)})


def _of_override(wish: Wish, register: Register) -> Iterator[Refusal]:
    """Yield what is wrong with an override: no reason, or nobody else who stands by it."""
    if not wish.reason:
        yield Refusal("override-no-reason")
    if not wish.second:
        yield Refusal("override-no-second")
        return
    second = register.person(wish.second)
    if second is None:
        yield Refusal("second-unknown", {"user_no": wish.second})
    elif folded(second.user_no) == folded(wish.to):
        yield Refusal("second-is-holder", {"user_no": wish.second})


def _of_time(at_ms: int, begun_ms: int, now_ms: int) -> Iterator[Refusal]:
    if at_ms < begun_ms:
        yield Refusal("before-it-began", {"at_ms": at_ms, "began_ms": begun_ms})
    if at_ms > now_ms:
        yield Refusal("not-yet", {"at_ms": at_ms})


def _of_issue(issue: Issue) -> dict[str, JSON]:
    return {"holder": issue.holder.name, "user_no": issue.holder.user_no, "at_ms": issue.issued_ms}
