"""A log's documents hold what recorders said, and the verifier says where they do not."""

from pathlib import Path

import pytest

from hashing.canonical import JSON
from hashing.journal_documents import JournalDocuments
from tests.journals import KEY, OTHER_KEY, Script
from tests.sealed import Disk, Sealed

Body = dict[str, JSON]


def script() -> Script:
    """Return a journal of nine records."""
    made = Script()
    made.start()
    for name in ("a", "b", "c"):
        made.clip(f"{name}.mp4", name)
    return made


def piece(lines: list[bytes], vkey: str = str(KEY.verifier())) -> Body:
    """Return a document of these lines."""
    return {"kind": "journal", "vkey": vkey, "records": [line[:-1].decode() for line in lines]}


def told(*pieces: Body) -> list[tuple[int, str]]:
    """Return what does not hold in these documents, by the entry that names each."""
    check = JournalDocuments()
    alone = [(seq, check.take(one, "", seq)) for seq, one in enumerate(pieces)]
    return [*((seq, what) for seq, what in alone if what), *(one[1:] for one in check.apart())]


LINES = script().lines


def test_pieces_of_one_journal_hold_in_any_order() -> None:
    """A journal cut into documents holds; so does one of which a document was removed."""
    assert told(piece(LINES[4:]), piece(LINES[:4])) == []
    assert told(piece(LINES[:2]), piece(LINES[5:])) == []


def test_forked_pieces_are_named() -> None:
    """Two documents that do not follow one another were not one journal."""
    other = Script()
    other.start()
    other.clip("x.mp4", "ff")
    other.clip("y.mp4", "fe")
    assert told(piece(LINES[:4]), piece(other.lines[4:])) == [
        (1, "record 4 does not follow the record before it")
    ]


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        (piece(LINES, str(OTHER_KEY.verifier())), "signed"),
        (piece(LINES, "nonsense"), "name+id+key"),
        (piece([LINES[0], LINES[2]]), "belongs"),
        (piece([]), "no"),
        (piece([LINES[0].replace(b"utc_ms", b"utc_mz")]), "hold"),
        ({"vkey": str(KEY.verifier()), "records": [1]}, "lines"),
        ({"vkey": str(KEY.verifier()), "records": "x"}, "no records"),
        ({"records": []}, "no key"),
    ],
)
def test_records_that_are_no_journal_are_named(spoilt: Body, what: str) -> None:
    """What is not signed, or does not follow, is said in words."""
    ((seq, detail),) = told(spoilt)
    assert seq == 0
    assert what in detail


def sealed(one: Body, folder: Path) -> Disk:
    """Return a log on disk whose second entry has this document."""
    log = Sealed()
    log.genesis()
    paper = log.document(**one)
    log.add("journal", docking=1, first=0, next=9, document=paper)
    return log.write(folder)


def test_verifier_walks_the_journals_of_a_store(tmp_path: Path) -> None:
    """What no recorder signed is named with its entry, though the dock sealed it."""
    assert sealed(piece(LINES), tmp_path / "good").verify().problems == ()
    forged = [*LINES[:-1], LINES[-1].replace(b"c.mp4", b"x.mp4")]
    report = sealed(piece(forged), tmp_path / "forged").verify()
    assert [(one.code, one.seq) for one in report.problems] == [("journal-records", 1)]


def test_verifier_names_journals_that_do_not_go_on(tmp_path: Path) -> None:
    """Documents that are whole each, and no one journal, are named."""
    other = Script()
    other.start()
    other.clip("x.mp4", "ff")
    log = Sealed()
    log.genesis()
    for lines in (LINES[:4], other.lines[4:]):
        paper = log.document(**piece(lines))
        log.add("journal", docking=1, first=0, next=9, document=paper)
    report = log.write(tmp_path).verify()
    assert [(one.code, one.seq) for one in report.problems] == [("journal-records", 2)]
