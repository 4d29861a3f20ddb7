"""Profiles of makes: what is shipped, what is refused, and what a technician is told."""

from pathlib import Path
from typing import get_args

import pytest

from config.errors import ConfigError
from config.loader import load
from config.messages import LANGUAGES, catalogue
from config.profiles import (
    CHANNEL_OF,
    CapabilityName,
    RecorderProfile,
    recorder_profile,
    recorder_profiles,
)
from config.toml import SHIPPED
from dock_daemon.docking.rules import Rules
from firmware_bridge.capabilities import Capability
from firmware_bridge.control.drivers import DRIVERS
from tests.recorders.rigs import Rig, cammpro, jieli, zzx

NOWHERE = Path("/nonexistent/sealdock")
NAMES = sorted(path.stem for path in (SHIPPED / "recorders").glob("*.toml"))

PLAIN = """
driver = "fs-only"
capabilities = ["storage", "list", "read"]
[name]
zh = "某型"
en = "some make"
[storage]
shown = "always"
[files]
media = ["mp4"]
"""
ASKED = """
driver = "cammpro-ctrl"
capabilities = ["identity", "switch-to-storage"]
[name]
zh = "某型"
en = "some make"
[match]
usb = ["4255:0001"]
[storage]
shown = "switch"
[files]
media = ["mp4"]
"""


def write(folder: Path, text: str, name: str = "made-up") -> RecorderProfile:
    """Put a technician's profile into a site's configuration, and read it."""
    (folder / "recorders").mkdir(exist_ok=True)
    (folder / "recorders" / f"{name}.toml").write_text(text, encoding="utf-8")
    return recorder_profile(name, folder).content


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_is_sound_and_says_how_it_was_tried(name: str) -> None:
    """Its capabilities are some, its names parse, and a comment tells how far it was tried."""
    profile = recorder_profile(name, NOWHERE).content
    assert profile.capabilities
    assert len(profile.names.compiled()) == len(profile.names.patterns)
    text = (SHIPPED / "recorders" / f"{name}.toml").read_text(encoding="utf-8")
    assert "# Tried:" in text


def test_all_that_is_shipped_is_in_force_with_the_plain_disk_last(tmp_path: Path) -> None:
    """Nobody has to list the shipped makes; what fits every disk is the last resort."""
    profiles = load(tmp_path, env={}).settings.recorders.profiles
    assert sorted(profiles) == NAMES
    assert profiles[-1] == "fs-only"
    assert [one.name for one in recorder_profiles(profiles, NOWHERE, source="")] == [*profiles]


def test_the_words_for_capabilities_are_the_drivers_own() -> None:
    """A profile and a driver mean the same by a word."""
    assert set(get_args(CapabilityName)) == {str(one) for one in Capability}


def test_each_driver_has_the_channel_that_its_profiles_say() -> None:
    """What a profile matches is what its driver can open."""
    spoken = {name: kind for name, (kind, _factory) in DRIVERS.items()}
    assert {**spoken, "fs-only": "none"} == dict(CHANNEL_OF)


@pytest.mark.parametrize("rig", [jieli(), cammpro(), zzx()], ids=lambda rig: rig.driver.name)
def test_a_shipped_profile_promises_what_its_driver_can(rig: Rig) -> None:
    """Neither more nor less; listing and reading are had of the disk that it switches to."""
    shipped = [recorder_profile(name, NOWHERE).content for name in NAMES]
    (profile,) = (one for one in shipped if one.driver == rig.driver.name)
    assert profile.capabilities - {"list", "read"} == {str(one) for one in rig.driver.capabilities}


def test_a_profile_may_be_short(tmp_path: Path) -> None:
    """What a technician does not know of a make can be left out."""
    plain = write(tmp_path, PLAIN)
    assert plain.fits_any_disk
    assert (plain.recording, plain.password, plain.names.patterns) == (None, None, ())
    assert not write(tmp_path, ASKED).fits_any_disk


