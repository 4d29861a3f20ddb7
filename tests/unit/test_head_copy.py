"""The head on another medium: it speaks when no witness does, and never for a disk that forgot."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.evidence import alarms
from dock_daemon.evidence.head_copy import HeadCopy
from dock_daemon.evidence.state import State, open_state
from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.keys import SignerKey
from tests.docks import ORIGIN, DockIn
from tests.require import need
from tests.witnessed import Core, Witness, grow, key_of, running


@pytest.fixture
def stick(dock: DockIn) -> Iterator[Path]:
    """Return a folder on another file system than the dock's."""
    with tempfile.TemporaryDirectory(prefix="sealdock-test-") as folder:
        elsewhere = Path(folder).stat().st_dev != dock.folder.stat().st_dev
        need(elsewhere, "two file systems to write to")
        yield Path(folder)


def opened(dock: DockIn, stick: Path, *witnesses: Witness) -> State:
    """Open the state as a command without a daemon does: there is no time to wait for a word."""
    parts = [on(stick), *(witness.settings() for witness in witnesses)]
    return open_state(dock.settings("\n".join(parts)), dock.clock, can_ask=False)


def on(stick: Path) -> str:
    """Return the settings that copy heads to a folder."""
    return f'[log]\nhead_copy = "{stick}"\n'


def copied(stick: Path) -> int:
    """Return the size of the head that was copied."""
    (path,) = stick.glob("*.checkpoint")
    return checkpoint.parse(note.parse(path.read_bytes())[0]).size


def why(state: State) -> tuple[str, str]:
    """Return how signing stands, once it was tried."""
    grow(Core(state))
    told = Core(state).signing
    return told["state"], told["why"]


def test_every_published_head_is_copied(dock: DockIn, stick: Path) -> None:
    """Before it is shown, and again after each."""
    with running(dock, settings=on(stick)) as core:
        for _ in range(3):
            grow(core)
            assert copied(stick) == core.signing["published"]


def test_a_copy_that_agrees_lets_sign_where_no_witness_answers(dock: DockIn, stick: Path) -> None:
    """A dock without a network goes on by itself."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
    for _ in range(2):
        with opened(dock, stick, witness) as state:
            assert why(state) == ("granted", "head-copy")
            assert copied(stick) == Core(state).signing["entries"]
    dock.assert_holds()


def test_a_restored_disk_is_stopped_by_the_copy(dock: DockIn, stick: Path, tmp_path: Path) -> None:
    """With and without witnesses: the copy remembers more."""
    with running(dock, settings=on(stick)) as core:
        grow(core)
    shutil.copytree(dock.root, tmp_path / "backup")
    with running(dock, settings=on(stick)) as core:
        grow(core)
    for witnesses in ((), (Witness(),)):
        shutil.rmtree(dock.root)
        shutil.copytree(tmp_path / "backup", dock.root)
        newest = copied(stick)
        with opened(dock, stick, *witnesses) as state:
            assert why(state) == ("stopped", "ahead")
        (alarm,) = alarms.load(dock.root)
        assert alarm.witness == "head-copy"
        assert alarm.theirs.size == newest == copied(stick)


def test_a_copy_that_is_older_or_not_there_grants_nothing(
    dock: DockIn, stick: Path, tmp_path: Path
) -> None:
    """An old stick, an empty one, and one that was not put in: held, and caught up later."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
    (path,) = stick.glob("*.checkpoint")
    old = path.read_bytes()
    with opened(dock, stick, witness) as state:
        grow(Core(state))
    path.write_bytes(old)
    with opened(dock, stick, witness) as state:
        assert why(state) == ("held", "unanswered")
        assert path.read_bytes() == old
        assert Core(state).vouched(witness) == "granted"
        grow(Core(state))
        assert copied(stick) == Core(state).signing["entries"]
    path.unlink()
    with opened(dock, stick, witness) as state:
        assert why(state) == ("held", "unanswered")
    with opened(dock, tmp_path / "not there", witness) as state:
        assert why(state) == ("held", "unanswered")
    dock.verify()


def test_a_copy_on_the_same_disk_proves_nothing(dock: DockIn) -> None:
    """It is restored along with the state."""
    witness = Witness()
    here = dock.folder / "copies"
    here.mkdir()
    with running(dock, witness, settings=on(here)) as core:
        grow(core)
    with opened(dock, here, witness) as state:
        assert why(state) == ("held", "unanswered")


