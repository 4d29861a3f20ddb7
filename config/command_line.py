"""A program of many commands: finds the one that was asked for, and imports no other.

Whoever types `sealdock status` on a small computer waits for nothing but click before it is
known which command runs. The end of the process says how it went, also when nobody could hear.
"""

import importlib
import io
import keyword
import os
import sys
from collections.abc import Mapping
from typing import ClassVar, cast

import click

from config.exit_codes import ExitCode
from config.json_lines import error_line

Commands = Mapping[str, tuple[str, str]]
"""Command → its module, and its line of help.

The module has it under the command's name, with "_" after it where that is a word of Python's.
"""


class LazyGroup(click.Group):
    """A group that knows its commands by name, and loads one only to run it."""

    package: ClassVar[str] = ""
    lazy: ClassVar[Commands] = {}

    # Three methods do without the context that click hands them.

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (see above)
        """Return the commands in the order in which a newcomer would meet them."""
        return list(self.lazy)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 (see above)
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return one command; None when there is none of that name."""
        if cmd_name not in self.lazy:
            return None
        module = importlib.import_module(f"{self.package}.{self.lazy[cmd_name][0]}")
        # What a module holds is known to the type checker only when it is imported by name; a
        # test loads every command of the table.
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        return cast("click.Command", getattr(module, name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begin with; name the nearest ones if it is unknown."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # click looks for near names among the commands that it holds: here, none.
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.lazy, ctx=ctx
            ) from None

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (see above)
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])


def lazy_group(package: str, commands: Commands) -> type[LazyGroup]:
    """Return the class of a group whose commands are modules of `package`."""
    return type("Commands", (LazyGroup,), {"package": package, "lazy": commands})


def run_main(group: click.Group, prog_name: str) -> None:
    """Run the command line, and end the process with the exit code that says how it went."""
    _open_closed()
    _buffer_stdout()
    try:
        code = _run(group, prog_name)
    except OSError:
        # A command that only prints ends where printing does. Where our words went out well,
        # the error is of something else: a bug, and shown as one.
        if _said():
            raise
        code = ExitCode.FAILED
    sys.exit(code if _said() else code or ExitCode.FAILED)


def _run(group: click.Group, prog_name: str) -> int:
    try:
        result: object = group.main(prog_name=prog_name, standalone_mode=False)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        if "--json" in sys.argv[1:]:
            line = error_line("usage", error.format_message(), error.exit_code)
            click.echo(line, err=True)
        else:
            error.show()
        return error.exit_code
    # ctx.exit(code) comes back as a number; a command that simply returns has done its work.
    return result if isinstance(result, int) else ExitCode.OK


def _open_closed() -> None:
    """Open what the shell closed (`>&-`): else a file gets its number, and our words."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # What a command prints on a closed stdout fails as on a full disk: it was not said.
            flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            handle = os.open(os.devnull, flags)
            setattr(sys, name, open(handle, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  to the end of the process


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
