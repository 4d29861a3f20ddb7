"""`sealdock-agent volume`: the helper that hands out the clips' volume; a service starts it."""

import socket
import sys
from pathlib import Path

import click

from agent import volume_helper
from agent.commands.options import Invocation, common_options
from agent.volume import OwnVolume
from config.messages import say


@click.command(epilog="Example:  systemctl enable --now sealdock-agent-volume.socket")
@common_options
def volume(invocation: Invocation) -> None:
    """Answer one question of the agent, which comes on standard input, a socket.

    It runs as root and does two things: `out` unmounts the volume and shows it, `back` the
    other way round. systemd/agent/sealdock-agent-volume@.service starts it.
    """
    try:
        link = socket.socket(fileno=sys.stdin.fileno())
    except OSError:
        raise click.UsageError(say("agent-volume.no-socket", invocation.lang)) from None
    with link:
        settings = invocation.settings
        volume_helper.serve(link, OwnVolume(settings.export, Path(settings.clips.folder)))
