"""The man pages, made from the help of every command and from docs/exit-codes.md.

click-man was tried: it makes a page per command, knows no lazily loaded ones, and leaves out the
examples and exit codes that stand below a command's options. Written for man(7).
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Final

import click

from agent.command import sealdock_agent
from central.commands.root import sealdock_central
from config.version import VERSION
from dock_daemon.commands.root import sealdock

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Program:
    """One program, and what its page says beside its commands' own help."""

    name: str
    what: str
    group: click.Group
    files: tuple[tuple[str, str], ...]


PROGRAMS: Final = (
    Program(
        "sealdock",
        "the dock for body-worn enforcement recorders",
        sealdock,
        (
            (
                "/etc/sealdock/sealdock.toml, /etc/sealdock/sealdock.d/*.toml",
                "Settings of this dock.",
            ),
            ("/var/lib/sealdock/store/", "Clips and documents, each under its SHA-256."),
            (
                "/var/lib/sealdock/log/",
                "The signed log as anybody may copy it, and log/vkey, its key.",
            ),
            (
                "/var/lib/sealdock/ledger.db",
                "The entries before they are published; one process owns it.",
            ),
            ("/var/lib/sealdock/key/log.key", "The signing key. Nobody else may read it."),
            (
                "/var/lib/sealdock/alarms/",
                "Heads that contradict ours, with ours, kept as evidence.",
            ),
        ),
    ),
    Program(
        "sealdock-central",
        "witness, mirror and overview for the logs of many docks",
        sealdock_central,
        (
            (
                "/etc/sealdock-central/central.toml, /etc/sealdock-central/central.d/*.toml",
                "Settings of this centre.",
            ),
            ("/var/lib/sealdock-central/keys/", "The keys of witness and mirror, and their marks."),
            (
                "/var/lib/sealdock-central/central.db",
                "What was cosigned, where no PostgreSQL is set.",
            ),
            ("/var/lib/sealdock-central/mirror/", "Mirrored logs; each verifies as a dock's own."),
        ),
    ),
    Program(
        "sealdock-agent",
        "the companion on an open recorder",
        sealdock_agent,
        (
            ("/etc/sealdock-agent/agent.toml", "Settings of this recorder."),
            (
                "/var/lib/sealdock-agent/recorder.key",
                "The key that signs the journal. Nobody else may read it; it is never replaced.",
            ),
            ("/var/lib/sealdock-agent/journal/", "The journal, in segments."),
            ("/var/lib/sealdock-agent/holder.json", "Whom the dock named as the holder."),
        ),
    ),
)


def roff(text: str) -> str:
    """Return `text` so that troff prints it as it is."""
    safe = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", safe, flags=re.MULTILINE)


def paragraphs(text: str) -> Iterator[str]:
    """Yield click's help text: paragraphs to be filled, and those it marks to be left alone."""
    for paragraph in re.split(r"\n\s*\n", cleandoc(text)):
        body = paragraph.removeprefix("\b").strip("\n")
        if body != paragraph:
            yield f".PP\n.nf\n{roff(body)}\n.fi"
        else:
            yield f".PP\n{roff(body)}"


def options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield the options of a command, each with its help."""
    for parameter in command.params:
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record is not None:
            yield f".TP\n.B {roff(record[0])}\n{roff(record[1])}"


def section(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield one command's usage, help, options and examples; those of its sub-commands after it."""
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f".SS {roff(f'{ctx.command_path} {usage}')}"
    yield from paragraphs(command.help or "")
    yield from options(command, ctx)
    yield from paragraphs(command.epilog or "")
    yield from sections(command, ctx)


def sections(group: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield the sections of every command of a group, in its order; nothing for a plain command."""
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None:
            yield from section(command, click.Context(command, info_name=name, parent=ctx))


def exit_codes() -> Iterator[str]:
    """Yield the codes and their meanings from the table of docs/exit-codes.md."""
    table = (ROOT / "docs" / "exit-codes.md").read_text("utf-8")
    for code, means in re.findall(r"^\| (\d+) \| [A-Z_]+ \| ([^|]+) \|", table, re.MULTILINE):
        yield f".TP\n.B {code}\n{roff(means)}"


def page(program: Program) -> str:
    """Return a whole man page."""
    ctx = click.Context(program.group, info_name=program.name)
    parts = [
        f'.TH {program.name.upper()} 1 "" "sealdock {VERSION}"',
        f".SH NAME\n{roff(program.name)} {roff('-')} {roff(program.what)}",
        f".SH SYNOPSIS\n.B {roff(program.name)}\nCOMMAND [OPTIONS] [ARGUMENTS]",
        ".SH DESCRIPTION",
        *paragraphs(program.group.help or ""),
        ".SH OPTIONS",
        *options(program.group, ctx),
        ".SH COMMANDS",
        *sections(program.group, ctx),
        ".SH EXIT STATUS",
        *exit_codes(),
        ".SH FILES",
        *(f".TP\n.I {roff(path)}\n{roff(what)}" for path, what in program.files),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for each in PROGRAMS:
        (folder / f"{each.name}.1").write_text(page(each), "utf-8")
