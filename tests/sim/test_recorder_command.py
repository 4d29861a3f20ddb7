"""`sealdock recorder` and `sealdock check`: what is there, known, and looked at again."""

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.exit_codes import ExitCode
from config.profiles import parse_profile
from dock_daemon import answering
from dock_daemon.rehearsal import umockdev
from tests.cards import make_fat_card
from tests.commanded import Ended, command
from tests.docks import DockIn
from tests.recorders.on_pty import on_pty
from tests.require import need
from tests.sim.test_bay_channels import QUICK, bench, recorder
from tests.sim.test_dock import FILES, PORTS, SETTINGS, medium

ROOT = Path(__file__).parents[2]
OWN = """
driver = "fs-only"
capabilities = ["identity", "storage", "list", "read"]
[name]
zh = "某型"
en = "some make"
[match]
files = ["CLIPS/*"]
[storage]
shown = "always"
[files]
media = ["mp4"]
[names]
patterns = ["{recorder:4}_{date}_{time}[{important}]"]
important = ["X"]
"""


def test_the_makes_that_are_known(dock: DockIn) -> None:
    """All that is shipped is listed in the order in which it is tried; one is shown with all."""
    dock.settings(SETTINGS)
    told = command(dock, "recorder", "profiles", "--json").json["profiles"]
    assert (told[0]["name"], told[-1]["name"]) == ("open", "fs-only")
    assert all(one["in_force"] for one in told)
    done = command(dock, "recorder", "profiles", "cammpro")
    assert done.code == ExitCode.OK
    assert "4255:0001" in done.out
    assert "USB control transfers" in done.out
    missing = command(dock, "recorder", "profiles", "camm")
    assert missing.code == ExitCode.NOT_FOUND
    assert "cammpro" in missing.err


def test_a_technicians_profile_is_tried(dock: DockIn, tmp_path: Path) -> None:
    """It is checked as at the start, tried on names, and what is left to do is said."""
    dock.settings(SETTINGS)
    file = tmp_path / "own.toml"
    file.write_text(OWN, encoding="utf-8")
    name = "CLIPS/AB12_20260129_205547x.MP4"
    done = command(dock, "recorder", "check-profile", str(file), name, "--json")
    assert done.code == ExitCode.OK
    (tried,) = done.json["names"]
    assert (tried["recorder"], tried["local"]) == ("AB12", "2026-01-29 20:55:47")
    assert (tried["important"], tried["class"]) == (True, "media")
    said = command(dock, "recorder", "check-profile", str(file), name, lang="zh-CN").out
    assert "没有错误" in said
    assert "recorders.profiles" in said
    odd = command(dock, "recorder", "check-profile", str(file), "CLIPS/holiday.mp4", "note.txt")
    assert odd.code == ExitCode.WARNINGS
    assert "its name says nothing" in odd.out


def test_a_wrong_profile_is_explained(dock: DockIn, tmp_path: Path) -> None:
    """The place, what is wrong, what was probably meant, and what to do."""
    dock.settings(SETTINGS)
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('driver = "fs-only"', 'driver = "fs-onyl"'), encoding="utf-8")
    done = command(dock, "recorder", "check-profile", str(file))
    assert done.code == ExitCode.FAILED
    assert f"{file}: $.driver" in done.err
    assert "Nearest: fs-only" in done.err


async def test_the_recorders_that_are_known(dock: DockIn, tmp_path: Path) -> None:
    """None at first; then each with its last docking, with a dock that runs and without."""
    card = make_fat_card(tmp_path / "card", FILES)
    async with bench(dock, card, recorder()) as at:
        none = await asyncio.to_thread(command, dock, "recorder", "list")
        assert none.out == "No recorder has said yet who it is.\n"
        at.plug()
        await at.running.until_shown("1", "checking")
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        await at.running.until_shown("1", "done")
        running = await asyncio.to_thread(command, dock, "recorder", "list", "--json")
    resting = command(dock, "recorder", "list", "--json")
    for done in (running, resting):
        (row,) = done.json["recorders"]
        assert (row["recorder"], row["bay"], row["dockings"]) == ("ZF-0007", "1", 1)
        assert (row["profile"], row["enrolled"]) == ("open", False)
    assert "ZF-0007" in command(dock, "recorder", "list", lang="zh-CN").out
    assert ", bay 1 (docking 1)" in command(dock, "recorder", "list").out


