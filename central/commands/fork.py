"""`sealdock-central fork`: what docks signed and should not have, kept as evidence."""

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.cosigning.evidence import Fork
from config import text
from config.exit_codes import ExitCode
from config.messages import printable, say
from hashing import base64s


@click.group()
def fork() -> None:
    """Show what docks signed and should not have."""


@fork.command("list", epilog="Example:  sealdock-central fork list")
@common_options
def list_(invocation: Invocation) -> None:
    """List the evidence about all docks. Ends with 6 if any of it stands unexplained."""
    _told(_evidence(invocation, None), invocation, whole=False)


@fork.command(epilog="Example:  sealdock-central fork show dock.example/0001 --json")
@click.argument("origin")
@common_options
def show(invocation: Invocation, *, origin: str) -> None:
    """Show the evidence about one dock, notes and all. Ends with 6 if any stands unexplained."""
    _told(_evidence(invocation, origin), invocation, whole=True)


def _evidence(invocation: Invocation, origin: str | None) -> tuple[Fork, ...]:
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        found = centre.evidence.all(origin)
        if origin is not None and not found:
            centre.register.dock(origin)  # a name that was never enrolled is not "nothing found"
        return found
    finally:
        centre.close()


def _told(found: tuple[Fork, ...], invocation: Invocation, *, whole: bool) -> None:
    lang, zone = invocation.lang, invocation.loaded.zone
    for each in found:
        if invocation.json:
            click.echo(json_line({"schema": SCHEMA, **as_json(each)}))
            continue
        at = text.local_time(each.seen_ms, zone)
        kind = say(f"fork-command.{each.kind}", lang)
        facts = {"number": each.id, "origin": each.origin, "size": each.size, "kind": kind}
        click.echo(say("fork-command.line", lang, at=at, by=each.by, **facts))
        if each.explained_ms is not None:
            explained = text.local_time(each.explained_ms, zone)
            click.echo("  " + say("fork-command.explained", lang, at=explained))
        if whole:
            for title, data in (("theirs", each.theirs), ("ours", each.ours)):
                click.echo("  " + say(f"fork-command.{title}", lang))
                for line in data.decode("utf-8", "replace").splitlines():
                    click.echo(f"    {printable(line)}")
    if not found and not invocation.json:
        click.echo(say("fork-command.none", lang))
    if any(each.stands for each in found):
        raise click.exceptions.Exit(ExitCode.VERIFICATION_FAILED)


def as_json(found: Fork) -> dict[str, object]:
    """Return a piece of evidence as programs read it, with nothing left out."""
    return {
        "number": found.id,
        "origin": found.origin,
        "kind": found.kind,
        "role": found.role,
        "size": found.size,
        "root": found.root.hex(),
        "theirs": found.theirs.decode("utf-8"),
        "ours": found.ours.decode("utf-8"),
        "proof": [base64s.spell(each) for each in found.proof],
        "seen_ms": found.seen_ms,
        "by": found.by,
        "explained_ms": found.explained_ms,
    }
