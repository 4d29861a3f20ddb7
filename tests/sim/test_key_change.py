"""A dock whose key is changed: what signs, what lies on disk, and what is refused."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dock_daemon.errors import (
    KeyChangeOpenError,
    KeyChangeUnsignedError,
    KeyDoubtError,
    LedgerDoubtError,
    NoKeyChangeError,
)
from dock_daemon.evidence import key_change
from dock_daemon.evidence.key_change import Turned
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from hashing import checkpoint, note
from hashing.entry import At
from hashing.keys import SignerKey, VerifierKey
from hashing.verify import verify_log
from tests.cards import make_exfat_card
from tests.docks import ORIGIN, DockIn, some_bytes

Turn = Callable[[Ledger, LogKeys, Path, At], Turned]


def turn(dock: DockIn, how: Turn) -> Turned:
    """Change or retire the key as the command does."""
    with dock.open() as state:
        folder = dock.root / "key"
        return state.sealer.ask(lambda led: how(led, state.keys, folder, dock.clock.at()))


def signers(dock: DockIn) -> list[VerifierKey]:
    """Return the keys whose lines the published checkpoint bears, in order."""
    keys = {key.key_id: key for key in known(dock)}
    _, lines = note.parse((dock.root / "log" / "checkpoint").read_bytes())
    return [keys[line.key_id] for line in lines]


def known(dock: DockIn) -> tuple[VerifierKey, ...]:
    """Return every key that the log ever had."""
    found = [one.body for one in dock.parsed() if "new_vkey" in one.body]
    first = str(dock.parsed("genesis")[0].body["vkey"])
    vkeys = [first, *(str(body["new_vkey"]) for body in found)]
    return tuple(dict.fromkeys(map(VerifierKey.parse, vkeys)))


def files(dock: DockIn) -> dict[str, VerifierKey]:
    """Return the keys that lie on disk, each in a file of its owner's alone."""
    found = {}
    for path in (dock.root / "key").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found[path.name] = SignerKey.parse(path.read_text("ascii").strip()).verifier()
    return found


def assert_holds(dock: DockIn) -> None:
    """Assert that the log verifies with each of its keys, and that its own copy is one of them."""
    for key in known(dock):
        assert verify_log(dock.root / "log", key, store=dock.root / "store").problems == ()
    vkey = (dock.root / "log" / "vkey").read_text("ascii").strip()
    assert vkey in map(str, known(dock))


@pytest.fixture
def used(dock: DockIn, tmp_path: Path) -> DockIn:
    """Return a dock after its first docking."""
    dock.take_over(make_exfat_card(tmp_path / "card", {"DCIM/A.MP4": some_bytes("a", 9000)}))
    return dock


def dock_again(dock: DockIn, folder: Path, name: str) -> None:
    """Take over another clip."""
    content = {f"DCIM/{name}.MP4": some_bytes(name, 9000)}
    assert dock.take_over(make_exfat_card(folder / name, content)).end.result == "complete"


def test_a_new_key_joins_signs_and_stays_alone(used: DockIn, tmp_path: Path) -> None:
    """Through dockings and restarts, whoever trusts any key of the log can follow."""
    (old,) = known(used)
    turned = turn(used, key_change.change)
    (_, new) = turned.signing
    assert signers(used) == [old, new]
    assert files(used) == {"outgoing.key": old, "log.key": new}
    dock_again(used, tmp_path, "B")
    assert signers(used) == [old, new]
    assert_holds(used)

    left = turn(used, key_change.retire)
    assert (left.left, left.signing) == (old, (new,))
    assert files(used) == {"log.key": new}
    assert signers(used) == [new]
    dock_again(used, tmp_path, "C")
    assert signers(used) == [new]
    assert [one.kind for one in used.parsed() if one.kind.startswith("key-")] == [
        "key-change",
        "key-retired",
    ]
    used.assert_holds()
    assert_holds(used)

    (_, newest) = turn(used, key_change.change).signing
    turn(used, key_change.retire)
    assert files(used) == {"log.key": newest}
    assert known(used) == (old, new, newest)
    assert_holds(used)


def test_a_dock_that_begins_with_a_change(dock: DockIn) -> None:
    """Genesis and change may come in one life."""
    turn(dock, key_change.change)
    assert len(signers(dock)) == 2
    turn(dock, key_change.retire)
    assert_holds(dock)


def test_one_change_at_a_time(used: DockIn) -> None:
    """A second change, or a retirement without a change, is refused and changes nothing."""
    with pytest.raises(NoKeyChangeError):
        turn(used, key_change.retire)
    turn(used, key_change.change)
    before = files(used)
    with pytest.raises(KeyChangeOpenError):
        turn(used, key_change.change)
    assert files(used) == before
    assert_holds(used)


def test_the_old_key_stays_until_both_have_signed(used: DockIn) -> None:
    """Who trusts the old key alone needs one checkpoint under both signatures."""

    def at_once(ledger: Ledger, keys: LogKeys, folder: Path, at: At) -> Turned:
        key_change.change(ledger, keys, folder, at)
        return key_change.retire(ledger, keys, folder, at)

    with pytest.raises(KeyChangeUnsignedError):
        turn(used, at_once)
    assert len(files(used)) == 2
    turn(used, key_change.retire)
    assert_holds(used)


