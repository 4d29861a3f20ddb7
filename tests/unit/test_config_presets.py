"""Presets: what is shipped, what a site puts in its place, and what names the file."""

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.presets import checklist, rule_preset
from config.profiles import recorder_profile
from config.toml import SHIPPED

NOWHERE = Path("/nonexistent/sealdock")
FILES = recorder_profile("fs-only", NOWHERE).content.files


def test_liaoning_counts_from_the_days_last_clip() -> None:
    """R-24H as Liaoning has it: 24 hours from the end of the day's enforcement."""
    deadline = rule_preset("liaoning-emergency", NOWHERE).content.deadline
    assert (deadline.rule, deadline.hours, deadline.base) == ("R-24H", 24, "last-clip-of-day")
    assert "LN-7 §14" in deadline.article


def test_yuyao_counts_from_the_return() -> None:
    """R-24H as Yuyao has it: 24 hours from the return to the unit."""
    preset = rule_preset("yuyao-emergency", NOWHERE).content
    assert (preset.deadline.rule, preset.deadline.hours) == ("R-24H", 24)
    assert preset.deadline.base == "return"
    assert (preset.agency.text("zh-CN"), preset.agency.text("en")[:9]) == (
        "余姚市应急管理局",
        "Emergency",
    )


def test_every_shipped_preset_loads() -> None:
    """No shipped file is broken, and each is named by the digest of its bytes."""
    named: dict[Path, str] = {}
    for path in (SHIPPED / "rules").glob("*.toml"):
        named[path] = rule_preset(path.stem, NOWHERE).sha256
    for path in (SHIPPED / "checklists").glob("*.toml"):
        named[path] = checklist(path.stem, NOWHERE).sha256
    for path in (SHIPPED / "recorders").glob("*.toml"):
        named[path] = recorder_profile(path.stem, NOWHERE).sha256
    assert len(named) >= 4
    for path, sha256 in named.items():
        assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_sites_own_file_is_taken_instead(tmp_path: Path) -> None:
    """A file of the same name below the configuration directory replaces the shipped one."""
    (tmp_path / "rules").mkdir()
    shipped = (SHIPPED / "rules" / "liaoning-emergency.toml").read_text(encoding="utf-8")
    own = shipped.replace("hours = 24", "hours = 12").replace("2016-01-01", "2020-02-03")
    (tmp_path / "rules" / "liaoning-emergency.toml").write_text(own, encoding="utf-8")
    preset = rule_preset("liaoning-emergency", tmp_path)
    assert preset.content.deadline.hours == 12
    assert preset.content.times.usable_from == date(2020, 2, 3)
    assert preset.sha256 == hashlib.sha256(own.encode()).hexdigest()


def test_a_preset_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    """A mistyped preset is refused, with the place it would have and those that exist."""
    with pytest.raises(ConfigError) as caught:
        rule_preset("liaonin", tmp_path)
    assert caught.value.problem == "no-preset"
    assert caught.value.source == str(tmp_path / "rules" / "liaonin.toml")
    assert caught.value.facts["there"] == "liaoning-emergency, yuyao-emergency"


def test_a_wrong_preset_is_named_with_its_place(tmp_path: Path) -> None:
    """A site's own preset is held to the same rules as everything else."""
    (tmp_path / "checklists").mkdir()
    path = tmp_path / "checklists" / "standard.toml"
    text = (SHIPPED / "checklists" / "standard.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("min_free_percent = 20", "min_free_percent = 120"))
    with pytest.raises(ConfigError) as caught:
        checklist("standard", tmp_path)
    assert (caught.value.source, caught.value.where) == (str(path), "$.storage.min_free_percent")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("DCIM/100MEDIA/8888888_000000_20260129205547_0001.mp4", "media"),
        ("DCIM/101ANDRO/20260129205547_0001IMP.MP4", "media"),
        ("police/sound/20260129_205547.AMR", "media"),
        ("DCIM/Movie/20260129.NMEA", "sidecar"),
        ("Param.ini", "record"),
        ("PARAM.INI", "record"),
        ("DCIM/100MEDIA/info.dat", "record"),
        ("LOG/BATTERY.TXT", "record"),
        ("log/boot.bin", "record"),
        ("System Volume Information/WPSettings.dat", "record"),
        ("LOG/20260129.mp4", "media"),
        ("DCIM/100MEDIA/firmware.bin", "other"),
        ("backlog/boot.bin", "other"),
        ("mp4", "other"),
        ("", "other"),
    ],
)
def test_files_are_told_apart_by_their_names(path: str, expected: str) -> None:
    """A clip is a clip wherever it lies; what a recorder keeps rewriting is a record."""
    assert FILES.class_of(path) == expected


@given(st.text(max_size=40))
def test_letter_case_never_decides(path: str) -> None:
    """A recorder that writes upper case gets the same answer, whatever the name holds."""
    assert FILES.class_of(path) == FILES.class_of(path.casefold())
