"""`sealdock config show`, and what every command shares: options, errors, exit codes."""

import json
import tomllib
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from config.exit_codes import ExitCode
from config.loader import load
from dock_daemon.bays.udev_rules import rules_for
from dock_daemon.commands.config_show import config
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.errors import StateBusyError


def run(*arguments: str, **env: str) -> Result:
    """Run `sealdock config` with these arguments and settings of the environment."""
    return CliRunner().invoke(
        config, ["show", *arguments], env={"SEALDOCK_CONFIG": "", **env}, catch_exceptions=False
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a configuration directory with two bays and a name."""
    (tmp_path / "sealdock.toml").write_text(
        '[dock]\nname = "采集站 \\"3\\""\n'
        '[[bays]]\nname = "1"\nports = ["pci-0000:00:14.0-usb-0:1"]\n'
        '[[bays]]\nname = "2"\nports = []\nenabled = false\n',
        encoding="utf-8",
    )
    return tmp_path


def test_what_is_shown_is_a_configuration(site: Path) -> None:
    """The lines that are printed, read as a configuration file, give the same settings."""
    result = run("--config", str(site), "--origin")
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout) == json.loads(msgspec.json.encode(load(site).settings))


def test_origins_say_where_each_value_came_from(site: Path) -> None:
    """File, environment, flag and host name are told apart."""
    lines = run(
        "--config", str(site), "--origin", "--lang", "en", SEALDOCK_STATE="/srv/x"
    ).stdout.splitlines()
    assert 'dock.language = "en"  # flag --lang' in lines
    assert 'storage.state = "/srv/x"  # environment SEALDOCK_STATE' in lines
    assert f'dock.name = "采集站 \\"3\\""  # {site / "sealdock.toml"}' in lines
    assert "ingest.sample_blocks = 3  # built-in" in lines


def test_only_what_was_changed_is_shown(site: Path) -> None:
    """--changed leaves out what is as shipped, and says so when that is everything."""
    lines = run("--config", str(site), "--changed").stdout.splitlines()
    assert [line.split(" = ")[0] for line in lines] == ["dock.name", "bays"]
    assert run("--changed", SEALDOCK_CONFIG=str(site / "..")).stdout == "# 全部为出厂设置\n"


def test_json_holds_settings_origins_and_digest(site: Path) -> None:
    """Programs get one document, with the digest that stands for the settings."""
    told = json.loads(run("--config", str(site), "--json").stdout)
    assert told["schema"] == 1
    assert told["sha256"] == load(site).digest
    assert told["settings"]["bays"][1] == {"name": "2", "ports": [], "enabled": False}
    assert told["settings"].keys() == told["origins"].keys()
    assert told["origins"]["bays"] == str(site / "sealdock.toml")


def test_a_wrong_configuration_is_said_with_its_remedy(site: Path) -> None:
    """The sentence names the file and place, the next line what to do."""
    (site / "sealdock.toml").write_text('[dock]\norgin = "x"\n')
    result = run("--config", str(site), "--lang", "en")
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    assert f"{site / 'sealdock.toml'}: $.dock: there is no “orgin”" in result.stderr
    assert "(near: origin)" in result.stderr


def test_with_json_errors_are_json(site: Path) -> None:
    """A program reads one object on stderr, with the exit code in it."""
    (site / "sealdock.toml").write_text("[dock\n")
    result = run("--config", str(site), "--json")
    told = json.loads(result.stderr)
    assert (told["message_type"], told["schema"], told["code"]) == ("error", 1, "config")
    assert told["exit_code"] == result.exit_code == ExitCode.FAILED
    assert "sealdock.toml" in told["message"]


def test_an_error_before_the_settings_speaks_the_language_asked_for(tmp_path: Path) -> None:
    """Where the settings can't be read, flag, environment and Chinese decide, in this order."""
    gone = str(tmp_path / "gone")
    assert "there is no such" in run("--config", gone, SEALDOCK_LANG="en").stderr
    assert "there is no such" in run("--config", gone, "--lang", "en").stderr
    assert "没有这个配置目录" in run("--config", gone).stderr


@click.command()
@common_options
def busy(invocation: Invocation) -> None:
    """Find the state in use."""
    raise StateBusyError(invocation.state, "sealdock run, process 12")


def test_a_command_ends_by_the_fault_table() -> None:
    """An error that a command raises ends it with its sentence and exit code."""
    arguments = ["--state", "/srv/s", "--lang", "en"]
    result = CliRunner().invoke(busy, arguments, env={"SEALDOCK_CONFIG": ""})
    assert (result.exit_code, result.stdout) == (ExitCode.BUSY, "")
    first, second = result.stderr.splitlines()
    assert first == "the state directory /srv/s is in use by sealdock run, process 12."
    assert "sealdock status" in second


def test_udev_rules_are_those_of_the_bays_in_use(site: Path) -> None:
    """Every port of a bay that is in use stands in the rules, and nothing else does."""
    told = CliRunner().invoke(
        config, ["udev-rules", "--config", str(site)], env={"SEALDOCK_CONFIG": ""}
    )
    assert told.exit_code == ExitCode.OK
    patterns = ["DV16 DEVICE V1.00*"]  # of the one shipped profile that is asked over SCSI
    assert told.stdout == rules_for(["pci-0000:00:14.0-usb-0:1"], scsi=patterns)
