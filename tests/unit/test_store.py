"""The store: content under its own hash, whole, once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.errors import DockFullError, ReadBackError, StoreDoubtError
from dock_daemon.evidence import durable
from dock_daemon.evidence.durable import Reread
from dock_daemon.evidence.store import CLIPS, DOCUMENTS, Staged, Store


@pytest.fixture
def store(memory_path: Path) -> Iterator[Store]:
    """Return a new store."""
    made, _identity = Store.open(memory_path / "store", identity=None, reserve_bytes=0)
    yield made
    made.close()


def stage(store: Store, content: bytes, *, says: bytes | None = None) -> Staged:
    """Write a clip to `incoming`; `says` is what it claims to hold."""
    temp = store.new_temp()
    durable.write_new(temp, content)
    claimed = content if says is None else says
    return Staged(temp, CLIPS, hashlib.sha256(claimed).hexdigest(), len(claimed))


def admit(store: Store, *group: Staged) -> list[str]:
    """Settle, check and admit a group."""
    store.settle(list(group))
    assert all(isinstance(one, Reread) for one in store.check_all(list(group)))
    return store.admit(list(group))


def test_content_gets_its_own_name(store: Store) -> None:
    """Clips and documents lie in rooms of their own."""
    clip = stage(store, b"clip")
    digest = hashlib.sha256(b"document").hexdigest()
    document = store.stage_document(b"document", digest)
    assert admit(store, clip, document) == []
    assert store.path_of(CLIPS, clip.sha256).read_bytes() == b"clip"
    assert store.path_of(DOCUMENTS, digest).read_bytes() == b"document"
    assert list((store.root / "incoming").iterdir()) == []


def test_the_same_content_twice_in_one_group(store: Store) -> None:
    """It is stored once."""
    assert admit(store, stage(store, b"x"), stage(store, b"x")) == []
    assert admit(store, stage(store, b"x")) == []
    assert list((store.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("bad", [b"other", b"clip!", b"cli", b""])
def test_what_reads_back_otherwise_is_named(store: Store, bad: bytes) -> None:
    """One bad file of a group does not hide among the good ones."""
    good, wrong = stage(store, b"good"), stage(store, bad, says=b"clip")
    store.settle([good, wrong])
    first, second = store.check_all([good, wrong])
    assert isinstance(first, Reread)
    assert isinstance(second, ReadBackError)
    with pytest.raises(ReadBackError):
        store.check(wrong)
    store.drop([good, wrong])
    assert list((store.root / "incoming").iterdir()) == []


def test_rotten_content_is_set_aside(store: Store) -> None:
    """The good copy takes its name; what was there is kept as evidence of the damage."""
    clip = stage(store, b"good")
    admit(store, clip)
    final = store.path_of(CLIPS, clip.sha256)
    final.chmod(0o600)
    final.write_bytes(b"rott")
    again = stage(store, b"good")
    assert admit(store, again) == [clip.sha256]
    assert final.read_bytes() == b"good"
    (aside,) = (store.root / "damaged").iterdir()
    assert aside.read_bytes() == b"rott"


def test_a_name_that_may_not_last_is_taken_back(store: Store) -> None:
    """When the group fails, none of its new names is left to be taken for durable later."""
    old = stage(store, b"old")
    admit(store, old)
    group = [stage(store, b"old"), stage(store, b"new"), stage(store, b"blocked")]
    blocked = store.path_of(CLIPS, group[2].sha256)
    blocked.parent.rmdir()
    blocked.parent.write_bytes(b"")  # no folder any more: the link fails
    with pytest.raises(OSError, match="directory"):
        store.admit(group)
    assert not store.path_of(CLIPS, group[1].sha256).exists()
    assert store.path_of(CLIPS, old.sha256).read_bytes() == b"old"
    store.drop(group)
    blocked.parent.unlink()
    blocked.parent.mkdir()


def test_room_is_kept_in_reserve(memory_path: Path) -> None:
    """A store says that it is full before the disk is."""
    store, _ = Store.open(memory_path / "store", identity=None, reserve_bytes=1 << 62)
    assert store.free_bytes() == 0
    with pytest.raises(DockFullError) as caught:
        store.make_room(1)
    assert (caught.value.needed, caught.value.free) == (1, 0)
    store.make_room(0)
    store.close()


def test_a_store_is_known_by_its_identity(memory_path: Path) -> None:
    """Opened again it is the same; under another identity, or none, it is refused."""
    root = memory_path / "store"
    store, identity = Store.open(root, identity=None, reserve_bytes=0)
    store.close()
    store, again = Store.open(root, identity=identity, reserve_bytes=0)
    store.close()
    assert again == identity
    with pytest.raises(StoreDoubtError):
        Store.open(root, identity="0" * 32, reserve_bytes=0)
    (root / "id").unlink()
    with pytest.raises(StoreDoubtError):
        Store.open(root, identity=identity, reserve_bytes=0)


def test_sweeping_counts_what_was_half_made(store: Store) -> None:
    """Only `incoming` is swept."""
    admit(store, stage(store, b"kept"))
    stage(store, b"half")
    assert (store.recover(), store.recover()) == (1, 0)
    assert store.path_of(CLIPS, hashlib.sha256(b"kept").hexdigest()).exists()


def test_a_temp_file_that_will_not_go_is_left(store: Store) -> None:
    """Dropping it is a courtesy, which a disk may refuse; the others go, and a start sweeps."""
    good, stuck = stage(store, b"good"), stage(store, b"stuck")
    stuck.temp.unlink()
    stuck.temp.mkdir()
    store.drop([stuck, good])
    assert list((store.root / "incoming").iterdir()) == [stuck.temp]
    stuck.temp.rmdir()
