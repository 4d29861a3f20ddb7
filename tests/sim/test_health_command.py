"""`sealdock health`: the recorders of a ledger, on a terminal, as JSON, CSV and on paper."""

import csv
import io
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dock_daemon.evidence import questions
from tests.commanded import Ended, command
from tests.docks import DockIn
from tests.healths import DAY_MS, Fleet

HOSTILE = 'V8"><script>alert(1)</script>'
NAME = "王芳<img src=x onerror=alert(1)>"


@pytest.fixture
def seen(dock: DockIn) -> DockIn:
    """Return a dock that has seen a worn recorder, a sound one, and one with a hostile number."""
    quoted = HOSTILE.replace('"', '""')
    dock.register(
        "ZFY-00317,880317,张䶮,执法一科",
        "ZFY-00318,880318,=HYPERLINK(1),执法二科",
        f'"{quoted}",880002,{NAME},执法一科',
        "ZFY-00999,880999,孙某,执法二科",
    )
    now_ms = time.time_ns() // 1_000_000
    with dock.open() as state:
        fleet = Fleet(dock, state)
        for day in range(20, 0, -2):
            at_ms = now_ms - day * DAY_MS
            fleet.docked(
                "ZFY-00317", at_ms, battery_percent=90, battery_health=55, battery_cycles=512,
                offset_ms=(20 - day) * 100, uncertainty_ms=20, faults=0, firmware="V2.1",
            )  # fmt: skip
            fleet.docked("ZFY-00318", at_ms + 1, battery_percent=50 + day, offset_ms=None)
        fleet.docked(HOSTILE, now_ms - DAY_MS, verdict="unfit", because="battery", finding="unread")
    return dock


def test_every_recorder_is_told_the_worst_first(seen: DockIn) -> None:
    """Those that were seen and those that are registered; 5 where one wants service now."""
    done = command(seen, "health", "--json")
    assert done.code == 5
    told = {one["recorder"]: one for one in done.json["recorders"]}
    assert list(told) == [HOSTILE, "ZFY-00317", "ZFY-00999", "ZFY-00318"]
    worn = told["ZFY-00317"]
    assert (worn["battery"]["health"], worn["battery"]["cycles"]) == (55, 512)
    assert (worn["clock"]["drift"]["per_day_ms"], worn["clock"]["drift"]["sure"]) == (100, True)
    assert worn["firmware"] == "V2.1"
    assert [one["code"] for one in worn["reasons"]] == ["battery-spent"]
    assert [one["code"] for one in told[HOSTILE]["reasons"]] == ["unfit", "card"]
    assert (told["ZFY-00318"]["level"], told["ZFY-00318"]["reasons"]) == ("fine", [])
    assert told["ZFY-00999"]["reasons"][0]["code"] == "never-seen"


def test_storage_that_was_not_shown_is_no_matter_of_the_card(dock: DockIn) -> None:
    """Nobody has seen the card: another one would not help, and what is on it would be lost."""
    now_ms = time.time_ns() // 1_000_000
    with dock.open() as state:
        fleet = Fleet(dock, state)
        fleet.docked("ZFY-1", now_ms, finding="medium-unread", why="storage-not-shown")
        fleet.docked("ZFY-2", now_ms, finding="medium-unread", why="unreadable")
    told = {one["recorder"]: one for one in command(dock, "health", "--json").json["recorders"]}
    reasons = {name: [why["code"] for why in one["reasons"]] for name, one in told.items()}
    assert reasons == {"ZFY-1": ["storage-hidden"], "ZFY-2": ["card"]}
    assert "replace the card" not in command(dock, "health", "ZFY-1", lang="en").out


def test_recorder_that_nobody_has_heard_of_is_not_there(seen: DockIn) -> None:
    """A mistyped number does not look like a recorder that is fine, or not out."""
    assert command(seen, "health", "ZFY-00371").code == 3
    done = command(seen, "custody", "ZFY-00371")
    assert (done.code, "never issued" in done.out) == (3, True)
    assert command(seen, "custody", "zfy-00999").code == 0


def test_one_recorder_is_told_with_its_last_checks(seen: DockIn) -> None:
    """By its number however its letters are written; nothing urgent ends with 0."""
    done = command(seen, "health", "zfy-00318")
    assert done.code == 0
    lines = done.out.splitlines()
    assert "ZFY-00318" in lines[1]
    assert any(block in lines[1] for block in "▁▂▃▄▅▆▇█")
    assert sum("check: " in line for line in lines) == 5
    assert "ZFY-00317" not in done.out


