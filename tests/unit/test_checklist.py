"""The checklist: what is not readable is said, what is bounded is given as a bound."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config import presets
from config.profiles import recorder_profile
from dock_daemon.docking.checklist import Item, check
from hashing import canonical
from tests.entries import volume

NOWHERE = Path("/nowhere")
WANTED = presets.checklist("standard", NOWHERE).content
CAN = recorder_profile("fs-only", NOWHERE).content.capabilities
NOW = datetime(2026, 3, 14, 17, 30)  # noqa: DTZ001  recorders know no zone


def item(name: str, items: list[Item]) -> Item:
    """Return the item of that name."""
    return next(one for one in items if one.item == name)


def test_what_a_disk_cannot_tell_is_said() -> None:
    """Clock, battery and faults are unreadable; so the verdict is no more than partly."""
    items, verdict = check([volume()], latest=None, now=NOW, wanted=WANTED, can=CAN)
    assert {one.item: one.verdict for one in items} == {
        "clock": "unreadable",
        "battery": "unreadable",
        "storage": "ok",
        "fault": "unreadable",
    }
    assert verdict == "partly-checked"
    assert item("storage", items).facts["free_bytes"] == 32 << 20
    canonical.encode([one.as_json() for one in items])


@pytest.mark.parametrize(
    ("ahead_s", "verdict"),
    [
        (-1, "unreadable"),
        (0, "unreadable"),
        (WANTED.clock.tolerance_s, "unreadable"),
        (WANTED.clock.tolerance_s + 1, "fail"),
        (10**9, "fail"),
    ],
)
def test_a_clip_from_the_future_bounds_the_clock(ahead_s: int, verdict: str) -> None:
    """The clock is ahead by at least that much; how far it may be behind nobody knows."""
    latest = NOW + timedelta(seconds=ahead_s)
    items, _ = check([volume()], latest=latest, now=NOW, wanted=WANTED, can=CAN)
    clock = item("clock", items)
    assert clock.verdict == verdict
    assert clock.facts.get("ahead_at_least_s") == (ahead_s if ahead_s > 0 else None)


@pytest.mark.parametrize("free_percent", [0, WANTED.storage.min_free_percent - 1])
def test_a_card_that_is_nearly_full_is_unfit(free_percent: int) -> None:
    """Storage is judged over all volumes of the recorder together."""
    full = replace(volume(), free_bytes=(64 << 20) * free_percent // 100)
    items, verdict = check([full, full], latest=None, now=NOW, wanted=WANTED, can=CAN)
    assert (item("storage", items).verdict, verdict) == ("fail", "unfit")


def test_a_volume_that_was_not_closed() -> None:
    """The dirty flag is told, and is no failure of its own."""
    items, _ = check(
        [volume(), replace(volume(), dirty=True)], latest=None, now=NOW, wanted=WANTED, can=CAN
    )
    assert item("storage", items).facts["not_cleanly_closed"] is True
    assert item("storage", items).verdict == "ok"


def test_no_volume_and_no_capability() -> None:
    """Where nothing can be measured nothing is guessed."""
    items, _ = check([], latest=None, now=NOW, wanted=WANTED, can=CAN)
    assert item("storage", items).verdict == "unreadable"
    cannot = CAN - {"storage"}
    items, _ = check([volume()], latest=None, now=NOW, wanted=WANTED, can=cannot)
    assert item("storage", items).verdict == "unreadable"
