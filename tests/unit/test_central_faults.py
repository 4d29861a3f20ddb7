"""The centre's fault table and command line: every error has its sentence, every command a help."""

import inspect
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import central.ca.errors
import central.errors
import transport.errors
from central.commands.root import COMMANDS, sealdock_central
from central.faults import EXPECTED, TABLE, fault_of, remedy, sentence
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import LANGUAGES
from hashing.errors import EvidenceError
from tests.unit.test_faults import example


def kinds() -> Iterator[type[Exception]]:
    """Yield every error class that the centre's packages declare."""
    for module in (central.errors, central.ca.errors, transport.errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


def made(kind: type[Exception]) -> Exception:
    """Return an error of this kind with facts of its declared types."""
    error = example(kind)
    if isinstance(error, central.errors.DockKeyError):
        return central.errors.DockKeyError(origin="x", problem="retired", detail="x")
    if isinstance(error, central.ca.errors.CaSubjectError):
        return central.ca.errors.CaSubjectError(name="x", problem="host")
    return error


def test_every_error_has_a_row() -> None:
    """Each error of the centre has a row of its own; those of a link may share one."""
    for kind in kinds():
        assert issubclass(kind, EXPECTED), kind
        assert kind in TABLE or issubclass(kind, transport.errors.TransportError), kind


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_said_with_its_remedy(kind: type[Exception], lang: str) -> None:
    """Whatever goes wrong, people are told what and what to do, with no fact left open."""
    error = made(kind)
    assert sentence(error, lang)
    assert "{" not in sentence(error, lang)
    assert remedy(error, lang)


def test_codes_are_told_apart() -> None:
    """One code names one fault."""
    codes = [fault.code for fault in TABLE.values()]
    assert len(codes) == len(set(codes))


def test_what_decides_the_exit_code() -> None:
    """Evidence that does not hold is 6, what is not there is 3, a bug is dressed up as nothing."""
    assert fault_of(EvidenceError()).exit_code is ExitCode.VERIFICATION_FAILED
    assert fault_of(ConfigError("no-directory", source="x")).exit_code is ExitCode.NOT_FOUND
    assert fault_of(central.errors.DockUnknownError("x")).exit_code is ExitCode.NOT_FOUND
    with pytest.raises(LookupError):
        fault_of(ZeroDivisionError())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_exists_and_shows_an_example(name: str) -> None:
    """Every command of the table loads, bears its name, and its help has an example."""
    command = sealdock_central.get_command(click.Context(sealdock_central), name)
    assert command is not None
    assert command.name == name
    names = [[name]]
    if isinstance(command, click.Group):
        names = [[name, each] for each in command.commands]
    for each in names:
        shown = CliRunner().invoke(sealdock_central, [*each, "--help"]).output
        assert "Example" in shown or isinstance(command, click.Group), each
