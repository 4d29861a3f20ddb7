"""Presets: what is shipped, what a site puts in its place, and what names the file."""

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.checklists import ITEMS, checklist
from config.errors import ConfigError
from config.presets import rule_preset
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
    assert len(named) >= 8
    for path, sha256 in named.items():
        assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_agency_has_its_own_values_with_their_articles() -> None:
    """R-24H, R-3WD, R-2WD, R-CLOSE and the retention classes are those of each agency's text."""
    presets = {
        path.stem: rule_preset(path.stem, NOWHERE).content
        for path in (SHIPPED / "rules").glob("*.toml")
    }
    told = {
        name: (
            one.deadline.rule,
            one.deadline.hours,
            one.deadline.working_days,
            one.deadline.base,
            one.trips.move_base,
            {kept.rule for kept in one.retention},
        )
        for name, one in presets.items()
    }
    liaoning = ("R-24H", 24, None, "last-clip-of-day", True, {"R-3Y", "R-EVID"})
    assert told == {
        "liaoning-emergency": liaoning,
        "wanghua-emergency": liaoning,
        "putuo-emergency": ("R-24H", 24, None, "last-clip-of-day", True, {"R-6M"}),
        "yuyao-emergency": ("R-24H", 24, None, "return", True, set()),
        "jilin-civil-affairs": (
            "R-2WD", None, 2, "last-clip-of-day", False, {"R-2Y", "R-EVID", "R-LONG"},
        ),
    }  # fmt: skip
    assert presets["putuo-emergency"].deadline.own, "its text names no hours"
    special = presets["yuyao-emergency"].special
    assert special is not None
    assert (special.rule, special.working_days) == ("R-3WD", 3)
    close = {
        name: one.close and (one.close.days, one.close.working_days)
        for name, one in presets.items()
    }
    assert close == {
        "liaoning-emergency": (30, None),
        "wanghua-emergency": (30, None),
        "putuo-emergency": None,
        "yuyao-emergency": (None, 30),
        "jilin-civil-affairs": (30, None),
    }
    label = presets["jilin-civil-affairs"].label
    assert label is not None
    assert (label.rule, label.working_days) == ("R-2WD", 2)
    articles = [one.deadline.article for one in presets.values()]
    articles += [kept.article for one in presets.values() for kept in one.retention]
    assert all(articles)


def test_hours_and_working_days_are_one_or_the_other(tmp_path: Path) -> None:
    """A deadline that names both, or neither, is refused with its place."""
    (tmp_path / "rules").mkdir()
    shipped = (SHIPPED / "rules" / "jilin-civil-affairs.toml").read_text(encoding="utf-8")
    for own in (
        shipped.replace("working_days = 2\nbase", "working_days = 2\nhours = 24\nbase", 1),
        shipped.replace("working_days = 2\n", "", 1),
    ):
        (tmp_path / "rules" / "jilin-civil-affairs.toml").write_text(own, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            rule_preset("jilin-civil-affairs", tmp_path)
        assert (caught.value.problem, caught.value.where) == ("exactly-one", "$.deadline")


def test_a_model_may_have_thresholds_of_its_own(tmp_path: Path) -> None:
    """A table of `models` sets what differs for one profile; the others keep the list's."""
    own_checklist(tmp_path, "[models.cammpro.battery]\nmin_percent = 40\n")
    wanted = checklist("standard", tmp_path).content
    assert wanted.for_model("cammpro").battery.min_percent == 40
    assert wanted.for_model("cammpro").battery.warn_percent == wanted.battery.warn_percent
    assert wanted.for_model("fs-only").battery.min_percent == wanted.battery.min_percent != 40


@pytest.mark.parametrize(
    ("table", "problem", "where"),
    [
        ("[models.x.battery]\nmin_percent = 101", "bad-value", "$.models.x.battery.min_percent"),
        ("[models.x.battery]\nminimum = 10", "unknown-field", "$.models.x.battery"),
        ("[models.x.batery]\nmin_percent = 10", "unknown-field", "$.models.x"),
    ],
)
def test_a_models_thresholds_are_held_to_the_same_rules(
    tmp_path: Path, table: str, problem: str, where: str
) -> None:
    """A wrong threshold of one model is found at start, not when that model is docked."""
    own_checklist(tmp_path, table)
    with pytest.raises(ConfigError) as caught:
        checklist("standard", tmp_path)
    assert (caught.value.problem, caught.value.where) == (problem, where)


def own_checklist(directory: Path, more: str) -> None:
    """Put a site's own list into its place: the shipped one, and `more`."""
    (directory / "checklists").mkdir()
    text = (SHIPPED / "checklists" / "standard.toml").read_text(encoding="utf-8")
    (directory / "checklists" / "standard.toml").write_text(
        text.replace("[models]\n", f"[models]\n{more}"), encoding="utf-8"
    )


@pytest.mark.parametrize("lacking", ITEMS)
def test_each_item_matters_once(tmp_path: Path, lacking: str) -> None:
    """An order that leaves an item out would leave it unsaid when it is the reason."""
    (tmp_path / "checklists").mkdir()
    text = (SHIPPED / "checklists" / "standard.toml").read_text(encoding="utf-8")
    own = text.replace(f'"{lacking}"', '"clock"' if lacking != "clock" else '"key"', 1)
    (tmp_path / "checklists" / "standard.toml").write_text(own, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        checklist("standard", tmp_path)
    assert (caught.value.problem, caught.value.where) == ("matters-all-once", "$.matters")


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
    assert caught.value.facts["there"] == (
        "jilin-civil-affairs, liaoning-emergency, putuo-emergency, wanghua-emergency,"
        " yuyao-emergency"
    )


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
