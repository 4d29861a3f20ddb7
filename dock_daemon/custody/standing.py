"""Who has which recorder, since when, and whether it is back: folded from what was entered.

Pure, but for `standing`, which reads the rows. One recorder is out with one person at a time
(R-ISSUE): whatever is entered, an issue ends where the next one begins. A recorder that was
docked is back, although nobody has said so; only a return that a person registers moves a
deadline (R-24H), since a docking may be hours after it. Times are the dock's, in ms UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as the register named them when it was written down."""

    user_no: str
    name: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A recorder was handed out (领用). `override`: although something stood against it."""

    seq: int
    at_ms: int
    holder: Person
    shift_end_ms: int | None = None
    override: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """It came back (归还): `docked` is the dock's own observation, `registered` a person's word."""

    at_ms: int
    how: Literal["registered", "docked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TripBegan:
    """Its holder is away with it (出差, 异地), until `until_ms` as far as is known."""

    at_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TripEnded:
    """The holder is back from the trip, as a person says."""

    at_ms: int


Event: TypeAlias = Issued | Returned | TripBegan | TripEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """Time away. `ended_ms` is a person's word; `over_ms` also where only a docking ended it."""

    began_ms: int
    until_ms: int
    ended_ms: int | None = None
    over_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One time out: to whom, since when, and how it ended. `seq` is its entry."""

    seq: int
    holder: Person
    issued_ms: int
    shift_end_ms: int | None = None
    override: bool = False
    docked_ms: int | None = None
    returned_ms: int | None = None
    over_ms: int | None = None

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """Tell whether the recorder was out by this issue from `start_ms` to `end_ms`."""
        return self.issued_ms <= start_ms and (self.over_ms is None or end_ms <= self.over_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How it stands with one recorder. Issues and trips the oldest first."""

    issues: tuple[Issue, ...] = ()
    trips: tuple[Trip, ...] = ()

    @property
    def latest(self) -> Issue | None:
        """The newest issue, whether or not the recorder is back."""
        return self.issues[-1] if self.issues else None

    @property
    def out(self) -> Issue | None:
        """The issue by which the recorder is out now; None if it is not."""
        return None if self.latest is None or self.latest.over_ms is not None else self.latest

    @property
    def away(self) -> Trip | None:
        """The trip that has not ended; None if there is none."""
        return self.trips[-1] if self.trips and self.trips[-1].over_ms is None else None

    @property
    def holder(self) -> Person | None:
        """To whom it was issued last, also once it is back; None if it never was."""
        return None if self.latest is None else self.latest.holder

    @property
    def issued_ms(self) -> int | None:
        """When it was issued last."""
        return None if self.latest is None else self.latest.issued_ms

    @property
    def returned_ms(self) -> int | None:
        """The return that a person registered for the newest issue: the base of deadlines."""
        return None if self.latest is None else self.latest.returned_ms

    def applies(self, required: bool) -> bool:  # noqa: FBT001  the setting custody.required
        """Tell whether recordings of this recorder are held against issues at all (R-WORKONLY)."""
        return required or bool(self.issues)

    def outside(self, start_ms: int, end_ms: int, slack_ms: int = 0) -> bool:
        """Tell whether a recording lies, at least in part, outside every issue (R-WORKONLY).

        `slack_ms` is how uncertain its times are: what may have lain inside is not outside.
        """
        return not any(one.covers(start_ms + slack_ms, end_ms - slack_ms) for one in self.issues)

    def issue_at(self, at_ms: int) -> Issue | None:
        """Return the issue by which it was out at that time; None if it was not."""
        return next((one for one in reversed(self.issues) if one.covers(at_ms, at_ms)), None)

    def trip_at(self, at_ms: int) -> Trip | None:
        """Return the trip that it was on at that time; None if it was on none."""
        for one in reversed(self.trips):
            if one.began_ms <= at_ms and (one.over_ms is None or at_ms <= one.over_ms):
                return one
        return None


def fold(events: Iterable[Event]) -> Standing:
    """Return how it stands after `events`, in the order of their entries."""
    standing = Standing()
    for event in events:
        standing = _after(standing, event)
    return standing


