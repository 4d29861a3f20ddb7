"""`sealdock erase`: erase on docked recorders what may be erased, and say what keeps the rest."""

import time
from typing import Any, Final, cast

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say, term
from dock_daemon import control
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import CoreAwayError, StateMissingError

Row = dict[str, Any]  # what the dock answers is JSON: this command knows its shape

_LOOK_EVERY_S: Final = 0.3
_BUSY: Final = "erasing"


@click.command(
    epilog="""\b
Examples:
  sealdock erase --dry-run
  sealdock erase 3

\b
Exit codes: 0 nothing that may be erased is left, 3 no such bay or no dock that runs, 4 not over
in time, 5 a recorder wants a person's eye, 7 the bay is at work, 8 not for this user."""
)
@click.argument("bay", required=False)
@click.option("--dry-run", is_flag=True, help="Erase nothing: say what may be, and why not.")
@click.option(
    "--within",
    "within_s",
    type=click.IntRange(1, 86_400),
    default=3600,
    metavar="SECONDS",
    help="Wait no longer than this  [default: 3600]",
)
@common_options
def erase(invocation: Invocation, *, bay: str | None, dry_run: bool, within_s: int) -> None:
    """Erase clips on the recorder in BAY, or on every docked one, by the recorder's own command.

    A clip is erased only while everything holds that docs/erasing.md lists; of each other clip is
    said what keeps it. Off unless the settings switch it on, and never where a recorder has no
    such command.
    """
    begun: dict[str, str] = {}
    told = cast("Row", _tell(invocation, {"ask": "erasing", "bay": bay}))
    if not dry_run and _has_work(told):
        begun = _erase(invocation, bay, within_s)
        told = cast("Row", _tell(invocation, {"ask": "erasing", "bay": bay}))
    for one in told["bays"]:
        one["erase"] = begun.get(one["bay"], "")
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "dry_run": dry_run, **told}))
    else:
        for line in _lines(told, invocation.lang):
            click.echo(line)
    if code := _code(told["bays"], named=bay is not None):
        raise click.exceptions.Exit(code)


def _has_work(told: Row) -> bool:
    """Tell whether anything may be erased at all, or waits to be settled: that needs no policy."""
    return told["policy"]["enabled"] or any(one.get("unsettled") for one in told["bays"])


def _tell(invocation: Invocation, request: control.Request) -> object:
    """Ask the dock that runs; raise StateMissingError, CoreAwayError, DaemonUnreachableError."""
    root = invocation.state
    if not root.is_dir():
        raise StateMissingError(root)
    try:
        answer = control.ask(root, request)
    except PermissionError as error:
        raise CoreAwayError(root, error.strerror or str(error)) from error
    if answer is None:
        raise CoreAwayError(root, "no dock runs here")
    return answer


def _erase(invocation: Invocation, bay: str | None, within_s: int) -> dict[str, str]:
    """Let turns begin, and wait until each is over; return of each bay what came of it."""
    asked = cast("Row", _tell(invocation, {"tell": "erase", "bay": bay}))["bays"]
    found = {one["bay"]: str(one["erase"]) for one in asked}
    turns = {one["bay"]: one["turn"] for one in asked if one["erase"] == "started"}
    until = time.monotonic() + within_s
    while turns and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
        for view in cast("Row", _tell(invocation, {"ask": "status"}))["bays"]:
            name = view["bay"]
            if name in turns and view["turn"] > turns[name] and view["state"] != _BUSY:
                found[name] = "fault" if view["state"] in {"attention", "fault"} else "over"
                del turns[name]
    return {**found, **dict.fromkeys(turns, "late")}


def _lines(told: Row, lang: str) -> list[str]:
    lines = [say("erasing.on" if told["policy"]["enabled"] else "erasing.off", lang)]
    for bay in told["bays"]:
        lines += _bay_lines(bay, lang)
    return lines


def _bay_lines(bay: Row, lang: str) -> list[str]:
    name = bay["bay"]
    lines = [say(f"erasing-bay.{bay['erase']}", lang, bay=name)] if bay["erase"] else []
    if bay["rests"] != "rests":
        return lines or [say(f"erasing-bay.{bay['rests']}", lang, bay=name)]
    recorder = bay["recorder"] or "-"
    if not bay["can_erase"]:
        return [*lines, say("erasing.never-bay", lang, bay=name, recorder=recorder)]
    lines.append(
        say(
            "erasing.bay",
            lang,
            bay=name,
            recorder=recorder,
            may=sum(clip["may"] for clip in bay["clips"]),
            kept=sum(not clip["may"] for clip in bay["clips"]),
        )
    )
    for clip in bay["clips"]:
        reasons = [term("erasing-reason", reason, lang) for reason in clip["reasons"]]
        why = text.listed(reasons, lang) if reasons else say("erasing.may", lang)
        lines.append(say("erasing.clip", lang, path=clip["path"], why=why))
    return lines


def _code(bays: list[Row], *, named: bool) -> ExitCode:
    words = {one["erase"] or one["rests"] for one in bays}
    if "unknown" in words:
        return ExitCode.NOT_FOUND
    if named and "busy" in words:
        return ExitCode.BUSY
    if "late" in words:
        return ExitCode.PARTIAL
    unsettled = any(one.get("unsettled") for one in bays)
    return ExitCode.WARNINGS if unsettled or "fault" in words else ExitCode.OK
