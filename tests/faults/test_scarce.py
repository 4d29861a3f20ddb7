"""Too little of something: memory, descriptors, room on the disk, inodes; and a clock that jumps.

What was acknowledged is there, what was not done is said, and with enough of it all comes over.
"""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon.docking.events import ClipSealed, Event
from dock_daemon.errors import StateError, StoreDoubtError
from hashing.entry import At
from tests.cards import make_exfat_card
from tests.docks import HOUR_MS, NOW_MS, DockIn, StandingClock, Told, some_bytes
from tests.faults.injected.campaign import ENVIRONMENT
from tests.faults.injected.forker import Forker, Ran
from tests.faults.injected.library import build
from tests.require import need

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 90_000) for name in ("A", "B", "C", "D")}
SETTINGS = "[ingest]\ngroup_clips = 2\n[storage]\nreserve_bytes = 0\n"
YEAR_MS = 365 * 24 * HOUR_MS
_LIBC = ctypes.CDLL(None, use_errno=True)
_MIB = 1 << 20


class Wall(StandingClock):
    """A clock on the wall, which is set while the machine runs on as it does."""

    def __init__(self, utc_ms: int = NOW_MS) -> None:
        super().__init__(utc_ms)
        self.ran_ms = 100 * HOUR_MS

    def at(self) -> At:
        """Return what it shows, and how long the machine has run."""
        return replace(super().at(), boot_ms=self.ran_ms)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a card with four clips."""
    return make_exfat_card(tmp_path / "card", FILES, 4 << 20)


@contextmanager
def tmpfs(at: Path, options: str) -> Iterator[None]:
    """Mount a disk in memory while the block runs; skip the test where nobody may."""
    at.mkdir(exist_ok=True)
    done = _LIBC.mount(b"tmpfs", os.fsencode(at), b"tmpfs", 0, options.encode("ascii"))
    need(done == 0, "permission to mount")
    try:
        yield
    finally:
        _LIBC.umount2(os.fsencode(at), 2)


def assert_true(dock: DockIn, ran: Ran) -> None:
    """Assert that what was acknowledged is there, and that the end was put in words."""
    assert ran.code in {ExitCode.OK, ExitCode.FAILED, ExitCode.PARTIAL}, ran.errors
    assert "Traceback" not in ran.errors, ran.errors
    for clip in ran.sealed():
        assert dock.stored(clip["sha256"]).read_bytes() == FILES[clip["path"]]


def assert_all_comes_over(dock: DockIn, card: Path) -> None:
    """Assert that with enough of everything nothing is left behind, and nothing is there twice."""
    told = dock.take_over(card, settings=SETTINGS)
    assert told.end.result == "complete"
    sealed = [str(one.body["sha256"]) for one in dock.parsed("clip")]
    assert len(sealed) == len(set(sealed)) == len(FILES)
    dock.assert_holds()


@pytest.mark.parametrize(
    ("limit", "amounts"),
    [("NOFILE", range(12, 60, 9)), ("AS", range(200 * _MIB, 500 * _MIB, 60 * _MIB))],
)
def test_too_few_descriptors_or_too_little_memory(
    memory_path: Path, card: Path, limit: str, amounts: range
) -> None:
    """Wherever it runs short, what was said is true and the next docking is whole."""
    ends = set()
    with Forker(build(memory_path), ENVIRONMENT) as forker:
        for amount in amounts:
            folder = memory_path / f"{amount}"
            folder.mkdir()
            dock = DockIn(folder)
            dock.settings(SETTINGS)
            ran = forker.run(
                "pull", str(card), "--state", str(dock.root), "--config", str(dock.config),
                "--json", limits={limit: amount},
            )  # fmt: skip
            ends.add(ran.code)
            for clip in ran.sealed():
                assert dock.stored(clip["sha256"]).read_bytes() == FILES[clip["path"]]
            assert ran.code >= 0, "it ends by itself"
            assert_all_comes_over(dock, card)
            shutil.rmtree(folder)
    assert 0 in ends, "with the most of it all goes well"


@pytest.mark.parametrize("what", ["room", "inodes"])
def test_a_disk_that_fills_at_any_step(tmp_path: Path, card: Path, what: str) -> None:
    """From too little to start with up to just enough: said, and finished once there is more."""
    ends = set()
    steps = range(400, 3400, 570) if what == "room" else range(100, 700, 110)
    with Forker(build(tmp_path), ENVIRONMENT) as forker:
        for step in steps:
            folder = tmp_path / f"{step}"
            options = f"size={step}k" if what == "room" else f"size=16m,nr_inodes={step}"
            with tmpfs(folder, options):
                dock = DockIn(folder)
                dock.settings(SETTINGS)
                ran = forker.run(
                    "pull", str(card), "--state", str(dock.root), "--config", str(dock.config),
                    "--json",
                )  # fmt: skip
                ends.add(ran.code)
                assert_true(dock, ran)
                more = b"size=32m,nr_inodes=100000"
                assert _LIBC.mount(b"none", os.fsencode(folder), b"", 32, more) == 0
                assert_all_comes_over(dock, card)
    assert {ExitCode.FAILED, ExitCode.OK} <= ends


def test_a_store_whose_disk_is_not_mounted_is_refused(dock: DockIn, card: Path) -> None:
    """An empty mount point looks like an empty store: nothing is started on it, or made there."""
    dock.take_over(card, settings=SETTINGS)
    store = dock.root / "store"
    elsewhere = dock.folder / "elsewhere"
    store.rename(elsewhere)
    store.mkdir()
    with pytest.raises((StoreDoubtError, StateError)):
        dock.open(SETTINGS)
    assert not any(path.is_file() for path in store.rglob("*"))
    shutil.rmtree(store)
    elsewhere.rename(store)
    assert dock.take_over(card, settings=SETTINGS).end.known == len(FILES)
    dock.assert_holds()


def test_rot_in_a_stored_clip_is_found_and_the_card_brings_it_back(
    dock: DockIn, card: Path
) -> None:
    """A flipped bit is named by the verifier; the card's copy is sealed, the bad one set aside."""
    told = dock.take_over(card, settings=SETTINGS)
    victim = dock.stored(told.sealed["DCIM/B.MP4"].sha256)
    victim.chmod(0o640)
    with victim.open("r+b") as handle:
        byte = handle.read(1)
        handle.seek(0)
        handle.write(bytes([byte[0] ^ 1]))
    assert dock.verify().problems != ()
    again = dock.take_over(card, settings=SETTINGS)
    assert ("store-damaged", "DCIM/B.MP4") in again.findings
    assert victim.read_bytes() == FILES["DCIM/B.MP4"]
    assert len(list((dock.root / "store" / "damaged").iterdir())) == 1
    assert dock.verify().problems == ()


