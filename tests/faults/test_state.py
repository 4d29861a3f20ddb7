"""Opening the state directory is recovery: what holds together goes on, the rest is refused."""

import os
import secrets
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from config.loader import load
from dock_daemon.errors import (
    KeyDoubtError,
    LedgerDoubtError,
    OriginDiffersError,
    StateBusyError,
    StateMissingError,
    StoreDoubtError,
)
from dock_daemon.evidence.records import DockingRow, Record
from dock_daemon.evidence.state import look, open_state
from dock_daemon.faults import remedy
from hashing import checkpoint, note
from hashing.keys import SignerKey
from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 9000) for name in ("A", "B", "C")}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a card with three clips."""
    return make_exfat_card(tmp_path / "card", FILES, 4 << 20)


@pytest.fixture
def used(dock: DockIn, card: Path) -> DockIn:
    """Return a dock after its first docking."""
    dock.take_over(card)
    return dock


def test_the_key_is_made_once_and_for_its_owner_alone(dock: DockIn) -> None:
    """The first start makes it, 0600 in a folder of 0700, and no later start another."""
    dock.open().close()
    key = dock.root / "key" / "log.key"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    dock.open().close()
    assert key.read_bytes() == before
    assert [one.kind for one in dock.parsed()] == ["genesis"]
    dock.assert_holds()


def test_two_processes_cannot_hold_it(used: DockIn) -> None:
    """The second is told who holds it."""
    with used.open():
        with pytest.raises(StateBusyError, match=f"process {os.getpid()}"):
            used.open()
        with pytest.raises(StateBusyError):
            look(used.root, lambda ledger: ledger.size)
    used.open().close()


def test_looking_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    """A question about a dock that was never started leaves no trace."""
    with pytest.raises(StateMissingError):
        look(tmp_path, lambda ledger: ledger.size)
    assert list(tmp_path.iterdir()) == []


def test_content_that_rotted_is_replaced_when_it_comes_again(used: DockIn, card: Path) -> None:
    """The bad copy is set aside, the good one takes its place, and an entry says so."""
    sha256 = str(used.parsed("clip")[0].body["sha256"])
    stored = used.stored(sha256)
    stored.chmod(0o640)
    rotten = b"\xff" + stored.read_bytes()[1:]
    stored.write_bytes(rotten)
    assert {one.code for one in used.verify().problems} == {"clip-damaged"}
    told = used.take_over(card, reread=True)
    assert told.findings == [("store-damaged", "DCIM/A.MP4")]
    (set_aside,) = (used.root / "store" / "damaged").iterdir()
    assert set_aside.read_bytes() == rotten
    assert set_aside.name.startswith(sha256)
    (recovery,) = used.parsed("recovery")
    said = {"sha256": sha256, "room": "clips", "how": "arrived-again"}
    assert recovery.body == {"recovered": "content-replaced", **said}
    used.assert_holds()


def test_content_that_vanished_comes_again(used: DockIn, card: Path) -> None:
    """A known clip whose stored file is gone is copied again, without being asked to."""
    sha256 = str(used.parsed("clip")[1].body["sha256"])
    used.stored(sha256).unlink()
    assert {one.code for one in used.verify().problems} == {"clip-missing"}
    told = used.take_over(card)
    assert (told.end.sealed, told.end.known) == (1, 2)
    assert [what for what, _ in told.findings] == ["store-missing"]
    used.assert_holds()


def test_a_store_of_another_ledger_is_refused(used: DockIn) -> None:
    """A disk that belongs elsewhere is never written to."""
    (used.root / "store" / "id").write_text(f"{secrets.token_hex(16)}\n")
    with pytest.raises(StoreDoubtError):
        used.open()


def test_a_store_that_was_not_mounted_is_refused(used: DockIn) -> None:
    """An empty folder where the data disk should be looks like a new store, and is none."""
    shutil.move(used.root / "store", used.folder / "elsewhere")
    (used.root / "store").mkdir()
    with pytest.raises(StoreDoubtError):
        used.open()
    assert list((used.root / "store").iterdir()) == []


def test_a_key_that_is_missing_is_not_made_anew(used: DockIn) -> None:
    """A new key would make every entry so far look forged."""
    (used.root / "key" / "log.key").unlink()
    with pytest.raises(KeyDoubtError, match="missing"):
        used.open()
    assert not (used.root / "key" / "log.key").exists()


def test_a_key_that_others_can_read_is_refused(used: DockIn) -> None:
    """Whoever could read it could have signed with it."""
    (used.root / "key" / "log.key").chmod(0o640)
    with pytest.raises(KeyDoubtError, match="0640"):
        used.open()


def test_the_key_of_another_log_is_refused(used: DockIn) -> None:
    """A key of the same name that is not the genesis entry's signs nothing here."""
    other = SignerKey.generate("dock.example/0001", secrets.token_bytes(32))
    (used.root / "key" / "log.key").write_text(f"{other.encode()}\n")
    with pytest.raises(LedgerDoubtError):
        used.open()
    stranger = SignerKey.generate("dock.example/0002", secrets.token_bytes(32))
    (used.root / "key" / "log.key").write_text(f"{stranger.encode()}\n")
    with pytest.raises(KeyDoubtError):
        used.open()


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+nonsense\n", "\xff\n"])
def test_a_key_that_is_no_key_is_refused(used: DockIn, text: str) -> None:
    """A damaged key file is said to be one."""
    (used.root / "key" / "log.key").write_bytes(text.encode("latin-1"))
    with pytest.raises(KeyDoubtError):
        used.open()