async def test_another_key_is_ordered(dock: DockIn, tmp_path: Path) -> None:
    """With a dock that runs and without, it is an entry; without a reason it is refused."""
    card = make_fat_card(tmp_path / "card", FILES)
    order = ("recorder", "enrol", "ZF-0007", "--reason", "repaired", "--json")
    async with bench(dock, card, recorder()):
        running = await asyncio.to_thread(command, dock, *order)
        assert running.json["recorder"] == "ZF-0007"
    resting = command(dock, *order)
    assert resting.json["seq"] > running.json["seq"]
    assert len(dock.parsed("config-change")) == 2
    dock.assert_holds("ZF-0007", "repaired")
    assert command(dock, "recorder", "enrol", "Z", "--reason", " ").code == ExitCode.USAGE


def test_no_password_was_refused(dock: DockIn) -> None:
    """There is nothing to let be tried again, and that is said by the exit code too."""
    dock.settings(SETTINGS)
    assert command(dock, "recorder", "password-retry").code == ExitCode.NOT_FOUND
    with dock.open():
        pass
    done = command(dock, "recorder", "password-retry", "--name", "cammpro")
    assert (done.code, done.out) == (
        ExitCode.NOT_FOUND,
        "No recorder has refused such a password.\n",
    )


async def test_checked_from_the_command_line(dock: DockIn, tmp_path: Path) -> None:
    """It waits for what comes of it, and says by its code that a recorder wants an eye."""
    card = make_fat_card(tmp_path / "card", FILES)
    fake = recorder()
    async with bench(dock, card, fake) as at:
        nobody = await asyncio.to_thread(command, dock, "check")
        assert (nobody.code, nobody.out) == (ExitCode.OK, "No recorder is in any bay.\n")
        at.plug()
        await at.running.until_shown("1", "checking")
        busy = await asyncio.to_thread(command, dock, "check", "1")
        assert busy.code == ExitCode.BUSY
        at.running.hotplug.plug(medium(1, PORTS["1"]))
        await at.running.until_shown("1", "done")
        done = await asyncio.to_thread(command, dock, "check", "1", "--json")
        (bay,) = done.json["bays"]
        assert (bay["check"], bay["view"]["recorder"]) == ("done", "ZF-0007")
        assert bay["view"]["verdict"] == "unfit"  # it tells of a fault, and holds no key
        assert done.code == ExitCode.WARNINGS
        said = await asyncio.to_thread(command, dock, "check", lang="zh-CN")
        assert "1 号仓位：ZF-0007" in said.out
        unknown = await asyncio.to_thread(command, dock, "check", "9")
        assert unknown.code == ExitCode.NOT_FOUND


def test_no_dock_runs(dock: DockIn) -> None:
    """A check needs a dock that runs, and says so."""
    dock.settings(SETTINGS)
    assert command(dock, "check").code == ExitCode.NOT_FOUND
    with dock.open():
        pass
    assert command(dock, "check").code == ExitCode.DAEMON_UNREACHABLE


