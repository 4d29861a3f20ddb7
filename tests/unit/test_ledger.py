"""The ledger: entries that follow from one another, all of a group or none."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.errors import LedgerDoubtError, StateUnusableError
from dock_daemon.evidence import cosignatures, manifests, schema
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import (
    CosignatureRow,
    DockingRow,
    FindingRow,
    Record,
    ReleaseRow,
    cosigned,
)
from hashing.canonical import JSON
from hashing.entry import GENESIS_PREV, leaf_hash, parse
from tests.docks import StandingClock

AT = StandingClock().at()
Body = dict[str, JSON]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a new ledger."""
    made = Ledger.open(tmp_path / "ledger.db")
    yield made
    made.close()


def note(number: int, docking: int | None = None) -> Record:
    """Return an entry to be that says little."""
    body: Body = {"recovered": "restart", "n": number}
    return Record(kind="recovery", docking=docking, body=body)


def docked(number: int) -> Record:
    """Return the entry to be that opens a docking."""
    row = DockingRow(
        number=number, bay="1", source="image", place="", recorder="R", holder="", volumes=("v",),
        quarantine=True,
    )  # fmt: skip
    body: Body = {
        "docking": number, "bay": "1", "source": "image", "registered": False, "quarantine": True,
        "document": "00" * 32,
    }  # fmt: skip
    return Record(kind="docked", docking=number, body=body, row=row)


def released(number: int) -> Record:
    """Return the entry to be that closes a docking."""
    body: Body = {
        "docking": number, "result": "complete", "clips": 0, "findings": 0, "unread": 0,
    }  # fmt: skip
    row = ReleaseRow(number=number, result="complete", clips=0, findings=0, unread=0)
    return Record(kind="released", docking=number, body=body, row=row, closes=True)


def test_each_entry_carries_the_leaf_hash_of_the_one_before(ledger: Ledger) -> None:
    """Within a group and across groups; the first follows nothing."""
    ledger.append([note(0), note(1)], AT)
    committed = ledger.append([note(2)], AT)
    entries = list(ledger.entries(0, 9))
    prevs = [parse(data).prev for data in entries]
    assert prevs == [GENESIS_PREV, *(leaf_hash(data) for data in entries[:-1])]
    assert [parse(data).seq for data in entries] == [0, 1, 2]
    assert (committed[0].seq, committed[0].leaf) == (2, leaf_hash(entries[2]))
    assert ledger.leaves(0, 3) == [leaf_hash(data) for data in entries]


def test_a_group_is_committed_whole_or_not_at_all(ledger: Ledger, tmp_path: Path) -> None:
    """One entry that cannot be made takes the group with it, and the chain goes on."""
    ledger.append([note(0)], AT)
    impossible = Record(kind="recovery", docking=None, body={"recovered": "x", "n": 2**60})
    with pytest.raises(LedgerDoubtError, match="recovery entry cannot be made"):
        ledger.append([note(1), impossible], AT)
    assert ledger.size == 1
    ledger.append([note(2)], AT)
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.db")
    bodies = [parse(data).body["n"] for data in again.entries(0, 9)]
    again.close()
    assert bodies == [0, 2]


def test_a_second_docking_of_one_number_is_refused(ledger: Ledger) -> None:
    """Nothing of the group is kept."""
    ledger.append([docked(1)], AT)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.append([note(0), docked(1)], AT)
    assert ledger.size == 1


def test_docking_numbers_are_never_given_twice(ledger: Ledger, tmp_path: Path) -> None:
    """Not to two bays that ask before either has entered anything, nor in a later life."""
    assert (ledger.new_docking(), ledger.new_docking()) == (1, 2)
    ledger.append([docked(2)], AT)
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.db")
    assert again.new_docking() == 3
    again.close()


def test_a_closing_entry_counts_and_digests_its_docking(ledger: Ledger) -> None:
    """Entries of other dockings in between do not count."""
    ledger.append([docked(1), docked(2)], AT)
    ledger.append([note(0, docking=1), note(1, docking=2), note(2)], AT)
    (end,) = ledger.append([note(3, docking=1), released(1)], AT)[1:]
    entries = list(ledger.entries(0, 99))
    mine = [leaf_hash(entries[seq]) for seq in (0, 2, 5)]
    body = parse(entries[end.seq]).body
    assert (body["entries"], body["digest"]) == (3, hashlib.sha256(b"".join(mine)).hexdigest())


def test_the_same_fact_may_be_found_twice(ledger: Ledger) -> None:
    """Two bays that see cloned cards write down the same key."""
    row = FindingRow(
        finding="missing", key="k", volume="v", path="p", clip=None, facts={}, found_ms=1
    )
    body: Body = {"docking": 1, "finding": "missing", "document": "00" * 32}
    record = Record(kind="finding", docking=1, body=body, row=row, document="00" * 32)
    ledger.append([record], AT)
    ledger.append([record], AT)
    assert ledger.size == 2