def test_no_checkpoint_between_lacks_a_signature(used: DockIn) -> None:
    """Every head that was ever kept is signed by the keys that its own entries name."""
    (old,) = known(used)
    _, new = turn(used, key_change.change).signing
    turn(used, key_change.retire)
    entries = used.parsed()
    change = next(one.seq for one in entries if one.kind == "key-change")
    retired = next(one.seq for one in entries if one.kind == "key-retired")

    def kept(ledger: Ledger) -> list[bytes]:
        rows = ledger.rows("SELECT note FROM checkpoint ORDER BY size")
        return [row["note"] for row in rows if isinstance(row["note"], bytes)]

    with used.open() as state:
        notes = state.sealer.ask(kept)
    for data in notes:
        text, lines = note.parse(data)
        size = checkpoint.parse(text).size
        wanted = {new} if size > retired else {old, new} if size > change else {old}
        assert {line.key_id for line in lines} == {key.key_id for key in wanted}


# -- what a crash leaves, and what it cannot have left ------------------------------------


def keep(dock: DockIn, folder: Path) -> Path:
    """Keep a copy of the key's files."""
    return Path(shutil.copytree(dock.root / "key", folder / "keys"))


def put(dock: DockIn, **names: Path) -> None:
    """Put these files, and no others, into the key's folder."""
    folder = dock.root / "key"
    found = {f"{name}.key": path.read_bytes() for name, path in names.items()}
    for path in folder.iterdir():
        path.unlink()
    for name, data in found.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)


def test_a_key_that_no_entry_brought_in_is_destroyed(used: DockIn, tmp_path: Path) -> None:
    """A crash before the entry is undone: nobody was ever told of that key."""
    kept = keep(used, tmp_path)
    new = SignerKey.generate(ORIGIN, bytes(range(32)))
    (tmp_path / "new").write_text(f"{new.encode()}\n")
    put(used, log=kept / "log.key", incoming=tmp_path / "new")
    used.open().close()
    assert set(files(used)) == {"log.key"}
    assert_holds(used)


def test_a_key_that_was_half_written_is_destroyed(used: DockIn) -> None:
    """What a crash left of a file in the making holds a secret, and goes."""
    (used.root / "key" / ".incoming.key.new").write_text("PRIVATE+KEY+dock.exam")
    used.open().close()
    assert set(files(used)) == {"log.key"}


@pytest.mark.parametrize("linked", [False, True])
def test_a_change_that_the_ledger_has_is_completed(
    used: DockIn, tmp_path: Path, *, linked: bool
) -> None:
    """A crash after the entry, before or after the old key's second name, loses no key."""
    turn(used, key_change.change)
    after = files(used)
    kept = keep(used, tmp_path)
    more = {"outgoing": kept / "outgoing.key"} if linked else {}
    put(used, log=kept / "outgoing.key", incoming=kept / "log.key", **more)
    used.open().close()
    assert files(used) == after
    turn(used, key_change.retire)
    assert_holds(used)


@pytest.mark.parametrize("wiped", [False, True])
def test_a_retirement_that_the_ledger_has_is_completed(
    used: DockIn, tmp_path: Path, *, wiped: bool
) -> None:
    """A crash before, or within, the destruction of the old key: the next start destroys it."""
    turn(used, key_change.change)
    kept = keep(used, tmp_path)
    turn(used, key_change.retire)
    if wiped:
        (kept / "outgoing.key").write_bytes(bytes(84))
    put(used, log=kept / "log.key", outgoing=kept / "outgoing.key")
    used.open().close()
    assert set(files(used)) == {"log.key"}
    assert_holds(used)


def test_a_key_that_must_sign_and_is_not_there_is_doubt(used: DockIn, tmp_path: Path) -> None:
    """Nothing is signed by one key alone, and no key is made in the place of one that is lost."""
    turn(used, key_change.change)
    kept = keep(used, tmp_path)
    for names in (
        {"log": kept / "log.key"},
        {"outgoing": kept / "outgoing.key"},
        {"log": kept / "outgoing.key"},
        {"log": kept / "outgoing.key", "outgoing": kept / "log.key"},
        {"log": kept / "log.key", "outgoing": kept / "log.key"},
    ):
        put(used, **names)
        with pytest.raises(KeyDoubtError):
            used.open()


def test_keys_that_the_ledger_does_not_know_are_doubt(used: DockIn, tmp_path: Path) -> None:
    """A ledger from before the change, beside the keys of after it, is yesterday's disk."""
    stranger = SignerKey.generate(ORIGIN, bytes(range(32)))
    (tmp_path / "stranger").write_text(f"{stranger.encode()}\n")
    kept = keep(used, tmp_path)
    put(used, log=tmp_path / "stranger")
    with pytest.raises(LedgerDoubtError):
        used.open()
    put(used, log=kept / "log.key", outgoing=tmp_path / "stranger")
    with pytest.raises(KeyDoubtError):
        used.open()
    put(used, log=kept / "log.key", incoming=kept / "log.key")
    with pytest.raises(KeyDoubtError):
        used.open()
    assert set(files(used)) == {"log.key", "incoming.key"}
