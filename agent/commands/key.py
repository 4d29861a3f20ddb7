"""`sealdock-agent key`: the key that signs this recorder's journal."""

from pathlib import Path

import click

from agent import companion, journal_key
from agent.commands.options import SCHEMA, Invocation, common_options, json_line
from agent.identity import named
from config.messages import say


@click.group()
def key() -> None:
    """Show the recorder's own key, or make it: once, before its first docking."""


@key.command(epilog="Example:  sealdock-agent key show")
@common_options
def show(invocation: Invocation) -> None:
    """Print the verifier key, which the dock believes at the first docking."""
    path = _place(invocation)
    _tell(invocation, str(journal_key.load(path).verifier()))


@key.command(epilog="Example:  sudo -u sealdock-agent sealdock-agent key make")
@common_options
def make(invocation: Invocation) -> None:
    """Make the key. One that is there is never replaced."""
    companion.make_state(invocation.settings)
    path = _place(invocation)
    made = journal_key.make(path, named(invocation.settings.recorder).number)
    if not invocation.json:
        click.echo(say("agent-key.made", invocation.lang, path=path))
    _tell(invocation, str(made.verifier()))


def _place(invocation: Invocation) -> Path:
    return invocation.settings.state / companion.KEY


def _tell(invocation: Invocation, vkey: str) -> None:
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "vkey": vkey}))
    else:
        click.echo(vkey)
