"""`sealdock pull`: one docking by hand, through the very code of the daemon."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import click

from config.exit_codes import ExitCode
from dock_daemon import collector
from dock_daemon.clock import SystemClock
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.telling import teller
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.take_over import Parts
from dock_daemon.errors import (
    DockError,
    SigningStoppedError,
    SigningWaitsError,
    UnpublishedError,
)
from dock_daemon.evidence import permission
from dock_daemon.evidence.state import State, open_state
from dock_daemon.turn import Desk, Place

_LONGEST_BAY: Final = 32


def _bay_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Take a bay's name as the configuration would: entries are public, and are for ever."""
    if not 1 <= len(name) <= _LONGEST_BAY or not name.isprintable():
        raise click.BadParameter(f"a bay's name has 1 to {_LONGEST_BAY} printable characters")
    return name


@click.command(
    epilog="""\b
Examples:
  sealdock pull /dev/sdb
  sealdock pull card.img --state ./trial --json

\b
Exit codes: 0 all taken over, 4 something was not read or the recorder was pulled,
7 another sealdock holds the state, 130 interrupted; docs/exit-codes.md has them all."""
)
@click.argument("source", metavar="SOURCE")
@click.option(
    "--bay",
    default="pull",
    show_default=True,
    callback=_bay_name,
    help="The bay that entries name.",
)
@click.option("--reread", is_flag=True, help="Copy known clips again and compare every byte.")
@common_options
def pull(invocation: Invocation, *, source: str, bay: str, reread: bool) -> None:
    """Take over the clips of SOURCE: a device, a card image or a folder.

    The recorder is only ever read. What was taken over before is recognised; what is
    new is copied, read back from the disk, sealed and published. Of a folder only live
    files can be seen.
    """
    _refuse_itself(source, invocation.state)
    collector.calm()
    clock = SystemClock()
    rules = Rules.of(invocation.loaded)
    with (
        _stop_on_signals() as stop,
        open_state(invocation.loaded, clock, can_ask=False) as state,
    ):
        desk = Desk(
            Parts(state.store, state.sealer, clock, rules), invocation.loaded.settings.reader
        )
        telling = teller(as_json=invocation.json, lang=invocation.lang, zone=rules.zone)
        try:
            opened = desk.open(Place(path=source), stop)
            end = desk.take_over(opened, bay=bay, report=telling.hear, stop=stop, reread=reread)
        finally:
            telling.close()
    if state.unpublished:
        raise _unpublished(state)
    if stop.is_set():
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    if end.result != "complete":
        raise click.exceptions.Exit(ExitCode.PARTIAL)


def _unpublished(state: State) -> DockError:
    """Return why what is sealed does not show in the published log."""
    count, standing = state.unpublished, state.signing.standing
    match standing:
        case permission.Stopped(why):
            return SigningStoppedError(count, why)
        case permission.Asking() | permission.Held():
            return SigningWaitsError(count, permission.why(standing))
        case permission.Free() | permission.Granted():
            return UnpublishedError(count)


def _refuse_itself(source: str, state: Path) -> None:
    """Refuse a folder that holds the dock's own state, or lies in it: it would seal its key."""
    if not source:
        raise click.BadParameter("it is empty", param_hint="SOURCE")
    folder, own = Path(source).resolve(), state.resolve()
    if folder.is_dir() and (folder in {own, *own.parents} or own in folder.parents):
        raise click.BadParameter(
            f"{source} and the state directory {state} lie in one another", param_hint="SOURCE"
        )


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM end the docking as an unplug would: what is sealed stays."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
