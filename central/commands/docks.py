"""`sealdock-central docks`: the fleet in a table, and what is late."""

import click
from rich.cells import cell_len

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.fleet import told
from central.fleet.assembly import fleet_of, index_of
from central.fleet.index import catch_up_all
from central.fleet.lateness import Grade
from central.fleet.view import DockView
from central.web import wording
from config.exit_codes import ExitCode
from config.messages import printable, say

_COLUMNS = ("state", "dock", "head", "mirrored", "heard", "cosigned", "clips", "late", "findings")


@click.command(
    epilog="""\b
Examples:
  sealdock-central docks
  sealdock-central docks --late --json"""
)
@click.option("--late", is_flag=True, help="Only docks with which something is late or wrong.")
@common_options
def docks(invocation: Invocation, *, late: bool) -> None:
    """Show every dock: head, lag of the mirror, last sign of life, late clips, findings.

    Ends with 5 where an alarm stands: a fork, silence, clips that are gone.
    """
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        catch_up_all(index_of(centre.loaded, centre.database, centre.clock))
        views = fleet_of(centre.loaded, centre.database, centre.clock).views()
        now_ms = centre.clock()
    finally:
        centre.close()
    shown = [view for view in views if view.late or not late]
    shown.sort(key=lambda view: (-view.grade, view.name))
    if invocation.json:
        listed = [told.dock(view) for view in shown]
        click.echo(json_line({"schema": SCHEMA, "as_of_ms": now_ms, "docks": listed}))
    elif not views:
        click.echo(say("docks.none", invocation.lang))
    elif not shown:
        click.echo(say("docks.none-late", invocation.lang, n=len(views)))
    else:
        _table(shown, invocation, now_ms)
    if any(view.grade is Grade.ALARM for view in views):
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _table(views: list[DockView], invocation: Invocation, now_ms: int) -> None:
    lang = invocation.lang
    rows = [[say(f"docks.{name}", lang) for name in _COLUMNS]]
    rows += [_cells(view, lang, now_ms) for view in views]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    for number, row in enumerate(rows):
        click.echo("  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)))
        if number:
            for late in views[number - 1].late:
                line = wording.late_sentence(late, lang, invocation.loaded.zone, now_ms)
                click.echo(f"    {line}")


def _cells(view: DockView, lang: str, now_ms: int) -> list[str]:
    cosigned_ms = None if view.cosigned_s is None else view.cosigned_s * 1000
    return [
        f"{wording.ICONS[view.grade]} {wording.grade_words(view.grade, lang)}",
        printable(view.name),
        wording.count(view.head, lang),
        "-" if view.mirrored is None else f"-{view.lag:,}" if view.lag else "=",
        wording.ago(view.heard_ms, now_ms, lang),
        wording.ago(cosigned_ms, now_ms, lang),
        f"{view.said.clips:,}",
        f"{view.said.late:,}",
        f"{view.findings:,}",
    ]


def _padded(cell: str, width: int) -> str:
    """Return a cell as wide as its column; a Chinese character is two columns wide."""
    return cell + " " * (width - cell_len(cell))
