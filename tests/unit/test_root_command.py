"""`sealdock` itself: what it does before, and instead of, any of its commands."""

import json
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


def run(
    *arguments: str, stdout: int = subprocess.PIPE, python: str = "-I"
) -> subprocess.CompletedProcess[str]:
    """Run sealdock as its own process, as a shell would."""
    command = [sys.executable, python, "-c", PROGRAM, str(ROOT), *arguments]
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


GROUPS = {"config", "completion", "key", "recorder", "register", "scrub", "signing", "trip"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - GROUPS))
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


@pytest.mark.parametrize(
    "wrong",
    [
        ["pull", "--json"],
        ["--json", "verfy"],
        ["status", "--json", "--nonsense"],
        ["status", "--lang", "fr", "--json"],
        ["config", "shw", "--json"],
        ["clips", "--json", "--docking", str(1 << 63)],
        ["findings", "--json", "--limit", str(1 << 53)],
    ],
)
def test_programs_read_wrong_usage_as_json(wrong: list[str]) -> None:
    """With --json anywhere, what is wrong with a command line is one JSON object on stderr."""
    done = run(*wrong)
    told = json.loads(done.stderr)
    assert told.pop("message")
    assert told == {"message_type": "error", "schema": 1, "code": "usage", "exit_code": 2}
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")


@pytest.mark.parametrize("buffering", ["-I", "-Iu"])
@pytest.mark.parametrize("command", [["completion", "bash"], ["config", "show"], ["--help"]])
def test_disk_without_room_for_our_words_is_no_crash(command: list[str], buffering: str) -> None:
    """When what we print can't be written we end with 1, without a traceback."""
    with Path("/dev/full").open("w") as full:
        done = run(*command, stdout=full.fileno(), python=buffering)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "")


def test_a_closed_stdout_hears_nothing() -> None:
    """What a command was asked for and nobody got is not done: 1, without a traceback."""
    command = [sys.executable, "-I", "-c", PROGRAM, str(ROOT), "completion", "bash"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "")


def taken_over(state: Path) -> list[str]:
    """Return the clips that are in the state directory by now, and check that all is signed."""
    report = json.loads(run("status", "--json", "--state", str(state)).stdout)
    assert report["signed"] == report["totals"]["entries"]
    clips = json.loads(run("clips", "--json", "--state", str(state)).stdout)["clips"]
    return sorted(clip["path"] for clip in clips)


@pytest.mark.parametrize("how", [[], ["--json"]])
@pytest.mark.parametrize(
    ("redirected", "code"),
    [(">/dev/full", ExitCode.FAILED), (">&-", ExitCode.FAILED), ("2>&-", ExitCode.OK),
     ("<&- >&- 2>&-", ExitCode.FAILED), ("| exec true", ExitCode.OK)],
)  # fmt: skip
def test_no_docking_ends_because_nobody_listens(
    tmp_path: Path, how: list[str], redirected: str, code: ExitCode
) -> None:
    """Whatever becomes of what we print, all clips are taken over, sealed and published."""
    names = [f"a{number}.mp4" for number in range(3)]
    card = tmp_path / "card"
    card.mkdir()
    for name in names:
        card.joinpath(name).write_bytes(name.encode())
    command = [sys.executable, "-I", "-c", PROGRAM, str(ROOT), "pull", str(card), *how]
    script = f'"$@" {redirected}'
    arguments = [*command, "--state", str(tmp_path / "state")]
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == code
    assert taken_over(tmp_path / "state") == names


def test_a_docking_by_hand_is_shown_as_one(tmp_path: Path) -> None:
    """What was pulled by hand came from no bay, and `status` does not make one up."""
    card, state = tmp_path / "card", str(tmp_path / "state")
    card.mkdir()
    assert run("pull", str(card), "--state", state).returncode == ExitCode.OK
    assert run("pull", str(card), "--state", state, "--bay", "7").returncode == ExitCode.OK
    chinese = run("status", "--state", state).stdout
    assert "  手动  " in chinese
    assert "  7 号口  " in chinese
    assert "  by hand  " in run("status", "--state", state, "--lang", "en").stdout