def probed(dock: DockIn, *arguments: str) -> Ended:
    """Run a probe as a process of its own, in which umockdev plays what is plugged."""
    environment = umockdev.environment()
    need(environment, "umockdev")
    assert environment is not None
    where = ["--state", str(dock.root), "--config", str(dock.config), "--lang", "en"]
    run = subprocess.run(
        [sys.executable, "-m", "tests.sim.probe_child", *arguments, *where],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(run.returncode, run.stdout, run.stderr)


def by_port(done: Ended) -> dict[str, dict[str, Any]]:
    """Return the devices of a probe by the last part of their port."""
    return {one["port"].rpartition(":")[2]: one for one in json.loads(done.out)["devices"]}


def test_what_is_at_the_ports(dock: DockIn) -> None:
    """A known make fits and was asked in vain; a stranger has its nearest profile, with why."""
    dock.settings(SETTINGS)
    done = probed(dock, "--json")
    found = by_port(done)
    assert found.keys() == {"1", "2", "7"}
    known, stranger, stick = found["1"], found["2"], found["7"]
    assert (known["bay"], known["usb"], known["serial"]) == ("1", "1d6b:0104", "ZF-7")
    assert [node["node"] for node in known["nodes"]] == ["/dev/bus/usb/001/002", "/dev/ttyACM0"]
    assert (known["nearest"][0]["profile"], known["nearest"][0]["fits"]) == ("open", True)
    assert known["asked"]["error"] == "channel-not-opened"
    near = stranger["nearest"][0]
    assert (near["profile"], near["fits"], stranger["asked"]) == ("cammpro", False, None)
    assert {one["mark"]: one["fits"] for one in near["reasons"]} == {
        "channel": True, "usb": False,
    }  # fmt: skip
    assert (stick["bay"], stick["nearest"][0]["profile"]) == ("", "fs-only")
    assert done.code == ExitCode.WARNINGS


def test_what_is_at_the_ports_in_words(dock: DockIn) -> None:
    """The same for people: ids, strings, nodes, and for each mark what is wanted and there."""
    dock.settings(SETTINGS)
    said = probed(dock, "--bay", "2").out
    assert "4255:0002" in said
    assert "- USB id: 4255:0001 is wanted, 4255:0002 is there" in said
    assert "It was not asked" in said
    nothing = probed(dock, "--node", "/dev/sdq")
    assert (nothing.code, nothing.out) == (
        ExitCode.NOT_FOUND,
        "No recorder that this dock knows is at a USB port.\n",
    )


def test_a_profile_to_begin_with(dock: DockIn) -> None:
    """It is sound as it comes, fits the device that it was written for, and no other."""
    dock.settings(SETTINGS)
    for node in ("/dev/sdk", "/dev/bus/usb/001/003", "/dev/ttyACM0"):
        written = probed(dock, "--node", node, "--skeleton")
        assert written.code == ExitCode.OK
        profile = parse_profile(written.out.encode(), source=node)
        assert tomllib.loads(written.out)["match"]["usb"] == list(profile.match.usb)
    assert probed(dock, "--skeleton").code == ExitCode.USAGE


def test_asked_by_name_over_a_line_that_udev_does_not_know(dock: DockIn) -> None:
    """A named profile asks whatever is at the node; nothing on the recorder is changed."""
    dock.settings(QUICK)
    fake = recorder()
    with on_pty(fake) as pty:
        done = command(dock, "recorder", "probe", "--node", pty.node, "--profile", "open", "--json")
        assert done.code == ExitCode.OK
        told = done.json["devices"][0]["asked"]
        assert told["identity"]["number"] == "ZF-0007"
        assert told["battery"]["percent"] == fake.battery.percent
        said = command(
            dock, "recorder", "probe", "--node", pty.node, "--profile", "open", lang="zh-CN"
        ).out
        assert "编号 ZF-0007" in said
        assert fake.done == []


@pytest.mark.parametrize("wrong", ["opne", ""])
def test_a_profile_that_does_not_exist(dock: DockIn, wrong: str) -> None:
    """It is refused with those that do."""
    dock.settings(SETTINGS)
    done = command(dock, "recorder", "probe", "--profile", wrong)
    assert done.code == ExitCode.USAGE
    assert "cammpro" in done.err


def test_nobody_else_may_order_a_check() -> None:
    """Telling is for the core's own user and root; anyone who reaches the socket may ask."""
    other = os.geteuid() + 1
    assert not answering.may({"tell": "check"}, other)
    assert not answering.may({"tell": "recorder-key"}, other)
    assert answering.may({"tell": "check"}, 0)
    assert answering.may({"ask": "recorders"}, other)
