"""The entries to be of issue, return, trip and overdue, and what is read back of them.

Bodies tell how, never who: recorder, holder, account and reason stand in the salted document
and in the index (docs/formats/entry.md section 4, document.md section 4).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from dock_daemon.custody.overdue import Out
from dock_daemon.custody.standing import Issue, Person, Standing, all_standings, standing
from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Outcome, Piece, Sealed
from dock_daemon.evidence.records import FactRow
from dock_daemon.evidence.sealer import Sealer
from hashing.canonical import JSON

Body = dict[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One thing that somebody, or the dock itself, has to say about a recorder.

    `when_ms` is when it happened; None: when it is entered. `issue` is the entry of the issue
    that it belongs to. `body` is what the entry may show besides.
    """

    kind: str
    how: str
    recorder: str
    holder: Person | None
    issue: int | None = None
    when_ms: int | None = None
    until_ms: int | None = None
    by: str = ""
    second: Person | None = None
    reason: str = ""
    body: Mapping[str, JSON] = field(default_factory=dict)


def piece(word: Word) -> Piece:
    """Return the entry to be that says it."""

    def finish(outcome: Outcome) -> tuple[Body, FactRow]:
        when_ms = outcome.at.utc_ms if word.when_ms is None else word.when_ms
        body: Body = {"how": word.how, "when_ms": when_ms, **word.body}
        if word.issue is not None:
            body["issue"] = word.issue
        return body, _row(word, when_ms)

    facts: dict[str, JSON] = {
        "kind": word.kind,
        "how": word.how,
        "recorder": word.recorder,
        "holder": _told(word.holder),
        "by": word.by,
        "second": _told(word.second),
        "reason": word.reason,
        "until_ms": word.until_ms,
    }
    return Piece(kind=word.kind, docking=None, finish=finish, facts=facts)


def _row(word: Word, when_ms: int) -> FactRow:
    holder = word.holder or Person(user_no="")
    return FactRow(
        table="custody",
        values={
            "recorder": word.recorder,
            "event": word.kind,
            "how": word.how,
            "issue": word.issue,
            "when_ms": when_ms,
            "until_ms": word.until_ms,
            "user_no": holder.user_no,
            "name": holder.name,
            "unit": holder.unit,
            "by_whom": word.by,
            "second": "" if word.second is None else word.second.user_no,
            "reason": word.reason,
        },
    )


def _told(person: Person | None) -> JSON:
    if person is None:
        return None
    return {"user_no": person.user_no, "name": person.name, "unit": person.unit}


def overdue(out: Out) -> Piece:
    """Return the entry to be that says whose recorder is overdue, and by which rule (R-LIAB)."""
    due, issue = out.due, out.issue
    row = FactRow(
        table="overdue",
        values={
            "recorder": out.recorder,
            "issue": issue.seq,
            "rule": due.rule,
            "due_ms": due.due_ms,
        },
    )
    body: Body = {"rule": due.rule, "due_ms": due.due_ms, "issue": issue.seq}

    def finish(_outcome: Outcome) -> tuple[Body, FactRow]:
        return body, row

    facts: dict[str, JSON] = {
        "kind": "overdue",
        "recorder": out.recorder,
        "holder": _told(issue.holder),
        "issued_ms": issue.issued_ms,
        "shift_end_ms": issue.shift_end_ms,
        "away_until_ms": out.away_until_ms,
        "rule": due.rule,
        "due_ms": due.due_ms,
    }
    return Piece(kind="overdue", docking=None, finish=finish, facts=facts)


def alarmed(ledger: Ledger) -> set[tuple[int, int]]:
    """Return issue and deadline (ms UTC) of every alarm that was entered already."""
    rows = ledger.rows("SELECT issue, due_ms FROM overdue")
    return {(cast("int", row["issue"]), cast("int", row["due_ms"])) for row in rows}


def standings(ledger: Ledger) -> dict[str, Standing]:
    """Return how it stands today with every recorder that was ever issued or on a trip."""
    return all_standings(questions.custody(ledger))


def came_back(sealer: Sealer, recorder: str, docking: int) -> Sealed | None:
    """Note that a recorder that is out was docked: it is back, whoever brought it (R-ISSUE).

    For a recorder that was put in, never for one that is only looked at again. It ends the
    issue, and moves no deadline: only a person's word does. Returns None where it was not out.
    Raises ClipError where the entry could not be kept, DoubtError when all stops.
    """
    issue = sealer.ask(lambda ledger: standing(ledger, recorder)).out
    if issue is None:
        return None
    return sealer.submit(piece(_docked(recorder, issue, docking))).result()


def _docked(recorder: str, issue: Issue, docking: int) -> Word:
    return Word(
        kind="return",
        how="docked",
        recorder=recorder,
        holder=issue.holder,
        issue=issue.seq,
        # Not `docking`: it belongs to the issue, and is not counted at the docking's end.
        body={"by_docking": docking},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the dock has seen of a recorder last. Times in ms UTC, None where it has not.

    `docked` and `checked` are the entries of its newest docking and of its newest checklist.
    """

    docked: int | None = None
    quarantine: bool = False
    checked: int | None = None
    checked_ms: int | None = None
    verdict: str = ""
    failed: tuple[str, ...] = ()


_CHECKED: Final = "SELECT seq, at_ms, verdict, items FROM check_result"
_OF_IT: Final = " WHERE lower(recorder) = lower(?) ORDER BY"


def seen(ledger: Ledger, recorder: str) -> Seen:
    """Return the newest docking and the newest checklist of a recorder."""
    dockings = ledger.rows(
        f"SELECT seq, quarantine FROM docking{_OF_IT} number DESC LIMIT 1",  # noqa: S608  our own words
        (recorder,),
    )
    checks = ledger.rows(f"{_CHECKED}{_OF_IT} seq DESC LIMIT 1", (recorder,))
    docked = dockings[0] if dockings else {"seq": None, "quarantine": 0}
    checked = checks[0] if checks else {"seq": None, "at_ms": None, "verdict": "", "items": "[]"}
    return Seen(
        docked=cast("int | None", docked["seq"]),
        quarantine=bool(docked["quarantine"]),
        checked=cast("int | None", checked["seq"]),
        checked_ms=cast("int | None", checked["at_ms"]),
        verdict=str(checked["verdict"]),
        failed=_failed(str(checked["items"] or "[]")),
    )


def _failed(items: str) -> tuple[str, ...]:
    """Return the items that keep the recorder here, as the checklist wrote them down."""
    told = json.loads(items)
    return tuple(str(one["item"]) for one in told if one["blocks"])
