"""`sealdock`: finds the one command that was asked for, and imports no other.

A dock's technician types `sealdock status` on a small computer: so nothing but click is loaded
before it is known which command runs.
"""

from collections.abc import Mapping
from typing import Final

import click

from config.command_line import lazy_group, run_main
from dock_daemon.version import VERSION

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("run", "Be the dock: watch the bays, take over, seal, publish."),
    "status": ("status", "Show the bays, the log, and what was taken over last."),
    "pull": ("pull", "Take over the clips of a device, a card image or a folder."),
    "clips": ("clips", "List the clips that were taken over."),
    "findings": ("findings", "List what did not fit: missing, changed, deleted, unread."),
    "check": ("check", "Check docked recorders again, where they are."),
    "erase": ("erase", "Erase on docked recorders what is kept for sure; say what keeps the rest."),
    "recorder": ("recorder", "Look at what is at the ports, at known makes and recorders."),
    "issue": ("issue", "Hand a recorder out to a person, if its checklist lets it be."),
    "return": ("return_", "Register that a recorder came back."),
    "trip": ("trip", "Register that a recorder's holder goes away with it, or is back."),
    "custody": ("custody", "List who has which recorder, what is overdue first."),
    "health": ("health", "Show how the recorders fare, and what wants service next."),
    "register": ("register", "Check, import or list the register of recorders and holders."),
    "manifest": ("manifest", "Show or write what a docking produced, as one file to hand out."),
    "prove": ("prove", "Write the proof that the log holds a clip."),
    "verify": ("verify", "Check a log, or the proof of an entry, trusting nobody but keys."),
    "verifier": ("verifier", "Write the verifier as one file, to hand over with evidence."),
    "sync": ("sync", "Bring the log to its witnesses and mirrors."),
    "replicate": ("replicate", "Copy store and log to another disk or a remote."),
    "scrub": ("scrub", "Read the store again; what is damaged, and what brings it back."),
    "key": ("key", "Show the keys that sign the log, or let a new one follow."),
    "signing": ("signing", "Show who vouches for the log; dismiss a false alarm."),
    "config": ("config_show", "Show the settings in force, and where each one comes from."),
    "serve": ("serve", "Serve the published log, manifests and clips over HTTP."),
    "demo": ("demo", "Show all of it on a made-up recorder, without hardware."),
    "completion": ("completion", "Print what teaches a shell to complete these commands."),
}
"""Command → its module in this package, which has it under the same name, and its line of help."""


@click.group(
    cls=lazy_group("dock_daemon.commands", COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without a dock:  sealdock demo",
)
@click.version_option(VERSION, "-V", "--version", message="sealdock %(version)s")
def sealdock() -> None:
    """Take over the clips of body-worn recorders, seal them in a signed log, and prove it.

    Every command has --help with an example, and --json for programs. Exit codes mean the same
    everywhere: 0 done, 2 wrong usage, 4 done in part, 6 the evidence does not match, 7 busy.
    """


def main() -> None:
    """Run the command line, and end the process with the exit code that says how it went."""
    run_main(sealdock, "sealdock")


if __name__ == "__main__":
    main()
