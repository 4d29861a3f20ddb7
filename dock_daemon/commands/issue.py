"""`sealdock issue`: hand a recorder out (领用)."""

import click

from config import text
from config.messages import say
from dock_daemon.commands import custody_telling
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.time_options import moment


@click.command(
    epilog="""\b
Examples:
  sealdock issue ZFY-00317 --to 880317 --shift-end 18:00
  sealdock issue ZFY-00317 --to 880317 --override "battery is changed on site" --second 880002

\b
Exit codes: 0 issued, 1 refused (nothing was entered), 3 no dock here, 8 not for this user."""
)
@click.argument("recorder")
@click.option("--to", required=True, metavar="USER_NO", help="Who gets it; by the register.")
@click.option("--shift-end", metavar="TIME", help='When it should be back: "18:00".')
@click.option("--override", metavar="REASON", help="Why it is issued although it fails the check.")
@click.option("--second", metavar="USER_NO", help="Who stands by that: not the one who gets it.")
@common_options
def issue(
    invocation: Invocation,
    *,
    recorder: str,
    to: str,
    shift_end: str | None,
    override: str | None,
    second: str | None,
) -> None:
    """Hand RECORDER out to a person.

    Refused where its newest checklist failed or is too old, where it is quarantined, not docked
    here, or out already. A second person may overrule the checklist, with a reason.
    """
    if (override is None) != (second is None):
        raise click.UsageError("--override and --second go together")
    end_ms = None if shift_end is None else moment(invocation, "--shift-end", shift_end, "future")
    answer = custody_telling.tell(
        invocation,
        tell="issue",
        recorder=recorder,
        to=to,
        shift_end_ms=end_ms,
        reason=override or "",
        second=second or "",
    )
    lang = invocation.lang
    line = say(
        f"custody-done.issue-{answer['how']}",
        lang,
        recorder=answer["recorder"],
        holder=custody_telling.person(answer["holder"]),
        at=text.local_time(answer["at_ms"], invocation.loaded.zone),
        seq=answer["seq"],
    )
    custody_telling.show(invocation, answer, line)
