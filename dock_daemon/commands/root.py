"""`sealdock`: finds the one command that was asked for, and imports no other.

A dock's technician types `sealdock status` on a small computer: so nothing but click is loaded
before it is known which command runs.
"""

import importlib
import io
import os
import sys
from collections.abc import Mapping
from typing import Final, cast

import click

from config.exit_codes import ExitCode
from dock_daemon.commands.printing import print_error
from dock_daemon.version import VERSION

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("run", "Be the dock: watch the bays, take over, seal, publish."),
    "status": ("status", "Show the bays, the log, and what was taken over last."),
    "pull": ("pull", "Take over the clips of a device, a card image or a folder."),
    "clips": ("clips", "List the clips that were taken over."),
    "findings": ("findings", "List what did not fit: missing, changed, deleted, unread."),
    "manifest": ("manifest", "Show or write what a docking produced, as one file to hand out."),
    "prove": ("prove", "Write the proof that the log holds a clip."),
    "verify": ("verify", "Check a log, or the proof of an entry, trusting nobody but keys."),
    "verifier": ("verifier", "Write the verifier as one file, to hand over with evidence."),
    "sync": ("sync", "Bring the log to its witnesses and mirrors."),
    "replicate": ("replicate", "Copy store and log to another disk or a remote."),
    "key": ("key", "Show the keys that sign the log, or let a new one follow."),
    "signing": ("signing", "Show who vouches for the log; dismiss a false alarm."),
    "config": ("config_show", "Show the settings in force, and where each one comes from."),
    "serve": ("serve", "Serve the published log, manifests and clips over HTTP."),
    "demo": ("demo", "Show all of it on a made-up recorder, without hardware."),
    "completion": ("completion", "Print what teaches a shell to complete these commands."),
}
"""Command → its module in this package, which has it under the same name, and its line of help."""


class LazyGroup(click.Group):
    """A group that knows its commands by name, and loads one only to run it."""

    # Three methods do without the context that click hands them.

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (see above)
        """Return the commands in the order in which a newcomer would meet them."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 (see above)
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return one command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dock_daemon.commands.{COMMANDS[cmd_name][0]}")
        # What a module holds is known to the type checker only when it is imported by name; a
        # test loads every command of the table.
        return cast("click.Command", getattr(module, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begin with; name the nearest ones if it is unknown."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # click looks for near names among the commands that it holds: here, none.
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (see above)
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands from the table above, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
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
    _open_closed()
    _buffer_stdout()
    try:
        code = _run()
    except OSError:
        # A command that only prints ends where printing does. Where our words went out well,
        # the error is of something else: a bug, and shown as one.
        if _said():
            raise
        code = ExitCode.FAILED
    sys.exit(code if _said() else code or ExitCode.FAILED)


def _run() -> int:
    try:
        result: object = sealdock.main(prog_name="sealdock", standalone_mode=False)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        if "--json" in sys.argv[1:]:
            print_error("usage", error.format_message(), error.exit_code)
        else:
            error.show()
        return error.exit_code
    # ctx.exit(code) comes back as a number; a command that simply returns has done its work.
    return result if isinstance(result, int) else ExitCode.OK


def _open_closed() -> None:
    """Open what the shell closed (`>&-`): else evidence would get its number, and our words."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  to the end of the process


def _buffer_stdout() -> None:
    """Keep what we print until it went out, also under `PYTHONUNBUFFERED`: `_said` tells by it.

    click flushes each line, so nobody reads anything later.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.write_through:
        sys.stdout = open(  # noqa: SIM115  to the end of the process
            sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors,
            closefd=False,
        )  # fmt: skip


def _said() -> bool:
    """Tell whether all that was printed went out; what did not must not raise again at exit."""
    all_of_it = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            all_of_it = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return all_of_it


if __name__ == "__main__":
    main()
