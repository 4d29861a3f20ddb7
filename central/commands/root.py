"""`sealdock-central`: finds the one command that was asked for, and imports no other."""

from collections.abc import Mapping
from typing import Final

import click

from config.command_line import lazy_group, run_main
from config.version import VERSION

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("run", "Be the centre: witness, mirror, overview."),
    "dock": ("dock", "Enrol docks, and say by which keys they sign."),
    "check": ("check", "Verify mirrored logs whole, offline."),
    "fork": ("fork", "Show what docks signed and should not have."),
    "docks": ("docks", "Show the fleet: heads, lag, heartbeats, what is late."),
    "manifests": ("manifests", "List the dockings that ended on one dock."),
    "inventory": ("inventory", "Hold a store, or a copy of it, against its log."),
    "ca": ("ca", "Issue and revoke certificates, where no other authority does."),
    "key": ("key", "Show the keys that docks are to know; retire one."),
}
"""Command → its module in this package, which has it under the same name, and its line of help."""


@click.group(
    cls=lazy_group("central.commands", COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with:  sealdock-central key show",
)
@click.version_option(VERSION, "-V", "--version", message="sealdock-central %(version)s")
def sealdock_central() -> None:
    """Cosign the logs of docks, hold copies of them, and tell what is late or wrong.

    Every command has --help with an example, and --json for programs. Exit codes mean the same
    everywhere: 0 done, 2 wrong usage, 3 no such dock, 6 the evidence does not match.
    """


def main() -> None:
    """Run the command line, and end the process with the exit code that says how it went."""
    run_main(sealdock_central, "sealdock-central")


if __name__ == "__main__":
    main()
