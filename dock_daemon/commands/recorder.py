"""`sealdock recorder`: what is at the ports, which makes are known, which recorders are."""

import os
import pwd
from typing import Any, cast

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon import control
from dock_daemon.asking import ask
from dock_daemon.clock import SystemClock
from dock_daemon.commands.options import NUMBER_OR_NONE, Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line, place
from dock_daemon.commands.recorder_probe import probe
from dock_daemon.commands.recorder_profiles import check_profile, profiles
from dock_daemon.errors import StateMissingError
from dock_daemon.evidence.state import open_state
from dock_daemon.recorders import journal_book
from dock_daemon.recorders.passwords import PasswordMemory

Row = dict[str, Any]  # what the dock answers is JSON: these commands know its shape


@click.group(
    epilog="""\b
Examples:
  sealdock recorder probe
  sealdock recorder check-profile ./our-make.toml 20260129_205547.mp4"""
)
def recorder() -> None:
    """Look at what is at the ports, at the makes that are known, and at the recorders that are.

    A make is described by a profile, a file that a technician can write (docs/recorders.md).
    """


recorder.add_command(probe)
recorder.add_command(profiles)
recorder.add_command(check_profile)


@recorder.command("list", epilog="Example:  sealdock recorder list --json")
@click.option("--limit", type=NUMBER_OR_NONE, default=0, help="At most so many; 0: all.")
@common_options
def list_(invocation: Invocation, *, limit: int) -> None:
    """List the recorders that were ever docked and said who they are, the last one first."""
    request = {"ask": "recorders", "limit": limit}
    rows = cast("list[Row]", ask(invocation.loaded, request)[0])
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "recorders": rows}))
        return
    lang = invocation.lang
    for row in rows:
        click.echo(
            say(
                "recorder-list.line",
                lang,
                recorder=row["recorder"],
                at=text.local_time(row["opened_ms"], invocation.loaded.zone),
                place=place(row["bay"], lang),
                docking=row["docking"],
                profile=row["profile"] or "-",
                verdict=say(f"verdict.{row['verdict']}", lang) if row["verdict"] else "-",
                journal_key=say(f"recorder-key.{_key_of(row)}", lang),
            )
        )
    if not rows:
        click.echo(say("recorder-list.none", lang))


def _key_of(row: Row) -> str:
    if row["ordered"]:
        return "ordered"
    return "enrolled" if row["enrolled"] else "none"


@recorder.command(
    epilog="""\b
Example:
  sealdock recorder enrol ZF-0007 --reason "new board after repair"

\b
Exit codes: 0 entered, 3 no dock here, 7 the dock is busy, 8 not for this user."""
)
@click.argument("number")
@click.option("--reason", required=True, help="Why another key is expected; kept with the log.")
@common_options
def enrol(invocation: Invocation, *, number: str, reason: str) -> None:
    """Let the next key that recorder NUMBER tells at the dock be taken for its own.

    The first key of a recorder is taken by itself. Only a changed one needs this: after a
    repair, say. Until it has told one, what its journal says proves nothing.
    """
    number, reason = number.strip(), reason.strip()
    for value, name in ((number, "NUMBER"), (reason, "--reason")):
        if not value:
            raise click.BadParameter("it is empty", param_hint=name)
    root = invocation.state
    if not root.is_dir():
        raise StateMissingError(root)
    request = {"tell": "recorder-key", "recorder": number, "reason": reason, "by": _account()}
    answer = control.ask(root, request)
    if answer is None:
        with open_state(invocation.loaded, SystemClock(), can_ask=False, make=False) as state:
            piece = journal_book.order(number, by_whom=_account(), reason=reason)
            answer = {"seq": state.sealer.submit(piece).result().seq}
    told = {"recorder": number, **cast("Row", answer)}
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    click.echo(say("recorder-enrol.ordered", invocation.lang, **told))


@recorder.command(
    "password-retry",
    epilog="""\b
Examples:
  sealdock recorder password-retry
  sealdock recorder password-retry --name cammpro

\b
Exit codes: 0 they may be tried again, 3 none was refused, or no dock here, 8 not for this user.""",
)
@click.option("--name", help="Only the password of this name, as a profile gives it.")
@click.option("--serial", help="Only for the recorder of this USB serial number.")
@common_options
def password_retry(invocation: Invocation, *, name: str | None, serial: str | None) -> None:
    """Let a password that a recorder refused be tried once more.

    A refused password is never tried again by itself: recorders lock after a few wrong ones.
    Put another password in, or see that the recorder is not locked, before you use this.
    """
    if not invocation.state.is_dir():
        raise StateMissingError(invocation.state)
    forgotten = PasswordMemory(invocation.state).forget(name, serial)
    rows = [{"name": one.password, "serial": one.serial} for one in forgotten]
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "forgotten": rows}))
    else:
        for one in rows:
            key = "password-retry.serial" if one["serial"] else "password-retry.all"
            click.echo(say(key, invocation.lang, **one))
        if not rows:
            click.echo(say("password-retry.none", invocation.lang))
    if not rows:
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)


def _account() -> str:
    """Return who runs this command, by the machine's accounts; the number if it has no name."""
    given = os.environ.get("SUDO_USER", "")
    if given and os.geteuid() == 0:
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
