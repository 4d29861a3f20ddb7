"""`sealdock replicate`: copy store and log to another disk or a remote, and check what arrived."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line, unheeded
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.recurring import Job
from dock_daemon.sync.replica.replication import Report, Step


@click.command(
    epilog="""\b
Examples:
  sealdock replicate --to /mnt/copy
  sealdock replicate --to offsite:docks/1 --check --json

\b
Exit codes: 0 the copy is complete, 5 something there was damaged and is whole again,
4 something did not arrive, 6 something is damaged at the dock itself or could not be
replaced; docs/exit-codes.md has them all."""
)
@click.option("--to", metavar="TARGET", help="A directory, or an rclone remote: name:path.")
@click.option("--check", is_flag=True, help="Also read back and hash all that is there.")
@click.option("--anew", is_flag=True, help="TARGET may be empty, though a copy was there before.")
@common_options
def replicate(invocation: Invocation, *, to: str | None, check: bool, anew: bool) -> None:
    """Copy store and log to TARGET: what is missing there, and what is damaged.

    Clips and documents come first and the checkpoint last, so the copy can be checked with
    `sealdock verify` at any time. What was copied is read back and hashed. Nothing there is
    ever deleted, and nothing is replaced but by what is proved right.
    """
    replica = invocation.loaded.settings.replica
    job = Job(
        state=invocation.state,
        target=_absolute(to) if to is not None else replica.target,
        rclone_config=replica.rclone_config,
        check=check,
        anew=anew,
    )

    def tell(step: Step) -> None:
        if invocation.json:
            told = {"room": step.room, "done": step.done, "of": step.of}
            click.echo(json_line({"message_type": "progress", "schema": SCHEMA, **told}))
        else:
            room = say(f"replicate.room.{step.room.rpartition('/')[2]}", invocation.lang)
            line = say("replicate.progress", invocation.lang, room=room, done=step.done, of=step.of)
            click.echo(line)

    with _stop_on_signals() as stop:
        report = recurring.run(job, stop, unheeded(tell))
    if invocation.json:
        told = {"message_type": "summary", "schema": SCHEMA, **report.as_json()}
        click.echo(json_line(told))
    else:
        for line in _lines(report, invocation.lang):
            click.echo(line)
    raise click.exceptions.Exit(_exit_code(report))


def _absolute(target: str) -> str:
    """Return a path as it is meant from where one stands; a remote as it is."""
    return target if ":" in target else str(Path(target).absolute())


def _lines(report: Report, lang: str) -> Iterator[str]:
    yield say(
        "replicate.done" if report.complete else "replicate.incomplete",
        lang,
        target=report.target,
        entries=report.entries,
        copied=report.copied,
        size=text.size(report.copied_bytes),
        there=sum(report.there.values()),
        verified=report.verified,
    )
    repaired = set(report.repaired)
    for path in report.damaged:
        key = "replicate.repaired" if path in repaired else "replicate.damaged"
        yield say(key, lang, path=path)
    for path in report.spoilt:
        yield say("replicate.spoilt", lang, path=path)
    for path in report.failed:
        yield say("replicate.failed", lang, path=path)


def _exit_code(report: Report) -> ExitCode:
    if report.spoilt or set(report.damaged) - set(report.repaired):
        return ExitCode.VERIFICATION_FAILED
    if report.failed:
        return ExitCode.PARTIAL
    return ExitCode.WARNINGS if report.repaired else ExitCode.OK


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM end the copy between two files."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
