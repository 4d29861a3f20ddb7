"""What the agency's rules and the register of issues make of a docking's clips."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from chinese_calendar.constants import holidays

from dock_daemon.custody import book
from dock_daemon.custody.book import Word
from dock_daemon.custody.standing import Person, Standing, standing
from dock_daemon.docking.events import FindingMade
from dock_daemon.evidence import questions
from dock_daemon.evidence.state import look
from hashing.canonical import JSON
from tests.cards import RECORDED, Clip, make_fat_card
from tests.docks import HOUR_MS, NOW_MS, DockIn

UNANNOUNCED = max(day.year for day in holidays) + 1
NUMBER = "DSJ-A8-0042"
PARAM = f"[ZFY]\r\nDevNo={NUMBER}\r\nPolNo=210917\r\n".encode()
# The card's clips are of 09:26:52 in Shanghai, eight hours before the dock's time.
RECORDED_MS = 1_773_451_612_000
JILIN = '[rules]\npreset = "jilin-civil-affairs"\n'
YUYAO = '[rules]\npreset = "yuyao-emergency"\n'
REQUIRED = "[custody]\nrequired = true\n"


@pytest.fixture
def dock(dock_on_disk: DockIn) -> DockIn:
    """Return a dock that knows the recorder."""
    dock_on_disk.register(f"{NUMBER},210917,王小明,执法一队")
    return dock_on_disk


def deadlines(dock: DockIn) -> list[dict[str, JSON]]:
    """Return the deadline of each clip, as entered."""
    return [cast("dict[str, JSON]", one.body["deadline"]) for one in dock.parsed("clip")]


def marks(dock: DockIn) -> dict[str, bool]:
    """Return per class of clip whether it is marked as recorded outside of every issue."""
    return {
        str(one.body["class"]): "outside-issue" in cast("list[str]", one.body["marks"])
        for one in dock.parsed("clip")
    }


def enter(dock: DockIn, kind: str, at_ms: int, how: str = "passed") -> None:
    """Let somebody have issued the recorder, or taken it back, at that time."""
    now_ms, dock.clock.utc_ms = dock.clock.utc_ms, at_ms
    word = Word(kind=kind, how=how, recorder=NUMBER, holder=Person(user_no="880317"))
    with dock.open() as state:
        state.sealer.submit(book.piece(word)).result()
    dock.clock.utc_ms = now_ms


def stands(dock: DockIn) -> Standing:
    """Return how it stands with the recorder."""
    return look(dock.root, lambda ledger: standing(ledger, NUMBER))


def test_two_working_days_end_at_midnight(dock: DockIn, tmp_path: Path) -> None:
    """R-2WD: of a clip of Saturday 2026-03-14 the second working day is Tuesday the 17th."""
    dock.take_over(make_fat_card(tmp_path / "card", {"A.MP4": b"a"}), settings=JILIN)
    (due,) = deadlines(dock)
    midnight = datetime(2026, 3, 17, 16, tzinfo=UTC)  # 24:00 in Shanghai
    assert (due["rule"], due["due_ms"]) == ("R-2WD", int(midnight.timestamp() * 1000))
    (clip,) = dock.parsed("clip")
    retention = cast("dict[str, JSON]", clip.body["retention"])
    assert (retention["kept"], retention["rule"]) == ("every", "R-2Y")
    (listed,) = look(dock.root, questions.clips)
    assert listed["retention"] == retention
    assert due["unknown_year"] is None


def test_an_unannounced_year_is_a_finding_once_and_the_due_time_the_earliest(
    dock: DockIn, tmp_path: Path
) -> None:
    """Nobody knows yet which days of a coming year are free: that is said, and never guessed."""
    end = datetime(UNANNOUNCED - 1, 12, 31, 15, 0)  # noqa: DTZ001  recorders know no zone
    dock.clock.utc_ms = NOW_MS + int((end - RECORDED).total_seconds() * 1000)
    files = {name: Clip(data=name.encode(), modified=end) for name in ("A.MP4", "B.MP4")}
    card = make_fat_card(tmp_path / "card", files)
    told = dock.take_over(card, settings=JILIN)
    found = [one for one in told.of(FindingMade) if one.finding == "calendar-unknown"]
    assert [one.facts for one in found] == [{"rule": "R-2WD", "year": UNANNOUNCED}]
    for due in deadlines(dock):
        local = datetime.fromtimestamp(int(str(due["due_ms"])) / 1000, UTC) + timedelta(hours=8)
        assert (local.month, local.day, local.hour) == (1, 3, 0)
        assert (due["sure"], due["unknown_year"]) == (False, UNANNOUNCED)
    assert dock.take_over(card, settings=JILIN).findings == []
    dock.assert_holds()


def test_hours_need_no_calendar(dock: DockIn, tmp_path: Path) -> None:
    """R-24H is the same at the turn of any year."""
    end = datetime(UNANNOUNCED, 1, 1, 9, 0)  # noqa: DTZ001  recorders know no zone
    dock.clock.utc_ms = NOW_MS + int((end - RECORDED).total_seconds() * 1000)
    told = dock.take_over(
        make_fat_card(tmp_path / "card", {"A.MP4": Clip(data=b"a", modified=end)})
    )
    assert told.findings == []
    (due,) = deadlines(dock)
    assert int(str(due["due_ms"])) - int(str(due["base_ms"])) == 24 * HOUR_MS


def test_a_registered_return_is_the_base(dock: DockIn, tmp_path: Path) -> None:
    """R-24H, Yuyao: a person's word that the recorder is back counts, a docking alone does not."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    enter(dock, "issue", RECORDED_MS - HOUR_MS)
    enter(dock, "return", RECORDED_MS + HOUR_MS, how="registered")
    dock.take_over(card, settings=YUYAO)
    due = deadlines(dock)[0]
    assert (due["base"], due["base_ms"]) == ("return", RECORDED_MS + HOUR_MS)


