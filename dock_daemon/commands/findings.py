"""`sealdock findings`: what did not fit, as facts, with innocent causes."""

from typing import Any, cast

import click

from config import text
from config.messages import say
from dock_daemon import wording
from dock_daemon.asking import ask
from dock_daemon.commands.options import NUMBER, NUMBER_OR_NONE, Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line


@click.command(epilog="Example:  sealdock findings --docking 42 --json")
@click.option("--docking", type=NUMBER, help="Only the findings of this docking.")
@click.option("--limit", type=NUMBER_OR_NONE, default=0, help="At most so many; 0: all.")
@common_options
def findings(invocation: Invocation, *, docking: int | None, limit: int) -> None:
    """List what did not fit: missing, changed, deleted, unread; the newest first.

    A finding states what was seen. It accuses nobody; common innocent causes stand with it.
    """
    request = {"ask": "findings", "docking": docking, "limit": limit}
    rows = cast("list[dict[str, Any]]", ask(invocation.loaded, request)[0])
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "findings": rows}))
        return
    lang = invocation.lang
    for row in rows:
        fact = wording.finding_fact(
            row["finding"],
            volume=row["volume"],
            path=row["path"],
            facts=row["facts"],
            lang=lang,
            zone=invocation.loaded.zone,
        )
        click.echo(
            say(
                "findings.line",
                lang,
                seq=row["seq"],
                at=text.local_time(row["found_ms"], invocation.loaded.zone),
                title=wording.finding_title(row["finding"], lang),
                fact=fact,
            )
        )
        click.echo(f"    {wording.finding_causes(row['finding'], lang)}")
    if not rows:
        click.echo(say("findings.none", lang))
