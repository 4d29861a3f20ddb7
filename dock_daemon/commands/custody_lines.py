"""Recorders that are out, in words: what is overdue reads as an alarm (R-LIAB)."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, cast

from config import text
from config.messages import say
from dock_daemon.asking import ask
from dock_daemon.commands.options import Invocation
from dock_daemon.custody.overdue import Out, outs
from dock_daemon.custody.standing import all_standings
from dock_daemon.terms import terms_in

Row = dict[str, Any]


def overdue_now(invocation: Invocation, now_ms: int) -> list[Out]:
    """Return what is out past its deadline; ask the dock, or its ledger. Raises as `ask`."""
    rows = cast("list[Row]", ask(invocation.loaded, {"ask": "custody"})[0])
    found = outs(all_standings(rows), terms_in(invocation.loaded))
    return [out for out in found if out.overdue(now_ms)]


def out_rows(found: Sequence[Out], now_ms: int) -> list[Row]:
    """Return recorders that are out as JSON holds them. Times in ms UTC."""
    return [
        {
            "recorder": out.recorder,
            "user_no": out.issue.holder.user_no,
            "name": out.issue.holder.name,
            "unit": out.issue.holder.unit,
            "issue": out.issue.seq,
            "issued_ms": out.issue.issued_ms,
            "shift_end_ms": out.issue.shift_end_ms,
            "away_until_ms": out.away_until_ms,
            "override": out.issue.override,
            "rule": out.due.rule,
            "due_ms": out.due.due_ms,
            "overdue": out.overdue(now_ms),
        }
        for out in found
    ]


def out_line(out: Out, now_ms: int, lang: str, zone: tzinfo) -> str:
    """Return one recorder that is out: device, holder, since when, due when and by which rule."""
    facts = {
        "recorder": out.recorder,
        "holder": f"{out.issue.holder.name} {out.issue.holder.user_no}".strip(),
        "unit": out.issue.holder.unit or "-",
        "since": text.local_time(out.issue.issued_ms, zone),
        "due": text.local_time(out.due.due_ms, zone),
        "rule": out.due.rule,
    }
    if out.overdue(now_ms):
        by = text.duration((now_ms - out.due.due_ms) // 1000, lang)
        line = say("custody.overdue", lang, by=by, **facts)
    else:
        line = say("custody.out", lang, **facts)
    if out.away_until_ms is None:
        return line
    away = say("custody.away", lang, until=text.local_time(out.away_until_ms, zone))
    return f"{line}  {away}"
