"""The companion's units: that systemd takes them, how exposed they are, that they fit the code."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.settings import load
from agent.volume_helper import WITHIN_S
from tests.require import need

UNITS = Path(__file__).parents[2] / "systemd" / "agent"


def run(program: str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Run one of systemd's own tools."""
    path = shutil.which(program)
    need(path, program)
    assert path is not None
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False)


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit's settings; of one given several times, the last."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keeps the case, as documented
    parser.read(UNITS / name, encoding="utf-8")
    return parser


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, programs aside that only a recorder has."""
    for path in (*UNITS.glob("*.service"), *UNITS.glob("*.socket")):
        text = path.read_text(encoding="utf-8")
        there = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(there, encoding="utf-8")
    done = run("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# In tenths. The agent's are the clock and the kernel's log, and a file system that is not all
# read-only; the helper's are root, mounting, and the system's own mount namespace.
@pytest.mark.parametrize(
    ("name", "most"),
    [("sealdock-agent", 22), ("sealdock-agent-gadget", 15), ("sealdock-agent-volume@", 37)],
)
def test_exposure_stays_low(name: str, most: int) -> None:
    """`systemd-analyze security` finds no more than what each unit needs."""
    path = UNITS / f"{name}.service"
    done = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most}", path
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if "✗" in line)


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    """The user and the folders that the units name are made from our files."""
    need(os.geteuid() == 0, "root, to give folders away")
    (tmp_path / "etc").mkdir()
    for program, file, more in (
        ("systemd-sysusers", "sysusers.d/sealdock-agent.conf", []),
        ("systemd-tmpfiles", "tmpfiles.d/sealdock-agent.conf", ["--create"]),
    ):
        done = run(program, f"--root={tmp_path}", *more, UNITS / file)
        assert done.returncode == 0, done.stderr
    user = unit("sealdock-agent.service")["Service"]["User"]
    assert f"\n{user}:" in "\n" + (tmp_path / "etc/passwd").read_text(encoding="ascii")
    assert (tmp_path / "var/lib/sealdock-agent").stat().st_mode & 0o777 == 0o700


def test_the_agent_is_no_root_and_has_two_rights() -> None:
    """Who reads what strangers send may set the clock and read the kernel's log, no more."""
    agent = unit("sealdock-agent.service")["Service"]
    assert agent["User"] not in {"root", ""}
    assert agent["CapabilityBoundingSet"] == agent["AmbientCapabilities"]
    assert set(agent["CapabilityBoundingSet"].split()) == {"CAP_SYS_TIME", "CAP_SYSLOG"}
    assert (agent["DevicePolicy"], agent["RestrictAddressFamilies"]) == ("closed", "AF_UNIX")
    assert "ReadWritePaths" not in agent


def test_the_helper_works_in_the_systems_own_mounts() -> None:
    """No setting of its unit gives the helper a view of its own: it would unmount that alone."""
    helper = unit("sealdock-agent-volume@.service")["Service"]
    apart = {"ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem"}
    assert not [name for name in helper if name.startswith(("Protect", "Private")) or name in apart]
    assert helper["StandardInput"] == "socket"
    assert int(helper["RuntimeMaxSec"]) > WITHIN_S


def test_agent_and_helper_meet_at_one_socket() -> None:
    """The shipped settings name the socket that systemd makes, which the agent alone may open."""
    told = unit("sealdock-agent-volume.socket")["Socket"]
    agent = unit("sealdock-agent.service")["Service"]
    assert load().export.helper == told["ListenStream"]
    assert (told["SocketUser"], told["SocketMode"]) == (agent["User"], "0600")
    assert int(agent["WatchdogSec"]) > 2 * WITHIN_S


def test_state_and_settings_lie_where_the_units_let_them() -> None:
    """What is kept lies in the unit's own state directory."""
    agent = unit("sealdock-agent.service")["Service"]
    assert load().recorder.state == f"/var/lib/{agent['StateDirectory']}"
    assert agent["StateDirectoryMode"] == "0700"
    gadget = unit("sealdock-agent-gadget.service")["Service"]
    assert load().gadget.configfs == gadget["ReadWritePaths"]
