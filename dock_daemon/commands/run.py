"""`sealdock run`: the daemon, in the foreground; systemd keeps it there."""

import asyncio
import logging
from collections.abc import Mapping

import click

from dock_daemon import collector
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.hotplug import UdevHotplug
from dock_daemon.clock import SystemClock
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import json_line, unheeded
from dock_daemon.commands.telling import as_json
from dock_daemon.dock import Dock
from dock_daemon.docking.events import Event, Progress
from dock_daemon.docking.rules import Rules
from dock_daemon.errors import DoubtError
from dock_daemon.evidence.state import State, open_state
from dock_daemon.notify import Notifier

log = logging.getLogger("sealdock")


@click.command(
    epilog="""\b
Examples:
  sealdock run
  sealdock run --state ./trial --stand-in /dev/sdz=card.img"""
)
@click.option(
    "--stand-in",
    "stand_ins",
    metavar="NODE=PATH",
    multiple=True,
    help="Open this card image, or pseudo-terminal, whenever the kernel reports NODE: rehearsal"
    " without hardware.",
)
@common_options
def run(invocation: Invocation, *, stand_ins: tuple[str, ...]) -> None:
    """Be the dock: watch the bays, take over, seal, publish.

    Logs go to stderr. With --json they are JSON, and each event is also one line on
    stdout, with the bay that it happened in. Ends in good order on SIGTERM or Ctrl-C.
    """
    logging.getLogger().setLevel(logging.INFO)
    collector.calm()
    rules = Rules.of(invocation.loaded)
    clock = SystemClock()
    with open_state(invocation.loaded, clock) as state:
        asyncio.run(_serve(state, invocation, rules, clock, _pairs(stand_ins)))


async def _serve(
    state: State,
    invocation: Invocation,
    rules: Rules,
    clock: SystemClock,
    stand_ins: Mapping[str, str],
) -> None:
    notifier = Notifier.from_environment()

    def heard(bay: str, event: Event) -> None:
        if invocation.json and not isinstance(event, Progress):
            click.echo(json_line({**as_json(event), "bay": bay}))

    def shown(view: BayView) -> None:
        notifier.status(f"bay {view.bay}: {view.state}")

    dock = Dock(
        state,
        invocation.loaded,
        rules,
        clock,
        UdevHotplug(),
        stand_ins=stand_ins,
        heard=unheeded(heard),
        shown=shown,
    )

    def ready() -> None:
        bays = len(invocation.loaded.settings.bays)
        log.info("%s: %d bays, state %s", invocation.loaded.settings.dock.origin, bays, state.root)
        if not bays:
            log.warning(
                "no bays are configured: put a recorder in, and its port will be named here"
            )
        notifier.ready()

    try:
        await dock.serve(ready=ready, alive=notifier.alive)
    except ExceptionGroup as group:
        # Raised within `except*` it would come out wrapped again, and no fault table knows groups.
        doubt = doubt_in(group)
        if doubt is None:
            raise
        raise doubt from None
    finally:
        notifier.stopping()


def doubt_in(group: ExceptionGroup[Exception]) -> DoubtError | None:
    """Return one of the doubts among what ended the dock: one is enough to know why it stops."""
    for error in group.exceptions:
        if isinstance(error, DoubtError):
            return error
        inner = doubt_in(error) if isinstance(error, ExceptionGroup) else None
        if inner is not None:
            return inner
    return None


def _pairs(stand_ins: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in stand_ins:
        node, equals, image = text.partition("=")
        if not (node and equals and image):
            raise click.BadParameter(f"{text} is not NODE=PATH", param_hint="--stand-in")
        pairs[node] = image
    return pairs
