"""The checklist: each item's verdict, what is missing and what is unknown, and the one sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from config.checklists import ITEMS, checklist
from config.messages import LANGUAGES, catalogue
from config.profiles import Firmware
from dock_daemon import wording
from dock_daemon.fitness.checklist import Item, Outcome, check
from dock_daemon.fitness.observed import Cards, Clock, Holding, Key, Observed, TakenOver, Untold
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet
from firmware_bridge.capabilities import Battery, Fault, Storage
from hashing import canonical
from tests.entries import volume

WANTED = checklist("standard", Path("/nowhere")).content
GB = 10**9
SECOND_US = 1_000_000


def measured(
    offset_us: int, uncertainty_us: int = 1000, *, sync: str = "synchronized", dock_us: int = 1000
) -> ClockMeasured:
    """Return what was measured of a recorder's clock."""
    return ClockMeasured(
        offset_us=offset_us,
        uncertainty_us=uncertainty_us,
        sync=sync,
        source="test",
        dock_uncertainty_us=dock_us,
    )


CARDS = Cards(
    volumes=(replace(volume(), total_bytes=64 * GB, free_bytes=32 * GB),),
    folder=False,
    unlisted="",
    read_errors=0,
)
CLOCK = Clock(
    measured=measured(0), set=None, not_set="not-needed", ahead_ms=None, sync="synchronized"
)
TAKEN = TakenOver(taken=3, known=1, unread=0, incomplete=0, remaining=0, interrupted=False)
# A recorder that can tell everything, and is in order.
GOOD = Observed(
    faults=(),
    firmware="V2.10",
    firmware_known=Firmware(known=("v2.*",), minimum="V2.9"),
    cards=CARDS,
    last_clip="whole",
    battery=Battery(percent=95, charging=True, health_percent=90, cycles=12),
    storage=Storage(total_bytes=64 * GB, free_bytes=32 * GB),
    kbit_s=6000,
    clock=CLOCK,
    holding=Holding(expected="210917", by="register", told="210917"),
    key=Key(told="zfy+1+k", enrolled="zfy+1+k", new=False),
    taken_over=TAKEN,
)


def seen(**parts: Any) -> Observed:
    """Return the good recorder, but for some parts."""
    return replace(GOOD, **parts)


def cards(**parts: Any) -> Observed:
    """Return the good recorder with another card."""
    return seen(cards=replace(CARDS, **parts))


def one_volume(**parts: Any) -> Observed:
    """Return the good recorder with another volume."""
    return cards(volumes=(replace(CARDS.volumes[0], **parts),))


def clock(**parts: Any) -> Observed:
    """Return the good recorder with another clock."""
    return seen(clock=replace(CLOCK, **parts))


def item(outcome: Outcome, name: str) -> Item:
    """Return the item of that name."""
    (found,) = [one for one in outcome.items if one.item == name]
    return found


MISSING, SILENT, GONE = Untold(), Untold("recorder-silent"), Untold("channel-lost")
HOUR_BYTES = 6000 * 1000 // 8 * 3600
TOLERANCE_US = WANTED.clock.tolerance_s * SECOND_US