def test_a_ledger_older_than_the_published_log_is_refused(used: DockIn, card: Path) -> None:
    """Restoring yesterday's ledger over today's log would fork it."""
    kept = used.folder / "ledger.db"
    shutil.copy(used.root / "ledger.db", kept)
    used.take_over(card)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (used.root / name).unlink(missing_ok=True)
    shutil.copy(kept, used.root / "ledger.db")
    with pytest.raises(LedgerDoubtError, match="published log has"):
        used.open()


@pytest.mark.parametrize("kept", ["log", "key", "store"])
def test_a_ledger_that_is_gone_is_not_begun_anew(used: DockIn, kept: str) -> None:
    """As long as anything tells that there was a log, a new one under its name is refused."""
    for path in used.root.glob("ledger.db*"):
        path.unlink()
    for name in {"log", "key", "store"} - {kept}:
        shutil.rmtree(used.root / name)
    with pytest.raises(LedgerDoubtError, match="is missing"):
        used.open()
    assert not (used.root / "ledger.db").exists()


def test_a_published_log_that_is_gone_is_made_again(used: DockIn, card: Path) -> None:
    """The ledger is the truth: from it the same tiles and the same signed size come back."""
    log = used.root / "log"
    before = shutil.copytree(log, used.folder / "before")
    shutil.rmtree(log)
    used.open().close()
    assert (log / "checkpoint").read_bytes() == (before / "checkpoint").read_bytes()
    made = {path.relative_to(log) for path in log.rglob("*") if path.is_file()}
    for path in made:
        assert (log / path).read_bytes() == (before / path).read_bytes()
    used.assert_holds()
    used.take_over(card)
    used.assert_holds()


def test_a_checkpoint_that_was_lost_is_put_back(used: DockIn) -> None:
    """The signature that was kept in the ledger is published again, byte for byte."""
    head = used.root / "log" / "checkpoint"
    before = head.read_bytes()
    head.unlink()
    used.open().close()
    assert head.read_bytes() == before
    used.assert_holds()


def test_a_published_fork_is_never_overwritten(used: DockIn) -> None:
    """A checkpoint with our signature and another root is evidence; it stays where it is."""
    key = SignerKey.parse((used.root / "key" / "log.key").read_text("ascii").strip())
    head = used.root / "log" / "checkpoint"
    honest = checkpoint.parse(note.open_note(head.read_bytes(), [key.verifier()]).text)
    for size in (honest.size, honest.size - 1):
        forked = checkpoint.Checkpoint(honest.origin, size, secrets.token_bytes(32))
        head.write_bytes(note.sign(forked.encode(), [key]))
        found = head.read_bytes()
        with pytest.raises(LedgerDoubtError, match="root published"):
            used.open()
        assert head.read_bytes() == found


@pytest.mark.parametrize("what", ["checkpoint", "vkey"])
def test_a_published_file_that_was_altered_is_refused(used: DockIn, what: str) -> None:
    """What no longer bears our signature is not quietly replaced."""
    path = used.root / "log" / what
    path.write_bytes(path.read_bytes()[:-8] + b"AAAAAAA\n")
    with pytest.raises(LedgerDoubtError):
        used.open()


