"""`sealdock check`: look at docked recorders again, where they are."""

import time
from typing import Any, Final, cast

import click

from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon import control, wording
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import CoreAwayError, StateMissingError

Row = dict[str, Any]  # what the dock answers is JSON: this command knows its shape

_RESTING: Final = frozenset({"empty", "done", "attention", "interrupted", "fault"})
_LOOK_EVERY_S: Final = 0.3


@click.command(
    epilog="""\b
Examples:
  sealdock check
  sealdock check 3 --no-wait

\b
Exit codes: 0 all that was checked is fit, 3 no such bay or no dock that runs, 4 not over in
time, 5 a recorder is not fit or wants a person's eye, 7 the bay is at work, 8 not for this user."""
)
@click.argument("bay", required=False)
@click.option("--wait/--no-wait", default=True, help="Wait for what comes of it.")
@click.option(
    "--within",
    "within_s",
    type=click.IntRange(1, 86_400),
    default=600,
    metavar="SECONDS",
    help="Wait no longer than this  [default: 600]",
)
@common_options
def check(invocation: Invocation, *, bay: str | None, wait: bool, within_s: int) -> None:
    """Check the recorder in BAY, or every docked one, where it is.

    Whatever can be asked of it is asked afresh, and what is new on it is taken over: it is a
    docking of its own, with a checklist of its own.
    """
    asked = cast("Row", _tell(invocation, {"tell": "check", "bay": bay}))["bays"]
    found = {one["bay"]: one for one in asked}
    if wait:
        _wait(invocation, found, within_s)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "bays": list(found.values())}))
    else:
        for line in _lines(list(found.values()), invocation.lang):
            click.echo(line)
    if code := _code(list(found.values()), named=bay is not None):
        raise click.exceptions.Exit(code)


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


def _wait(invocation: Invocation, found: dict[str, Row], within_s: int) -> None:
    """Wait until each bay that has started is at rest; put what it shows then beside it."""
    until = time.monotonic() + within_s
    waiting = {name for name, one in found.items() if one["check"] == "started"}
    while waiting and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
        told = cast("Row", _tell(invocation, {"ask": "status"}))
        for view in told["bays"]:
            name = view["bay"]
            begun = name in waiting and view["turn"] > found[name]["turn"]
            if begun and view["state"] in _RESTING:
                found[name] |= {"check": "done", "view": view}
                waiting.discard(name)
    for name in waiting:
        found[name]["check"] = "late"


def _lines(bays: list[Row], lang: str) -> list[str]:
    lines = [_line(one, lang) for one in bays if one["check"] != "empty"]
    return lines or [say("recheck.nothing", lang)]


def _line(one: Row, lang: str) -> str:
    if one["check"] != "done":
        return say(f"recheck.{one['check']}", lang, bay=one["bay"])
    view = one["view"]
    return say(
        "recheck.done",
        lang,
        bay=one["bay"],
        recorder=view["recorder"] or "-",
        state=say(f"bay.{view['state']}", lang),
        said=_said(view, lang),
    )


def _said(view: Row, lang: str) -> str:
    if view["error"]:
        return str(view["error"])
    if not view["verdict"]:
        return "-"
    whole = say(f"verdict.{view['verdict']}", lang)
    if not view["because"]:
        return whole
    return f"{whole} · {wording.check_told(view['because'], lang)}"


def _code(bays: list[Row], *, named: bool) -> ExitCode:
    words = {one["check"] for one in bays}
    if "unknown" in words:
        return ExitCode.NOT_FOUND
    if named and words & {"busy"}:
        return ExitCode.BUSY
    if "late" in words:
        return ExitCode.PARTIAL
    unfit = any(
        one["check"] == "done"
        and (one["view"]["state"] != "done" or one["view"]["verdict"] != "fit")
        for one in bays
    )
    return (
        ExitCode.WARNINGS
        if unfit or "fault" in words or (named and "empty" in words)
        else (ExitCode.OK)
    )
