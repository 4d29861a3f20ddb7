"""Bit rot in the store: found within one pass, named, and mended only by what is right."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon.answering import Answering
from dock_daemon.control import OFFERS
from dock_daemon.errors import LedgerDoubtError, StoreDoubtError
from dock_daemon.evidence import scrub_book
from dock_daemon.evidence.damage import Damages
from dock_daemon.evidence.durable import Reread
from dock_daemon.evidence.scrub import Scrub
from dock_daemon.evidence.state import State
from dock_daemon.evidence.store import CLIPS, DOCUMENTS
from dock_daemon.sync.core import Core
from dock_daemon.sync.replica import recurring
from dock_daemon.sync.replica.directory import Directory
from dock_daemon.sync.replica.mending import mend
from dock_daemon.sync.replica.recurring import Job
from dock_daemon.sync.replica.source import Source
from hashing.entry import Entry
from tests.commanded import command
from tests.docks import DockIn
from tests.scrubbing import FILES, Unhurried, filled, name_of, one_pass, rot, scrubbed


@pytest.fixture
def used(dock: DockIn, tmp_path: Path) -> DockIn:
    """Return a dock that has sealed five clips."""
    filled(dock, tmp_path)
    return dock


def told(dock: DockIn) -> list[Entry]:
    """Return the entries that tell of content of the store."""
    found = dock.parsed("recovery")
    return [one for one in found if str(one.body["recovered"]).startswith("content-")]


def offer(dock: DockIn, name: str, content: bytes) -> None:
    """Lay a copy where the messenger does."""
    place = dock.root / OFFERS
    place.mkdir(parents=True, exist_ok=True)
    (place / name).unlink(missing_ok=True)
    (place / name).write_bytes(content)


def test_a_sound_store_is_read_without_a_word(used: DockIn) -> None:
    """One pass reads every clip and every document, and enters nothing."""
    before = len(used.entries())
    with scrubbed(used) as (state, scrub):
        one_pass(used, scrub)
        files = sum(1 for room in (CLIPS, DOCUMENTS) for _ in state.store.files(room))
        # The new clips and their documents are read once more.
        assert scrub.view.files_read == files + 2 * len(FILES)
        assert scrub.view.outlook is not None
        assert scrub.view.outlook.oldest_ms < 29 * 86_400_000
    assert [one.kind for one in used.parsed()[before:] if one.kind != "clock-step"] == []


@pytest.mark.parametrize("room", [CLIPS, DOCUMENTS])
def test_a_flipped_bit_is_found_and_named(used: DockIn, room: str) -> None:
    """Within one pass it is an entry that names the entries concerned, and the file set aside."""
    clip = used.parsed("clip")[2]
    name = str(clip.body["sha256" if room == CLIPS else "document"])
    with scrubbed(used) as (state, scrub):
        victim = state.store.path_of(room, name)
        rot(victim)
        rotten = victim.read_bytes()
        one_pass(used, scrub)
        (damage,) = state.sealer.ask(scrub_book.damages)
        assert (damage.room, damage.sha256, damage.how) == (room, name, "differs")
        assert not victim.exists()
        (aside,) = (used.root / "store" / "damaged").iterdir()
        assert (aside.name.partition(".")[0], aside.read_bytes()) == (name, rotten)
        one_pass(used, scrub)
    (entry,) = told(used)
    assert entry.body["recovered"] == "content-damaged"
    assert (entry.body["sha256"], entry.body["entries"]) == (name, [clip.seq])


def test_a_lost_clip_is_found_and_named(used: DockIn) -> None:
    """A file that is gone is missed by the walk over the entries, and told as lost."""
    name = name_of("DCIM/B.MP4")
    used.stored(name).unlink()
    with scrubbed(used) as (_state, scrub):
        one_pass(used, scrub)
    (entry,) = told(used)
    assert (entry.body["recovered"], entry.body["sha256"]) == ("content-lost", name)


@pytest.mark.parametrize("gone", [False, True])
def test_a_right_copy_heals(used: DockIn, *, gone: bool) -> None:
    """What hashes to its name takes its place again, and an entry says from where it came."""
    name = name_of("DCIM/C.MP4")
    if gone:
        used.stored(name).unlink()
    else:
        rot(used.stored(name))
    with scrubbed(used) as (state, scrub):
        one_pass(used, scrub)
        offer(used, name, FILES["DCIM/C.MP4"])
        assert scrub.offered(name) == "taken"
        scrub.turn()
        assert scrub.offered(name) == "replaced"
        assert state.sealer.ask(scrub_book.damages) == []
    damage, healed = told(used)
    assert (healed.body["recovered"], healed.body["how"]) == ("content-replaced", "replica")
    assert healed.body["damage"] == damage.seq
    assert used.stored(name).read_bytes() == FILES["DCIM/C.MP4"]
    used.assert_holds()


@pytest.mark.parametrize(
    "wrong",
    [b"", b"something else", FILES["DCIM/A.MP4"], FILES["DCIM/C.MP4"][:-1] + b"x"],
    ids=["empty", "short", "another clip", "one byte"],
)
def test_a_wrong_copy_heals_nothing(used: DockIn, wrong: bytes) -> None:
    """Whatever else is offered under the name is refused, and the clip stays lost."""
    name = name_of("DCIM/C.MP4")
    used.stored(name).unlink()
    with scrubbed(used) as (state, scrub):
        one_pass(used, scrub)
        offer(used, name, wrong)
        scrub.offered(name)
        scrub.turn()
        assert scrub.offered(name) == "differs"
        assert [one.sha256 for one in state.sealer.ask(scrub_book.damages)] == [name]
    assert not used.stored(name).exists()
    assert list((used.root / "store" / "incoming").iterdir()) == []


def test_the_rotten_copy_itself_heals_nothing(used: DockIn) -> None:
    """What was set aside is never taken back."""
    name = name_of("DCIM/C.MP4")
    rot(used.stored(name))
    rotten = used.stored(name).read_bytes()
    with scrubbed(used) as (_state, scrub):
        one_pass(used, scrub)
        offer(used, name, rotten)
        scrub.offered(name)
        scrub.turn()
        assert scrub.offered(name) == "differs"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_what_is_no_file_heals_nothing(used: DockIn, kind: str) -> None:
    """An offer that is a link, a pipe or a folder is never followed and never waited for."""
    name = name_of("DCIM/C.MP4")
    used.stored(name).rename(used.folder / "moved")
    place = used.root / OFFERS
    place.mkdir(parents=True)
    if kind == "link":
        (place / name).symlink_to(used.folder / "moved")
    elif kind == "pipe":
        os.mkfifo(place / name)
    elif kind == "folder":
        (place / name).mkdir()
    with scrubbed(used) as (_state, scrub):
        one_pass(used, scrub)
        scrub.offered(name)
        scrub.turn()
        assert scrub.offered(name) == ("not-there" if kind == "nothing" else "differs")


def test_an_offer_for_sound_content_is_refused(used: DockIn) -> None:
    """Nobody replaces what is not damaged, with whatever copy."""
    name = name_of("DCIM/C.MP4")
    with scrubbed(used) as (_state, scrub):
        offer(used, name, FILES["DCIM/C.MP4"])
        scrub.offered(name)
        inode = used.stored(name).stat().st_ino
        scrub.turn()
        assert scrub.offered(name) == "not-damaged"
        assert used.stored(name).stat().st_ino == inode


def test_the_recorder_heals_at_its_next_docking(used: DockIn, tmp_path: Path) -> None:
    """What comes over again from the card closes the damage."""
    name = name_of("DCIM/D.MP4")
    rot(used.stored(name))
    with scrubbed(used) as (_state, scrub):
        one_pass(used, scrub)
    again = used.take_over(tmp_path / "card")
    assert again.findings == [("store-missing", "DCIM/D.MP4")]
    with scrubbed(used) as (state, scrub):
        scrub.turn()
        assert state.sealer.ask(scrub_book.damages) == []
    assert [one.body["recovered"] for one in told(used)] == ["content-damaged", "content-replaced"]
    used.assert_holds()


def test_it_goes_on_where_it_was(used: DockIn) -> None:
    """A dock that is restarted amid a pass does not begin it anew."""
    read = 0
    with scrubbed(used) as (_state, scrub):
        scrub.turn()
    used.clock.utc_ms += 29 * 86_400_000
    for _ in range(3):
        with scrubbed(used) as (_state, scrub):
            for _ in range(200):
                scrub.turn()
            read += scrub.view.files_read
    with scrubbed(used) as (state, scrub):
        assert scrub.turn() > 0
        files = sum(1 for room in (CLIPS, DOCUMENTS) for _ in state.store.files(room))
    assert read == files + 2 * len(FILES)


def test_new_clips_are_read_after_hours_or_after_a_start(used: DockIn) -> None:
    """Until then they wait; the second reading is their last but for the pass."""
    with scrubbed(used) as (_state, scrub):
        assert scrub.turn() > 0
        assert (scrub.view.files_read, scrub.view.new_waiting) == (0, len(FILES))
        used.clock.utc_ms += 4 * 3_600_000
        while scrub.turn() == 0:
            pass
        assert scrub.view.new_waiting == 0
        assert scrub.view.files_read >= 2 * len(FILES)


def test_a_failing_disk_is_not_emptied(used: DockIn) -> None:
    """After so many damaged files nothing more is set aside, until a person says to go on."""
    for path in FILES:
        rot(used.stored(name_of(path)))
    with scrubbed(used, "[scrub]\nstop_after = 2\n") as (state, scrub):
        one_pass(used, scrub)
        assert scrub.view.doing == "blocked"
        assert len(state.sealer.ask(scrub_book.damages)) == 2
        scrub.pause(0)
        one_pass(used, scrub)
        assert len(state.sealer.ask(scrub_book.damages)) == 4
    assert len(list((used.root / "store" / "damaged").iterdir())) == 4


def mending_core(scrub: Scrub, state: State) -> Core:
    """Return the core as the messenger knows it, without a socket between."""
    answering = Answering(state, None, scrub)
    return Core(state.root, lambda _root, request: answering.answer(request))


@pytest.mark.parametrize("room", [CLIPS, DOCUMENTS])
def test_the_copy_heals(used: DockIn, tmp_path: Path, room: str) -> None:
    """What rotted here is fetched from a copy in a directory, offered, and replaced."""
    place = tmp_path / "copy"
    place.mkdir()
    recurring.run(Job(state=used.root, target=str(place)), threading.Event())
    name = str(used.parsed("clip")[1].body["sha256" if room == CLIPS else "document"])
    with scrubbed(used) as (state, scrub):
        rot(state.store.path_of(room, name))
        one_pass(used, scrub)
        target = Directory(place, Source(used.root))
        core = mending_core(scrub, state)
        done = mend(used.root, target, core, stop=threading.Event(), pause=scrub.turn)
        assert [(one.room, one.sha256, one.came) for one in done] == [(room, name, "replaced")]
        assert mend(used.root, target, core, stop=threading.Event(), pause=scrub.turn) == []
    assert list((used.root / OFFERS).iterdir()) == []
    used.assert_holds()


def test_a_copy_that_rotted_too_heals_nothing(used: DockIn, tmp_path: Path) -> None:
    """It is named as damaged, and what is lost stays told as lost; one without it says so."""
    place = tmp_path / "copy"
    place.mkdir()
    recurring.run(Job(state=used.root, target=str(place)), threading.Event())
    rotten, gone = name_of("DCIM/A.MP4"), name_of("DCIM/B.MP4")
    for name in (rotten, gone):
        rot(used.stored(name))
    rot(place / "store" / "clips" / rotten[:2] / rotten)
    (place / "store" / "clips" / gone[:2] / gone).unlink()
    with scrubbed(used) as (state, scrub):
        one_pass(used, scrub)
        core, target = mending_core(scrub, state), Directory(place, Source(used.root))
        done = mend(used.root, target, core, stop=threading.Event(), pause=scrub.turn)
        assert {one.sha256: one.came for one in done} == {rotten: "differs", gone: "not-there"}
        assert len(state.sealer.ask(scrub_book.damages)) == 2


def test_the_loss_is_named_and_has_an_exit_code(used: DockIn) -> None:
    """Where the only copy is lost, `status` and `scrub status` say which, and end with 6."""
    name = name_of("DCIM/C.MP4")
    rot(used.stored(name))
    assert command(used, "scrub", "status").code == ExitCode.OK
    with scrubbed(used) as (_state, scrub):
        one_pass(used, scrub)
    for words in (("status",), ("scrub", "status")):
        ended = command(used, *words)
        assert ended.code == ExitCode.VERIFICATION_FAILED
        assert name in ended.out
    told = command(used, "scrub", "status", "--json").json
    assert [one["sha256"] for one in told["store"]["damaged"]] == [name]


def test_a_rotten_entry_puts_the_ledger_in_doubt(used: DockIn) -> None:
    """A published tile that says otherwise than the entries stops the dock, each time anew."""
    tile = next((used.root / "log" / "tile" / "entries").rglob("*.p/*"))
    with pytest.raises(LedgerDoubtError), scrubbed(used) as (state, scrub):  # noqa: PT012  leaving it raises too
        rot(tile)
        with pytest.raises(LedgerDoubtError):
            one_pass(used, scrub)
        assert isinstance(state.sealer.doubt.result(0), LedgerDoubtError)


def test_a_hash_that_errs_condemns_nothing(used: DockIn) -> None:
    """Where SHA-256 itself gives wrong answers the dock stops, and no file is touched."""
    name = name_of("DCIM/C.MP4")
    rot(used.stored(name))
    with pytest.raises(StoreDoubtError), used.open() as state:  # noqa: PT012  leaving it raises too
        damages = Damages(
            state.store, state.sealer, each=lambda _count: None, sha256=lambda _data: "0" * 64
        )
        with pytest.raises(StoreDoubtError):
            damages.look(CLIPS, name)
        assert used.stored(name).exists()


def test_what_reads_right_the_second_time_is_no_damage(used: DockIn) -> None:
    """A wrong first reading is counted, and the file stays where it is."""
    name = name_of("DCIM/C.MP4")
    answers = iter(["0" * 64, name])

    def wavering(path: Path, *, each: Callable[[int], None]) -> tuple[str, int, Reread]:
        each(path.stat().st_size)
        return next(answers), path.stat().st_size, Reread.DIRECT

    with used.open() as state:
        damages = Damages(state.store, state.sealer, each=lambda _count: None, reread=wavering)
        assert damages.look(CLIPS, name) == "whole"
        assert damages.wavering == 1


def test_nothing_is_read_while_a_recorder_is_taken_over(used: DockIn) -> None:
    """It waits at the next piece, and goes on when the bay is done."""
    answers = iter([False, True, True, True])
    waits: list[float] = []
    with scrubbed(used, busy=lambda: next(answers, False)) as (_state, scrub):
        scrub.turn()
        used.clock.utc_ms += 29 * 86_400_000
        throttle = scrub._throttle  # noqa: SLF001  what it waited is all there is to see
        assert isinstance(throttle, Unhurried)
        throttle.waits = waits
        scrub.turn()
    assert waits.count(0.25) == 3


def test_a_pause_is_kept_over_a_restart_and_ends_by_itself(used: DockIn) -> None:
    """Until then nothing is read; later it goes on, without anybody."""
    with scrubbed(used) as (_state, scrub):
        scrub.turn()
        scrub.pause(used.clock.utc_ms + 30 * 86_400_000)
    used.clock.utc_ms += 29 * 86_400_000
    with scrubbed(used) as (_state, scrub):
        assert scrub.turn() == 86_400_000
        assert (scrub.view.doing, scrub.view.files_read) == ("paused", 0)
        used.clock.utc_ms += 2 * 86_400_000
        assert scrub.turn() == 0
        assert scrub.view.files_read > 0


def test_all_is_read_when_a_person_asks(used: DockIn) -> None:
    """Whatever is due: every unit is read once more, and how far it is can be seen."""
    with scrubbed(used) as (state, scrub):
        assert scrub.turn() > 0
        used.clock.utc_ms += 1000
        scrub.ask_all()
        while scrub.turn() == 0:
            pass
        asked = scrub.view.asked
        assert asked is not None
        assert asked.done == asked.of
        assert scrub.view.files_read >= sum(1 for _ in state.store.files(DOCUMENTS)) + len(FILES)
