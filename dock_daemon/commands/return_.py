"""`sealdock return`: take a recorder back (归还); the name is a keyword's, hence the "_"."""

import click

from config import text
from config.messages import say
from dock_daemon.commands import custody_telling
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.time_options import moment


@click.command(
    "return",
    epilog="""\b
Examples:
  sealdock return ZFY-00317
  sealdock return ZFY-00317 --at 17:50

\b
Exit codes: 0 entered, 1 refused (nothing was entered), 3 no dock here, 8 not for this user.""",
)
@click.argument("recorder")
@click.option("--at", metavar="TIME", help="When it came back; else when it was docked, else now.")
@common_options
def return_(invocation: Invocation, *, recorder: str, at: str | None) -> None:
    """Register that RECORDER came back.

    Deadlines count from a registered return. A recorder that is docked without one is back as
    well, and moves no deadline; its return can still be registered.
    """
    at_ms = None if at is None else moment(invocation, "--at", at, "past")
    answer = custody_telling.tell(invocation, tell="return", recorder=recorder, at_ms=at_ms)
    line = say(
        "custody-done.return",
        invocation.lang,
        recorder=answer["recorder"],
        holder=custody_telling.person(answer["holder"]),
        at=text.local_time(answer["at_ms"], invocation.loaded.zone),
        seq=answer["seq"],
    )
    custody_telling.show(invocation, answer, line)
