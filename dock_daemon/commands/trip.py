"""`sealdock trip`: a recorder goes away with its holder (出差, 异地), and comes back."""

import click

from config import text
from config.messages import say
from dock_daemon.commands import custody_telling
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.time_options import moment


@click.group()
def trip() -> None:
    """Register trips: while one lasts, deadlines may count from the return.

    Whether they do, and within which time after it, is for the agency's preset to say.
    """


@trip.command(
    epilog="""\b
Example:
  sealdock trip begin ZFY-00317 --until 2026-11-25 --reason "inspection in another county"

\b
Exit codes: 0 entered, 1 refused (nothing was entered), 3 no dock here, 8 not for this user."""
)
@click.argument("recorder")
@click.option("--until", required=True, metavar="TIME", help='As far as is known: "2026-11-25".')
@click.option("--reason", required=True, help="Why it can't be handed in; kept with the log.")
@common_options
def begin(invocation: Invocation, *, recorder: str, until: str, reason: str) -> None:
    """Register that the holder of RECORDER goes away with it, from now on."""
    if not reason.strip():
        raise click.BadParameter("it is empty", param_hint="--reason")
    until_ms = moment(invocation, "--until", until, "future")
    answer = custody_telling.tell(
        invocation, tell="trip-begin", recorder=recorder, until_ms=until_ms, reason=reason.strip()
    )
    line = say(
        "custody-done.trip-began",
        invocation.lang,
        recorder=answer["recorder"],
        holder=custody_telling.person(answer["holder"]),
        until=text.local_time(until_ms, invocation.loaded.zone),
        seq=answer["seq"],
    )
    custody_telling.show(invocation, answer, line)


@trip.command(
    epilog="""\b
Example:
  sealdock trip end ZFY-00317 --at 09:30

\b
Exit codes: 0 entered, 1 refused (nothing was entered), 3 no dock here, 8 not for this user."""
)
@click.argument("recorder")
@click.option("--at", metavar="TIME", help="When the holder was back; else now.")
@common_options
def end(invocation: Invocation, *, recorder: str, at: str | None) -> None:
    """Register that the holder of RECORDER is back from the trip."""
    at_ms = None if at is None else moment(invocation, "--at", at, "past")
    answer = custody_telling.tell(invocation, tell="trip-end", recorder=recorder, at_ms=at_ms)
    line = say(
        "custody-done.trip-ended",
        invocation.lang,
        recorder=answer["recorder"],
        at=text.local_time(answer["at_ms"], invocation.loaded.zone),
        seq=answer["seq"],
    )
    custody_telling.show(invocation, answer, line)
