"""What leaves a command: JSON that steers no terminal, and words that nobody has to hear."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Final, ParamSpec

import click

from config.messages import DEFAULT_LANGUAGE, LANGUAGES

SCHEMA: Final = 1
"""The version of every JSON object that a command prints; fields may be added to it."""

# What breaks a line, turns its direction, hides, or is no character at all. A file name on
# a card may hold any of it. All of it lies below U+10000: one \uXXXX says it.
_STEERING: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)

P = ParamSpec("P")


def language() -> str:
    """Return the language to speak where no settings are read."""
    wanted = os.environ.get("SEALDOCK_LANG", "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def json_line(told: Mapping[str, object], *, indent: int | None = None) -> str:
    """Return one JSON object as every command prints it: on one line, unless indented."""
    text = json.dumps(told, ensure_ascii=False, indent=indent)
    # Such a character can stand inside a string only, and there its escape means the same.
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_error(code: str, message: str, exit_code: int, **more: object) -> None:
    """Print an error on stderr, as programs read it."""
    told = {"message_type": "error", "schema": SCHEMA, "code": code, "message": message}
    click.echo(json_line({**told, **more, "exit_code": int(exit_code)}), err=True)


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
