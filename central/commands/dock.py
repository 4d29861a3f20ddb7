"""`sealdock-central dock`: which docks there are, and by which keys they sign."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.register.docks import FIRST_USE, OPERATOR, Dock
from central.register.first_use import FirstUse, ask
from config import text
from config.messages import printable, say, term


@click.group()
def dock() -> None:
    """Enrol docks, and say by which keys they sign."""


@dock.command(
    epilog="""\b
Examples:
  sealdock-central dock add dock.example/0001 --key dock.example/0001+c5686328+AaRV...
  sealdock-central dock add --url https://10.0.3.7:8470 --trust-on-first-use"""
)
@click.argument("origin", required=False)
@click.option("--key", "vkeys", multiple=True, metavar="VKEY", help="A key it signs with.")
@click.option("--url", default="", metavar="URL", help="Where its log is served, for pulling.")
@click.option("--name", default="", help="What people call it; without this, its origin.")
@click.option(
    "--trust-on-first-use", "first_use", is_flag=True, help="Believe the key that --url serves."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def add(
    invocation: Invocation,
    *,
    origin: str | None,
    vkeys: tuple[str, ...],
    url: str,
    name: str,
    first_use: bool,
    yes: bool,
) -> None:
    """Enrol a dock by its origin and key, which you have from the dock itself.

    With --trust-on-first-use origin and key are what --url serves now; you are shown the key's
    fingerprint, to be compared with what `sha256sum log/vkey` says on the dock itself.
    """
    if first_use == bool(vkeys) or (first_use and not url) or not (first_use or origin):
        raise click.UsageError(say("dock-command.either", invocation.lang))
    with _opened(invocation) as centre:
        by = OPERATOR
        if first_use:
            found = ask(url, centre.loaded.settings.pull)
            _confirm(found, invocation.lang, yes=yes, json=invocation.json)
            if origin not in {None, found.origin}:
                facts = {"origin": origin, "found": found.origin}
                raise click.UsageError(say("dock-command.other-origin", invocation.lang, **facts))
            origin, vkeys, by = found.origin, (found.vkey,), FIRST_USE
        enrolled = centre.register.enrol(
            origin or "", vkeys, now_ms=centre.clock(), name=name, url=url, by=by
        )
        _tell(enrolled, invocation, centre)


@dock.command(
    "set",
    epilog="""\b
Examples:
  sealdock-central dock set dock.example/0001 --url https://10.0.3.8:8470
  sealdock-central dock set dock.example/0001 --no-url --name 'Lane 7'""",
)
@click.argument("origin")
@click.option("--url", metavar="URL", help="Where its log is served, for pulling.")
@click.option("--no-url", is_flag=True, help="Pull it no longer: it submits by itself.")
@click.option("--name", help="What people call it; empty: its origin.")
@common_options
def set_dock(
    invocation: Invocation, *, origin: str, url: str | None, no_url: bool, name: str | None
) -> None:
    """Change where a dock is pulled from, or what it is called.

    It stays enrolled meanwhile; its keys and what was cosigned stay as they are. A centre that
    runs takes it up by itself.
    """
    if (url is not None and no_url) or (url is None and name is None and not no_url):
        raise click.UsageError(say("dock-command.set", invocation.lang))
    with _opened(invocation) as centre:
        changed = centre.register.change(origin, url="" if no_url else url, name=name)
        _tell(changed, invocation, centre)


@dock.group("key")
def dock_key() -> None:
    """Add a key to a dock, or retire one."""


@dock_key.command("add", epilog="Example:  sealdock-central dock key add dock.example/0001 VKEY")
@click.argument("origin")
@click.argument("vkey")
@common_options
def add_key(invocation: Invocation, *, origin: str, vkey: str) -> None:
    """Believe a further key of a dock.

    A change of keys that the dock writes into its log, signed by both, needs no such command.
    """
    with _opened(invocation) as centre:
        _tell(centre.register.add_key(origin, vkey, now_ms=centre.clock()), invocation, centre)


@dock_key.command("retire", epilog="Example:  sealdock-central dock key retire dock.example/1 VKEY")
@click.argument("origin")
@click.argument("vkey")
@common_options
def retire_key(invocation: Invocation, *, origin: str, vkey: str) -> None:
    """Believe a key of a dock no longer. It can not be added again."""
    with _opened(invocation) as centre:
        _tell(centre.register.retire_key(origin, vkey, now_ms=centre.clock()), invocation, centre)


@dock.command(epilog="Example:  sealdock-central dock remove dock.example/0001")
@click.argument("origin")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def remove(invocation: Invocation, *, origin: str, yes: bool) -> None:
    """Take a dock out of the register: nothing more is cosigned for it.

    What was mirrored stays, and so does the head that was cosigned: enrolled again, the dock is
    held to it.
    """
    with _opened(invocation) as centre:
        known = centre.register.dock(origin)
        if not yes:
            click.confirm(
                say("dock-command.remove", invocation.lang, origin=known.origin),
                abort=True,
                err=True,
            )
        centre.register.remove(origin)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "removed": origin}))
    else:
        click.echo(say("dock-command.removed", invocation.lang, origin=origin))


@dock.command(epilog="Example:  sealdock-central dock show dock.example/0001")
@click.argument("origin", required=False)
@common_options
def show(invocation: Invocation, *, origin: str | None) -> None:
    """Show one dock, or all, with their keys."""
    with _opened(invocation) as centre:
        docks = centre.register.docks() if origin is None else (centre.register.dock(origin),)
        for each in docks:
            _tell(each, invocation, centre)
    if not docks and not invocation.json:
        click.echo(say("dock-command.none", invocation.lang))


@contextmanager
def _opened(invocation: Invocation) -> Iterator[Centre]:
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        yield centre
    finally:
        centre.close()


def _confirm(found: FirstUse, lang: str, *, yes: bool, json: bool) -> None:
    facts = {"origin": found.origin, "vkey": found.vkey, "fingerprint": found.fingerprint}
    if not json:
        click.echo(say("dock-command.found", lang, **facts), err=True)
    if not yes:
        click.confirm(say("dock-command.trust", lang), abort=True, err=True)


def _tell(dock: Dock, invocation: Invocation, centre: Centre) -> None:
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **as_json(dock)}))
        return
    for line in _lines(dock, invocation.lang, centre):
        click.echo(line)


def as_json(dock: Dock) -> dict[str, object]:
    """Return a dock as programs read it."""
    return {
        "origin": dock.origin,
        "hash": dock.hash,
        "name": dock.name,
        "url": dock.url,
        "enrolled_ms": dock.enrolled_ms,
        "keys": [
            {
                "vkey": key.vkey,
                "by": key.by,
                "added_ms": key.added_ms,
                "retired_ms": key.retired_ms,
            }
            for key in dock.keys
        ],
    }


def _lines(dock: Dock, lang: str, centre: Centre) -> Iterator[str]:
    zone = centre.loaded.zone
    at = text.local_time(dock.enrolled_ms, zone)
    name = "" if dock.name == dock.origin else f"  {printable(dock.name)}"
    yield f"{printable(dock.origin)}{name}"
    yield "  " + say("dock-command.enrolled", lang, at=at, url=dock.url or "-")
    for key in dock.keys:
        by = term("dock-key-by", key.by, lang)
        added = text.local_time(key.added_ms, zone)
        yield "  " + say("dock-command.key", lang, vkey=key.vkey, by=by, at=added)
        if key.retired_ms is not None:
            yield "  " + say("dock-command.retired", lang, at=text.local_time(key.retired_ms, zone))
