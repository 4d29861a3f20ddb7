"""What every command of a centre shares: its options, and how it ends when something is wrong."""

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from central.faults import EXPECTED, fault_of, remedy, sentence
from config.central_loader import LoadedCentral, load_central
from config.json_lines import SCHEMA, error_line, json_line
from config.messages import DEFAULT_LANGUAGE, LANGUAGES

__all__ = ["SCHEMA", "Invocation", "common_options", "json_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How a command was called, and the settings that are in force for it."""

    json: bool
    lang: str
    loaded: LoadedCentral

    @property
    def state(self) -> Path:
        """The state directory in force: --state, else what the settings say."""
        return self.loaded.state


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --json, --state, --config and --lang, as its first argument.

    The settings are loaded before it runs, and an error that the fault table knows ends it
    with one message and the exit code of that table. What is logged goes to stderr.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
    @click.option("--state", metavar="DIR", help="Where the centre keeps everything.")
    @click.option(
        "--config",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Where the configuration lies, instead of /etc/sealdock-central.",
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
            with _logs_on_stderr(as_json=as_json):
                command(invocation, **rest)
        except EXPECTED as error:
            _end(error, said, as_json=as_json)

    return run


def _invocation(
    *, as_json: bool, state: str | None, config: Path | None, lang: str | None
) -> Invocation:
    given = {"storage.state": state, "centre.language": lang}
    loaded = load_central(
        config,
        env=os.environ,
        overrides={name: value for name, value in given.items() if value is not None},
    )
    return Invocation(json=as_json, lang=loaded.settings.centre.language, loaded=loaded)


def _language(flag: str | None) -> str:
    """Return the language to speak while the settings are not known yet."""
    wanted = flag or os.environ.get("SEALDOCK_CENTRAL_LANG", "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


@contextmanager
def _logs_on_stderr(*, as_json: bool) -> Iterator[None]:
    """Send what is logged to stderr while a command runs."""
    handler = logging.StreamHandler(sys.stderr)
    form = _JsonForm() if as_json else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(form)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _JsonForm(logging.Formatter):
    """A log line as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        told = {"message_type": "log", "schema": SCHEMA, "level": record.levelname.lower()}
        told |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json_line(told)


def _end(error: Exception, lang: str, *, as_json: bool) -> NoReturn:
    fault = fault_of(error)
    what, advice = sentence(error, lang), remedy(error, lang)
    if as_json:
        line = error_line(fault.code, what, fault.exit_code, remedy=advice, retry=fault.retry)
        click.echo(line, err=True)
    else:
        click.echo(f"{what}\n{advice}", err=True)
    raise click.exceptions.Exit(fault.exit_code)
