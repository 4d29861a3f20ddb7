"""A cosigner's key, its mark and its row: what may sign, and what must not any more."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.centre import Centre
from central.cosigning.cosigner import Cosigner, load, retire
from central.cosigning.mark import Mark, Marked
from central.cosigning.outcomes import Accepted
from central.errors import AmnesiaError, CosignerKeyError
from hashing import note
from hashing.mldsa import available
from tests.require import need
from tests.submitting import SENDER, Submitter, enrol, open_centre

LOG = Submitter.of(9)


def used(folder: Path, signatures: int = 3) -> Path:
    """Let a centre in `folder` cosign so many heads; return its state directory."""
    centre = open_centre(folder)
    enrol(centre, LOG)
    assert centre.witness is not None
    for size in range(1, signatures + 1):
        outcome = centre.witness.add_checkpoint(LOG.body(size - 1, size), SENDER)
        assert isinstance(outcome, Accepted)
    centre.close()
    return folder / "state"


def signed(folder: Path) -> int:
    """Return what the witness's mark says."""
    return Mark(folder / "state" / "keys" / "witness.mark").read().signed


def test_a_key_is_made_once_and_kept_from_others(memory_path: Path) -> None:
    """Two keys of two names, readable by nobody else; a second start finds the same."""
    used(memory_path)
    keys = memory_path / "state" / "keys"
    held = {path.name: path.read_bytes() for path in keys.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in keys.glob("*.key")} == {0o600}
    assert keys.stat().st_mode & 0o777 == 0o700
    names = {load(keys / f"{role}.key")[0].name for role in ("witness", "mirror")}
    assert names == {"central.example/c1/witness", "central.example/c1/mirror"}
    open_centre(memory_path).close()
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == held


def test_every_signature_that_leaves_is_marked(memory_path: Path) -> None:
    """The mark counts each cosignature that was answered."""
    used(memory_path, 4)
    assert signed(memory_path) == 4


def test_a_lost_database_stops_the_key(memory_path: Path) -> None:
    """With its database gone a key that has signed must not sign again."""
    state = used(memory_path)
    (state / "central.db").unlink()
    with pytest.raises(AmnesiaError) as caught:
        open_centre(memory_path)
    assert (caught.value.role, caught.value.signed, caught.value.known) == ("witness", 3, None)


def test_an_older_copy_of_the_database_stops_the_key(memory_path: Path) -> None:
    """A database that was restored from before the last signature has forgotten it."""
    state = used(memory_path, 2)
    shutil.copy(state / "central.db", memory_path / "old.db")
    centre = open_centre(memory_path)
    assert centre.witness is not None
    assert isinstance(centre.witness.add_checkpoint(LOG.body(2, 3), SENDER), Accepted)
    centre.close()
    shutil.copy(memory_path / "old.db", state / "central.db")
    with pytest.raises(AmnesiaError) as caught:
        open_centre(memory_path)
    assert (caught.value.signed, caught.value.known) == (3, 2)


def test_a_key_that_never_signed_may_meet_a_new_database(memory_path: Path) -> None:
    """Where nothing was signed yet, nothing was forgotten."""
    open_centre(memory_path).close()
    before = Mark(memory_path / "state" / "keys" / "witness.mark").read()
    (memory_path / "state" / "central.db").unlink()
    open_centre(memory_path).close()
    after = Mark(memory_path / "state" / "keys" / "witness.mark").read()
    assert (before.signed, after.signed) == (0, 0)


def test_a_crash_between_commit_and_mark_is_gone_on_from(memory_path: Path) -> None:
    """A database that is ahead of the mark is no older one: the mark follows."""
    state = used(memory_path, 3)
    mark = Mark(state / "keys" / "witness.mark")
    found = mark.read()
    mark.path.write_bytes(Marked(found.generation, 2).encode())
    open_centre(memory_path).close()
    assert signed(memory_path) == 3


def test_a_retired_key_is_destroyed_and_the_next_one_is_another(memory_path: Path) -> None:
    """After the remedy the centre starts, with a new key, and the old seed is nowhere."""
    state = used(memory_path)
    seed = (state / "keys" / "witness.key").read_text().strip().split("+", 4)[4]
    (state / "central.db").unlink()
    (old,) = retire(state / "keys", "witness")
    kept = state / "keys" / "retired" / f"witness-{old.key_id:08x}.vkey"
    assert kept.read_text() == f"{old}\n"
    centre = open_centre(memory_path)
    assert centre.witness is not None
    assert centre.witness.cosigner.keys != (old,)
    assert centre.witness.cosigner.name == old.name
    centre.close()
    for path in state.rglob("*"):
        assert not path.is_file() or seed.encode() not in path.read_bytes()


def test_a_retired_key_is_overwritten_before_it_goes(memory_path: Path) -> None:
    """Who still holds the key file open finds no seed in it."""
    state = used(memory_path)
    with (state / "keys" / "witness.key").open("rb") as held:
        seed = held.read()
        retire(state / "keys", "witness")
        held.seek(0)
        assert held.read() == bytes(len(seed))


