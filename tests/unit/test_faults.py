"""The fault table: every error finds its row, its sentence and its remedy."""

import errno
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import dock_daemon.errors
import firmware_bridge.errors
import hashing.errors
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import LANGUAGES, catalogue
from dock_daemon.faults import EXPECTED, TABLE, fault_of, remedy, sentence
from firmware_bridge.errors import BadAnswerError, NotOpenedError
from hashing.errors import EvidenceError

EXAMPLES: dict[str, object] = {"int": 7, "float": 7.0, "str": "x", "Path": Path("/x"), "bytes": b""}


def kinds() -> Iterator[type[Exception]]:
    """Yield every error class that the product's packages declare."""
    for module in (dock_daemon.errors, firmware_bridge.errors, hashing.errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


def example(kind: type[Exception]) -> Exception:
    """Return an error of this kind, its facts made up by their declared types."""
    positional: list[object] = []
    named: dict[str, object] = {}
    if "__init__" in vars(kind) or kind.__init__ is not Exception.__init__:
        for name, parameter in inspect.signature(kind).parameters.items():
            value = EXAMPLES.get(getattr(parameter.annotation, "__name__", ""), ())
            if parameter.kind is parameter.KEYWORD_ONLY:
                named[name] = value
            elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                positional.append(value)
    return kind(*positional, **named)


def test_every_error_has_a_row() -> None:
    """Each error has a row of its own; only those of evidence, and of bad answers, share one."""
    for kind in kinds():
        assert issubclass(kind, EXPECTED), kind
        assert kind in TABLE or issubclass(kind, EvidenceError | BadAnswerError), kind


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_said_with_its_remedy(kind: type[Exception], lang: str) -> None:
    """Whatever goes wrong, people are told what and what to do, with no fact left open."""
    error = example(kind)
    assert sentence(error, lang)
    assert "{" not in sentence(error, lang)
    assert remedy(error, lang)


def test_every_problem_of_a_configuration_is_said() -> None:
    """Each problem that a ConfigError can name has a sentence and a remedy."""
    whats = {key for key in catalogue("en") if key.startswith("config-problem.")}
    names = {key.split(".")[1] for key in whats}
    assert whats == {
        f"config-problem.{name}.{part}" for name in names for part in ("what", "remedy")
    }


def test_codes_are_told_apart() -> None:
    """One code names one fault."""
    codes = [fault.code for fault in TABLE.values()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (os.strerror(errno.EACCES), ExitCode.NOT_PERMITTED),
        (os.strerror(errno.ENOENT), ExitCode.NOT_FOUND),
        ("neither a block device nor a file", ExitCode.FAILED),
    ],
)
def test_why_a_source_did_not_open_decides_the_exit_code(reason: str, code: ExitCode) -> None:
    """A missing source, a forbidden one and an unsuitable one are told apart."""
    assert fault_of(NotOpenedError(path="/dev/x", reason=reason)).exit_code is code


def test_evidence_that_does_not_hold_exits_six() -> None:
    """Every error of evidence, of whatever kind, ends a command with 6."""
    for kind in kinds():
        if issubclass(kind, EvidenceError):
            assert fault_of(example(kind)).exit_code is ExitCode.VERIFICATION_FAILED


def test_numbers_of_bytes_are_shown_as_sizes() -> None:
    """Nobody reads twelve digits: what is needed and what is free are said as sizes."""
    error = dock_daemon.errors.DockFullError(needed=18_400_000_000, free=3_000_000)
    assert "18.4 GB" in sentence(error, "en")
    assert "3.0 MB" in sentence(error, "en")


def test_a_bug_has_no_row() -> None:
    """An error that nobody expected is not dressed up as one."""
    with pytest.raises(LookupError):
        fault_of(ZeroDivisionError())
    assert fault_of(ConfigError("not-csv", source="x", detail="y")).code == "config"


def test_a_configuration_that_is_not_there_is_not_found() -> None:
    """A mistyped --config ends as any name of what does not exist."""
    gone = fault_of(ConfigError("no-directory", source="x"))
    assert (gone.code, gone.exit_code) == ("config", ExitCode.NOT_FOUND)


def test_why_nothing_was_opened_is_said_in_the_readers_language() -> None:
    """The reader's own words do not stand in a Chinese sentence."""
    error = NotOpenedError(path="/etc", reason="neither a block device nor a file")
    assert sentence(error, "zh-CN") == "打不开 /etc：既不是块设备，也不是文件。"
    assert "neither a block device" in sentence(error, "en")
