"""`sealdock-agent`: finds the one command that was asked for, and imports no other."""

from collections.abc import Mapping
from typing import Final

import click

from config.command_line import lazy_group, run_main
from config.version import VERSION

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("run", "Be the companion: answer the dock, keep the journal."),
    "check": ("check", "Show what the dock would be told, and what is missing."),
    "key": ("key", "Show the recorder's own key, or make it."),
    "journal": ("journal", "Show the recorder's journal, or verify it."),
    "gadget": ("gadget", "Be a USB device of serial port and storage, or none."),
    "volume": ("volume", "Hand out the clips' volume, as the agent's helper."),
}
"""Command → its module in agent.commands, which has it under the same name, and a line of help."""


@click.group(
    cls=lazy_group("agent.commands", COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without a gadget:  sealdock-agent check --json",
)
@click.version_option(VERSION, "-V", "--version", message="sealdock-agent %(version)s")
def sealdock_agent() -> None:
    """Be the companion on an open recorder: answer the dock, and journal every clip.

    Every command has --help with an example, and --json for programs. Exit codes mean the same
    everywhere: 0 done, 1 not done, 2 wrong usage, 3 not there, 6 the journal does not hold.
    """


def main() -> None:
    """Run the command line, and end the process with the exit code that says how it went."""
    run_main(sealdock_agent, "sealdock-agent")