def test_days_bound_what_is_looked_at(seen: DockIn) -> None:
    """What lies further back counts for nothing."""
    (one,) = command(seen, "health", "ZFY-00317", "--days", "3", "--json").json["recorders"]
    assert len(one["battery"]["trend"]) == 1
    assert one["clock"]["drift"] is None


def test_a_recorder_that_nobody_knows_is_told_so(seen: DockIn) -> None:
    """Neither seen nor registered: one line in words."""
    assert "never seen NOPE" in command(seen, "health", "NOPE").out


def test_an_empty_dock_says_so(dock: DockIn) -> None:
    """No recorder, no register: one line."""
    dock.register()
    dock.open().close()
    assert command(dock, "health").out.strip() == (
        "no recorder was ever docked, and the register is empty"
    )


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, and whatever it would fetch or run."""
        self.tags.append(tag)
        self.links += [
            f"{name}={value}"
            for name, value in attrs
            if name in {"src", "href"} or name.startswith("on")
        ]

    def handle_data(self, data: str) -> None:
        """Note what is said."""
        self.said += data


def written(seen: DockIn, folder: Path, lang: str) -> tuple[Ended, Path, Path]:
    """Write both files in a language."""
    page, sheet = folder / f"{lang}.html", folder / f"{lang}.csv"
    done = command(seen, "health", "--report", str(page), "--csv", str(sheet), lang=lang)
    return done, page, sheet


@pytest.mark.parametrize(("lang", "title"), [("zh-CN", "健康报告"), ("en", "health report")])
def test_the_report_is_one_file_that_runs_nothing(
    seen: DockIn, tmp_path: Path, lang: str, title: str
) -> None:
    """It holds all, fetches nothing, and what recorders and register say is only said."""
    done, file, _ = written(seen, tmp_path, lang)
    assert done.code == 5
    page = Page()
    page.feed(file.read_text("utf-8"))
    assert page.links == []
    assert set(page.tags) & {"script", "img", "link", "iframe"} == set()
    assert "svg" in page.tags
    for said in (title, HOSTILE, NAME, "ZFY-00317", "张䶮", "R-MAINT", "R-CHECK", "ZFY-00999"):
        assert said in page.said, said
    assert "@media print" in page.said
    assert file.stat().st_mode & 0o007 == 0


def test_the_sheet_has_a_row_for_each_and_no_formula(seen: DockIn, tmp_path: Path) -> None:
    """A spreadsheet opens it as UTF-8, and takes no name for a formula."""
    _, _, file = written(seen, tmp_path, "en")
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["recorder"] for row in rows] == [HOSTILE, "ZFY-00317", "ZFY-00999", "ZFY-00318"]
    assert rows[3]["name"] == "'=HYPERLINK(1)"
    assert (rows[1]["drift_ms_per_day"], rows[1]["battery_health"]) == ("100", "55")
    assert rows[0]["reasons"] == "unfit card"


def test_a_report_that_is_there_is_not_overwritten(seen: DockIn, tmp_path: Path) -> None:
    """Somebody may have signed it."""
    file = tmp_path / "x.html"
    file.write_text("signed", encoding="utf-8")
    done = command(seen, "health", "--report", str(file), "--json")
    assert (done.code, done.error["code"]) == (1, "output-exists")
    assert file.read_text("utf-8") == "signed"


def test_a_long_history_comes_in_pages(seen: DockIn) -> None:
    """Page after page, each row once, and none is older than was asked for."""
    with seen.open() as state:

        def ask(**more: int | str | None) -> list[dict[str, object]]:
            request = {"ask": "health", **more}
            answer = state.sealer.ask(lambda ledger: questions.answer(ledger, request))
            assert isinstance(answer, list)
            return answer

        whole = ask()
        paged: list[dict[str, object]] = []
        before: int | None = None
        while rows := ask(limit=7, before=before):
            paged += rows
            before = int(str(rows[-1]["seq"]))
        assert paged == whole
        assert {row["what"] for row in whole} == {"checked", "docked", "finding"}
        since_ms = int(str(whole[10]["at_ms"]))
        assert all(int(str(row["at_ms"])) >= since_ms for row in ask(since_ms=since_ms))
        assert len(ask(recorder="zfy-00318")) == 20
