"""What a recorder's journal proves at a dock, over dockings, against what is on its card."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.toml import SHIPPED, parse, read
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Outcome
from dock_daemon.evidence.records import ClipRow, FindingRow, Record
from dock_daemon.recorders import journal_account, journal_book, journal_statements
from dock_daemon.recorders.enrolled_keys import enrolled_elsewhere
from dock_daemon.recorders.journal_book import ASKED_BEFORE, Examined, KeyState, Told
from dock_daemon.recorders.journal_judge import MOST, Card, JournalFinding, OnCard, Others
from firmware_bridge.capabilities import JournalPiece
from hashing import document, entry, journal
from hashing.canonical import JSON
from hashing.journal import START
from hashing.keys import SignerKey
from tests.docks import StandingClock
from tests.journals import KEY, NUMBER, OTHER_KEY, Script, sha

AT = StandingClock().at()
Body = dict[str, JSON]


class Dock:
    """A ledger, and the dockings of one recorder at it."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger.open(path)
        self.dockings = 0
        self.documents: list[Body] = []
        self.unknown = 0

    def told(self, script: Script, *, pieces: int = 1, most: int | None = None) -> Told:
        """Return what a recorder with this journal says when it is asked from where the dock is."""
        first = journal_book.ask_from(journal_book.remembered(self.ledger, NUMBER))
        lines = script.lines[first:most]
        cut = max(-(-len(lines) // pieces), 1)
        told = [
            JournalPiece(
                first=first + at,
                next=first + at + len(lines[at : at + cut]),
                size=len(script.lines),
                data=b"".join(lines[at : at + cut]),
            )
            for at in range(0, max(len(lines), 1), cut)
        ]
        return Told(recorder=NUMBER, vkey=str(script.key.verifier()), pieces=told)

    def examine(self, told: Told) -> Examined:
        """Begin a docking: examine a journal, and enter what is to be entered."""
        self.dockings += 1
        known = journal_book.remembered(self.ledger, told.recorder)
        other = enrolled_elsewhere(self.ledger, told.recorder, told.vkey)
        examined = journal_book.examine(told, known, docking=self.dockings, other=other)
        for one in examined.statements:
            sealed = document.seal(one.facts, bytes(32))
            self.documents.append(document.parse(sealed))
            body: Body = {**one.body, "document": document.digest(sealed)}
            self.enter(Record(kind=one.kind, docking=self.dockings, body=body, row=one.row))
        return examined

    def dock(
        self,
        script: Script,
        files: Sequence[OnCard],
        *,
        sound: bool = True,
        others: Others = "none",
    ) -> list[JournalFinding]:
        """Dock a recorder whose card holds these files; return what is found, new facts only."""
        examined = self.examine(self.told(script))
        found = self.judge(examined, files, sound=sound, others=others)
        return [*self.new(examined.findings), *found]

    def judge(
        self,
        examined: Examined,
        files: Sequence[OnCard],
        *,
        sound: bool = True,
        others: Others = "none",
    ) -> list[JournalFinding]:
        """End a docking: seal what was read, and hold the journal against it."""
        for file in files:
            if file.sha256:
                self.seal(file)
        card = Card(files=files, listing_sound=sound, others=others)
        sealed = journal_book.sealed_among(self.ledger, examined.asks(card), before=self.dockings)
        judged = examined.judge(card, sealed=sealed, seen=self.keys())
        self.unknown = judged.unknown
        return self.new(judged.findings)

    def new(self, findings: Sequence[JournalFinding]) -> list[JournalFinding]:
        """Enter findings; return those whose fact does not stand in the ledger yet."""
        fresh = [one for one in findings if one.key not in self.keys()]
        for one in fresh:
            row = FindingRow(
                finding=one.code, key=one.key, volume="", path=one.path, clip=None,
                facts=one.facts, found_ms=1,
            )  # fmt: skip
            body: Body = {
                "docking": self.dockings, "document": "00" * 32, "finding": one.code,
            }  # fmt: skip
            self.enter(Record(kind="finding", docking=self.dockings, body=body, row=row))
        return fresh

    def keys(self) -> set[str]:
        """Return the keys of all findings so far."""
        return {str(row["key"]) for row in self.ledger.rows("SELECT key FROM finding")}

    def seal(self, file: OnCard) -> None:
        """Enter a clip as sealed."""
        row = ClipRow(
            volume="v", path_key=file.path, path=file.path, listed_size=file.size, stamps="",
            extents="", first_offset=0, sha256=file.sha256, size=file.size, media_class="media",
            marks=(), verified="direct", quarantine=False, rule="", base="", base_ms=0, due_ms=0,
            done_ms=0, late=False,
        )  # fmt: skip
        body: Body = {
            "docking": self.dockings, "document": "00" * 32, "sha256": file.sha256,
            "size": file.size,
        }  # fmt: skip
        self.enter(Record(kind="clip", docking=self.dockings, body=body, row=row))

    def enter(self, record: Record) -> None:
        """Enter one entry."""
        self.ledger.append([record], AT)


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    """Return a dock that has never seen a recorder."""
    made = Dock(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


@pytest.fixture
def script() -> Script:
    """Return the journal of a recorder that closed two clips."""
    made = Script()
    made.start()
    made.clip("DCIM/a.mp4", "aa")
    made.clip("DCIM/b.mp4", "bb")
    return made


A, B = (OnCard(path=f"DCIM/{one}.mp4", sha256=sha(one * 2), size=1000) for one in "ab")


def codes(found: Sequence[JournalFinding]) -> list[str]:
    """Return what was found."""
    return [one.code for one in found]


# -- clips -----------------------------------------------------------------------------------


def test_nothing_is_found_where_all_is_there(dock: Dock, script: Script) -> None:
    """A card that holds what the journal says is no finding, whatever it is now named."""
    moved = OnCard(path="DCIM/bIMP.mp4", sha256=B.sha256, size=1000)
    assert dock.dock(script, [A, moved]) == []


def test_deleted_clip_is_proved(dock: Dock, script: Script) -> None:
    """A clip that was closed and is not there is named: which, how long, and what it held."""
    (one,) = dock.dock(script, [A])
    assert (one.code, one.path) == ("journal-missing", "DCIM/b.mp4")
    assert one.facts["record"] == len(script.lines) - 1
    assert one.facts["sha256"] == B.sha256
    assert one.facts["size"] == 1000
    assert one.facts["lasted_ms"] == 60_000
    assert one.facts["removed_ms"] is None
    assert dock.dock(script, []) == []  # the fact stands already, and a is sealed


def test_removal_that_the_recorder_saw_is_dated(dock: Dock, script: Script) -> None:
    """Where the journal says when the clip went, the finding does."""
    script.add("removed", {"path": "DCIM/b.mp4"})
    (one,) = dock.dock(script, [A])
    assert one.code == "journal-missing"
    assert one.facts["removed_ms"] == script.ahead_ms + script.at_ms


def test_edited_clip_is_proved(dock: Dock, script: Script) -> None:
    """Other content under the name is named with both digests."""
    edited = OnCard(path="dcim/B.MP4", sha256=sha("ee"), size=900)
    (one,) = dock.dock(script, [A, edited])
    assert (one.code, one.path) == ("journal-differs", "DCIM/b.mp4")
    assert (one.facts["sha256"], one.facts["found_sha256"]) == (B.sha256, sha("ee"))


def test_half_a_listing_proves_nothing_missing(dock: Dock, script: Script) -> None:
    """What was not listed is not missing; it is unknown, and judged at the next docking."""
    assert dock.dock(script, [A], sound=False) == []
    assert dock.unknown == 1
    script.add("alive")
    assert codes(dock.dock(script, [A])) == ["journal-missing"]
    assert dock.unknown == 0


def further(dock: Dock, files: Sequence[OnCard], others: Others) -> list[JournalFinding]:
    """Take over another medium of the same stay; return what is found."""
    told = Told(recorder=NUMBER, why_not=ASKED_BEFORE)
    return dock.judge(dock.examine(told), files, others=others)


def test_clip_may_lie_on_the_next_medium(dock: Dock, script: Script) -> None:
    """Of memory and card neither alone proves anything; with the last one all is judged."""
    same_name = OnCard(path="DCIM/b.mp4", sha256=sha("ff"), size=7)
    assert codes(dock.dock(script, [A, same_name], others="unseen")) == []
    assert dock.unknown == 1
    assert further(dock, [B], "seen") == []
    assert dock.unknown == 0


def test_clip_that_lies_on_no_medium_is_missing(dock: Dock, script: Script) -> None:
    """The last medium of the stay tells, if the others were read whole; else nothing does."""
    dock.dock(script, [A], others="unseen")
    assert further(dock, [], "unseen") == []
    assert dock.unknown == 1
    assert codes(further(dock, [], "seen")) == ["journal-missing"]


def test_a_file_that_no_journal_names_is_foreign_on_whatever_medium(
    dock: Dock, script: Script
) -> None:
    """Each medium's own files are judged when it is read, by the journal of the stay."""
    foreign = OnCard(path="DCIM/x.mp4", sha256=sha("cc"), size=3)
    stranger = OnCard(path="DCIM/y.mp4", sha256=sha("dd"), size=3)
    assert codes(dock.dock(script, [A, foreign], others="unseen")) == ["journal-unlisted"]
    assert codes(further(dock, [B, stranger], "seen")) == ["journal-unlisted"]


def test_a_file_still_open_may_lie_on_either_medium(dock: Dock, script: Script) -> None:
    """Only a name is known of it: no medium of several proves it gone."""
    script.add("opened", {"path": "DCIM/o.mp4"})
    opened = OnCard(path="DCIM/o.mp4", sha256=sha("ee"), size=3)
    assert codes(dock.dock(script, [A, opened], others="unseen")) == []
    assert further(dock, [B], "seen") == []


def test_clip_that_could_not_be_read_is_not_missing(dock: Dock, script: Script) -> None:
    """Unread is unknown, under its own name and under another of the same size."""
    unread = OnCard(path="DCIM/b.mp4", sha256="", size=1000)
    assert dock.dock(script, [A, unread]) == []
    renamed = OnCard(path="DCIM/c.mp4", sha256="", size=1000)
    assert dock.dock(script, [A, renamed]) == []
    assert dock.unknown == 1
    assert dock.dock(script, [A, B]) == []


def test_sealed_clip_that_later_went_is_not_missing(dock: Dock, script: Script) -> None:
    """What was sealed once is accounted for, erased by order or not."""
    assert dock.dock(script, [A, B]) == []
    script.add("alive")
    assert dock.dock(script, []) == []


@pytest.mark.parametrize(
    ("kind", "more"), [("erased", {"sha256": B.sha256}), ("overwritten", {"free_bytes": 5})]
)
def test_clip_that_the_journal_accounts_for(
    dock: Dock, script: Script, kind: str, more: dict[str, str | int]
) -> None:
    """Erased by a dock's order, or overwritten by the recorder's loop, is not missing."""
    script.add(kind, {"path": "DCIM/b.mp4", **more})
    assert dock.dock(script, [A]) == []


def test_renamed_clip_is_held_against_its_new_name(dock: Dock, script: Script) -> None:
    """A clip that the recorder renamed is expected under the new name."""
    script.add("renamed", {"path": "DCIM/b.mp4", "now": "DCIM/bIMP.mp4"})
    edited = OnCard(path="DCIM/bIMP.mp4", sha256=sha("ee"), size=900)
    (one,) = dock.dock(script, [A, edited])
    assert (one.code, one.path) == ("journal-differs", "DCIM/bIMP.mp4")


def test_clip_rewritten_on_the_recorder(dock: Dock, script: Script) -> None:
    """Of two contents closed under one name, the first, never sealed, is named."""
    script.clip("DCIM/b.mp4", "b2")
    (one,) = dock.dock(script, [A, OnCard(path="DCIM/b.mp4", sha256=sha("b2"), size=1000)])
    assert (one.code, one.path) == ("journal-rewritten", "DCIM/b.mp4")
    assert one.facts["sha256"] == B.sha256
    assert one.facts["by_record"] == len(script.lines) - 1


def test_clip_found_again_as_it_was_is_one(dock: Dock, script: Script) -> None:
    """The same content journalled twice under a name is one clip."""
    script.clip("DCIM/b.mp4", "bb")
    assert codes(dock.dock(script, [A])) == ["journal-missing"]


def test_file_that_was_never_closed_and_is_gone(dock: Dock, script: Script) -> None:
    """A recording that began, never ended and is not there is named, with when it began."""
    script.add("opened", {"path": "DCIM/c.mp4"})
    (one,) = dock.dock(script, [A, B])
    assert (one.code, one.path) == ("journal-unclosed", "DCIM/c.mp4")
    assert one.facts["start_ms"] == script.ahead_ms + script.at_ms


def test_file_that_was_never_closed_and_is_there(dock: Dock, script: Script) -> None:
    """A recording that a loss of power ended is on the card: nothing is found."""
    script.add("opened", {"path": "DCIM/c.mp4"})
    there = OnCard(path="DCIM/c.mp4", sha256=sha("cc"), size=7)
    assert dock.dock(script, [A, B, there]) == []


def test_file_that_the_recorder_never_closed(dock: Dock, script: Script) -> None:
    """What is on the card and in no record was put there otherwise; other names don't count."""
    foreign = OnCard(path="DCIM/x.MP4", sha256=sha("ff"), size=7)
    log = OnCard(path="LOG/battery.txt", sha256=sha("fe"), size=7)
    (one,) = dock.dock(script, [A, B, foreign, log])
    assert (one.code, one.path) == ("journal-unlisted", "DCIM/x.MP4")
    assert dock.dock(script, [A, B, foreign, log]) == []


def test_nothing_is_judged_until_the_journal_is_read_to_its_end(dock: Dock, script: Script) -> None:
    """In the rest of a journal may stand what is on the card, and that a clip was erased."""
    script.add("erased", {"path": "DCIM/a.mp4", "sha256": A.sha256})
    examined = dock.examine(dock.told(script, most=5))
    assert not examined.whole
    assert examined.statements[-1].body["verdict"] == "partial"
    assert dock.judge(examined, [B]) == []
    assert dock.unknown == 1
    for why_not in (journal_book.ASKED_BEFORE, "recorder-silent"):
        said_nothing = dock.examine(Told(recorder=NUMBER, why_not=why_not))
        assert dock.judge(said_nothing, [B]) == []
    assert dock.dock(script, [B]) == []


@pytest.mark.parametrize("kind", ["start", "returned"])
def test_nothing_is_unlisted_until_the_recorder_has_looked(
    dock: Dock, script: Script, kind: str
) -> None:
    """After a start, and after its volume was out, the recorder has to go through it first."""
    foreign = OnCard(path="DCIM/x.mp4", sha256=sha("ff"), size=7)
    body: Body = {"alive_s": 60, "watched": [".mp4"], "software": "x"} if kind == "start" else {}
    script.add(kind, body)
    assert dock.dock(script, [A, B, foreign]) == []


def test_clip_that_the_recorder_has_yet_to_hash(dock: Dock, script: Script) -> None:
    """What was opened again is not held against what was closed before; nor is a new name."""
    script.add("opened", {"path": "DCIM/b.mp4", "found": True})
    script.add("opened", {"path": "DCIM/c.mp4", "found": True})
    again = OnCard(path="DCIM/b.mp4", sha256=sha("b2"), size=1000)
    fresh = OnCard(path="DCIM/c.mp4", sha256=sha("cc"), size=1000)
    assert dock.dock(script, [A, again, fresh]) == []
    assert dock.unknown == 1


def test_no_recorder_can_fill_the_log(dock: Dock) -> None:
    """A journal of countless clips that are not there makes so many findings at a docking."""
    script = Script()
    script.start()
    for number in range(MOST + 7):
        script.add(
            "clip",
            {
                "path": f"{number}.mp4", "sha256": sha(f"{number:04x}"), "size": 1,
                "start_ms": None, "end_ms": None, "late": True,
            },
        )  # fmt: skip
    assert len(dock.dock(script, [])) == MOST
    assert len(dock.dock(script, [])) == 7


def test_account_of_many_clips_is_bounded() -> None:
    """A journal with more open clips than anybody has keeps the newest in the account."""
    most = journal_account.MOST_OPEN
    clips = tuple(
        journal_account.Expected(
            record=number, path=f"{number}", whole=True, sha256=f"{number % 9:064x}", size=1,
            start_ms=None, end_ms=None, late=True,
        )
        for number in range(most + 5)
    )  # fmt: skip
    folded = journal_account.fold(journal_account.Account(clips=clips), ())
    assert folded.account.clips == clips[-most:]


# -- the journal ----------------------------------------------------------------------------


def test_key_is_registered_at_the_first_docking(dock: Dock, script: Script) -> None:
    """The key is entered once, with the records; then the journal goes on from there."""
    first = dock.examine(dock.told(script, pieces=3))
    assert first.key_state is KeyState.REGISTERED
    assert [one.kind for one in first.statements] == ["recorder-registered", "journal"]
    again = dock.examine(dock.told(script))
    assert (again.key_state, again.whole) == (KeyState.KNOWN, True)
    assert (again.statements, again.findings) == ((), ())
    script.add("alive")
    more = dock.examine(dock.told(script))
    (one,) = more.statements
    assert (one.body["first"], one.body["next"]) == (7, 8)


def test_entries_and_documents_are_what_their_format_says(dock: Dock, script: Script) -> None:
    """Bodies hold what a verifier judges; no path stands in one; documents hold the lines."""
    dock.dock(script, [A, B])
    kept = [entry.parse(data) for data in dock.ledger.entries(0, dock.ledger.size)]
    registered, told = (one for one in kept if one.kind in {"recorder-registered", "journal"})
    assert registered.body["how"] == "first-docking"
    assert (told.body["first"], told.body["next"]) == (0, 7)
    assert "DCIM" not in json.dumps(told.body)
    lines = dock.documents[1]["records"]
    assert isinstance(lines, list)
    walk = journal.walk([f"{line}\n".encode() for line in lines], vkey=KEY.verifier())
    assert walk.broken is None
    assert walk.position.head.hex() == told.body["head"]


def test_records_are_cut_to_fit_documents(
    dock: Dock, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many records make many entries, each going on where the one before ended."""
    monkeypatch.setattr(journal_statements, "MAX_LINES", 1000)
    examined = dock.examine(dock.told(script))
    pieces = [one.body for one in examined.statements if one.kind == "journal"]
    assert len(pieces) > 2
    assert [one["first"] for one in pieces[1:]] == [one["next"] for one in pieces[:-1]]
    assert [one["verdict"] for one in pieces] == ["continued"] * (len(pieces) - 1) + ["whole"]
    assert codes(dock.judge(examined, [A])) == ["journal-missing"]
    assert dock.examine(dock.told(script)).findings == ()


def test_another_key_is_found_and_the_known_one_stays(dock: Dock, script: Script) -> None:
    """A recorder that tells another key is not believed, until an operator orders it."""
    dock.dock(script, [A, B])
    other = Script(OTHER_KEY)
    other.start()
    changed = dock.examine(dock.told(other))
    assert changed.key_state is KeyState.CHANGED
    assert codes(changed.findings) == ["recorder-key-changed"]
    assert changed.statements == ()
    piece = journal_book.order(NUMBER, by_whom="880001", reason="new mainboard")
    body, row = piece.finish(Outcome(None, AT))
    dock.enter(Record(kind=piece.kind, docking=None, body=body, row=row))
    taken = dock.examine(dock.told(other))
    assert taken.key_state is KeyState.REGISTERED
    assert taken.statements[0].body["how"] == "ordered"
    assert dock.examine(dock.told(other)).key_state is KeyState.KNOWN
    assert dock.examine(Told(recorder=NUMBER, vkey=str(KEY.verifier()))).key_state is (
        KeyState.CHANGED
    )


def test_what_the_old_journal_says_is_judged_when_a_new_one_is_taken(
    dock: Dock, script: Script
) -> None:
    """A new key does not make the clips of the old one's journal forgotten."""
    assert dock.dock(script, [A], sound=False) == []
    piece = journal_book.order(NUMBER, by_whom="880001", reason="new mainboard")
    body, row = piece.finish(Outcome(None, AT))
    dock.enter(Record(kind=piece.kind, docking=None, body=body, row=row))
    other = Script(OTHER_KEY)
    other.start()
    (one,) = dock.dock(other, [A])
    assert (one.code, one.path) == ("journal-missing", "DCIM/b.mp4")


def test_key_that_the_journal_does_not_bear_out_is_not_registered(
    dock: Dock, script: Script
) -> None:
    """A key is taken only with a journal that it signed, of the recorder of that number."""
    forged = Told(recorder=NUMBER, vkey=str(OTHER_KEY.verifier()), pieces=dock.told(script).pieces)
    assert dock.examine(forged).key_state is KeyState.UNPROVED
    foreign = dock.examine(dock.told(Script(number="ZFY-9")))
    assert foreign.key_state is KeyState.UNPROVED
    (one,) = foreign.findings
    assert (one.code, one.facts) == ("journal-foreign", {"number": "ZFY-9"})
    nameless = Told(recorder="", vkey=str(KEY.verifier()))
    assert dock.examine(nameless).key_state is KeyState.UNPROVED
    nothing = Told(recorder=NUMBER, vkey=str(KEY.verifier()))
    assert dock.examine(nothing).key_state is KeyState.UNPROVED
    assert journal_book.remembered(dock.ledger, NUMBER) is None


def test_key_of_another_recorder_is_not_registered(dock: Dock, script: Script) -> None:
    """One key under two numbers, a cloned system: found, and enrolled under the first only."""
    dock.dock(script, [A, B])
    clone = Script(SignerKey("recorder/ZFY-9", bytes(range(32))), number="ZFY-9")
    clone.start()
    told = replace(dock.told(clone), recorder="ZFY-9", pieces=all_of(clone))
    found = dock.examine(told)
    assert (found.key_state, found.doubt, found.statements) == (KeyState.UNPROVED, "shared", ())
    (one,) = found.findings
    assert (one.code, one.facts["other"]) == ("recorder-key-shared", NUMBER)
    assert dock.examine(dock.told(script)).findings == ()
    piece = journal_book.order(NUMBER, by_whom="880001", reason="new system, new key")
    body, row = piece.finish(Outcome(None, AT))
    dock.enter(Record(kind=piece.kind, docking=None, body=body, row=row))
    assert dock.examine(told).key_state is KeyState.REGISTERED


def all_of(script: Script) -> tuple[JournalPiece, ...]:
    """Return a whole journal in one piece."""
    size = len(script.lines)
    return (JournalPiece(first=0, next=size, size=size, data=b"".join(script.lines)),)


def test_recorder_without_a_journal_is_no_finding(dock: Dock) -> None:
    """A model that has none never had one; one whose key is known has one."""
    told = Told(recorder=NUMBER, why_not="no-journal")
    assert dock.examine(told).key_state is KeyState.NONE
    assert dock.examine(Told(recorder=NUMBER, vkey="nonsense")).key_state is KeyState.NONE
    assert dock.examine(told).findings == ()


def test_known_recorder_that_shows_no_journal_is_found(dock: Dock, script: Script) -> None:
    """What it had said must be on the card all the same."""
    dock.dock(script, [A], sound=False)
    examined = dock.examine(Told(recorder=NUMBER, why_not="recorder-silent"))
    assert examined.key_state is KeyState.ABSENT
    assert codes(examined.findings) == ["journal-absent"]
    assert codes(dock.judge(examined, [A])) == ["journal-missing"]


def test_journal_that_stays_hidden_is_found_each_time(dock: Dock, script: Script) -> None:
    """Each docking at which a known recorder shows no journal has that as its finding."""
    dock.dock(script, [A, B])
    hidden = Told(recorder=NUMBER, why_not="recorder-silent")
    for _ in range(3):
        assert codes(dock.new(dock.examine(hidden).findings)) == ["journal-absent"]


def test_cut_journal_is_found(dock: Dock, script: Script) -> None:
    """A journal that is shorter than it was is not believed any more, once found."""
    before = script.branch()
    script.clip("DCIM/c.mp4", "cc")
    there = [A, B, OnCard(path="DCIM/c.mp4", sha256=sha("cc"), size=1000)]
    dock.dock(script, there)
    (one,) = dock.dock(before, there)
    assert one.code == "journal-cut"
    assert (one.facts["known"], one.facts["found"]) == (9, 7)
    assert dock.dock(before, there) == []


@pytest.mark.parametrize("more", [0, 1, 3])
def test_forked_journal_is_found(dock: Dock, script: Script, more: int) -> None:
    """A journal that goes on from before what the dock has seen is another one."""
    other = script.branch()
    script.add("alive")
    dock.dock(script, [A, B])
    other.add("stop", {"reason": "signal"})
    for _ in range(more):
        other.add("alive")
    (one,) = dock.dock(other, [A, B])
    assert one.code == "journal-cut"
    assert one.facts["line"]


def test_journal_that_does_not_hold_is_found(dock: Dock, script: Script) -> None:
    """Records before the first that does not hold count; its line is kept for whoever asks."""
    script.lines[4] = script.lines[4].replace(b"DCIM/a", b"DCIM/x")
    found = dock.dock(script, [B])
    assert codes(found) == ["journal-broken"]
    assert (found[0].facts["code"], found[0].facts["record"]) == ("signature", 4)
    assert dock.dock(script, [B]) == []
    known = journal_book.remembered(dock.ledger, NUMBER)
    assert known is not None
    assert known.position.next == 4


def test_last_known_record_that_was_spoilt_is_found(dock: Dock, script: Script) -> None:
    """The record at which the dock stands is read again, so that its rewriting shows."""
    dock.dock(script, [A, B])
    good = script.lines[-1]
    script.lines[-1] = good.replace(b"DCIM/b", b"DCIM/x")
    assert codes(dock.dock(script, [A, B])) == ["journal-broken"]
    script.lines[-1] = b"nonsense\n"
    assert codes(dock.dock(script, [A, B])) == ["journal-broken"]
    script.lines[-1] = good
    assert dock.dock(script, [A, B]) == []


def test_silence_is_found(dock: Dock, script: Script) -> None:
    """Longer without a record than thrice what was promised, within one start, is a gap."""
    script.add("alive", after_ms=240_000)
    script.add("alive", after_ms=240_001)
    script.add("alive", after_ms=900_000)
    (one,) = dock.dock(script, [A, B])
    assert (one.code, one.facts["times"], one.facts["lasted_ms"]) == ("journal-silent", 2, 900_000)


def test_silence_across_two_dockings_is_found(dock: Dock, script: Script) -> None:
    """The first record of a docking is held against the last one of the docking before."""
    dock.dock(script, [A, B])
    script.add("alive", after_ms=900_000)
    assert codes(dock.dock(script, [A, B])) == ["journal-silent"]


def test_switched_off_is_not_silent(dock: Dock, script: Script) -> None:
    """Another start of the recorder owes nothing for the time between."""
    script.reboot()
    script.start()
    assert dock.dock(script, [A, B]) == []


@given(st.data())
def test_any_spoilt_answer_is_judged(data: st.DataObject) -> None:
    """Whatever pieces a recorder sends, something is made of them, and nothing raised."""
    script = Script()
    script.start()
    script.clip("a.mp4", "aa")
    whole = b"".join(script.lines)
    at, by = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    spoilt = bytearray(whole)
    spoilt[at] ^= by
    first = data.draw(st.integers(0, 3))
    pieces = [
        JournalPiece(first=first, next=4, size=data.draw(st.integers(0, 9)), data=bytes(spoilt))
    ]
    told = Told(recorder=NUMBER, vkey=str(KEY.verifier()), pieces=pieces)
    known = journal_book.Remembered(
        vkey=told.vkey,
        position=data.draw(st.sampled_from([START, script.position])),
        account=journal_account.EMPTY,
    )
    for before in (None, known):
        examined = journal_book.examine(told, before, docking=1)
        judged = examined.judge(Card(files=[A], listing_sound=True), sealed=(), seen=())
        assert all(one.key for one in (*examined.findings, *judged.findings))


@pytest.mark.parametrize(("minutes", "found"), [(4, []), (5, ["journal-silent"])])
def test_a_gap_as_short_as_a_clip_is_found(dock: Dock, minutes: int, found: list[str]) -> None:
    """With the interval that is shipped, nobody stops a companion for five minutes unseen."""
    shipped = SHIPPED / "agent.toml"
    journal_table = parse(read(shipped), source=str(shipped))["journal"]
    script = Script()
    script.start(cast("dict[str, int]", journal_table)["alive_s"])
    script.add("alive", after_ms=minutes * 60_000)
    assert codes(dock.dock(script, [])) == found
