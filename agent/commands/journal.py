"""`sealdock-agent journal`: what the recorder wrote down of itself, and whether it holds."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click

from agent import companion, journal_key
from agent.commands.options import SCHEMA, Invocation, common_options, json_line
from agent.errors import StateUnusableError
from config.exit_codes import ExitCode
from config.messages import say
from hashing import journal as wording
from hashing.errors import JournalError, KeyFormatError
from hashing.keys import VerifierKey

_MEMBERS: Final = frozenset({"at", "seq", "kind", "body"})


@click.group()
def journal() -> None:
    """Show the recorder's journal, or verify it. Neither changes it, or waits for the agent."""


@journal.command(epilog="Example:  sealdock-agent journal show --last 20")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True)
@common_options
def show(invocation: Invocation, *, last: int) -> None:
    """Print the last records, the newest at the end; their signatures are not looked at."""
    kept: list[bytes] = []
    for line in _lines(invocation):
        kept = [*kept[-(last - 1) :], line] if last > 1 else [line]
    for line in kept:
        record = _parsed(line)
        if record is None:
            continue
        if invocation.json:
            click.echo(json_line({"schema": SCHEMA, **record}))
            continue
        at = record["at"]
        time_ms = at["utc_ms"] if isinstance(at, dict) else 0
        click.echo(
            say(
                "agent-journal.line",
                invocation.lang,
                seq=record["seq"],
                time=_shown(time_ms),
                kind=record["kind"],
                body=json.dumps(record["body"], ensure_ascii=False),
            )
        )


@journal.command(epilog="Example:  sealdock-agent journal verify --json")
@click.option("--vkey", help="The recorder's key as the dock knows it, instead of the one here.")
@common_options
def verify(invocation: Invocation, *, vkey: str | None) -> None:
    """Check every signature and link; exit 6 where one does not hold."""
    key = _own_key(invocation) if vkey is None else _parsed_key(vkey)
    count, broken = _walked(invocation, key)
    torn = broken is not None and broken.code == "torn"
    if invocation.json:
        told = {"schema": SCHEMA, "records": count, "vkey": str(key)}
        if broken is not None:
            told |= {"broken": {"seq": broken.seq, "code": broken.code, "detail": broken.detail}}
        click.echo(json_line(told))
    else:
        _tell(invocation.lang, count, key, broken)
    if broken is not None:
        code = ExitCode.WARNINGS if torn else ExitCode.VERIFICATION_FAILED
        raise click.exceptions.Exit(code)


def _own_key(invocation: Invocation) -> VerifierKey:
    return journal_key.load(invocation.settings.state / companion.KEY).verifier()


def _parsed_key(vkey: str) -> VerifierKey:
    try:
        return VerifierKey.parse(vkey)
    except KeyFormatError as error:
        raise click.BadParameter(str(error), param_hint="--vkey") from None


def _tell(lang: str, count: int, key: VerifierKey, broken: wording.Broken | None) -> None:
    click.echo(say("agent-journal.holds", lang, count=count, vkey=key))
    if broken is None:
        return
    if broken.code == "torn":
        click.echo(say("agent-journal.torn", lang, bytes=len(broken.line)))
        return
    click.echo(
        say("agent-journal.broken", lang, seq=broken.seq, code=broken.code, detail=broken.detail)
    )


def _walked(invocation: Invocation, key: VerifierKey) -> tuple[int, wording.Broken | None]:
    """Follow the journal a line at a time: a recorder has little memory, and years of it."""
    position = wording.START
    before: wording.Record | None = None
    for line in _lines(invocation):
        try:
            before = wording.follow(line, key, position, before)
        except JournalError as error:
            return position.next, wording.Broken(error.code, position.next, error.detail, line)
        position = wording.after(position, line)
    return position.next, None


def _lines(invocation: Invocation) -> Iterator[bytes]:
    """Yield the lines as they lie on the disk, the agent running or not."""
    folder = invocation.settings.state / companion.JOURNAL
    try:
        for path in sorted(folder.glob("*.journal")):
            with path.open("rb") as file:
                yield from file
    except OSError as error:
        raise StateUnusableError(path=str(folder), reason=error.strerror or "?") from error


def _parsed(line: bytes) -> dict[str, object] | None:
    _, _, text = line.partition(b" ")
    try:
        value: object = json.loads(text)
    except ValueError:
        return None
    return (
        value if isinstance(value, dict) and {"at", "seq", "kind", "body"} <= value.keys() else None
    )


def _shown(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
