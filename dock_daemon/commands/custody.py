"""`sealdock custody`: who has which recorder, since when, and until when it is due."""

from datetime import tzinfo
from typing import Any, cast

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import printable, say, term
from config.register import load_register
from dock_daemon.asking import ask
from dock_daemon.clock import SystemClock
from dock_daemon.commands.custody_lines import out_line, out_rows
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.custody.overdue import Out, outs
from dock_daemon.custody.standing import all_standings
from dock_daemon.terms import terms_in

Row = dict[str, Any]  # what the dock answers is JSON: this command knows its shape


@click.command(
    epilog="""\b
Examples:
  sealdock custody
  sealdock custody ZFY-00317 --json
  sealdock custody --overdue || notify-the-duty-officer

\b
Exit codes: 0; 3 where nothing was entered of RECORDER and it is not registered;
5 where a recorder that is out is overdue."""
)
@click.argument("recorder", required=False)
@click.option("--overdue", "only_overdue", is_flag=True, help="Only what is overdue.")
@common_options
def custody(invocation: Invocation, *, recorder: str | None, only_overdue: bool) -> None:
    """List who has what, since when and due when, what is overdue first.

    With RECORDER, everything that was ever entered of it follows, the newest first.
    """
    request = {"ask": "custody", "recorder": recorder or ""}
    rows = cast("list[Row]", ask(invocation.loaded, request)[0])
    now_ms = SystemClock().at().utc_ms
    found = outs(all_standings(rows), terms_in(invocation.loaded))
    late = [out for out in found if out.overdue(now_ms)]
    listed = late if only_overdue else found
    unknown = bool(recorder and not rows) and not _registered(invocation, recorder)
    if invocation.json:
        told: Row = {"schema": SCHEMA, "out": out_rows(listed, now_ms), "overdue": len(late)}
        if recorder:
            told["history"] = rows
        click.echo(json_line(told))
    else:
        for line in _lines(listed, now_ms, invocation):
            click.echo(line)
        if not listed:
            word = "unknown" if unknown else _empty(recorder, only_overdue=only_overdue)
            click.echo(say(f"custody.{word}", invocation.lang, recorder=recorder or ""))
        for row in rows if recorder else []:
            click.echo(_event_line(row, invocation.lang, invocation.loaded.zone))
    if unknown:
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)
    if late:
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _registered(invocation: Invocation, recorder: str | None) -> bool:
    return load_register(invocation.loaded.register).find(recorder or "") is not None


def _lines(found: list[Out], now_ms: int, invocation: Invocation) -> list[str]:
    return [out_line(out, now_ms, invocation.lang, invocation.loaded.zone) for out in found]


def _empty(recorder: str | None, *, only_overdue: bool) -> str:
    if recorder:
        return "not-out"
    return "none-overdue" if only_overdue else "none"


def _event_line(row: Row, lang: str, zone: tzinfo) -> str:
    line = say(
        "custody.event",
        lang,
        seq=row["seq"],
        at=text.local_time(row["when_ms"], zone),
        what=term("custody-event", f"{row['event']}-{row['how']}", lang),
        holder=f"{row['name']} {row['user_no']}".strip() or "-",
    )
    if row["until_ms"] is not None:
        until = text.local_time(row["until_ms"], zone)
        line = f"{line}  {say('custody.until', lang, until=until)}"
    if row["second"]:
        line = f"{line}  {say('custody.second', lang, second=row['second'])}"
    return f"{line}  {printable(row['reason'])}" if row["reason"] else line
