"""`sealdock-agent gadget`: the recorder as a USB device."""

from pathlib import Path

import click

from agent import gadget as usb
from agent.commands.options import SCHEMA, Invocation, common_options, json_line
from agent.configfs import KernelFolder
from agent.identity import named
from config.messages import say


@click.group()
def gadget() -> None:
    """Be a USB device of serial port and storage, or none. Needs root."""


@gadget.command(epilog="Example:  sudo sealdock-agent gadget up")
@common_options
def up(invocation: Invocation) -> None:
    """Set the gadget up and bind it; one that is up is put right where it differs."""
    settings = invocation.settings
    wanted = usb.wanted(settings.gadget, named(settings.recorder).number)
    controllers = Path(settings.export.controllers)
    where = usb.up(_folder(invocation), wanted, controllers, settings.gadget.controller)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "gadget": settings.gadget.name, "at": where}))
        return
    click.echo(say("agent-gadget.up", invocation.lang, name=settings.gadget.name, controller=where))


@gadget.command(epilog="Example:  sudo sealdock-agent gadget down")
@common_options
def down(invocation: Invocation) -> None:
    """Take the gadget off the wire and away; none is no trouble."""
    settings = invocation.settings
    usb.down(_folder(invocation))
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "gadget": settings.gadget.name, "at": None}))
        return
    click.echo(say("agent-gadget.down", invocation.lang, name=settings.gadget.name))


def _folder(invocation: Invocation) -> KernelFolder:
    told = invocation.settings.gadget
    return KernelFolder(Path(told.configfs) / "usb_gadget" / told.name)
