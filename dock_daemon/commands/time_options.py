"""Options that take a time, read in the office's local time."""

from typing import Literal

import click

from dock_daemon.clock import SystemClock
from dock_daemon.commands import times
from dock_daemon.commands.options import Invocation


def moment(
    invocation: Invocation, option: str, given: str, towards: Literal["past", "future"]
) -> int:
    """Return the time that was given for `option`, in ms UTC; raise BadParameter if it is none."""
    now_ms = SystemClock().at().utc_ms
    try:
        return times.parse(given, now_ms=now_ms, zone=invocation.loaded.zone, towards=towards)
    except ValueError as error:
        example = 'write "17:50", "2026-11-22 17:50" or "2026-11-22"'
        raise click.BadParameter(f"{given} is no time: {example}", param_hint=option) from error
