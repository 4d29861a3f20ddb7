"""What every command of the companion shares: its options, and how it ends in trouble."""

import functools
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from agent.sentences import EXPECTED, fault_of, remedy, sentence
from agent.settings import Settings, load
from config.json_lines import SCHEMA, error_line, json_line
from config.messages import DEFAULT_LANGUAGE, LANGUAGES

__all__ = ["SCHEMA", "Invocation", "common_options", "json_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How a command was called, and the settings that are in force for it."""

    json: bool
    lang: str
    settings: Settings


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --json, --config and --lang, as its first argument.

    The settings are loaded before it runs, and an error that the table knows ends it with one
    message and the exit code of that table. What is logged goes to stderr.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
    @click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The settings, instead of /etc/sealdock-agent/agent.toml.",
    )
    @click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.")
    @functools.wraps(command)
    def run(*, as_json: bool, config: Path | None, lang: str | None, **rest: object) -> None:
        said = lang or DEFAULT_LANGUAGE
        logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
        try:
            settings = load(config)
            said = lang or settings.recorder.language
            command(Invocation(json=as_json, lang=said, settings=settings), **rest)
        except EXPECTED as error:
            _end(error, said, as_json=as_json)

    return run


def _end(error: Exception, lang: str, *, as_json: bool) -> NoReturn:
    fault = fault_of(error)
    what, advice = sentence(error, lang), remedy(error, lang)
    if as_json:
        click.echo(error_line(fault.code, what, fault.exit_code, remedy=advice), err=True)
    else:
        click.echo(f"{what}\n{advice}", err=True)
    raise click.exceptions.Exit(fault.exit_code)
