"""What the dock's code logs, on stderr: lines for people, or JSON for programs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from dock_daemon.commands.printing import SCHEMA, json_line


@contextmanager
def logs_on_stderr(*, as_json: bool) -> Iterator[None]:
    """Print what is logged while a command runs; one that wants more sets the root's level."""
    root, handler = logging.getLogger(), _Lines(as_json=as_json)
    level = root.level
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


class _Lines(logging.Handler):
    """One line a record, with the traceback where there is one."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._json = as_json
        self.setFormatter(
            logging.Formatter("%(message)s" if as_json else "%(levelname)s %(name)s: %(message)s")
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; where stderr takes none, nobody is bothered with that."""
        try:
            click.echo(self._line(record), err=True)
        except OSError:
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> str:
        said = self.format(record)
        if not self._json:
            return said
        told = {"message_type": "log", "schema": SCHEMA, "level": record.levelname}
        return json_line({**told, "logger": record.name, "message": said})
