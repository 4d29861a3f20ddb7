"""Issue, return, trips and overdue by command, on a dock that does not run."""

import json
from pathlib import Path

import pytest

from dock_daemon.custody import book
from dock_daemon.custody.standing import Person, standing
from dock_daemon.evidence.state import look
from hashing import document
from hashing.canonical import JSON
from tests.custodies import RECORDER, ROWS, WANG, ZHANG, ZHAO, Office

HOUR_MS = 3_600_000


@pytest.fixture
def office(memory_path: Path) -> Office:
    """Return an office whose dock shows today's time: commands ask the machine's clock."""
    office = Office.at(memory_path)
    office.now()
    return office


def documents(office: Office, kind: str) -> list[dict[str, JSON]]:
    """Return what the documents of the entries of one kind say."""
    found = []
    for entry in office.dock.parsed(kind):
        digest = str(entry.body["document"])
        path = office.dock.root / "store" / "documents" / digest[:2] / digest
        found.append(dict(document.parse(path.read_bytes())))
    return found


def test_a_recorder_is_issued_and_returned(office: Office) -> None:
    """Who has it is told while it is out; the entries hold, and name nobody."""
    office.docked()
    told = office.json("issue", RECORDER, "--to", ZHANG, "--shift-end", "18:00")
    assert (told["recorder"], told["holder"]["name"], told["how"]) == (RECORDER, "张䶮", "passed")
    (out,) = office.json("custody")["out"]
    assert (out["recorder"], out["user_no"], out["issue"]) == (RECORDER, ZHANG, told["seq"])
    assert out["due_ms"] == told["until_ms"] + 24 * HOUR_MS
    office.json("return", RECORDER)
    assert office.json("custody")["out"] == []
    (issued,) = office.dock.parsed("issue")
    assert issued.body["verdict"] == "fit"
    assert issued.body["override"] is False
    (document_,) = documents(office, "issue")
    assert document_["holder"] == {"user_no": ZHANG, "name": "张䶮", "unit": "执法一科"}
    assert document_["recorder"] == RECORDER
    office.dock.assert_holds(RECORDER, ZHANG, "张䶮", "执法一科")


def test_an_unfit_recorder_leaves_only_by_two_people(office: Office) -> None:
    """Refused, refused by one's own word, and issued by a second person's, with the reason."""
    office.docked(verdict="unfit")
    assert office.refused("issue", RECORDER, "--to", ZHANG) == ["check-failed"]
    own = ("--override", "电池现场更换", "--second", ZHANG)
    assert office.refused("issue", RECORDER, "--to", ZHANG, *own) == ["second-is-holder"]
    other = ("--override", "电池现场更换", "--second", WANG)
    assert office.json("issue", RECORDER, "--to", ZHANG, *other)["how"] == "override"
    (issued,) = office.dock.parsed("issue")
    assert issued.body["override"] is True
    assert issued.body["overruled"] == ["check-failed"]
    (told,) = documents(office, "issue")
    assert told["reason"] == "电池现场更换"
    assert told["second"] == {"user_no": WANG, "name": "王芳", "unit": "执法一科"}
    office.dock.assert_holds("电池现场更换", WANG, "王芳")


def test_a_reason_stays_on_its_line(office: Office) -> None:
    """What was typed is shown for what it is: it writes no second line, and no escape."""
    office.docked(verdict="unfit")
    reason = "x\n  #9  2026-01-01 00:00  returned\x1b[2J"
    office.json("issue", RECORDER, "--to", ZHANG, "--override", reason, "--second", WANG)
    lines = office.run("custody", RECORDER).out.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("x<U+000A>  #9  2026-01-01 00:00  returned<U+001B>[2J")


def test_half_an_override_is_wrong_usage(office: Office) -> None:
    """Reason and second person go together."""
    done = office.run("issue", RECORDER, "--to", ZHANG, "--override", "x")
    assert done.code == 2


def test_what_is_out_is_not_issued_again(office: Office) -> None:
    """It comes back first; a docking brings it back, and makes it fit to be issued anew."""
    office.docked()
    office.json("issue", RECORDER, "--to", ZHANG)
    office.now()
    assert office.refused("issue", RECORDER, "--to", ZHAO) == ["already-issued"]
    with office.dock.open() as state:
        sealed = book.came_back(state.sealer, RECORDER.lower(), 2)
        assert sealed is not None
        assert sealed.body["by_docking"] == 2
        assert book.came_back(state.sealer, RECORDER, 3) is None
    office.docked()
    told = office.json("issue", RECORDER, "--to", ZHAO)
    assert {one["code"] for one in told["warnings"]} == {"registered-to-another"}
    stands = look(office.dock.root, lambda ledger: standing(ledger, RECORDER))
    assert [one.holder.user_no for one in stands.issues] == [ZHANG, ZHAO]
    assert stands.issues[0].returned_ms is None