def test_a_key_forgotten_while_running_signs_nothing(memory_path: Path) -> None:
    """A row that is taken away under a running centre lets no signature out."""
    used(memory_path)
    centre = open_centre(memory_path)
    assert centre.witness is not None
    with centre.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM cosigners")
    with pytest.raises(AmnesiaError):
        centre.witness.add_checkpoint(LOG.body(3, 5), SENDER)
    assert signed(memory_path) == 3
    centre.close()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.chmod(0o640), "others"),
        (lambda path: path.write_text("nonsense\n"), "signer key"),
        (lambda path: path.write_bytes(b"\xff\n"), "text"),
        (lambda path: path.write_text(""), "no key"),
    ],
)
def test_a_key_file_that_is_no_good_is_refused(
    memory_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    """A key that others can read, that is none, or is empty, is never replaced by itself."""
    state = used(memory_path)
    spoil(state / "keys" / "witness.key")
    with pytest.raises(CosignerKeyError, match=why):
        open_centre(memory_path)


def test_a_key_of_another_name_is_refused(memory_path: Path) -> None:
    """Whoever renames the centre is told that its key has the old name."""
    used(memory_path)
    with pytest.raises(CosignerKeyError, match=r"central\.example/c1/witness"):
        open_centre(memory_path, witness__name="central.example/w2")


def test_a_lost_mark_is_not_made_up(memory_path: Path) -> None:
    """A key without its mark could have signed anything: it is refused."""
    state = used(memory_path)
    (state / "keys" / "witness.mark").unlink()
    with pytest.raises(CosignerKeyError, match=r"witness\.mark"):
        open_centre(memory_path)


def test_a_second_algorithm_joins_later(memory_path: Path) -> None:
    """Switched on later, ML-DSA-44 signs in a line of its own beside the same Ed25519 key."""
    need(available(), "ML-DSA-44 (cryptography 48)")
    state = used(memory_path)
    before = load(state / "keys" / "witness.key")
    centre = open_centre(memory_path, witness__ml_dsa="true")
    assert centre.witness is not None
    outcome = centre.witness.add_checkpoint(LOG.body(3, 5), SENDER)
    assert isinstance(outcome, Accepted)
    keys = centre.witness.cosigner.keys
    assert keys[0] == before[0].verifier()
    lines = note.read_lines(outcome.lines)
    opened = note.open_note(note.with_lines(LOG.note(5), lines), keys)
    assert len(opened.signatures) == 2
    centre.close()
    open_centre(memory_path).close()


def test_witness_and_mirror_never_share_a_key(memory_path: Path) -> None:
    """An Ed25519 cosignature does not say by which role it was made: so the keys differ."""
    used(memory_path)
    keys = memory_path / "state" / "keys"
    seeds = {load(keys / f"{role}.key")[0].seed for role in ("witness", "mirror")}
    assert len(seeds) == 2


def test_two_centres_that_start_at_once_share_the_key(memory_path: Path) -> None:
    """Of two processes on one state directory the second finds the first one's key."""
    one, two = open_centre(memory_path), open_centre(memory_path)
    assert isinstance(one, Centre)
    assert one.witness is not None
    assert two.witness is not None
    assert one.witness.cosigner.keys == two.witness.cosigner.keys
    one.close()
    two.close()


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_a_mark_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Nothing but a mark is read as one, and nothing else is raised."""
    path = tmp_path_factory.getbasetemp() / "mark"
    path.write_bytes(data)
    with pytest.raises(CosignerKeyError):
        Mark(path).read()


@given(st.binary(min_size=16, max_size=16), st.integers(0, 10**20 - 1), st.integers(0, 69))
def test_a_mark_reads_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, generation: bytes, count: int, at: int
) -> None:
    """A mark comes back as it was; with any one byte changed it is none."""
    marked = Marked(generation.hex(), count)
    path = tmp_path_factory.getbasetemp() / "mark"
    path.write_bytes(marked.encode())
    assert Mark(path).read() == marked
    spoilt = bytearray(marked.encode())
    spoilt[at] ^= 1
    path.write_bytes(spoilt)
    with pytest.raises(CosignerKeyError):
        Mark(path).read()


def test_a_mark_never_goes_down(tmp_path: Path) -> None:
    """A late release of a lower count leaves the higher one."""
    mark = Mark(tmp_path / "mark")
    mark.make()
    for count in (5, 3, 4):
        mark.raise_to(partial(int, count), at_least=count)
    assert mark.read().signed == 5


def test_one_write_serves_all_who_wait(tmp_path: Path) -> None:
    """Whoever has the turn marks what others have committed meanwhile; they find it done."""
    mark = Mark(tmp_path / "mark")
    mark.make()
    mark.raise_to(lambda: 9, at_least=5)
    before = mark.path.stat().st_mtime_ns
    mark.raise_to(lambda: 99, at_least=7)
    assert mark.read().signed == 9
    assert mark.path.stat().st_mtime_ns == before


def test_there_is_nothing_to_retire_where_there_is_no_key(tmp_path: Path) -> None:
    """Retiring a key that was never made says so."""
    with pytest.raises(CosignerKeyError):
        retire(tmp_path, "witness")


def test_a_cosigner_is_opened_in_its_own_role(memory_path: Path) -> None:
    """The mirror's mark and the witness's count for themselves."""
    used(memory_path)
    centre = open_centre(memory_path)
    folder = memory_path / "state" / "keys"
    mirror = Cosigner.open(
        folder, "mirror", "central.example/c1/mirror", ml_dsa=False, database=centre.database
    )
    assert mirror.role == "mirror"
    assert Mark(folder / "mirror.mark").read().signed == 0
    centre.close()
