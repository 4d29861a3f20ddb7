"""`sealdock` itself: what it does before, and instead of, any of its commands."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from config.exit_codes import ExitCode
from dock_daemon.commands.root import COMMANDS, sealdock
from dock_daemon.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from dock_daemon.commands.root import main
main()
"""


def run(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run sealdock as its own process, as a shell would."""
    command = [sys.executable, "-I", "-c", PROGRAM, str(ROOT), *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_version_is_said() -> None:
    """`--version` names the program and its version, and ends with 0."""
    done = run("--version")
    assert (done.returncode, done.stdout) == (ExitCode.OK, f"sealdock {VERSION}\n")


def test_alone_it_prints_its_help() -> None:
    """Without a command it lists all of them, and says by its code that one is missing."""
    done = run()
    assert done.returncode == ExitCode.USAGE
    assert all(f"\n  {name} " in done.stderr for name in COMMANDS)


def test_mistyped_command_is_answered_with_the_nearest() -> None:
    """A typing slip names the command that was probably meant."""
    done = run("verfy")
    assert done.returncode == ExitCode.USAGE
    assert "'verify'" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_exists_and_shows_an_example(name: str) -> None:
    """Every command of the table loads, bears its name, and its help has an example."""
    command = sealdock.get_command(click.Context(sealdock), name)
    assert command is not None
    assert command.name == name
    helps = [CliRunner().invoke(sealdock, [name, "--help"]).output]
    if isinstance(command, click.Group):
        helps = [
            CliRunner().invoke(sealdock, [name, sub, "--help"]).output for sub in command.commands
        ]
    for text in helps:
        assert f"sealdock {name}" in text.partition("Example")[2]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"config", "completion"}))
def test_each_command_speaks_json(name: str) -> None:
    """Every command that reports something can report it to programs."""
    assert "--json" in CliRunner().invoke(sealdock, [name, "--help"]).output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program(shell: str) -> None:
    """Each shell gets a script of its own that completes `sealdock`."""
    done = run("completion", shell)
    assert done.returncode == ExitCode.OK
    assert "_SEALDOCK_COMPLETE" in done.stdout


def test_reader_that_hangs_up_is_no_crash() -> None:
    """When nobody reads our output any more, we end without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run("completion", "bash", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "")