def test_a_docking_ends_an_issue_and_moves_no_deadline(dock: DockIn, tmp_path: Path) -> None:
    """The dock notes that the recorder is back, once, before its clips are dated."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    enter(dock, "issue", RECORDED_MS - HOUR_MS)
    assert stands(dock).out is not None
    dock.take_over(card, settings=YUYAO)
    assert stands(dock).out is None
    assert deadlines(dock)[0]["base"] == "last-clip-of-day"
    dock.take_over(card, settings=YUYAO)
    (back,) = dock.parsed("return")
    assert back.body["how"] == "docked"


def test_a_check_on_demand_ends_no_issue(dock: DockIn, tmp_path: Path) -> None:
    """A recorder that is looked at again where it is was not brought back by that."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    enter(dock, "issue", RECORDED_MS - HOUR_MS)
    dock.take_over(card, occasion="asked")
    assert stands(dock).out is not None
    (checked,) = dock.parsed("checked")
    assert checked.body["occasion"] == "asked"


def test_a_recording_outside_any_issue_is_flagged(dock: DockIn, tmp_path: Path) -> None:
    """R-WORKONLY: the clip bears the mark, and the finding names when it was recorded."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    enter(dock, "issue", RECORDED_MS + HOUR_MS)
    told = dock.take_over(card)
    assert told.findings == [("outside-issue", "A.MP4")]
    assert marks(dock) == {"media": True, "record": False}
    (found,) = told.of(FindingMade)
    assert (found.facts["start_ms"], found.facts["end_ms"]) == (RECORDED_MS, RECORDED_MS)
    assert found.facts["end"] == "2026-03-14 09:26:52"
    dock.assert_holds(NUMBER, "A.MP4")


def test_a_recording_within_its_issue_is_not(dock: DockIn, tmp_path: Path) -> None:
    """What was recorded while the recorder was out is what it is for."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    enter(dock, "issue", RECORDED_MS - HOUR_MS)
    assert dock.take_over(card).findings == []
    assert marks(dock) == {"media": False, "record": False}


def test_where_nobody_issues_nothing_is_flagged_unless_it_is_required(
    dock: DockIn, tmp_path: Path
) -> None:
    """A recorder that was never issued here is held against issues only by the setting."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"a", "Param.ini": PARAM})
    assert dock.take_over(card).findings == []
    other = make_fat_card(tmp_path / "other", {"B.MP4": b"b", "Param.ini": PARAM}, volume_serial=9)
    kinds = {finding for finding, _ in dock.take_over(other, settings=REQUIRED).findings}
    assert "outside-issue" in kinds
