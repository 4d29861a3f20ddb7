"""A recorder that was asked over its channel first: what stands in log, findings and list."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from config.profiles import recorder_profile
from dock_daemon.docking.events import Checked, Event, Identified
from dock_daemon.evidence.state import look
from dock_daemon.recorders.clock_measured import ClockMeasured, ClockSet
from dock_daemon.recorders.greeting import Greeting
from firmware_bridge.capabilities import (
    Battery,
    Capability,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from hashing.canonical import JSON
from hashing.entry import Entry
from tests.cards import make_fat_card
from tests.docks import HOUR_MS, NOW_MS, DockIn, Told, some_bytes
from tests.journals import KEY, NUMBER, Script

OPEN = recorder_profile("open", Path("/nowhere"))
CLIPS = {
    "DCIM/100MEDIA/210917_20260314091500.MP4": some_bytes("a", 300_000),
    "DCIM/100MEDIA/210917_20260314092652.MP4": some_bytes("b", 70_001),
}
# The clips' local time, 09:26:52 in Shanghai, in ms UTC.
RECORDED_MS = 1_773_451_612_000
REGISTERED = f"{NUMBER},210917,王小明,执法一队"
SECOND_US = 1_000_000


@pytest.fixture
def dock(dock_on_disk: DockIn) -> DockIn:
    """Return a dock that knows the recorder."""
    dock_on_disk.register(REGISTERED)
    return dock_on_disk


def measured(offset_us: int, *, sync: str = "synchronized") -> ClockMeasured:
    """Return what was measured of the recorder's clock."""
    return ClockMeasured(
        offset_us=offset_us,
        uncertainty_us=40_000,
        sync=sync,
        source="test",
        dock_uncertainty_us=20_000,
    )


def journal(*clips: str, gone: str = "") -> Script:
    """Return the recorder's journal of these clips, and of one that is not on its card."""
    script = Script(KEY, NUMBER)
    script.start()
    for path in clips:
        script.clip(path, sha256(CLIPS[path]).hexdigest(), size=len(CLIPS[path]))
    if gone:
        script.clip(gone, sha256(b"gone").hexdigest(), size=4)
    return script


def greeted(script: Script | None = None, **parts: object) -> Greeting:
    """Return what a good recorder says, but for some parts."""
    pieces: tuple[JournalPiece, ...] = ()
    if script is not None:
        size = len(script.lines)
        pieces = (JournalPiece(first=0, next=size, size=size, data=b"".join(script.lines)),)
    good = Greeting(
        profile=OPEN,
        identity=Identity(
            number=NUMBER, model="open", firmware="1.0", vkey=str(KEY.verifier()) if script else ""
        ),
        holder=Holder(user_no="210917", user_name="王小明", raw=b"\xcd\xf5"),
        battery=Battery(percent=95, health_percent=88, cycles=40),
        storage=Storage(total_bytes=64 * 10**9, free_bytes=32 * 10**9),
        faults=(),
        clock=measured(0),
        clock_not_set="not-needed",
        journal=pieces,
        capabilities=frozenset(Capability) - (frozenset() if script else {Capability.JOURNAL}),
        asked_ms=NOW_MS,
        switched=True,
    )
    return replace(good, **parts)  # type: ignore[arg-type]  # parts by their names


def card(folder: Path) -> Path:
    """Return a card with room for a shift."""
    return make_fat_card(folder / "card", CLIPS, 40 << 20)


def verdicts(told: Told) -> dict[str, tuple[str, str]]:
    """Return verdict and reason of each item."""
    (checked,) = told.of(Checked)
    return {one.item: (one.verdict, one.reason) for one in checked.items}


def kinds(dock: DockIn) -> list[str]:
    """Return the kinds of the docking's entries, clips and findings once each."""
    found = [one.kind for one in dock.parsed() if one.kind not in {"genesis", "heartbeat"}]
    return [kind for at, kind in enumerate(found) if at == 0 or found[at - 1] != kind]


def document(dock: DockIn, one: Entry) -> dict[str, JSON]:
    """Return the document that an entry names."""
    name = str(one.body["document"])
    data = (dock.root / "store" / "documents" / name[:2] / name).read_bytes()
    return cast("dict[str, JSON]", json.loads(data))


# The card of the tests has no room for a shift, so the list is asked for less.
LITTLE = '[checklist]\npreset = "little"\n'


@pytest.fixture
def little(dock: DockIn) -> str:
    """Return settings by which a small card is enough."""
    shipped = Path("config/data/checklists/standard.toml").read_text(encoding="utf-8")
    (dock.config / "checklists").mkdir()
    own = shipped.replace("min_hours = 4", "min_hours = 0").replace(
        "warn_hours = 8", "warn_hours = 0"
    )
    (dock.config / "checklists" / "little.toml").write_text(own, encoding="utf-8")
    return LITTLE


