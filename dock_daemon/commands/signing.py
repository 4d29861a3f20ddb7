"""`sealdock signing`: who vouches for the log, and an alarm that turned out to be false."""

import time
from typing import Any, cast

import click

from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon.asking import ask
from dock_daemon.clock import SystemClock
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.commands.signing_lines import alarm_lines, signing_lines
from dock_daemon.errors import DismissBusyError, StateBusyError
from dock_daemon.evidence import dismissal
from dock_daemon.evidence.state import open_state

_LONGEST_REASON = 2000


@click.group()
def signing() -> None:
    """Show who vouches for the log, or dismiss an alarm that is somebody's word alone."""


@signing.command(epilog="Example:  sealdock signing show --json")
@common_options
def show(invocation: Invocation) -> None:
    """Show whether the log may be signed, who cosigned it last, and what nobody has yet."""
    answer, running = ask(invocation.loaded, {"ask": "signing"})
    told = cast("dict[str, Any]", answer)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "running": running, **told}))
    else:
        lines = [
            *alarm_lines(told, invocation.lang),
            *signing_lines(told, invocation.lang, time.time()),
        ]
        for line in lines or [say("signing-why.no-witness", invocation.lang)]:
            click.echo(line)
    if told["state"] == "stopped":
        raise click.exceptions.Exit(ExitCode.WARNINGS)


@signing.command(
    epilog="""\b
Example:
  systemctl stop sealdock
  sealdock signing dismiss --reason "the witness was set up with another dock's head"
  systemctl start sealdock"""
)
@click.option("--reason", required=True, help="Why it is false; kept with the alarm and the log.")
@common_options
def dismiss(invocation: Invocation, *, reason: str) -> None:
    """Dismiss an alarm that rests on a witness's mere word, and ask the witnesses anew.

    The dock must not run. Nothing is signed before a witness agrees; an alarm that a
    signature proves cannot be dismissed.
    """
    if not 1 <= len(reason.strip()) <= _LONGEST_REASON:
        raise click.BadParameter(f"1 to {_LONGEST_REASON} characters", param_hint="--reason")
    try:
        with open_state(invocation.loaded, SystemClock(), can_ask=False, make=False) as state:
            done = dismissal.dismiss(state, reason.strip())
    except StateBusyError as error:
        raise DismissBusyError(error.path, error.holder) from error
    if invocation.json:
        told = {"seq": done.seq, "alarms": list(done.alarms)}
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    for where in done.alarms:
        click.echo(say("signing.dismissed", invocation.lang, where=where, seq=done.seq))
