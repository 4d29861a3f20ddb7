"""What commands print and log: JSON that steers nothing, and words nobody has to hear."""

import errno
import json
import logging
import unicodedata

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.commands.logs import logs_on_stderr
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import json_line, unheeded

STEERING = "\x7f\x9f\u200b\u200f\u2028\u202e\u2060\u206f\ufeff\udcff"


@given(st.text(st.characters(exclude_categories=())))
def test_json_is_one_line_that_steers_nothing(text: str) -> None:
    """Whatever a card holds comes back out of the JSON, and no terminal is steered by it."""
    line = json_line({"path": text})
    assert json.loads(line) == {"path": text}
    line.encode("utf-8")
    assert len(line.splitlines()) == 1
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Zl", "Zp"}


def test_what_steers_is_escaped_and_words_are_not() -> None:
    """Each of the characters stands there by its number; Chinese stays legible."""
    assert not set(json_line({"a": STEERING})) & set(STEERING)
    assert json_line({"a": "采集\u202e"}) == '{"a": "采集\\u202e"}'
    assert json_line({"a": 1}, indent=2) == '{\n  "a": 1\n}'


def test_one_who_is_not_heard_falls_silent() -> None:
    """After the first failure nothing is tried any more, and nothing is raised."""
    tried: list[int] = []

    def tell(number: int) -> None:
        tried.append(number)
        if number > 1:
            raise OSError(errno.ENOSPC, "")

    told = unheeded(tell)
    for number in range(4):
        told(number)
    assert tried == [0, 1, 2]


@click.command()
@common_options
def worried(invocation: Invocation) -> None:
    """Log something, as the dock's code does."""
    logging.getLogger("sealdock.x").info("too little to be said")
    logging.getLogger("sealdock.x").warning("the disk of %s", invocation.lang)


def test_what_is_logged_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """A command's stderr is JSON with --json, to the last line; without it, plain lines."""
    env = {"SEALDOCK_CONFIG": "", "SEALDOCK_LANG": "en"}
    plain = CliRunner().invoke(worried, env=env)
    assert plain.stderr == "WARNING sealdock.x: the disk of en\n"
    told = json.loads(CliRunner().invoke(worried, ["--json"], env=env).stderr)
    assert told == {
        "message_type": "log",
        "schema": 1,
        "level": "WARNING",
        "logger": "sealdock.x",
        "message": "the disk of en",
    }
    assert capsys.readouterr().err == ""


def test_a_traceback_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug's traceback does not break the lines that programs read; levels are put back."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with logs_on_stderr(as_json=True):
        root.setLevel(logging.INFO)
        try:
            _ = 1 // 0
        except ZeroDivisionError:
            logging.getLogger("sealdock").exception("a bug")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["message"]
    assert (root.level, list(root.handlers)) == before