# What was seen → item, verdict, reason, and whether the recorder stays here for it.
CASES: dict[str, tuple[Observed, str, str, str, bool]] = {
    "no fault": (GOOD, "fault", "pass", "none", False),
    "a fault": (seen(faults=(Fault(code="sd-error"),)), "fault", "fail", "reported", True),
    "cannot report": (seen(faults=MISSING), "fault", "unknown", "missing", False),
    "did not report": (seen(faults=SILENT), "fault", "unknown", "untold", True),
    "known firmware": (GOOD, "firmware", "pass", "known", False),
    "not too old": (
        seen(firmware_known=Firmware(minimum="V2.9")), "firmware", "pass", "minimum", False,
    ),
    "old firmware": (seen(firmware="V2.8"), "firmware", "fail", "below-minimum", True),
    "odd firmware": (seen(firmware="V3.0"), "firmware", "warn", "unlisted", False),
    "nothing asked": (
        seen(firmware_known=Firmware()), "firmware", "unknown", "not-judged", False,
    ),
    "no firmware": (seen(firmware=MISSING), "firmware", "unknown", "missing", False),
    "empty firmware": (seen(firmware=""), "firmware", "unknown", "untold", False),
    "sound": (GOOD, "filesystem", "pass", "sound", False),
    "not closed": (one_volume(dirty=True), "filesystem", "warn", "dirty", False),
    "damaged": (one_volume(sound=False), "filesystem", "fail", "damaged", True),
    "not listed": (
        cards(volumes=(), unlisted="no file system"), "filesystem", "fail", "unlisted", True,
    ),
    "a folder": (cards(folder=True), "filesystem", "unknown", "folder", False),
    "no card": (cards(volumes=()), "filesystem", "unknown", "no-volume", True),
    "all read": (GOOD, "bad-sectors", "pass", "none", False),
    "two bad places": (cards(read_errors=2), "bad-sectors", "fail", "found", True),
    "a folder's sectors": (cards(folder=True), "bad-sectors", "unknown", "folder", False),
    "no card's sectors": (cards(volumes=()), "bad-sectors", "unknown", "no-volume", True),
    "whole clip": (GOOD, "last-clip", "pass", "whole", False),
    "no clip": (seen(last_clip="none"), "last-clip", "pass", "none", False),
    "cut clip": (seen(last_clip="incomplete"), "last-clip", "fail", "incomplete", True),
    "unread clip": (seen(last_clip="unread"), "last-clip", "fail", "unread", True),
    "unreached": (seen(last_clip="not-reached"), "last-clip", "unknown", "not-reached", False),
    "full": (GOOD, "battery", "pass", "enough", False),
    "fair": (seen(battery=Battery(percent=79)), "battery", "warn", "middling", False),
    "half": (seen(battery=Battery(percent=50)), "battery", "fail", "low", True),
    "worn": (
        seen(battery=Battery(percent=99, health_percent=59)), "battery", "warn", "worn", False,
    ),
    "no gauge": (seen(battery=MISSING), "battery", "unknown", "missing", False),
    "silent gauge": (seen(battery=SILENT), "battery", "unknown", "untold", True),
    "room": (GOOD, "storage", "pass", "enough", False),
    "little room": (
        one_volume(free_bytes=HOUR_BYTES * 8 - 10**6), "storage", "warn", "little", False,
    ),
    "too little": (
        one_volume(free_bytes=HOUR_BYTES * 4 - 10**6), "storage", "fail", "short", True,
    ),
    "a share": (seen(kbit_s=None), "storage", "pass", "share", False),
    "too small a share": (
        replace(one_volume(free_bytes=12 * GB), kbit_s=None),
        "storage", "fail", "share-short", True,
    ),
    "its own word": (cards(volumes=()), "storage", "pass", "enough", False),
    "a folder's room": (
        replace(cards(folder=True), storage=MISSING), "storage", "unknown", "missing", False,
    ),
    "no card's room": (
        replace(cards(volumes=()), storage=SILENT), "storage", "unknown", "no-volume", True,
    ),
    "right": (GOOD, "clock", "pass", "right", False),
    "adrift": (clock(measured=measured(-6 * SECOND_US)), "clock", "warn", "drifting", False),
    "wrong": (clock(measured=measured(TOLERANCE_US + 3000)), "clock", "fail", "off", True),
    "unsure": (
        clock(measured=measured(TOLERANCE_US - 1, SECOND_US)), "clock", "unknown", "unsure", False,
    ),
    "set and read": (
        clock(
            measured=measured(10**12),
            set=ClockSet(before=measured(10**12), after=measured(0)),
            not_set="",
        ),
        "clock", "pass", "right", False,
    ),
    "set, not readable": (
        clock(measured=MISSING, set=ClockSet(before=None, after=None), not_set=""),
        "clock", "pass", "set", False,
    ),
    "set, then silent": (
        clock(
            measured=measured(10**12),
            set=ClockSet(before=measured(10**12), after=None),
            not_set="",
        ),
        "clock", "unknown", "unverified", False,
    ),
    "from the future": (
        clock(measured=MISSING, ahead_ms=61_000), "clock", "fail", "ahead", True,
    ),
    "a little ahead": (
        clock(measured=MISSING, ahead_ms=60_000), "clock", "unknown", "missing", False,
    ),
    "dock without the time": (
        clock(measured=measured(10**12, sync="unsynchronized")),
        "clock", "unknown", "dock-unsynchronized", False,
    ),
    "dock unsure": (
        clock(measured=measured(10**12, dock_us=WANTED.clock.dock_within_ms * 1000 + 1)),
        "clock", "unknown", "dock-unsynchronized", False,
    ),
    "future of whom": (
        clock(measured=MISSING, ahead_ms=10**9, sync="unsynchronized"),
        "clock", "unknown", "dock-unsynchronized", False,
    ),
    "no clock": (clock(measured=MISSING), "clock", "unknown", "missing", False),
    "silent clock": (clock(measured=SILENT), "clock", "unknown", "untold", False),
    "its holder": (GOOD, "holder", "pass", "registered", False),
    "who has it": (
        seen(holding=Holding(expected=" 880317", by="issue", told="880317 ")),
        "holder", "pass", "issued", False,
    ),
    "another": (
        seen(holding=Holding(expected="880317", by="issue", told="210917")),
        "holder", "fail", "differs", True,
    ),
    "nobody's": (
        seen(holding=Holding(expected="", by="nobody", told="210917")),
        "holder", "fail", "unregistered", True,
    ),
    "unnamed": (
        seen(holding=Holding(expected="1", by="register", told="")),
        "holder", "unknown", "empty", False,
    ),
    "names nobody": (
        seen(holding=Holding(expected="1", by="register", told=MISSING)),
        "holder", "unknown", "missing", False,
    ),
    "says nobody": (
        seen(holding=Holding(expected="1", by="register", told=SILENT)),
        "holder", "unknown", "untold", False,
    ),
    "its key": (GOOD, "key", "pass", "enrolled", False),
    "a new key": (
        seen(key=Key(told="k", enrolled="k", new=True)), "key", "pass", "new", False,
    ),
    "another key": (
        seen(key=Key(told="x", enrolled="k", new=False)), "key", "fail", "changed", True,
    ),
    "a key of another recorder": (
        seen(key=Key(told="x", enrolled="", new=False, doubt="shared")),
        "key", "fail", "shared", True,
    ),
    "an unproved key": (
        seen(key=Key(told="x", enrolled="", new=False)), "key", "fail", "unproved", True,
    ),
    "a cut journal": (
        seen(key=Key(told="k", enrolled="k", new=False, doubt="cut")), "key", "fail", "cut", True,
    ),
    "a broken journal": (
        seen(key=Key(told="k", enrolled="k", new=False, doubt="broken")),
        "key", "fail", "broken", True,
    ),
    "a journal not shown": (
        seen(key=Key(told="k", enrolled="k", new=False, doubt="absent")),
        "key", "unknown", "absent", True,
    ),
    "a journal not read to its end": (
        seen(key=Key(told="k", enrolled="k", new=True, doubt="unread")),
        "key", "unknown", "unread", True,
    ),
    "no key": (seen(key=Key(told="", enrolled="k", new=False)), "key", "unknown", "none", True),
    "key withheld": (
        seen(key=Key(told=MISSING, enrolled="k", new=False)), "key", "unknown", "none", True,
    ),
    "no journal": (
        seen(key=Key(told=MISSING, enrolled="", new=False)), "key", "unknown", "missing", False,
    ),
    "silent key": (
        seen(key=Key(told=SILENT, enrolled="k", new=False)), "key", "unknown", "untold", True,
    ),
    "no fault any more": (seen(faults=GONE), "fault", "unknown", "not-now", False),
    "no firmware any more": (seen(firmware=GONE), "firmware", "unknown", "not-now", False),
    "no charge any more": (seen(battery=GONE), "battery", "unknown", "not-now", False),
    "no clock any more": (clock(measured=GONE), "clock", "unknown", "not-now", False),
    "no holder any more": (
        seen(holding=Holding(expected="1", by="register", told=GONE)),
        "holder", "unknown", "not-now", False,
    ),
    "no key any more": (
        seen(key=Key(told=GONE, enrolled="k", new=False)), "key", "unknown", "not-now", False,
    ),
    "all here": (GOOD, "taken-over", "pass", "all", False),
    "nothing on it": (
        seen(taken_over=replace(TAKEN, taken=0, known=0)), "taken-over", "pass", "nothing", False,
    ),
    "unread": (seen(taken_over=replace(TAKEN, unread=1)), "taken-over", "fail", "unread", True),
    "pulled": (
        seen(taken_over=replace(TAKEN, remaining=2, interrupted=True)),
        "taken-over", "fail", "interrupted", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_item_is_judged_by_what_was_seen(case: str) -> None:
    """Measured and within its limit it passes; missing, unknown and failed are told apart."""
    observed, name, verdict, reason, blocks = CASES[case]
    outcome = check(observed, WANTED)
    found = item(outcome, name)
    assert (found.verdict, found.reason, found.blocks) == (verdict, reason, blocks)
    assert found.rule
    assert outcome.verdict == ("unfit" if any(one.blocks for one in outcome.items) else "fit")
    canonical.encode([one.with_told() for one in outcome.items])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_each_item_says_what_was_seen_and_what_to_do(case: str, lang: str) -> None:
    """Value, limit, verdict, rule and advice are sentences in both languages."""
    observed, name, verdict, _, _ = CASES[case]
    found = item(check(observed, WANTED), name)
    line, *advice = wording.check_lines(found, lang)
    assert found.rule in line
    assert "{" not in line + "".join(advice)
    assert len(advice) == (verdict != "pass")
    assert wording.check_told(found.as_json(), lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_sentence_of_the_checklist_is_about_nothing(lang: str) -> None:
    """Every sentence belongs to something that a recorder was seen to do here."""
    said = {f"check-said.{name}.{reason}" for _, name, _, reason, _ in CASES.values()}
    assert {key for key in catalogue(lang) if key.startswith("check-said.")} == said
    done = {key for key in catalogue(lang) if key.startswith("check-do.")}
    assert {key.replace("check-do.", "check-said.") for key in done} <= said


def test_what_matters_most_is_the_one_reason() -> None:
    """Of all that keeps a recorder here the preset's first is named; a warning only then."""
    worst = seen(
        faults=(Fault(code="x"),),
        battery=Battery(percent=1),
        taken_over=replace(TAKEN, interrupted=True),
    )
    outcome = check(worst, WANTED)
    assert outcome.because is not None
    assert (outcome.because.item, outcome.verdict) == ("taken-over", "unfit")
    said = wording.check_because(outcome.verdict, outcome.because.with_told(), "zh-CN")
    assert said == "不可领用：采集中断，还有 0 个文件"
    warned = check(seen(battery=Battery(percent=70)), WANTED)
    assert (warned.verdict, warned.because and warned.because.item) == ("fit", "battery")
    assert check(GOOD, WANTED).because is None
    assert wording.check_because("fit", None, "en") == "fit for issue"


def test_a_model_that_tells_nothing_may_be_handed_out() -> None:
    """What a model cannot tell is said and blocks nothing by the shipped list."""
    mute = seen(
        faults=MISSING,
        firmware=MISSING,
        firmware_known=Firmware(),
        battery=MISSING,
        storage=MISSING,
        kbit_s=None,
        clock=replace(CLOCK, measured=MISSING, not_set="not-asked"),
        holding=Holding(expected="1", by="register", told="1"),
        key=Key(told=MISSING, enrolled="", new=False),
    )
    outcome = check(mute, WANTED)
    assert (outcome.verdict, outcome.because) == ("fit", None)
    strict = structs.replace(WANTED, battery=structs.replace(WANTED.battery, missing="block"))
    assert check(mute, strict).verdict == "unfit"


def test_an_agency_may_only_warn() -> None:
    """Jilin asks for battery and memory (JL-3 §6): a wrong clock is said there, and hands out."""
    jilin = checklist("jilin-civil-affairs", Path("/nowhere")).content
    wrong = clock(measured=measured(10**12))
    assert (check(wrong, WANTED).verdict, check(wrong, jilin).verdict) == ("unfit", "fit")
    assert item(check(wrong, jilin), "clock").verdict == "warn"
    assert check(seen(battery=Battery(percent=5)), jilin).verdict == "unfit"


def test_nothing_that_a_recorder_tells_stands_in_the_entry() -> None:
    """Its texts may name anybody: they stand in the document, and not in the item's entry."""
    outcome = check(
        seen(
            faults=(Fault(code="王小明", detail="210917"),),
            firmware="王小明",
            holding=Holding(expected="880317", by="issue", told="210917"),
        ),
        WANTED,
    )
    published = canonical.encode([one.as_json() for one in outcome.items]).decode()
    kept = canonical.encode([one.with_told() for one in outcome.items]).decode()
    for word in ("王小明", "210917", "880317"):
        assert word not in published
        assert word in kept


PERCENT = st.integers(0, 100)
OFFSETS = st.integers(-(10**15), 10**15)


@given(percent=PERCENT, minimum=PERCENT, warn=PERCENT)
def test_charge_below_its_minimum_always_blocks(percent: int, minimum: int, warn: int) -> None:
    """Whatever the thresholds, a charge below the minimum fails and one at it does not."""
    wanted = structs.replace(
        WANTED,
        battery=structs.replace(WANTED.battery, min_percent=minimum, warn_percent=warn),
    )
    found = item(check(seen(battery=Battery(percent=percent)), wanted), "battery")
    assert found.blocks == (percent < minimum)
    assert (found.verdict == "pass") == (percent >= max(minimum, warn))


@given(offset_us=OFFSETS, uncertainty_us=st.integers(0, 10**9), error=st.floats(-1, 1))
def test_a_right_clock_never_fails_and_a_wrong_one_never_passes(
    offset_us: int, uncertainty_us: int, error: float
) -> None:
    """Whatever the true offset within the stated uncertainty, the verdict on it holds."""
    true_us = offset_us + int(error * uncertainty_us)
    found = item(check(clock(measured=measured(offset_us, uncertainty_us)), WANTED), "clock")
    if found.verdict == "fail":
        assert abs(true_us) > TOLERANCE_US
    if found.verdict == "pass":
        assert abs(true_us) <= TOLERANCE_US


@pytest.mark.parametrize("name", ITEMS)
def test_every_item_is_shown_once_and_in_order(name: str) -> None:
    """The list is always whole: what could not be looked at stands on it, too."""
    assert [one.item for one in check(GOOD, WANTED).items].count(name) == 1  # type: ignore[arg-type]  # any text may be counted
