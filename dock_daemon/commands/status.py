"""`sealdock status`: what each bay does, and how the log stands."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any, cast

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say
from config.presets import rule_preset
from dock_daemon.asking import ask
from dock_daemon.clock import SystemClock
from dock_daemon.commands.custody_lines import out_line, out_rows, overdue_now
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line, place
from dock_daemon.commands.scrub_lines import (
    damage_lines,
    disk_line,
    exit_code,
    full_soon,
    scrub_lines,
)
from dock_daemon.commands.signing_lines import alarm_lines, signing_lines
from dock_daemon.docking.working_days import ChinasWorkingDays, calendar_unknown
from dock_daemon.wording import check_because

Row = dict[str, Any]  # what the dock answers is JSON: this command knows its shape


@click.command(epilog="Example:  sealdock status --json")
@common_options
def status(invocation: Invocation) -> None:
    """Show the bays, the log, and what was taken over last.

    Asks the daemon; where none runs, what the ledger says is shown, and that it is so.
    """
    answer, running = ask(invocation.loaded, {"ask": "status"})
    told = cast("Row", answer)
    clock = SystemClock()
    now, trust = clock.at(), clock.trust()
    year = _calendar_unknown(invocation)
    overdue = overdue_now(invocation, now.utc_ms)
    full_in = full_soon(told, invocation.loaded.settings.disk.full_within_days)
    if invocation.json:
        known = {"schema": SCHEMA, "running": running, "clock": now.sync, **told}
        known |= {"dock_clock": asdict(trust), "calendar_unknown": year}
        click.echo(json_line({**known, "overdue": out_rows(overdue, now.utc_ms)}))
    else:
        # What nobody may overlook comes first.
        for line in alarm_lines(told["signing"], invocation.lang):
            click.echo(line)
        for line in damage_lines(told["store"], invocation.lang, invocation.loaded.zone):
            click.echo(line)
        if full_in is not None:
            click.echo(say("disk-full.soon", invocation.lang, days=full_in))
        for out in overdue:
            click.echo(out_line(out, now.utc_ms, invocation.lang, invocation.loaded.zone))
        if year is not None:
            click.echo(say("clock-trust.calendar", invocation.lang, year=year))
        click.echo(say(f"clock.{now.sync}", invocation.lang))
        if trust.uncertainty_us is not None:
            within_ms = -(-trust.uncertainty_us // 1000)
            kept = {"source": trust.source, "within_ms": within_ms}
            click.echo(say("clock-trust.kept", invocation.lang, **kept))
        for line in _lines(told, invocation, invocation.loaded.zone, running=running):
            click.echo(line)
    stored = exit_code(told)
    faulty = running and any(bay["state"] == "fault" for bay in told["bays"])
    stopped = told["signing"]["state"] == "stopped"
    worries = (faulty, overdue, year is not None, stopped, full_in is not None)
    _end(stored, worries)


def _end(stored: ExitCode, worries: Iterable[object]) -> None:
    """End with 6 where the store has lost content, else with 5 where anything wants a person."""
    if stored is ExitCode.VERIFICATION_FAILED:
        raise click.exceptions.Exit(stored)
    if stored is not ExitCode.OK or any(worries):
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _calendar_unknown(invocation: Invocation) -> int | None:
    """Return a coming year whose working days are needed and not known yet (R-2WD), or None."""
    loaded = invocation.loaded
    preset = rule_preset(loaded.settings.rules.preset, loaded.directory).content
    today = datetime.now(loaded.zone).date()
    return calendar_unknown(preset, ChinasWorkingDays(), today)


def _lines(told: Row, invocation: Invocation, zone: tzinfo, *, running: bool) -> list[str]:
    lang = invocation.lang
    dock = invocation.loaded.settings.dock
    # The state may be another dock's than the one that this configuration describes.
    name = dock.name if told["origin"] == dock.origin else "-"
    lines = [say("status.dock", lang, name=name, origin=told["origin"])]
    if running:
        lines += [_bay_line(bay, lang, zone) for bay in told["bays"]]
        if not told["bays"]:
            lines.append(say("status.no-bays", lang))
        lines += [
            say("status.unmapped", lang, node=medium["node"], port=medium["port"])
            for medium in told["unmapped"]
        ]
        lines.append(say("erasing.on" if told.get("erasing") else "erasing.off", lang))
        lines.append(say("status.free", lang, free=text.size(told["free_bytes"])))
        lines.append(disk_line(told["disk"], lang))
    else:
        lines.append(say("status.not-running", lang))
    totals = told["totals"]
    lines.append(
        say(
            "status.totals",
            lang,
            dockings=totals["dockings"],
            clips=totals["clips"],
            size=text.size(totals["bytes"]),
            late=totals["late"],
            findings=totals["findings"],
            entries=totals["entries"],
        )
    )
    behind = told["signing"]["waiting"]
    key = "status.behind" if behind else "status.current"
    lines.append(say(key, lang, size=told["signed"], behind=behind))
    lines += signing_lines(told["signing"], lang, time.time())
    lines += scrub_lines(told, lang, zone)
    lines += [_docking_line(row, lang, zone) for row in told["dockings"]]
    return lines


def _bay_line(bay: Row, lang: str, zone: tzinfo) -> str:
    parts = [
        say("status.bay", lang, bay=bay["bay"], state=say(f"bay.{bay['state']}", lang)),
        bay["recorder"],
        bay["holder"],
    ]
    if bay["docking"]:
        total = bay["clips"] + bay["known"]
        parts.append(say("status.done", lang, done=bay["sealed"] + bay["known"], total=total))
    if bay["state"] == "pulling" and bay["due_ms"] is not None:
        parts.append(say("pull.due", lang, due=text.local_time(bay["due_ms"], zone)))
    if bay["docking"] and not bay["registered"]:
        parts.append(say("bay.unregistered", lang))
    if bay["verdict"]:
        parts.append(check_because(bay["verdict"], bay["because"], lang))
    if bay.get("unjudged"):
        parts.append(say("journal.unjudged", lang, clips=bay["unjudged"]))
    if bay["error"]:
        parts.append(bay["error"])
    if bay.get("erases") is False:
        parts.append(say("erasing.never", lang))
    parts.append(say(f"bay-hint.{bay['state']}", lang, bay=bay["bay"]))
    return "  ".join(part for part in parts if part)


def _docking_line(row: Row, lang: str, zone: tzinfo) -> str:
    return say(
        "status.docking",
        lang,
        number=row["number"],
        at=text.local_time(row["opened_ms"], zone),
        place=place(row["bay"], lang),
        recorder=row["recorder"] or "-",
        result=say(f"status-result.{row['result'] or 'running'}", lang),
        clips=row["clips"] or 0,
        findings=row["findings"] or 0,
    )