def test_a_second_recorder_of_one_person_is_worth_a_word(office: Office) -> None:
    """R-ISSUE: one each; it is issued all the same, and said."""
    office.docked()
    office.docked("ZFY-00318")
    office.json("issue", RECORDER, "--to", ZHANG)
    told = office.json("issue", "ZFY-00318", "--to", ZHANG)
    assert {one["code"] for one in told["warnings"]} == {"has-another", "registered-to-another"}
    shown = office.run("issue", "ZFY-00002", "--to", ZHANG, "--override", "x", "--second", WANG)
    assert "R-ISSUE" in shown.out


def test_a_return_of_a_docked_recorder_counts_from_the_docking(office: Office) -> None:
    """Without a time the docking's is taken; an earlier one may be given."""
    office.docked()
    office.json("issue", RECORDER, "--to", ZHANG)
    office.now()
    with office.dock.open() as state:
        sealed = book.came_back(state.sealer, RECORDER, 2)
    assert sealed is not None
    time_ms = office.json("return", RECORDER)["at_ms"]
    assert time_ms == sealed.at.utc_ms
    assert office.refused("return", RECORDER) == ["returned-already"]


def test_a_trip_moves_the_deadline(office: Office) -> None:
    """While the holder is away it is due after the stated end; the end puts it back."""
    office.docked()
    office.json("issue", RECORDER, "--to", ZHANG)
    before = office.json("custody")["out"][0]["due_ms"]
    told = office.json("trip", "begin", RECORDER, "--until", "2090-01-01", "--reason", "外地检查")
    (away,) = office.json("custody")["out"]
    assert (away["away_until_ms"], away["due_ms"]) == (
        told["until_ms"], told["until_ms"] + 24 * HOUR_MS,
    )  # fmt: skip
    again = ("trip", "begin", RECORDER, "--until", "2091-01-01", "--reason", "x")
    assert office.refused(*again) == ["away-already"]
    office.json("trip", "end", RECORDER)
    assert office.json("custody")["out"][0]["due_ms"] == before
    assert office.refused("trip", "end", RECORDER) == ["not-away"]
    office.dock.assert_holds("外地检查")


def test_what_is_overdue_is_told_first_and_ends_with_its_code(office: Office) -> None:
    """R-LIAB: device, holder, time and rule; 5 where anything is overdue."""
    assert office.run("custody", "--overdue").code == 0
    office.docked("ZFY-00318")
    office.json("issue", "ZFY-00318", "--to", ZHAO, "--shift-end", "23:59")
    office.docked(ago_ms=72 * HOUR_MS)
    with office.dock.open() as state:
        word = book.Word(
            kind="issue", how="passed", recorder=RECORDER,
            holder=Person(user_no=ZHANG, name="张䶮", unit="执法一科"),
        )  # fmt: skip
        state.sealer.submit(book.piece(word)).result()
    done = office.run("custody", "--json")
    assert done.code == 5
    assert [(one["recorder"], one["overdue"]) for one in done.json["out"]] == [
        (RECORDER, True), ("ZFY-00318", False),
    ]  # fmt: skip
    shown = office.run("custody", "--overdue")
    assert shown.code == 5
    (line,) = shown.out.splitlines()
    assert all(word in line for word in ("OVERDUE", RECORDER, ZHANG, "张䶮", "R-24H", "R-LIAB"))
    status = office.run("status")
    assert status.code == 5
    assert line in status.out.splitlines()[:2]
    assert [one["recorder"] for one in office.run("status", "--json").json["overdue"]] == [RECORDER]


def test_the_history_of_one_recorder_is_told(office: Office) -> None:
    """Everything that was entered, the newest first, however its number is written."""
    office.docked()
    office.json("issue", RECORDER, "--to", ZHANG)
    office.json("trip", "begin", RECORDER, "--until", "2090-01-01", "--reason", "外地检查")
    office.json("return", RECORDER)
    told = office.json("custody", RECORDER.lower())["history"]
    assert [(row["event"], row["how"]) for row in told] == [
        ("return", "registered"), ("trip", "began"), ("issue", "passed"),
    ]  # fmt: skip
    shown = office.run("custody", RECORDER).out
    assert len(shown.splitlines()) == 4
    assert "外地检查" in shown