def test_a_key_without_its_journal_is_no_pass(dock: DockIn, tmp_path: Path, little: str) -> None:
    """Known, it shows its key and tells no records, or never all of them: not fit, each time."""
    where = card(tmp_path)
    dock.take_over(where, greeting=greeted(journal(*CLIPS)), settings=little)
    silent = greeted(journal(*CLIPS), journal=(), troubles={"journal": "recorder-silent"})
    for _ in range(2):
        told = dock.take_over(where, greeting=silent, settings=little)
        assert verdicts(told)["key"] == ("unknown", "absent")
        assert told.of(Checked)[0].verdict == "unfit"
    lines = journal(*CLIPS).lines
    more = JournalPiece(first=0, next=len(lines), size=len(lines) + 1, data=b"".join(lines))
    last = replace(more, first=len(lines) - 1, data=lines[-1])
    told = dock.take_over(
        where, greeting=greeted(journal(*CLIPS), journal=(last,)), settings=little
    )
    assert verdicts(told)["key"] == ("unknown", "unread")


def test_a_good_recorder_is_fit_and_all_of_it_stands_in_order(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """Who it is, its key, its journal, its clips, and the checklist last: 可领用."""
    greeting = greeted(journal(*CLIPS))
    told = dock.take_over(card(tmp_path), greeting=greeting, settings=little)
    assert kinds(dock) == [
        "docked", "recorder-registered", "journal", "clip", "checked", "released",
    ]  # fmt: skip
    (who,) = told.of(Identified)
    assert (who.recorder, who.registered) == (NUMBER, True)
    (checked,) = told.of(Checked)
    assert (checked.verdict, checked.because, told.findings) == ("fit", None, [])
    assert {verdict for verdict, _ in verdicts(told).values()} <= {"pass", "unknown"}
    assert verdicts(told)["key"] == ("pass", "new")
    again = dock.take_over(tmp_path / "card", greeting=greeting, settings=little)
    assert verdicts(again)["key"] == ("pass", "enrolled")
    dock.assert_holds(NUMBER, "210917", "王小明")


def test_a_clip_deleted_before_the_docking_is_proved_gone(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """The journal names what was closed and is neither here nor on the card; the other it knows."""
    greeting = greeted(journal(*CLIPS, gone="DCIM/100MEDIA/GONE.MP4"))
    told = dock.take_over(card(tmp_path), greeting=greeting, settings=little)
    assert told.findings == [("journal-missing", "DCIM/100MEDIA/GONE.MP4")]
    assert dock.take_over(tmp_path / "card", greeting=greeting, settings=little).findings == []
    dock.assert_holds("gone.mp4")


def test_a_wrong_clock_is_set_and_clips_are_corrected_by_what_it_was(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """Before, after and both uncertainties are facts; clips are dated by the clock they had."""
    ahead_us = 3600 * SECOND_US
    done = ClockSet(before=measured(ahead_us), after=measured(20_000))
    greeting = greeted(journal(*CLIPS), clock=done.before, clock_set=done, clock_not_set="")
    told = dock.take_over(card(tmp_path), greeting=greeting, settings=little)
    (entry,) = dock.parsed("clock-set")
    assert entry.body["before"] == {
        "offset_ms": 3_600_000, "uncertainty_ms": 41, "dock_uncertainty_ms": 20,
    }  # fmt: skip
    assert entry.body["after"] == {
        "offset_ms": 20, "uncertainty_ms": 41, "dock_uncertainty_ms": 20,
    }  # fmt: skip
    assert (entry.body["sync"], entry.body["source"]) == ("synchronized", "test")
    assert verdicts(told)["clock"] == ("pass", "right")
    for one in dock.parsed("clip"):
        due = cast("dict[str, JSON]", one.body["deadline"])
        assert (due["sure"], due["base_ms"]) == (True, RECORDED_MS - HOUR_MS)
        times = cast("dict[str, dict[str, JSON]]", document(dock, one)["times"])
        assert times["corrected"]["modified"] == RECORDED_MS - HOUR_MS
        assert times["stored"]["modified"] == "2026-03-14 09:26:52"
        assert times["container"] == {"created": None, "reason": "not-looked-at"}
    names = {
        str(cast("dict[str, JSON]", document(dock, one)["times"])["name"])
        for one in dock.parsed("clip")
    }
    assert names == {"2026-03-14 09:15:00", "2026-03-14 09:26:52"}
    (row,) = look(dock.root, lambda ledger: ledger.rows("SELECT * FROM clock_set"))
    assert (row["recorder"], row["before_ms"], row["after_ms"]) == (NUMBER, 3_600_000, 20)


def test_what_was_recorded_before_an_earlier_setting_is_not_corrected(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """An offset that was measured after the clock had been set says nothing of earlier clips."""
    done = ClockSet(before=None, after=None)
    first = greeted(clock=None, clock_set=done, clock_not_set="")
    empty = make_fat_card(tmp_path / "empty", {}, 40 << 20)
    told = dock.take_over(empty, greeting=first, settings=little)
    assert verdicts(told)["clock"] == ("pass", "set")
    (entry,) = dock.parsed("clock-set")
    assert (entry.body["before"], entry.body["after"]) == (None, None)
    dock.clock.utc_ms += HOUR_MS
    dock.take_over(card(tmp_path), greeting=greeted(), settings=little)
    for one in dock.parsed("clip"):
        assert cast("dict[str, JSON]", one.body["deadline"])["sure"] is False
        times = cast("dict[str, dict[str, JSON]]", document(dock, one)["times"])
        assert (times["corrected"]["modified"], times["corrected"]["reason"]) == (
            None,
            "clock-set-since",
        )


def test_an_unsynchronised_dock_judges_no_clock_and_dates_nothing_surely(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """What was measured by a clock that nobody vouches for is told, and decides nothing."""
    dock.clock.sync = "unsynchronized"
    wrong = measured(10**12, sync="unsynchronized")
    greeting = greeted(clock=wrong, clock_not_set="dock-unsynchronized")
    told = dock.take_over(card(tmp_path), greeting=greeting, settings=little)
    assert verdicts(told)["clock"] == ("unknown", "dock-unsynchronized")
    assert dock.parsed("clock-set") == []
    (checked,) = told.of(Checked)
    (clock,) = [one for one in checked.items if one.item == "clock"]
    assert clock.facts["not_set"] == "dock-unsynchronized"
    assert not any(
        cast("dict[str, JSON]", one.body["deadline"])["sure"] for one in dock.parsed("clip")
    )


def test_what_is_wrong_keeps_the_recorder_and_the_index_knows(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """A fault, a low battery and another holder: unfit, for the one that matters most."""
    greeting = greeted(
        journal(*CLIPS),
        faults=(Fault(code="sd-error", detail="王小明"),),
        battery=Battery(percent=50),
        holder=Holder(user_no="880317"),
    )
    told = dock.take_over(card(tmp_path), greeting=greeting, settings=little)
    (checked,) = told.of(Checked)
    assert (checked.verdict, checked.because and checked.because.item) == ("unfit", "fault")
    assert verdicts(told)["battery"] == ("fail", "low")
    assert verdicts(told)["holder"] == ("fail", "differs")
    (entry,) = dock.parsed("checked")
    assert entry.body["because"] == {"item": "fault", "reason": "reported", "rule": "R-CHECK"}
    assert entry.body["occasion"] == "plugged"
    (row,) = look(dock.root, lambda ledger: ledger.rows("SELECT * FROM check_result"))
    assert (row["verdict"], row["because"], row["battery_percent"]) == ("unfit", "fault", 50)
    assert (row["faults"], row["firmware"], row["offset_ms"]) == (1, "1.0", 0)
    items = json.loads(str(row["items"]))
    assert {one["item"] for one in items if one["blocks"]} == {"fault", "battery", "holder"}
    dock.assert_holds(NUMBER, "210917", "880317", "王小明")


def test_a_recorder_that_shows_no_storage_is_docked_all_the_same(
    dock: DockIn, tmp_path: Path
) -> None:
    """A card that cannot be listed leaves what the recorder said, and a list that says so."""
    blank = tmp_path / "blank"
    blank.write_bytes(bytes(1 << 20))
    events: list[Event] = []
    with pytest.raises(Exception, match="file system"):
        dock.take_over(blank, greeting=greeted(), hear=events.append)
    (checked,) = [one for one in events if isinstance(one, Checked)]
    assert checked.verdict == "unfit"
    found = {one.item: (one.verdict, one.reason) for one in checked.items}
    assert found["filesystem"] == ("fail", "unlisted")
    assert found["battery"] == ("pass", "enough")
    (docked,) = dock.parsed("docked")
    assert cast("dict[str, JSON]", document(dock, docked)["greeting"])["switched"] is True


def test_a_clip_of_the_night_before_counts_by_its_corrected_day(
    dock: DockIn, tmp_path: Path, little: str
) -> None:
    """R-24H: the day's last end is that of the day by the dock's clock, not by the recorder's."""
    behind_us = -24 * 3600 * SECOND_US
    told = dock.take_over(
        card(tmp_path), greeting=greeted(clock=measured(behind_us)), settings=little
    )
    docked_ms = NOW_MS
    for one in dock.parsed("clip"):
        due = cast("dict[str, JSON]", one.body["deadline"])
        # A day later than stored lies after the docking: no clip was recorded then.
        assert (due["base"], due["base_ms"], due["sure"]) == ("docking", docked_ms, False)
    assert told.end.late == 0
