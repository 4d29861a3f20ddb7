"""Telling the dock of recorders that are handed out: a dock that runs, else its state itself."""

import errno
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import click
import msgspec

from config import text
from config.exit_codes import ExitCode
from config.messages import say, term
from dock_daemon import control
from dock_daemon.clock import SystemClock
from dock_daemon.commands.options import Invocation
from dock_daemon.commands.printing import SCHEMA, json_line, print_error
from dock_daemon.custody.requests import TellCustody
from dock_daemon.errors import StateMissingError, StateUnusableError
from dock_daemon.evidence.state import open_state
from dock_daemon.terms import desk_of

Row = dict[str, Any]  # what the dock answers is JSON: these commands know its shape

_TIMES: Final = ("at_ms", "until_ms", "began_ms")


def tell(invocation: Invocation, **members: object) -> Row:
    """Tell it, and return the answer; end the command where the dock refuses.

    Raises StateMissingError, StateBusyError, StateUnusableError, DaemonUnreachableError,
    ConfigError where the register is wrong, ClipError or DoubtError.
    """
    request = {**members, "by": _account()}
    try:
        # The type checker cannot tell that a union of types is one.
        told = msgspec.convert(request, cast("type[TellCustody]", TellCustody))
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error
    root = invocation.state
    if not root.is_dir():
        raise StateMissingError(root)
    _demand_right(root)
    answer = control.ask(root, request)
    if answer is None:
        clock = SystemClock()
        with open_state(invocation.loaded, clock, can_ask=False, make=False) as state:
            answer = desk_of(invocation.loaded, state.sealer, clock).take(told)
    found = cast("Row", answer)
    if "refused" in found:
        _refuse(invocation, found["refused"])
    return found


def show(invocation: Invocation, answer: Row, line: str) -> None:
    """Print what was entered: as JSON, or as `line` with its warnings."""
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **answer}))
        return
    click.echo(line)
    for warning in answer["warnings"]:
        facts = {name: value for name, value in warning.items() if name != "code"}
        click.echo(say(f"custody-warning.{warning['code']}", invocation.lang, **facts))


def person(holder: Mapping[str, str] | None) -> str:
    """Return how a person is named in a sentence: "张䶮 880317"; "-" where nobody is."""
    if holder is None:
        return "-"
    return f"{holder['name']} {holder['user_no']}".strip()


def _refuse(invocation: Invocation, refused: list[Row]) -> NoReturn:
    lang = invocation.lang
    lines = [_words(one, invocation) for one in refused]
    remedies = [say(f"custody-remedy.{one['code']}", lang) for one in refused]
    if invocation.json:
        print_error(
            "refused",
            " ".join(lines),
            ExitCode.FAILED,
            remedy=" ".join(remedies),
            retry=False,
            refused=refused,
        )
    else:
        for line, remedy in zip(lines, remedies, strict=True):
            click.echo(f"{line}\n    {remedy}", err=True)
    raise click.exceptions.Exit(ExitCode.FAILED)


def _words(refusal: Row, invocation: Invocation) -> str:
    lang = invocation.lang
    facts: dict[str, object] = {}
    for name, value in refusal.items():
        if name in _TIMES:
            facts[name.removesuffix("_ms")] = text.local_time(value, invocation.loaded.zone)
        elif name == "age_ms":
            facts["age"] = text.duration(value // 1000, lang)
        elif name == "items":
            facts[name] = text.listed((term("check-item", one, lang) for one in value), lang) or "-"
        elif name != "code":
            facts[name] = value
    return say(f"custody-refusal.{refusal['code']}", lang, **facts)


def _account() -> str:
    """Return who runs this command, by the machine's accounts; the number if it has no name."""
    given = os.environ.get("SUDO_USER", "")
    if given and os.geteuid() == 0:
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _demand_right(root: Path) -> None:
    """Refuse whom the dock would refuse, with the right remedy: only its own user and root tell."""
    if os.geteuid() not in {0, root.stat().st_uid}:
        raise StateUnusableError(root, os.strerror(errno.EACCES))
