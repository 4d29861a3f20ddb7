"""Hands recorders out and takes them back: decides by what is known, then enters it.

The answer to whoever told it: `seq` of the durable entry, and `warnings`; or `refused`, with all
that stands against it, each a code with its facts. Nothing that is refused is entered. It is
called by one thread at a time, so nothing changes between deciding and entering but a docking,
which can only end an issue.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from config.register import Holder, Register, folded
from dock_daemon.clock import Clock
from dock_daemon.custody import book
from dock_daemon.custody.book import Word
from dock_daemon.custody.refusals import (
    Known,
    Refusal,
    Wish,
    against_issue,
    against_return,
    against_trip,
    against_trip_end,
    overruled,
)
from dock_daemon.custody.requests import (
    TellCustody,
    TellIssue,
    TellReturn,
    TellTripBegin,
    TellTripEnd,
)
from dock_daemon.custody.standing import Person, Standing, standing
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.sealer import Sealer
from hashing.canonical import JSON

Answer = dict[str, JSON]

_NOTHING: Final = "none"


def _nobody_can_tell() -> Collection[str] | None:
    return None


def _nobody_waits() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDesk:
    """Where recorders are handed out.

    `register` reads the register in force, `docked` tells the folded numbers of the recorders
    in the bays (None: no dock runs), `changed` is called once something was entered.
    """

    sealer: Sealer
    clock: Clock
    register: Callable[[], Register]
    checked_within_ms: int
    docked: Callable[[], Collection[str] | None] = _nobody_can_tell
    changed: Callable[[], None] = _nobody_waits

    def take(self, told: TellCustody) -> Answer:
        """Enter what was told, or say all that stands against it.

        Raises ConfigError where the register is wrong, ClipError where the entry could not be
        kept, DoubtError when all stops.
        """
        match told:
            case TellIssue():
                return self._issue(told)
            case TellReturn():
                return self._return(told)
            case TellTripBegin():
                return self._trip_begin(told)
            case TellTripEnd():
                return self._trip_end(told)

    def _issue(self, told: TellIssue) -> Answer:
        register = self.register()
        wish = Wish(
            recorder=told.recorder.strip(),
            to=told.to,
            now_ms=self.clock.at().utc_ms,
            shift_end_ms=told.shift_end_ms,
            reason=told.reason.strip(),
            second=told.second.strip(),
        )
        known = self._known(wish, register)
        recorder, holder = register.find(told.recorder), register.person(told.to)
        refused = against_issue(wish, known)
        if refused or recorder is None or holder is None:
            return _refused(refused)
        over = overruled(wish, known)
        second = register.person(wish.second) if over else None
        warnings = self._warnings(recorder, holder)
        word = Word(
            kind="issue",
            how="override" if over else "passed",
            recorder=recorder.recorder,
            holder=_person(holder),
            until_ms=told.shift_end_ms,
            by=told.by,
            second=None if second is None else _person(second),
            reason=wish.reason if over else "",
            body={
                "verdict": known.seen.verdict or _NOTHING,
                "checked": known.seen.checked,
                "override": bool(over),
                "overruled": [one.code for one in over],
            },
        )
        return self._enter(word, warnings)

    def _known(self, wish: Wish, register: Register) -> Known:
        def look(ledger: Ledger) -> tuple[Standing, book.Seen]:
            return standing(ledger, wish.recorder), book.seen(ledger, wish.recorder)

        stands, seen = self.sealer.ask(look)
        return Known(
            register=register,
            standing=stands,
            seen=seen,
            docked=self.docked(),
            checked_within_ms=self.checked_within_ms,
        )

    def _warnings(self, recorder: Holder, holder: Holder) -> list[JSON]:
        """Return what may be meant so, and is worth a word (R-ISSUE)."""
        outs = self.sealer.ask(book.standings)
        warnings: list[JSON] = [
            {"code": "has-another", "user_no": holder.user_no, "recorder": number}
            for number, stands in outs.items()
            if stands.out is not None
            and folded(stands.out.holder.user_no) == folded(holder.user_no)
        ]
        if folded(recorder.user_no) != folded(holder.user_no):
            warnings.append({"code": "registered-to-another", "user_no": recorder.user_no})
        return warnings

    def _return(self, told: TellReturn) -> Answer:
        stands = self._stands(told.recorder)
        now_ms, issue = self.clock.at().utc_ms, stands.latest
        docked_ms = None if issue is None else issue.docked_ms
        at_ms = told.at_ms if told.at_ms is not None else docked_ms or now_ms
        refused = against_return(stands, at_ms, now_ms)
        if refused or issue is None:
            return _refused(refused)
        return self._enter(
            Word(
                kind="return",
                how="registered",
                recorder=told.recorder.strip(),
                holder=issue.holder,
                issue=issue.seq,
                when_ms=at_ms,
                by=told.by,
            )
        )

    def _trip_begin(self, told: TellTripBegin) -> Answer:
        register, stands = self.register(), self._stands(told.recorder)
        now_ms = self.clock.at().utc_ms
        refused = against_trip(told.recorder, register, stands, told.until_ms, now_ms)
        recorder = register.find(told.recorder)
        if refused or recorder is None:
            return _refused(refused)
        return self._enter(
            Word(
                kind="trip",
                how="began",
                recorder=recorder.recorder,
                holder=_person(recorder) if stands.out is None else stands.out.holder,
                issue=None if stands.out is None else stands.out.seq,
                until_ms=told.until_ms,
                by=told.by,
                reason=told.reason.strip(),
            )
        )

    def _trip_end(self, told: TellTripEnd) -> Answer:
        stands, now_ms = self._stands(told.recorder), self.clock.at().utc_ms
        at_ms = now_ms if told.at_ms is None else told.at_ms
        if refused := against_trip_end(stands, at_ms, now_ms):
            return _refused(refused)
        return self._enter(
            Word(
                kind="trip",
                how="ended",
                recorder=told.recorder.strip(),
                holder=stands.holder,
                issue=None if stands.latest is None else stands.latest.seq,
                when_ms=at_ms,
                by=told.by,
            )
        )

    def _stands(self, recorder: str) -> Standing:
        return self.sealer.ask(lambda ledger: standing(ledger, recorder))

    def _enter(self, word: Word, warnings: list[JSON] | None = None) -> Answer:
        sealed = self.sealer.submit(book.piece(word)).result()
        # From here on it counts, whatever becomes of the answer.
        self.changed()
        holder = word.holder
        return {
            "seq": sealed.seq,
            "at_ms": sealed.at.utc_ms if word.when_ms is None else word.when_ms,
            "recorder": word.recorder,
            "how": word.how,
            "holder": None if holder is None else _as_json(holder),
            "until_ms": word.until_ms,
            "warnings": warnings or [],
        }


def _refused(refused: list[Refusal]) -> Answer:
    return {"refused": [one.as_json() for one in refused]}


def _person(holder: Holder) -> Person:
    return Person(user_no=holder.user_no, name=holder.name, unit=holder.unit)


def _as_json(person: Person) -> JSON:
    return {"user_no": person.user_no, "name": person.name, "unit": person.unit}
