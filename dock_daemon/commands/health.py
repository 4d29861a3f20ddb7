"""`sealdock health`: how the recorders fare, and what wants service next (R-MAINT)."""

from pathlib import Path
from typing import Any, cast

import click

from config.exit_codes import ExitCode
from config.maintenance import maintenance
from config.messages import say
from config.register import Holder, folded, load_register
from dock_daemon.asking import ask
from dock_daemon.clock import SystemClock
from dock_daemon.commands.health_table import as_json, table
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.fitness.health import Health, judge, ranked
from dock_daemon.fitness.history import History, histories
from dock_daemon.handouts import put
from dock_daemon.health_page import HealthPage
from dock_daemon.health_sheet import sheet

_DAY_MS = 86_400_000
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="""\b
Examples:
  sealdock health
  sealdock health ZFY-00317 --days 365
  sealdock health --report health.html --csv health.csv

\b
Exit codes: 0; 3 where RECORDER was never seen here and is not registered;
5 where a recorder wants service now."""
)
@click.argument("recorder", required=False)
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=180,
    show_default=True,
    help="Look back so many days.",
)
@click.option("--report", type=_FILE, metavar="FILE", help="Write a report to print, as HTML.")
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write all values as CSV.")
@common_options
def health(
    invocation: Invocation,
    *,
    recorder: str | None,
    days: int,
    report: Path | None,
    csv_file: Path | None,
) -> None:
    """Show battery, clock, faults, dockings and last checks of RECORDER, or of all.

    What wants service comes first, each with its reason and rule. What a model does not tell is
    not guessed; a bound is said to be one.
    """
    now_ms = SystemClock().at().utc_ms
    since_ms = max(0, now_ms - days * _DAY_MS)
    found, holders = _judged(invocation, recorder, since_ms, now_ms)
    if report is not None:
        page = HealthPage(
            found,
            holders,
            lang=invocation.lang,
            zone=invocation.loaded.zone,
            dock=invocation.loaded.settings.dock.name,
            since_ms=since_ms,
            now_ms=now_ms,
        )
        put(report, page.html().encode("utf-8", "replace"))
    if csv_file is not None:
        put(csv_file, sheet(found, holders))
    if invocation.json:
        rows = [as_json(one) for one in found]
        told = {"since_ms": since_ms, "asked_ms": now_ms, "recorders": rows}
        click.echo(json_line({"schema": SCHEMA, **told}))
    else:
        _show(invocation, found, recorder, [one for one in (report, csv_file) if one is not None])
    if recorder and not found:
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)
    if any(one.level == "now" for one in found):
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _judged(
    invocation: Invocation, recorder: str | None, since_ms: int, now_ms: int
) -> tuple[list[Health], dict[str, Holder]]:
    """Return every recorder that was seen or is registered, judged; and who is registered."""
    request = {"ask": "health", "recorder": recorder or "", "since_ms": since_ms}
    rows = cast("list[dict[str, Any]]", ask(invocation.loaded, request)[0])
    limits = maintenance(invocation.loaded.directory).content
    holders = dict(load_register(invocation.loaded.register).holders)
    known = histories(rows)
    for key, holder in holders.items():
        if not recorder or key == folded(recorder):
            known.setdefault(key, History(recorder=holder.recorder))
    return ranked([judge(history, limits, now_ms) for history in known.values()]), holders


def _show(
    invocation: Invocation, found: list[Health], recorder: str | None, written: list[Path]
) -> None:
    lang = invocation.lang
    for line in table(found, lang, invocation.loaded.zone, details=recorder is not None):
        click.echo(line)
    if not found:
        key = "health.unknown" if recorder else "health.none"
        click.echo(say(key, lang, recorder=recorder or ""))
    for path in written:
        click.echo(say("health.written", lang, path=path))
