"""`sealdock register`: who is registered with which recorder (R-ISSUE)."""

import contextlib
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.cells import cell_len

from config import register_check
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import printable, say
from config.register import Holder, Register, load_register, rows_of
from config.register_check import Difference, Problem
from config.toml import read
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import OutputError
from dock_daemon.evidence import durable

Row = dict[str, Any]

_PRIVATE: Final = 0o640
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def register() -> None:
    """Check, import or list the register of recorders and holders.

    It is a CSV file; docs/custody.md says which columns it has.
    """


@register.command(
    epilog="""\b
Example:
  sealdock register check new.csv

\b
Exit codes: 0 sound, 1 it has errors, 2 there is no such file, 5 sound, with warnings."""
)
@click.argument("file", type=_FILE)
@common_options
def check(invocation: Invocation, *, file: Path) -> None:
    """Check FILE as `import` would, and change nothing."""
    judged = _judged(invocation, file)
    _show(invocation, judged, "checked")
    _end(judged)


@register.command(
    "import",
    epilog="""\b
Examples:
  sealdock register import new.csv --dry-run
  sealdock register import new.csv

\b
Exit codes: 0 imported, 1 it has errors and was not imported, 2 there is no such file,
5 imported, with warnings.""",
)
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@common_options
def import_(invocation: Invocation, *, file: Path, dry_run: bool) -> None:
    """Make FILE the register in force, if nothing in it is wrong; show what that changes."""
    judged = _judged(invocation, file)
    if not dry_run and not register_check.errors(judged.problems):
        _install(invocation.loaded.register, judged.data, invocation.state)
    word = "not-imported" if register_check.errors(judged.problems) else "imported"
    _show(invocation, judged, "dry-run" if dry_run and word == "imported" else word)
    _end(judged)


@register.command("list", epilog="Example:  sealdock register list --json")
@common_options
def list_(invocation: Invocation) -> None:
    """List who is registered with which recorder."""
    found = load_register(invocation.loaded.register)
    rows = [*found.holders.values(), *found.others]
    if invocation.json:
        told = {"schema": SCHEMA, "sha256": found.sha256, "file": str(invocation.loaded.register)}
        click.echo(json_line({**told, "rows": [_row(one) for one in rows]}))
        return
    lang = invocation.lang
    if not rows:
        click.echo(say("register.none", lang, file=invocation.loaded.register))
        return
    cells = [
        [printable(cell) for cell in (one.recorder, one.user_no, one.name, one.unit, one.model)]
        for one in rows
    ]
    widths = [max(cell_len(row[at]) for row in cells) for at in range(len(cells[0]))]
    for row in cells:
        padded = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())
    click.echo(say("register.count", lang, recorders=len(found.holders), others=len(found.others)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A file, what is wrong with it, and what it would change; None where it is no register."""

    file: Path
    data: bytes
    rows: int
    problems: list[Problem]
    difference: Difference | None


def _judged(invocation: Invocation, file: Path) -> _Judged:
    data = read(file)
    in_force = _in_force(invocation)
    source = str(file)
    problems = register_check.check(data, source=source, in_force=in_force)
    sound = not register_check.errors(problems)
    return _Judged(
        file=file,
        data=data,
        rows=sum(1 for _ in rows_of(data, source=source)),
        problems=problems,
        difference=register_check.difference(data, source=source, in_force=in_force)
        if sound
        else None,
    )


def _in_force(invocation: Invocation) -> Register:
    """Return the register in force; one that is spoilt must not stand in the way of a good one."""
    try:
        return load_register(invocation.loaded.register)
    except ConfigError as error:
        click.echo(say("register.in-force-spoilt", invocation.lang, detail=error), err=True)
        return Register({}, "")


def _show(invocation: Invocation, judged: _Judged, word: str) -> None:
    lang, change = invocation.lang, judged.difference
    if invocation.json:
        told: Row = {"schema": SCHEMA, "result": word, "rows": judged.rows}
        told["problems"] = [
            {"severity": one.severity, "code": one.code, "line": one.line, **one.facts}
            for one in judged.problems
        ]
        if change is not None:
            told["new"] = [_row(one) for one in change.new]
            told["gone"] = [_row(one) for one in change.gone]
            told["changed"] = [
                {"before": _row(before), "now": _row(now)} for before, now in change.changed
            ]
        click.echo(json_line(told))
        return
    for one in judged.problems:
        severity = say(f"register-severity.{one.severity}", lang)
        words = say(f"register-problem.{one.code}", lang, **one.facts)
        click.echo(say("register.problem", lang, line=one.line, severity=severity, words=words))
    for line in [] if change is None else _difference_lines(change, lang):
        click.echo(line)
    click.echo(say(f"register-result.{word}", lang, file=judged.file, rows=judged.rows))
    if word == "imported":
        click.echo(say("register.effect", lang))


def _difference_lines(change: Difference, lang: str) -> list[str]:
    if change.nothing:
        return [say("register.same", lang)]
    lines = [say("register.new", lang, row=_words(one)) for one in change.new]
    lines += [
        say("register.changed", lang, before=_words(before), now=_words(now))
        for before, now in change.changed
    ]
    return lines + [say("register.gone", lang, row=_words(one)) for one in change.gone]


def _words(holder: Holder) -> str:
    parts = (holder.recorder, holder.user_no, holder.name, holder.unit, holder.model)
    return " ".join(part for part in parts if part)


def _row(holder: Holder) -> Row:
    return asdict(holder)


def _end(judged: _Judged) -> None:
    if register_check.errors(judged.problems):
        raise click.exceptions.Exit(ExitCode.FAILED)
    if judged.problems:
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _install(path: Path, data: bytes, state: Path) -> None:
    """Put the register in its place, old or new and nothing between, durable on return.

    It keeps owner and mode; a new one may be read by the group that keeps the dock's state.
    Raises OutputError.
    """
    temp = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp.unlink(missing_ok=True)
        durable.write_new(temp, data, mode=_PRIVATE)
        with contextlib.suppress(PermissionError):  # only root gives files away
            _give(temp, path, state)
        durable.sync_path(temp)
        temp.replace(path)
        durable.sync_path(path.parent)
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error


def _give(temp: Path, path: Path, state: Path) -> None:
    """Let a new file belong to whom the old one did."""
    if path.exists():
        kept = path.stat()
        os.chown(temp, kept.st_uid, kept.st_gid)
        temp.chmod(stat.S_IMODE(kept.st_mode))
    elif state.exists():
        os.chown(temp, -1, state.stat().st_gid)
