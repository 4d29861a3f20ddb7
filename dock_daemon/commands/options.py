"""What every command shares: its options, and how it ends when something is wrong."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import click

from config.loader import Loaded, load
from config.messages import DEFAULT_LANGUAGE, LANGUAGES
from dock_daemon.commands.logs import logs_on_stderr
from dock_daemon.commands.printing import print_error
from dock_daemon.faults import EXPECTED, fault_of, remedy, sentence

NUMBER: Final = click.IntRange(1, (1 << 53) - 1)
"""A docking's number, or a count: the core is asked in JSON, which holds no higher one."""
NUMBER_OR_NONE: Final = click.IntRange(0, (1 << 53) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How a command was called, and the settings that are in force for it."""

    json: bool
    state: Path
    """The state directory in force: --state, else what the settings say."""
    config: Path
    """The configuration directory that was read; it need not exist."""
    lang: str
    loaded: Loaded


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --json, --state, --config and --lang, as its first argument.

    The settings are loaded before it runs, and an error that the fault table knows ends it
    with one message and the exit code of that table. What is logged goes to stderr.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
    @click.option("--state", metavar="DIR", help="Where the dock keeps everything.")
    @click.option(
        "--config",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Where the configuration lies, instead of /etc/sealdock.",
    )
    @click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.")
    @functools.wraps(command)
    def run(
        *,
        as_json: bool,
        state: str | None,
        config: Path | None,
        lang: str | None,
        **rest: object,
    ) -> None:
        said = _language(lang)
        try:
            invocation = _invocation(as_json=as_json, state=state, config=config, lang=lang)
            said = invocation.lang
            with logs_on_stderr(as_json=as_json):
                command(invocation, **rest)
        except EXPECTED as error:
            _end(error, said, as_json=as_json)

    return run


def _invocation(
    *, as_json: bool, state: str | None, config: Path | None, lang: str | None
) -> Invocation:
    given = {"storage.state": state, "dock.language": lang}
    loaded = load(
        config,
        env=os.environ,
        overrides={name: value for name, value in given.items() if value is not None},
    )
    return Invocation(
        json=as_json,
        state=Path(loaded.settings.storage.state),
        config=loaded.directory,
        lang=loaded.settings.dock.language,
        loaded=loaded,
    )


def _language(flag: str | None) -> str:
    """Return the language to speak while the settings are not known yet."""
    wanted = flag or os.environ.get("SEALDOCK_LANG", "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def _end(error: Exception, lang: str, *, as_json: bool) -> NoReturn:
    fault = fault_of(error)
    what, advice = sentence(error, lang), remedy(error, lang)
    if as_json:
        print_error(fault.code, what, fault.exit_code, remedy=advice, retry=fault.retry)
    else:
        click.echo(f"{what}\n{advice}", err=True)
    raise click.exceptions.Exit(fault.exit_code)
