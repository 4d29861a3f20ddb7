"""What leaves a command: JSON that steers no terminal, and words that nobody has to hear."""

import os
from collections.abc import Callable
from typing import ParamSpec

import click

from config.json_lines import SCHEMA, error_line, json_line
from config.messages import DEFAULT_LANGUAGE, LANGUAGES, say

__all__ = ["SCHEMA", "json_line", "language", "place", "print_error", "unheeded"]

_BY_HAND = "pull"  # the bay that `sealdock pull` names, unless it is told another

P = ParamSpec("P")


def language() -> str:
    """Return the language to speak where no settings are read."""
    wanted = os.environ.get("SEALDOCK_LANG", "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def place(bay: str, lang: str) -> str:
    """Return where a docking was, in a sentence: in a bay, or by hand."""
    return say("status.by-hand" if bay == _BY_HAND else "status.at-bay", lang, bay=bay)


def print_error(code: str, message: str, exit_code: int, **more: object) -> None:
    """Print an error on stderr, as programs read it."""
    click.echo(error_line(code, message, exit_code, **more), err=True)


def unheeded(tell: Callable[P, None]) -> Callable[P, None]:
    """Return `tell` as it is called amid work: from the day nobody can hear it, it is silent.

    A reader that hangs up, or a disk without room for what we print, ends no docking.
    """
    heard = True

    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal heard
        if heard:
            try:
                tell(*args, **kwargs)
            except OSError:
                heard = False

    return told