def test_a_checkpoint_is_kept_once(ledger: Ledger) -> None:
    """The same size is never signed anew."""
    assert ledger.last_checkpoint() is None
    ledger.keep_checkpoint(5, b"five", 1)
    ledger.keep_checkpoint(3, b"three", 1)
    assert ledger.last_checkpoint() == (5, b"five")
    with pytest.raises(sqlite3.IntegrityError):
        ledger.keep_checkpoint(5, b"other", 1)


def test_what_is_remembered(ledger: Ledger) -> None:
    """The newest value counts."""
    assert ledger.meta("x") is None
    ledger.remember("x", "1")
    ledger.remember("x", "2")
    assert ledger.meta("x") == "2"


def test_a_ledger_of_a_newer_dock_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """An older sealdock does not write into a schema that it does not know."""
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
            " VALUES ('sealdock.ledger', '9999_later', '2030')"
        )
    assert schema.unknown_steps(connection) == ["9999_later"]
    connection.close()
    with pytest.raises(LedgerDoubtError, match="newer"):
        Ledger.open(tmp_path / "ledger.db")


def test_a_ledger_of_the_first_version_moves_on(ledger: Ledger, tmp_path: Path) -> None:
    """Its entries stay as they are; which entry closed a docking is found again."""
    ledger.append([note(0), docked(1), released(1), docked(2)], AT)
    entries = list(ledger.entries(0, 9))
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute("DROP TABLE cosignature")
        connection.execute("DROP INDEX idx_docking_closed_seq")
        connection.execute("ALTER TABLE docking DROP COLUMN closed_seq")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0002_cosigned'")
    connection.close()

    seen = Ledger.open_to_look(tmp_path / "ledger.db")
    assert (seen.up_to_date, seen.size) == (False, 4)
    assert cosignatures.lines_of(seen, 4) == ()
    with pytest.raises(StateUnusableError, match="start the dock once"):
        manifests.of(seen, 4, 1)
    seen.close()
    moved = Ledger.open(tmp_path / "ledger.db")
    assert moved.up_to_date
    assert list(moved.entries(0, 9)) == entries
    assert moved.rows("SELECT number, closed_seq FROM docking ORDER BY number") == [
        {"number": 1, "closed_seq": 2},
        {"number": 2, "closed_seq": None},
    ]
    assert cosignatures.lines_of(moved, 4) == ()
    moved.close()


def test_riders_wait_for_nobody(ledger: Ledger, tmp_path: Path) -> None:
    """They are counted nowhere, in this life and in the next."""
    row = CosignatureRow(
        size=1, name="w", key_id="0" * 8, role="witness", time_s=1, line="\N{EM DASH} w AAAAAAA="
    )
    ledger.append([note(0)], AT)
    ledger.keep_checkpoint(1, b"one", 1)
    ledger.append([cosigned(row)], AT)
    assert (ledger.waiting(0), ledger.waiting(1)) == (1, 0)
    ledger.append([note(1)], AT)
    assert (ledger.waiting(0), ledger.waiting(1), ledger.waiting(3)) == (2, 1, 0)
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.db")
    assert (again.waiting(1), again.waiting(3)) == (1, 0)
    again.close()


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    """It is doubt, not a crash; a folder is in the way, and no doubt."""
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(LedgerDoubtError):
        Ledger.open(tmp_path / "ledger.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateUnusableError):
        Ledger.open(tmp_path / "folder")


def test_a_ledger_made_by_hand_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds names and paths: whatever the umask, no other user can read it."""
    before = os.umask(0)
    try:
        made = Ledger.open(tmp_path / "own.db")
        made.append([note(0)], AT)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("own.db*")}
        made.close()
    finally:
        os.umask(before)
    assert modes == {"own.db": 0o600, "own.db-wal": 0o600, "own.db-shm": 0o600}


def test_looking_after_an_unclean_end(ledger: Ledger, tmp_path: Path) -> None:
    """What was committed and not yet moved into the database proper is seen, too."""
    ledger.append([note(0), note(1)], AT)
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"copy-{name}")
    (tmp_path / "copy-ledger.db").rename(tmp_path / "copy.db")
    (tmp_path / "copy-ledger.db-wal").rename(tmp_path / "copy.db-wal")
    seen = Ledger.open_to_look(tmp_path / "copy.db")
    assert list(seen.entries(0, 9)) == list(ledger.entries(0, 9))
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        seen.append([note(2)], AT)
    seen.close()


def test_a_commit_waits_for_the_disk(ledger: Ledger) -> None:
    """The write-ahead log is synced at every commit."""
    assert ledger.rows("PRAGMA synchronous") == [{"synchronous": 2}]
    assert ledger.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
