"""`sealdock scrub`: the store is read again; how far, what is damaged, and what brings it back."""

import threading
import time
from typing import Any, Final, cast

import click

from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon import control
from dock_daemon.asking import ask
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.commands.scrub_lines import damage_lines, disk_line, exit_code, scrub_lines
from dock_daemon.errors import CoreAwayError
from dock_daemon.sync.core import Core
from dock_daemon.sync.replica.mending import mend
from dock_daemon.sync.replica.recurring import target_of
from dock_daemon.sync.replica.source import Source

Row = dict[str, Any]  # what the dock answers is JSON

_LOOK_S: Final = 1.0
_HOUR_MS: Final = 3_600_000


@click.group()
def scrub() -> None:
    """Read the store again: see how far it is, ask for all of it, pause it, mend what is lost."""


@scrub.command(
    epilog="""\b
Example:  sealdock scrub status --json

\b
Exit codes: 0 all is well, 5 something needs a person's eye (the period is not kept, the disk
seems to fail), 6 this dock has lost content that its log seals."""
)
@common_options
def status(invocation: Invocation) -> None:
    """Show what is damaged, how far the store was read again, and when its disk will be full."""
    answer, running = ask(invocation.loaded, {"ask": "status"})
    told = cast("Row", answer)
    if invocation.json:
        known: Row = {name: told[name] for name in ("store", "scrub", "disk") if name in told}
        click.echo(json_line({"schema": SCHEMA, "running": running, **known}))
    else:
        _print(invocation, told, running=running)
    raise click.exceptions.Exit(exit_code(told))


@scrub.command(epilog="Example:  sealdock scrub now --no-wait")
@click.option("--no-wait", is_flag=True, help="Only ask for it; do not wait until it is done.")
@common_options
def now(invocation: Invocation, *, no_wait: bool) -> None:
    """Have all of the store read from now on, and wait for that; Ctrl-C ends the waiting only."""
    _tell(invocation, {"tell": "scrub", "do": "now"})
    if no_wait:
        _done(invocation, "now")
        return
    told = _wait(invocation)
    if invocation.json:
        known = {name: told[name] for name in ("store", "scrub")}
        click.echo(json_line({"message_type": "summary", "schema": SCHEMA, **known}))
    else:
        _print(invocation, told, running=True)
    raise click.exceptions.Exit(exit_code(told))


@scrub.command(epilog="Example:  sealdock scrub pause --hours 8")
@click.option("--hours", type=click.IntRange(1, 24 * 28), default=24, show_default=True)
@common_options
def pause(invocation: Invocation, *, hours: int) -> None:
    """Read nothing for some hours; then it goes on by itself."""
    until_ms = time.time_ns() // 1_000_000 + hours * _HOUR_MS
    _tell(invocation, {"tell": "scrub", "do": "pause", "until_ms": until_ms})
    _done(invocation, "pause")


@scrub.command(epilog="Example:  sealdock scrub resume")
@common_options
def resume(invocation: Invocation) -> None:
    """Go on, after a pause, or after so much damage that the disk seemed to fail."""
    _tell(invocation, {"tell": "scrub", "do": "resume"})
    _done(invocation, "resume")


@scrub.command(
    epilog="""\b
Example:  sealdock scrub heal --from /mnt/sealdock-copy

\b
Exit codes: 0 nothing is lost any more, 4 some of it is still, 6 nothing of it could be replaced."""
)
@click.option("--from", "origin", metavar="TARGET", help="A directory, or an rclone remote.")
@common_options
def heal(invocation: Invocation, *, origin: str | None) -> None:
    """Bring back what is lost from a copy; only what hashes to its name is taken."""
    replica = invocation.loaded.settings.replica
    target = target_of(
        origin or replica.target,
        Source(invocation.state),
        rclone_config=replica.rclone_config,
    )
    stop = threading.Event()
    done = mend(
        invocation.state,
        target,
        Core(invocation.state),
        stop=stop,
        pause=lambda: stop.wait(_LOOK_S),
    )
    if invocation.json:
        rows = [{"room": one.room, "sha256": one.sha256, "came": one.came} for one in done]
        click.echo(json_line({"schema": SCHEMA, "target": target.name, "mended": rows}))
    else:
        for one in done:
            came = say(f"scrub-came.{one.came}", invocation.lang)
            click.echo(say("scrub.mended", invocation.lang, sha256=one.sha256, came=came))
        if not done:
            click.echo(say("scrub.nothing-lost", invocation.lang))
    right = sum(one.came in {"replaced", "not-damaged"} for one in done)
    if right == len(done):
        return
    code = ExitCode.PARTIAL if right else ExitCode.VERIFICATION_FAILED
    raise click.exceptions.Exit(code)


def _tell(invocation: Invocation, request: Row) -> None:
    if control.ask(invocation.state, request) is None:
        raise CoreAwayError(invocation.state, "nobody listens on its socket")


def _done(invocation: Invocation, what: str) -> None:
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "done": what}))
    else:
        click.echo(say(f"scrub-done.{what}", invocation.lang))


def _print(invocation: Invocation, told: Row, *, running: bool) -> None:
    lang, zone = invocation.lang, invocation.loaded.zone
    lines = [*damage_lines(told["store"], lang, zone), *scrub_lines(told, lang, zone)]
    if running:
        lines.append(disk_line(told["disk"], lang))
    else:
        lines.append(say("status.not-running", lang))
    for line in lines:
        click.echo(line)


def _wait(invocation: Invocation) -> Row:
    """Wait until all was read that was asked for; a bar on a terminal, else lines of JSON."""
    label = say("scrub.progress", invocation.lang)
    with click.progressbar(length=1000, label=label, hidden=invocation.json) as bar:
        while True:
            answer = control.ask(invocation.state, {"ask": "status"})
            if answer is None:
                raise CoreAwayError(invocation.state, "it has stopped")
            told = cast("Row", answer)
            asked, doing = told["scrub"]["asked"], told["scrub"]["doing"]
            if asked is not None:
                bar.update(_thousandths(asked) - bar.pos)
                if invocation.json:
                    news = {"done": asked["done"], "of": asked["of"]}
                    click.echo(json_line({"message_type": "progress", "schema": SCHEMA, **news}))
            if doing in {"blocked", "failed", "ended", "paused"} or (
                asked is not None and asked["done"] == asked["of"]
            ):
                return told
            time.sleep(_LOOK_S)


def _thousandths(asked: Row) -> int:
    by_bytes = asked["done_bytes"] / asked["of_bytes"] if asked["of_bytes"] else 0
    return int(1000 * max(by_bytes, asked["done"] / max(1, asked["of"])))