BROKEN = [
    (PLAIN.replace('"read"]', '"read", "battery"]'), "needs-channel", "$.capabilities"),
    (PLAIN.replace("always", "none"), "disk-is-shown", "$.storage.shown"),
    (PLAIN.replace('"mp4"]', '".mp4"]'), "file-ending", "$.files.media"),
    (PLAIN.replace("[files]", "[fils]"), "unknown-field", "$"),
    (PLAIN.replace("shown", "shows"), "unknown-field", "$.storage"),
    (PLAIN + '[identify]\nfiles = ["ID.TXT"]\n', "identify-form", "$.identify.files[0]"),
    (PLAIN + '[names]\npatterns = ["{date}", "{dat}"]\n', "name-pattern", "$.names.patterns[1]"),
    (PLAIN + "[quirks]\nport = 1\n", "no-quirk", "$.quirks.port"),
    (ASKED + "[quirks]\nport = 1\n", "no-quirk", "$.quirks.port"),
    (ASKED + "[quirks]\nuser_login = 2\n", "quirk-range", "$.quirks.user_login"),
    (PLAIN + '[password]\nname = "x"\n', "no-password", "$.password"),
    (ASKED.replace('usb = ["4255:0001"]', ""), "matches-anything", "$.match"),
    (ASKED.replace('shown = "switch"', 'shown = "always"'), "switch-or-not", "$.storage.shown"),
    (ASKED.replace(', "switch-to-storage"', ""), "switch-or-not", "$.storage.shown"),
    (ASKED.replace("4255:0001", "4255:001"), "usb-id", "$.match.usb[0]"),
    (ASKED.replace("4255:0001", "4255"), "usb-id", "$.match.usb[0]"),
    (ASKED.replace("cammpro-ctrl", "cammpro"), "not-one-of", "$.driver"),
    (ASKED.replace('"identity"', '"identify"'), "not-one-of", "$.capabilities[0]"),
    (ASKED.replace('"switch"', '"later"'), "not-one-of", "$.storage.shown"),
]


@pytest.mark.parametrize(("text", "problem", "where"), BROKEN)
def test_a_wrong_profile_is_refused_with_its_place(
    tmp_path: Path, text: str, problem: str, where: str
) -> None:
    """The file is named, the place in it, and the problem has words in both languages."""
    with pytest.raises(ConfigError) as caught:
        write(tmp_path, text)
    assert (caught.value.problem, caught.value.where) == (problem, where)
    assert caught.value.source == str(tmp_path / "recorders" / "made-up.toml")
    for lang in LANGUAGES:
        sentence = catalogue(lang)[f"config-problem.{problem}.what"]
        assert sentence.format_map(caught.value.facts)
        assert catalogue(lang)[f"config-problem.{problem}.remedy"].format_map(caught.value.facts)


def test_some_profile_must_fit_every_disk(tmp_path: Path) -> None:
    """A recorder that nobody has described is taken over all the same: so one must fit it."""
    write(tmp_path, ASKED)
    (tmp_path / "sealdock.toml").write_text('[recorders]\nprofiles = ["made-up"]\n')
    with pytest.raises(ConfigError) as caught:
        Rules.of(load(tmp_path, env={}))
    assert caught.value.problem == "no-plain-profile"
    assert caught.value.source == str(tmp_path / "sealdock.toml")


def test_what_a_file_is_by_its_make() -> None:
    """Ring buffers are no clips, marked folders make a clip important, letter case is no matter."""
    e12 = recorder_profile("e12", NOWHERE).content
    assert e12.files.class_of("DCIM/100ANDRO/1_20160129205547_1.MP4") == "media"
    assert e12.files.class_of("DCIM/SegTemp/1_20160129205547_1.mp4") == "record"
    assert e12.important("dcim/101andro/1_20160129205547_1.mp4")
    assert not e12.important("DCIM/100ANDRO/101ANDRO.mp4")
    dasbuddy = recorder_profile("dasbuddy", NOWHERE).content
    assert dasbuddy.files.class_of("DCIM/Movie/1.NMEA") == "sidecar"
    assert dasbuddy.files.class_of("LOG/BATTERY.TXT") == "record"