def test_a_crash_between_signature_and_copy(dock: DockIn, stick: Path) -> None:
    """Of the one head that nobody was shown the copy need not know."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
        (path,) = stick.glob("*.checkpoint")
        before = [path.read_bytes(), (dock.root / "log" / "checkpoint").read_bytes()]
        grow(core)
    path.write_bytes(before[0])
    (dock.root / "log" / "checkpoint").write_bytes(before[1])
    with opened(dock, stick, witness) as state:
        assert why(state) == ("granted", "head-copy")
    dock.assert_holds()


def test_a_medium_that_is_gone_holds_up_nothing(dock: DockIn, stick: Path) -> None:
    """Publishing goes on, and the copy is made once it is back."""
    with running(dock, settings=on(stick / "mounted")) as core:
        grow(core)
        assert core.signing["waiting"] == 0
        (stick / "mounted").mkdir()
        grow(core)
        assert copied(stick / "mounted") == core.signing["published"]


def test_a_medium_that_comes_in_late_is_read_before_it_is_written(
    dock: DockIn, stick: Path, tmp_path: Path
) -> None:
    """Mounted after a restored disk was started, it still stops it, and keeps what it remembers."""
    with running(dock, settings=on(stick)) as core:
        grow(core)
    shutil.copytree(dock.root, tmp_path / "backup")
    with running(dock, settings=on(stick)) as core:
        grow(core)
        grow(core)
    newest = copied(stick)
    shutil.rmtree(dock.root)
    shutil.copytree(tmp_path / "backup", dock.root)
    (path,) = stick.glob("*.checkpoint")
    path.rename(stick / "taken out")
    with opened(dock, stick) as state:
        (stick / "taken out").rename(path)
        assert why(state) == ("stopped", "ahead")
        assert copied(stick) == newest
    (alarm,) = alarms.load(dock.root)
    assert (alarm.witness, alarm.theirs.size) == ("head-copy", newest)


def test_an_older_head_of_ours_that_comes_in_late_is_caught_up(dock: DockIn, stick: Path) -> None:
    """A stick that was out for a while is no alarm."""
    with running(dock, settings=on(stick)) as core:
        grow(core)
        (path,) = stick.glob("*.checkpoint")
        path.rename(stick / "taken out")
        grow(core)
        (stick / "taken out").replace(path)
        grow(core)
        assert core.signing["state"] == "free"
        assert copied(stick) == core.signing["published"]


def test_a_dismissal_does_not_pass_over_the_copy(dock: DockIn, stick: Path, tmp_path: Path) -> None:
    """Where a medium came in that remembers more, the witnesses are not even asked anew."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
    shutil.copytree(dock.root, tmp_path / "backup")
    with running(dock, witness, settings=on(stick)) as core:
        core.vouched(witness)
        grow(core)
        grow(core)
    shutil.rmtree(dock.root)
    shutil.copytree(tmp_path / "backup", dock.root)
    (path,) = stick.glob("*.checkpoint")
    path.rename(stick / "taken out")
    with opened(dock, stick, witness) as state:
        core = Core(state)
        core.tell("witness", name="central", answer="size", size=99)
        (stick / "taken out").rename(path)
        claims = state.signing.claims()
        state.sealer.ask(lambda ledger: state.signing.dismiss(ledger, claims, "looked into"))
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "ahead")


def test_a_strangers_note_there_is_left_alone(dock: DockIn, stick: Path) -> None:
    """What is no head of ours proves nothing either way, and is not written over."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
    (path,) = stick.glob("*.checkpoint")
    path.write_bytes(b"no note")
    with opened(dock, stick, witness) as state:
        assert why(state) == ("held", "unanswered")
        assert Core(state).vouched(witness) == "granted"
        grow(Core(state))
    assert path.read_bytes() == b"no note"


def longer_by(dock: DockIn, key: SignerKey, size: int = 99) -> bytes:
    """Return a head under the dock's name that is longer than its log."""
    return note.sign(Checkpoint(key_of(dock).name, size, b"r" * 32).encode(), [key])


