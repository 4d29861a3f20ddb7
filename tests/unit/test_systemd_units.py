"""The units: that systemd takes them, how exposed they are, and that they agree with the code."""

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from config.loader import load
from dock_daemon.bays.udev_rules import CONTROL_GROUP, GROUP
from dock_daemon.sync import holding
from firmware_bridge.control import worker as control
from firmware_bridge.volume import worker
from tests.require import need

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "systemd"
UNITS = sorted([*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.socket")])


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
    parser.read(SYSTEMD / name, encoding="utf-8")
    return parser


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, programs aside that only a dock has."""
    assert {path.name for path in UNITS} >= {"sealdock.service", "sealdock-web.service"}
    for path in UNITS:
        text = path.read_text(encoding="utf-8")
        there = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(there, encoding="utf-8")
    done = run("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# In tenths. Of the core's twelve, five are the host's network namespace, without which udev
# is silent, and four the reading of the clock's state, which ProtectClock= would forbid;
# PrivateUsers= and ProcSubset= would take from it udev's sender and the boot id.
# The web face's and the messenger's are the network, which they are there for.
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("sealdock", 12),
        ("sealdock-adb", 7),
        ("sealdock-central", 11),
        ("sealdock-control@", 4),
        ("sealdock-control-scsi@", 4),
        ("sealdock-reader@", 4),
        ("sealdock-sync", 13),
        ("sealdock-web", 13),
    ],
)
def test_exposure_stays_low(name: str, most: int) -> None:
    """`systemd-analyze security` finds no more than what each unit needs."""
    path = SYSTEMD / f"{name}.service"
    done = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most}", path
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if "✗" in line)


def test_the_core_reads_the_clocks_state_and_can_not_set_it() -> None:
    """R-CLOCK: adjtimex is let through, the right to set the clock is nobody's."""
    text = (SYSTEMD / "sealdock.service").read_text(encoding="utf-8")
    filters = re.findall(r"^SystemCallFilter=(.*)$", text, flags=re.MULTILINE)
    assert {"adjtimex", "clock_adjtime"} <= set(filters[-1].split())
    assert {"settimeofday", "clock_settime", "@clock"}.isdisjoint(" ".join(filters).split())
    core = unit("sealdock.service")["Service"]
    assert core["CapabilityBoundingSet"] == core["AmbientCapabilities"] == ""
    assert (core["PrivateDevices"], core["DevicePolicy"]) == ("yes", "closed")


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    """The users and folders that the units name are made from our files."""
    need(os.geteuid() == 0, "root, to give folders away")
    (tmp_path / "etc").mkdir()
    for program, file, more in (
        ("systemd-sysusers", "sysusers.d/sealdock.conf", []),
        ("systemd-tmpfiles", "tmpfiles.d/sealdock.conf", ["--create"]),
    ):
        done = run(program, f"--root={tmp_path}", *more, SYSTEMD / file)
        assert done.returncode == 0, done.stderr
    users = (tmp_path / "etc/passwd").read_text(encoding="ascii")
    named = ("sealdock", "sealdock-reader@", "sealdock-control@", "sealdock-adb", "sealdock-web")
    for name in (*named, "sealdock-sync"):
        assert f"\n{unit(f'{name}.service')['Service']['User']}:" in f"\n{users}"
    assert (tmp_path / "var/lib/sealdock").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "run/sealdock-reader").is_dir()
    assert (tmp_path / "run/sealdock-control").is_dir()
    assert (tmp_path / "var/lib/sealdock" / holding.FOLDER).stat().st_mode & 0o777 == 0o750


def told(name: str) -> set[str]:
    """Return all variables that a unit is given."""
    text = (SYSTEMD / name).read_text(encoding="utf-8")
    return set(re.findall(r"^Environment=(\S+)$", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("socket", "variable"),
    [
        ("sealdock-reader", "SEALDOCK_READER_SOCKET"),
        ("sealdock-control", "SEALDOCK_CONTROL_SOCKET"),
        ("sealdock-control-scsi", "SEALDOCK_CONTROL_SCSI_SOCKET"),
    ],
)
def test_core_and_worker_meet_at_one_socket(socket: str, variable: str) -> None:
    """The core is told the socket that systemd makes, may use it, and starts with it."""
    listen = unit(f"{socket}.socket")["Socket"]
    core = unit("sealdock.service")
    assert f"{variable}={listen['ListenStream']}" in told("sealdock.service")
    assert (listen["SocketGroup"], listen["Accept"]) == (core["Service"]["Group"], "yes")
    assert f"{socket}.socket" in core["Unit"]["Wants"].split()


def test_settings_take_what_the_core_is_told(tmp_path: Path) -> None:
    """Each variable of the unit is a setting by its name."""
    variables = dict(one.split("=", 1) for one in told("sealdock.service"))
    settings = load(tmp_path, env=variables).settings
    assert settings.reader.socket == variables["SEALDOCK_READER_SOCKET"]
    assert settings.control.socket == variables["SEALDOCK_CONTROL_SOCKET"]
    assert settings.control.scsi_socket == variables["SEALDOCK_CONTROL_SCSI_SOCKET"]
    assert settings.control.adb == variables["SEALDOCK_CONTROL_ADB"]


def test_reader_unit_runs_the_worker_within_its_own_bounds() -> None:
    """The unit starts the very module, as the group that udev gives bays to, and bounds it."""
    reader = unit("sealdock-reader@.service")["Service"]
    assert importlib.util.find_spec(reader["ExecStart"].split()[-1]) is not None
    assert (reader["User"], reader["Group"]) == (GROUP, GROUP)
    assert reader["LimitAS"] == f"{worker.MEMORY_BYTES >> 20}M"
    assert int(reader["LimitCPU"]) == worker.CPU_S
    assert int(reader["RuntimeMaxSec"]) > worker.WALL_S
    assert reader["DeviceAllow"] == "block-sd r"


@pytest.mark.parametrize("name", ["sealdock-control@", "sealdock-control-scsi@"])
def test_control_units_run_the_worker_within_its_own_bounds(name: str) -> None:
    """Both start the very module, as the group that udev gives channels to, and bound it."""
    service = unit(f"{name}.service")["Service"]
    assert importlib.util.find_spec(service["ExecStart"].split()[-1]) is not None
    assert (service["User"], service["Group"]) == (CONTROL_GROUP, CONTROL_GROUP)
    assert service["LimitAS"] == f"{control.MEMORY_BYTES >> 20}M"
    assert int(service["LimitCPU"]) == control.CPU_S
    assert int(service["LimitNOFILE"]) >= control.DESCRIPTORS
    assert int(service["RuntimeMaxSec"]) > control.REQUEST_S
    assert (service["PrivateNetwork"], service["DevicePolicy"]) == ("yes", "closed")


def devices(name: str) -> set[str]:
    """Return every kind of device that a unit may open."""
    text = (SYSTEMD / f"{name}.service").read_text(encoding="utf-8")
    return set(re.findall(r"^DeviceAllow=(.+)$", text, flags=re.MULTILINE))


def test_right_to_send_scsi_commands_is_apart() -> None:
    """SCSI nodes, through which one can write, are one unit's alone; neither has a capability."""
    for name in ("sealdock-control@", "sealdock-control-scsi@"):
        service = unit(f"{name}.service")["Service"]
        assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
        assert service["PrivateUsers"] == "yes"
    assert devices("sealdock-control-scsi@") == {"char-sg rw"}
    assert devices("sealdock-control@") == {
        "char-ttyACM rw",
        "char-ttyUSB rw",
        "char-usb_device rw",
    }


def test_adb_server_is_for_control_workers_alone() -> None:
    """It listens where the core is told that it does, for their group, and is another user."""
    (address,) = (one.split("=", 1)[1] for one in told("sealdock.service") if "_ADB=" in one)
    adb = unit("sealdock-adb.service")["Service"]
    control_unit = unit("sealdock-control@.service")["Service"]
    assert adb["User"] not in {control_unit["User"], "root"}
    assert adb["Group"] == control_unit["Group"]
    assert address in adb["ExecStart"].split()
    assert address == f"localfilesystem:/run/{adb['RuntimeDirectory']}/socket"
    assert (adb["RuntimeDirectoryMode"], adb["UMask"]) == ("0750", "0007")
    assert (adb["PrivateNetwork"], adb["IPAddressDeny"]) == ("yes", "any")
    assert devices("sealdock-adb") == {"char-usb_device rw"}


def test_core_opens_no_device_and_speaks_no_ip() -> None:
    """What the threat model promises of the core stands in its unit."""
    core = unit("sealdock.service")["Service"]
    assert (core["DevicePolicy"], core["IPAddressDeny"]) == ("closed", "any")
    assert "DeviceAllow" not in core
    assert set(core["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_NETLINK"}
    assert core["UMask"] == "0027"


def test_core_writes_its_state_and_the_copy_of_the_head() -> None:
    """A head on another medium has a place that the sandbox lets through, there or not."""
    core = unit("sealdock.service")["Service"]
    assert core["ProtectSystem"] == "strict"
    assert core["ReadWritePaths"] == "-/mnt/sealdock-head"


def test_web_face_reads_what_the_core_leaves_to_its_group() -> None:
    """It is a user of its own in the core's group; what is closed to it does not exist for it."""
    core, web = (unit(f"{name}.service")["Service"] for name in ("sealdock", "sealdock-web"))
    assert web["User"] not in {core["User"], "root"}
    assert web["SupplementaryGroups"] == core["Group"]
    assert web["ExecStart"].endswith("sealdock serve")
    assert web["CapabilityBoundingSet"] == web["AmbientCapabilities"] == ""
    assert web["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in web
    text = (SYSTEMD / "sealdock-web.service").read_text(encoding="utf-8")
    for closed in ("key", "ledger.db", "store/incoming"):
        assert f"-/var/lib/sealdock/{closed}" in text


def test_messenger_writes_its_own_folder_and_listens_to_nobody() -> None:
    """It is a user of its own in the core's group, may bind no port, and sees no key."""
    core, sync = (unit(f"{name}.service")["Service"] for name in ("sealdock", "sealdock-sync"))
    assert sync["User"] not in {core["User"], "root"}
    assert sync["SupplementaryGroups"] == core["Group"]
    assert sync["ExecStart"].endswith("sealdock sync")
    assert sync["CapabilityBoundingSet"] == sync["AmbientCapabilities"] == ""
    assert (sync["ProtectSystem"], sync["SocketBindDeny"]) == ("strict", "any")
    own, *others = sync["ReadWritePaths"].split()
    assert own == f"/var/lib/sealdock/{holding.FOLDER}"
    assert all(place.startswith("-/mnt/") for place in others)
    text = (SYSTEMD / "sealdock-sync.service").read_text(encoding="utf-8")
    for closed in ("key", "ledger.db", "store/incoming"):
        assert f"-/var/lib/sealdock/{closed}" in text
