"""`sealdock clips`: what was taken over."""

from typing import Any, cast

import click

from config import text
from config.messages import say
from dock_daemon import wording
from dock_daemon.asking import ask
from dock_daemon.commands.options import NUMBER, NUMBER_OR_NONE, Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line


@click.command(epilog="Example:  sealdock clips --late --limit 20")
@click.option("--docking", type=NUMBER, help="Only the clips of this docking.")
@click.option("--late", is_flag=True, help="Only clips that were stored after their deadline.")
@click.option("--limit", type=NUMBER_OR_NONE, default=0, help="At most so many; 0: all.")
@common_options
def clips(invocation: Invocation, *, docking: int | None, late: bool, limit: int) -> None:
    """List the clips that were taken over, the newest first."""
    request = {"ask": "clips", "docking": docking, "late": late, "limit": limit}
    rows = cast("list[dict[str, Any]]", ask(invocation.loaded, request)[0])
    for row in rows:
        row["stored"] = f"store/clips/{row['sha256'][:2]}/{row['sha256']}"
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "clips": rows}))
        return
    lang = invocation.lang
    for row in rows:
        met = say("deadline.met", lang)
        if row["late"]:
            by = text.duration((row["done_ms"] - row["due_ms"]) // 1000, lang)
            met = say("deadline.late", lang, by=by)
        line = say(
            "clips.line",
            lang,
            seq=row["seq"],
            at=text.local_time(row["done_ms"], invocation.loaded.zone),
            path=row["path"],
            size=text.size(row["size"]),
            digest=row["sha256"][:16],
            met=met,
        )
        marks = [wording.problem_words(mark, lang) for mark in row["marks"]]
        quarantine = say("clips.quarantine", lang) if row["quarantine"] else ""
        click.echo(" · ".join(part for part in (line, *marks, quarantine) if part))
    if not rows:
        click.echo(say("clips.none", lang))