def _after(before: Standing, event: Event) -> Standing:
    match event:
        case Issued():
            issue = Issue(
                seq=event.seq,
                holder=event.holder,
                issued_ms=event.at_ms,
                shift_end_ms=event.shift_end_ms,
                override=event.override,
            )
            # Whatever was open ends here, also where the dock's clock was put back in between.
            ended = [
                replace(one, over_ms=_first(one.over_ms, event.at_ms)) for one in before.issues
            ]
            return replace(_trip_over(before, event.at_ms), issues=(*ended, issue))
        case Returned(at_ms=at_ms, how="docked"):
            return _trip_over(_docked(before, at_ms), at_ms)
        case Returned(at_ms=at_ms):
            return _registered(before, at_ms)
        case TripBegan():
            trip = Trip(began_ms=event.at_ms, until_ms=event.until_ms)
            over = _trip_over(before, event.at_ms)
            return replace(over, trips=(*over.trips, trip))
        case TripEnded(at_ms=at_ms):
            return _trip_ended(before, at_ms)


def _docked(before: Standing, at_ms: int) -> Standing:
    issue = before.latest
    if issue is None or issue.docked_ms is not None:
        return before
    ended = replace(issue, docked_ms=at_ms, over_ms=_first(issue.over_ms, at_ms))
    return replace(before, issues=(*before.issues[:-1], ended))


def _registered(before: Standing, at_ms: int) -> Standing:
    issue = before.latest
    if issue is None or issue.returned_ms is not None:
        return before
    ended = replace(issue, returned_ms=at_ms, over_ms=_first(issue.over_ms, at_ms))
    after = replace(before, issues=(*before.issues[:-1], ended))
    # A trip of an earlier issue is none of this return's business.
    of_it = bool(before.trips) and before.trips[-1].began_ms >= issue.issued_ms
    return _trip_ended(after, at_ms) if of_it else after


def _trip_over(before: Standing, at_ms: int) -> Standing:
    if before.away is None:
        return before
    return replace(before, trips=(*before.trips[:-1], replace(before.away, over_ms=at_ms)))


def _trip_ended(before: Standing, at_ms: int) -> Standing:
    if not before.trips or before.trips[-1].ended_ms is not None:
        return before
    trip = before.trips[-1]
    ended = replace(trip, ended_ms=at_ms, over_ms=_first(trip.over_ms, at_ms))
    return replace(before, trips=(*before.trips[:-1], ended))


def _first(earlier_ms: int | None, at_ms: int) -> int:
    return at_ms if earlier_ms is None else min(earlier_ms, at_ms)


def standing(ledger: Ledger, recorder: str) -> Standing:
    """Return how it stands with a recorder, by its number however its letters are written."""
    if not recorder.strip():
        return Standing()
    return fold(event_of(row) for row in reversed(questions.custody(ledger, recorder=recorder)))


def all_standings(rows: Iterable[Mapping[str, object]]) -> dict[str, Standing]:
    """Return how it stands with each recorder that stands in `rows`, the newest row first.

    A recorder is named as its newest row spells it.
    """
    events: dict[str, list[Event]] = {}
    names: dict[str, str] = {}
    for row in rows:
        number = str(row["recorder"])
        names.setdefault(number.casefold(), number)
        events.setdefault(number.casefold(), []).append(event_of(row))
    return {names[key]: fold(reversed(found)) for key, found in events.items()}


def event_of(row: Mapping[str, object]) -> Event:
    """Return the event that a row of the table `custody` holds."""
    at_ms = cast("int", row["when_ms"])
    until_ms = cast("int | None", row["until_ms"])
    match row["event"], row["how"]:
        case "issue", how:
            return Issued(
                seq=cast("int", row["seq"]),
                at_ms=at_ms,
                holder=Person(
                    user_no=str(row["user_no"]), name=str(row["name"]), unit=str(row["unit"])
                ),
                shift_end_ms=until_ms,
                override=how == "override",
            )
        case "return", "docked":
            return Returned(at_ms=at_ms, how="docked")
        case "return", _:
            return Returned(at_ms=at_ms, how="registered")
        case _, "began":
            return TripBegan(at_ms=at_ms, until_ms=at_ms if until_ms is None else until_ms)
        case _:
            return TripEnded(at_ms=at_ms)