def test_half_made_files_are_swept(used: DockIn) -> None:
    """What a crash left between the rooms is gone after the next start, and told."""
    (used.root / "store" / "incoming" / "half").write_bytes(b"half a clip")
    (used.root / "publishing" / "half").write_bytes(b"half a tile")
    used.open().close()
    (recovery,) = used.parsed("recovery")
    assert recovery.body == {"recovered": "restart", "dockings": [], "half_copies": 1}
    used.assert_holds()


def test_a_docking_that_was_cut_off_is_ended(used: DockIn) -> None:
    """Its closing entry has the count and digest of what it had entered."""
    row = DockingRow(
        number=2, bay="1", source="image", place="", recorder="", holder="",
        volumes=(), quarantine=True,
    )  # fmt: skip
    body = used.parsed("docked")[0].body | {"docking": 2}
    record = Record(kind="docked", docking=2, body=body, row=row)
    with used.open() as state:
        state.sealer.ask(lambda ledger: ledger.append([record], used.clock.at()))
    used.open().close()
    kinds = [(one.kind, one.body.get("docking")) for one in used.parsed()][-3:]
    assert kinds == [("docked", 2), ("recovery", None), ("released", 2)]
    released = used.parsed()[-1]
    assert released.body["entries"] == 1
    assert released.body["result"] == "interrupted"
    used.assert_holds()


def test_a_change_of_settings_stands_in_the_log(used: DockIn, card: Path) -> None:
    """What decides about evidence is named by its digest; language and place decide nothing."""
    used.take_over(card, settings='[dock]\nlanguage = "en"\n')
    assert used.parsed("config-change") == []
    used.take_over(card, settings="[ingest]\nsample_blocks = 1\n")
    (changed,) = used.parsed("config-change")
    assert set(changed.body) == {"settings_sha256", "software"}
    used.assert_holds()


def test_a_host_that_is_called_otherwise_is_the_same_dock(dock: DockIn) -> None:
    """Where nobody has named the dock, its ledger says what it is called; nothing has changed."""
    overrides = {"storage.state": str(dock.root)}
    for host in ("before", "after"):
        loaded = load(dock.config, env={}, overrides=overrides, host=host)
        open_state(loaded, dock.clock).close()
    assert [one.kind for one in dock.parsed()] == ["genesis"]
    assert dock.parsed()[0].body["origin"] == "sealdock.local/before"
    dock.assert_holds()


def test_another_dock_is_not_taken_for_this_one(used: DockIn) -> None:
    """An origin that was named on purpose must be that of the ledger; both are told."""
    overrides = {"storage.state": str(used.root), "dock.origin": "dock.example/0002"}
    loaded = load(used.config, env={}, overrides=overrides, host="test")
    with pytest.raises(OriginDiffersError) as caught:
        open_state(loaded, used.clock)
    assert caught.value.found == "dock.example/0001"
    assert caught.value.wanted == "dock.example/0002"
    assert "dock.origin" in remedy(caught.value, "en")
    used.open().close()


@pytest.mark.parametrize("what", [b"SQLite format 3", b'"kind":"docked"'])
def test_a_ledger_that_rotted_is_refused(used: DockIn, what: bytes) -> None:
    """A byte of its header or of an entry is seen at the start."""
    path = used.root / "ledger.db"
    data = bytearray(path.read_bytes())
    data[data.index(what) + 3] ^= 0x20
    path.write_bytes(data)
    with pytest.raises(LedgerDoubtError):
        used.open()


def test_a_ledger_that_lost_its_end_is_refused(used: DockIn) -> None:
    """A database file that is shorter than it says is damaged."""
    path = used.root / "ledger.db"
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(LedgerDoubtError):
        used.open()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entry WHERE seq = 2",
        "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)",
        "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'docked', 'label') AS BLOB)",
        "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 1",
    ],
)
def test_a_ledger_that_was_edited_is_refused(used: DockIn, sql: str) -> None:
    """A missing, last or altered entry contradicts what was signed."""
    with sqlite3.connect(used.root / "ledger.db") as connection:
        assert connection.execute(sql).rowcount > 0
    connection.close()
    with pytest.raises(LedgerDoubtError):
        used.open()