def test_a_longer_head_by_a_key_that_this_disk_does_not_know_holds(
    dock: DockIn, stick: Path
) -> None:
    """A disk from before a key change signs nothing until a witness agrees, or the copy goes."""
    witness = Witness()
    with running(dock, witness, settings=on(stick)) as core:
        grow(core)
    (path,) = stick.glob("*.checkpoint")
    later = SignerKey.generate(key_of(dock).name, b"n" * 32)
    path.write_bytes(longer_by(dock, later))
    with opened(dock, stick) as state:
        published = Core(state).signing["published"]
        assert why(state) == ("held", "copy-unknown-key")
        assert Core(state).signing["published"] == published
    with opened(dock, stick, witness) as state:
        assert why(state) == ("held", "copy-unknown-key")
        assert Core(state).vouched(witness) == "granted"
    assert path.read_bytes() == longer_by(dock, later)
    path.unlink()
    with opened(dock, stick) as state:
        assert why(state)[0] == "free", "it was somebody else's, and was taken away"


def test_a_longer_head_by_an_unknown_key_that_comes_in_late_holds(
    dock: DockIn, stick: Path
) -> None:
    """Also while the dock runs, and a witness has to agree again."""
    witness = Witness()
    later = SignerKey.generate(ORIGIN, b"n" * 32)
    for witnesses in ((), (witness,)):
        with running(dock, *witnesses, settings=on(stick)) as core:
            if core.signing["state"] == "asking":
                assert core.vouched(witness) == "granted"
            grow(core)
            (path,) = stick.glob("*.checkpoint")
            path.write_bytes(longer_by(dock, later))
            grow(core)
            assert (core.signing["state"], core.signing["why"]) == ("held", "copy-unknown-key")
            assert core.signing["waiting"] >= 1
            path.unlink()
    assert dock.verify().problems == ()


@pytest.mark.parametrize("size", [1, 2])
def test_a_strange_head_that_is_no_longer_than_ours_holds_nothing(
    dock: DockIn, stick: Path, size: int
) -> None:
    """It remembers nothing that this disk could have forgotten."""
    with running(dock, settings=on(stick)) as core:
        grow(core)
    (path,) = stick.glob("*.checkpoint")
    stranger = SignerKey.generate(ORIGIN, b"n" * 32)
    path.write_bytes(longer_by(dock, stranger, size))
    with opened(dock, stick) as state:
        assert why(state)[0] == "free"


def test_a_start_without_witness_and_without_the_copy_is_told(
    dock: DockIn, stick: Path, tmp_path: Path
) -> None:
    """It signs, for somebody must begin; that nobody could agree is said until the next start."""
    with running(dock, settings=on(stick)) as core:
        assert core.signing["why"] == "no-witness"
        grow(core)
    for folder in (tmp_path / "not there", tmp_path):
        with opened(dock, folder) as state:
            assert why(state) == ("free", "copy-absent")
    with opened(dock, stick) as state:
        assert why(state) == ("free", "no-witness")


def test_a_medium_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    """A read that never comes back holds up neither the sealer nor later heads."""
    state, folder = tmp_path / "state", tmp_path / "hung"
    for made in (state, folder):
        made.mkdir()
    copy = HeadCopy(folder, state, ORIGIN, patience_s=0.05)
    copy.put(b"first")
    copy.path.unlink()
    os.mkfifo(copy.path)  # whoever opens it to read waits for a writer
    assert copy.news() is None
    copy.put(b"second")
    with pytest.raises(TimeoutError):
        copy.read()
    with pytest.raises(TimeoutError):
        assert copy.elsewhere
    assert stat.S_ISFIFO(copy.path.stat().st_mode)


def test_what_waited_for_a_medium_gives_way_to_what_is_newer(tmp_path: Path) -> None:
    """Once it answers again it gets the newest head, and none that was meant for it before."""
    state, folder = tmp_path / "state", tmp_path / "hung"
    for made in (state, folder):
        made.mkdir()
    copy = HeadCopy(folder, state, ORIGIN, patience_s=0.05)
    os.mkfifo(copy.path)
    assert copy.news() is None
    for head in (b"first", b"second"):
        copy.put(head)
    pipe = os.open(copy.path, os.O_WRONLY)  # it answers: the read that hung ends
    copy.path.unlink()
    os.close(pipe)
    patient = HeadCopy(folder, state, ORIGIN)
    assert patient.read() is None
    while not copy.path.exists():
        copy.put(b"third")
    assert patient.read() == b"third"


def test_another_medium_is_not_written_over_unread(tmp_path: Path) -> None:
    """One that came in since the last look is read first, and told."""
    state, folder = tmp_path / "state", tmp_path / "there"
    for made in (state, folder):
        made.mkdir()
    copy = HeadCopy(folder, state, ORIGIN)
    copy.put(b"first")
    copy.path.write_bytes(b"another dock's life")
    copy.put(b"second")
    assert copy.news() == b"another dock's life"