def test_an_empty_dock_says_so(office: Office) -> None:
    """Nothing out, nothing overdue: one line in words."""
    assert office.run("custody").out == "no recorder is out\n"
    assert office.run("custody", "--overdue").out == "no recorder is overdue\n"
    assert office.run("custody", RECORDER).out == f"{RECORDER} is not out\n"


def test_where_no_dock_ever_was_nothing_is_made(memory_path: Path, office: Office) -> None:
    """A mistyped state directory is told, not made."""
    there = memory_path / "nowhere"
    office.dock.folder = there
    there.mkdir()
    office.dock.register(*ROWS)
    done = office.run("return", RECORDER)
    assert done.code == 3
    assert not office.dock.root.exists()


def test_a_register_is_imported(office: Office, memory_path: Path) -> None:
    """Checked, shown with what it changes, and put in force whole; who is new can be issued to."""
    file = memory_path / "new.csv"
    lines = [
        "unit,recorder,user_no,name,model",
        "一科,ZFY-00317,880317,张䶮,V8",
        "一科,-,880999,孙某,",
    ]
    file.write_text("\n".join([*lines, ""]), encoding="gb18030")
    force = office.dock.config / "register.csv"
    force.chmod(0o600)
    before = force.read_bytes()
    dry = office.json("register", "import", str(file), "--dry-run")
    assert (dry["result"], force.read_bytes()) == ("dry-run", before)
    told = office.json("register", "import", str(file))
    assert told["result"] == "imported"
    assert [one["user_no"] for one in told["new"]] == ["880999"]
    assert [one["recorder"] for one in told["gone"]] == ["ZFY-00002", "ZFY-00318"]
    assert [one["now"]["model"] for one in told["changed"]] == ["V8"]
    assert force.read_bytes() == file.read_bytes()
    assert force.stat().st_mode & 0o777 == 0o600
    assert list(office.dock.config.glob(".*")) == []
    rows = office.json("register", "list")["rows"]
    assert [(row["recorder"], row["user_no"]) for row in rows] == [
        ("ZFY-00317", "880317"), ("-", "880999"),
    ]  # fmt: skip
    office.docked()
    assert office.json("issue", RECORDER, "--to", "880999")["holder"]["name"] == "孙某"


def test_a_spoilt_register_is_not_imported(office: Office, memory_path: Path) -> None:
    """Each error is told with its line, and the register in force stays."""
    file = memory_path / "new.csv"
    file.write_text("recorder,user_no,name,unit\n8.8E+06,1,a,u\n8.8E+06,2,b,u\n", encoding="utf-8")
    force = office.dock.config / "register.csv"
    before = force.read_bytes()
    for command in ("check", "import"):
        done = office.run("register", command, str(file), "--json")
        assert done.code == 1
        assert [(one["code"], one["line"]) for one in done.json["problems"]] == [
            ("damaged", 2), ("damaged", 3), ("recorder-twice", 3),
        ]  # fmt: skip
        shown = office.run("register", command, str(file))
        assert "line 3  error" in shown.out
    assert force.read_bytes() == before


def test_a_warning_lets_the_register_in(office: Office, memory_path: Path) -> None:
    """Two recorders of one person: imported, said, and 5."""
    file = memory_path / "new.csv"
    text = "\n".join(["recorder,user_no,name,unit", *ROWS, f"ZFY-00400,{ZHANG},张䶮,执法一科", ""])
    file.write_text(text, encoding="utf-8")
    done = office.run("register", "import", str(file), "--json")
    assert (done.code, done.json["result"]) == (5, "imported")
    assert [one["code"] for one in done.json["problems"]] == ["two-recorders"]


def test_a_spoilt_register_in_force_can_be_replaced(office: Office, memory_path: Path) -> None:
    """A good file cures it; that nothing was compared is said."""
    file = memory_path / "new.csv"
    good = office.dock.config / "register.csv"
    file.write_bytes(good.read_bytes())
    good.write_text("nonsense", encoding="utf-8")
    done = office.run("register", "import", str(file))
    assert done.code == 0
    assert "nothing is compared" in done.err
    assert office.json("register", "list")["rows"]


def test_every_answer_is_one_json_object(office: Office) -> None:
    """With --json a refusal is an error object on stderr with its remedy, and nothing on stdout."""
    done = office.run("issue", RECORDER, "--to", ZHANG, "--json")
    assert done.out == ""
    told = json.loads(done.err)
    assert (told["message_type"], told["exit_code"]) == ("error", 1)
    assert {one["code"] for one in told["refused"]} == {"not-docked", "no-checklist"}
