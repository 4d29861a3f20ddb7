"""`sealdock-agent run`: the companion itself."""

import logging

import click

from agent import companion
from agent.commands.options import SCHEMA, Invocation, common_options, json_line


@click.command(epilog="Example:  sealdock-agent run --config /etc/sealdock-agent/agent.toml")
@common_options
def run(invocation: Invocation) -> None:
    """Answer the dock over USB serial, and journal every clip, until a signal ends it."""
    logging.getLogger().setLevel(logging.INFO)
    companion.run(invocation.settings, lambda: _ready(invocation))


def _ready(invocation: Invocation) -> None:
    if invocation.json:
        serial = invocation.settings.serial
        told = {"message_type": "ready", "schema": SCHEMA, "line": serial.pty or serial.node}
        click.echo(json_line(told))
