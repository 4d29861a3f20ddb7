"""`sealdock sync`: bring the log to witnesses and mirrors, and copies to where they belong."""

import asyncio
import logging
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import StateMissingError
from dock_daemon.notify import Notifier
from dock_daemon.sync import holding
from dock_daemon.sync.core import Core
from dock_daemon.sync.courier import Courier
from dock_daemon.sync.published import PublishedLog
from dock_daemon.sync.replica.recurring import Recurring
from dock_daemon.sync.rounds import Rounds, rounds_of
from dock_daemon.sync.standing import lines, standing
from dock_daemon.sync.told import REACHED, Told
from hashing.errors import EvidenceError

log = logging.getLogger("sealdock.sync")

LOCK = "lock"


@click.command(
    epilog="""\b
Examples:
  sealdock sync --once
  sealdock sync --status --json"""
)
@click.option("--once", is_flag=True, help="One round, then end: 0 all reached, 4 some, 1 none.")
@click.option("--status", "show", is_flag=True, help="Show how it stands, and bring nothing.")
@common_options
def sync(invocation: Invocation, *, once: bool, show: bool) -> None:
    """Bring the log to its witnesses and mirrors, and keep the copy of the store up to date.

    Speaks to the network in the dock's stead: outward only, and it holds neither key nor
    ledger. After each start of the dock it first asks the witnesses what they know. Ends in
    good order on SIGTERM or Ctrl-C.
    """
    if show:
        _show(invocation)
        return
    if not invocation.state.is_dir():
        raise StateMissingError(invocation.state)
    with holding.alone(invocation.state, LOCK):
        if once:
            raise click.exceptions.Exit(asyncio.run(_once(invocation)))
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        asyncio.run(_serve(invocation))


def _show(invocation: Invocation) -> None:
    told = holding.read(invocation.state, holding.STATUS)
    copied = holding.read(invocation.state, holding.REPLICA)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "sync": told, "replica": copied}))
        return
    if told is None:
        click.echo(say("sync.no-status", invocation.lang))
        return
    _print(invocation, told)


async def _once(invocation: Invocation) -> int:
    rounds = rounds_of(invocation.loaded.settings, Core(invocation.state))
    try:
        told = await rounds.once()
    finally:
        await rounds.close()
    now = standing(rounds, time.time())
    _keep(invocation.state, now)
    if invocation.json:
        click.echo(json_line(now))
    else:
        _print(invocation, now)
    return _exit_code(told)


def _exit_code(told: list[tuple[Courier, Told]]) -> ExitCode:
    reached = [one.code in REACHED for _, one in told]
    if all(reached):
        return ExitCode.OK
    return ExitCode.PARTIAL if any(reached) else ExitCode.FAILED


def _print(invocation: Invocation, told: Mapping[str, Any]) -> None:
    lang = invocation.lang
    signing = told["signing"]
    if told["trouble"]:
        click.echo(say("sync.trouble", lang, detail=told["trouble"]))
    elif signing is not None:
        click.echo(say(f"sync.signing.{signing['state']}", lang))
    vkey = "-"
    with suppress(EvidenceError):
        vkey = PublishedLog(invocation.state / "log").vkey()
    origin = vkey.partition("+")[0]
    for line in lines(told["cosigners"], origin=origin, vkey=vkey, lang=lang):
        click.echo(line)
    if not told["cosigners"]:
        click.echo(say("sync.no-cosigners", lang))


async def _serve(invocation: Invocation) -> None:
    settings = invocation.loaded.settings
    notifier = Notifier.from_environment()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)

    def changed(rounds: Rounds) -> None:
        now = standing(rounds, time.time())
        _keep(invocation.state, now)
        notifier.status(_brief(rounds))
        if invocation.json:
            with suppress(OSError):
                click.echo(json_line({"message_type": "sync", **now}))

    rounds = rounds_of(settings, Core(invocation.state), changed=changed)
    if not settings.cosigners and not settings.replica.target:
        log.warning("%s", say("sync.no-cosigners", invocation.lang))
    recurring = Recurring(settings, stop)
    try:
        notifier.ready()
        async with asyncio.TaskGroup() as group:
            group.create_task(recurring.run(), name="replica")
            await rounds.run(notifier.alive, stop)
    finally:
        notifier.stopping()
        await rounds.close()
        recurring.close()


def _brief(rounds: Rounds) -> str:
    if rounds.trouble:
        return rounds.trouble
    told = [courier.record.told for courier in rounds.couriers]
    reached = sum(one is not None and one.code in REACHED for one in told)
    return f"{reached} of {len(told)} cosigners reached"


def _keep(state: Path, now: Mapping[str, object]) -> None:
    try:
        holding.write(state, holding.STATUS, now)
    except OSError as error:
        log.warning("%s: %s", holding.STATUS, error)