@pytest.mark.parametrize("years", [-56, 10])
def test_a_clock_that_is_years_off(dock: DockIn, card: Path, years: int) -> None:
    """The order is the chain's: nothing is lost, and that the clock was put right is an entry."""
    clock = dock.clock = Wall(NOW_MS + years * YEAR_MS)
    clock.sync = "unsynchronized"
    told = dock.take_over(card, settings=SETTINGS)
    assert (told.end.result, told.end.sealed) == ("complete", len(FILES))
    for clip in dock.parsed("clip"):
        deadline = clip.body["deadline"]
        assert isinstance(deadline, dict)
        assert deadline["sure"] is False
    clock.utc_ms, clock.sync, clock.ran_ms = NOW_MS, "synchronized", clock.ran_ms + HOUR_MS
    again = dock.take_over(card, settings=SETTINGS)
    assert (again.end.result, again.end.known) == ("complete", len(FILES))
    assert [one.seq for one in dock.parsed()] == list(range(len(dock.parsed())))
    (step,) = dock.parsed("clock-step")
    assert isinstance(step.body["by_ms"], int)
    assert (step.body["by_ms"] < 0) == (years > 0)
    dock.assert_holds()


@pytest.mark.parametrize("step_ms", [-YEAR_MS, 3 * YEAR_MS])
def test_a_clock_that_is_set_in_the_middle(dock: DockIn, card: Path, step_ms: int) -> None:
    """The docking goes on; where the clock was set stands in the log."""
    told = stepped(dock, card, step_ms)
    assert (told.end.result, told.end.sealed) == ("complete", len(FILES))
    steps = [one.body["by_ms"] for one in dock.parsed("clock-step")]
    assert len(steps) == 1
    assert isinstance(steps[0], int)
    assert (steps[0] < 0) == (step_ms < 0)
    dock.assert_stored(told, FILES.items())
    dock.assert_holds()


def stepped(dock: DockIn, card: Path, step_ms: int) -> Told:
    """Dock a card, and set the clock when its first clip is sealed, while the dock runs on."""
    clock = dock.clock = Wall()

    def hear(event: Event) -> None:
        if isinstance(event, ClipSealed) and clock.utc_ms == NOW_MS:
            clock.utc_ms += step_ms

    return dock.take_over(card, hear=hear, settings="[ingest]\ngroup_clips = 1\n")
