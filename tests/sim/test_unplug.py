"""Pulled out at any byte: nothing half is acknowledged, and putting it back finishes.

After an unplug Linux answers reads with 0 bytes, so a card image that becomes
shorter is what a pulled recorder looks like from here.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock_daemon.docking.events import Checked, ClipSealed, Event, Identified, Planned, Progress
from dock_daemon.docking.sources import Source
from firmware_bridge.errors import BridgeError, MediumGoneError, MediumReadError
from firmware_bridge.volume.listing import Entry, Medium, Volume
from tests.cards import PARTITION_AT, make_exfat_card, make_fat_card
from tests.docks import DockIn, Told, sha256_of, some_bytes
from tests.listed import read_image

PARAM = b"[ZFY]\r\nDevNo=DSJ-A8-0042\r\n"
FILES = {
    "DCIM/A.MP4": some_bytes("a", 150_000),
    "DCIM/B.MP4": some_bytes("b", 70_000),
    "DCIM/C.MP4": some_bytes("c", 1),
    "DCIM/D.MP4": some_bytes("d", 90_000),
}
ALL = {**FILES, "Param.ini": PARAM}
SMALL_READS = "[ingest]\nchunk_bytes = 4096\ngroup_clips = 1\n"


class Card:
    """A card image that can be pulled out, at a byte, and put back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.whole = path.read_bytes()

    def pull(self, at: int) -> None:
        """Let the medium end at byte `at`."""
        os.truncate(self.path, at)

    def put_back(self) -> None:
        """Make the medium whole again."""
        self.path.write_bytes(self.whole)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Return a card with four clips and an identity."""
    return Card(make_exfat_card(tmp_path / "card", ALL, 4 << 20))


def assert_finishes(dock: DockIn, card: Card, pulled: Told | None) -> None:
    """Assert that what was acknowledged is there, and that putting the card back finishes."""
    if pulled is not None:
        files = [(path, ALL[path]) for path in pulled.sealed]
        dock.assert_stored(pulled, files)
    dock.assert_holds(*FILES)
    card.put_back()
    again = dock.take_over(card.path)
    assert again.end.result == "complete"
    sealed = {clip for clip in ALL if clip in again.sealed}
    before = set(pulled.sealed) if pulled is not None else set()
    assert (sealed | before, sealed & before) == (set(ALL), set())
    dock.assert_stored(again, [(path, ALL[path]) for path in sealed])
    kinds = {str(one.body["finding"]) for one in dock.parsed("finding")}
    assert kinds & {"missing", "deleted", "changed", "deleted-unseen"} == set()
    dock.assert_holds(*FILES)


def extents(card: Card, path: str) -> tuple[int, int]:
    """Return where a clip begins and ends on the card."""
    entry = read_image(card.path).live(path)
    return entry.extents[0].offset, entry.extents[-1].offset + entry.extents[-1].length


PLACES: dict[str, Callable[[Card], int]] = {
    "everything": lambda _card: 0,
    "in the table of partitions": lambda _card: 100,
    "in the boot sector": lambda _card: PARTITION_AT + 10,
    "before the first clip": lambda card: extents(card, "DCIM/A.MP4")[0],
    "in the first clip": lambda card: extents(card, "DCIM/A.MP4")[0] + 77_777,
    "one byte before its end": lambda card: extents(card, "DCIM/A.MP4")[1] - 1,
    "between two clips": lambda card: extents(card, "DCIM/B.MP4")[0],
    "in the last clip": lambda card: extents(card, "DCIM/D.MP4")[1] - 5000,
    "in the last clip's last byte": lambda card: extents(card, "DCIM/D.MP4")[1] - 1,
}
MOMENTS: dict[str, Callable[[Event], bool]] = {
    "once it is identified": lambda event: isinstance(event, Identified),
    "once it is planned": lambda event: isinstance(event, Planned),
    "after some bytes": lambda event: isinstance(event, Progress) and event.bytes_copied > 20_000,
    "after the first seal": lambda event: isinstance(event, ClipSealed),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("place", PLACES)
def test_pulled_while_it_is_taken_over(dock: DockIn, card: Card, place: str, moment: str) -> None:
    """Whatever was being done, and whichever byte was the last one to be had."""
    at = PLACES[place](card)
    hit = False

    def hear(event: Event) -> None:
        nonlocal hit
        if not hit and MOMENTS[moment](event):
            hit = True
            card.pull(at)

    told = dock.take_over(card.path, hear=hear, settings=SMALL_READS)
    assert hit
    assert told.end.result == "interrupted"
    assert told.end.remaining > 0
    (checked,) = told.of(Checked)
    assert checked.verdict == "unfit", "who is pulled too early is not handed out"
    assert checked.because is not None
    assert (checked.because.item, checked.because.reason) == ("taken-over", "interrupted")
    assert_finishes(dock, card, told)


@pytest.mark.parametrize("place", PLACES)
def test_a_card_that_ends_too_early(dock: DockIn, card: Card, place: str) -> None:
    """A medium that is shorter than its volume, from the start, proves nothing missing."""
    dock.take_over(card.path)
    card.pull(PLACES[place](card))
    try:
        told = dock.take_over(card.path)
    except BridgeError:
        told = None
    # A clip that is cut off did change; what was sealed of it before stays sealed.
    cut = {(kind, path) for kind, path in told.findings if path in FILES} if told else set()
    assert {kind for kind, _path in cut} <= {"changed", "doubtful", "unread"}
    assert told is None or told.end.result == ("partial" if cut else "complete")
    card.put_back()
    again = dock.take_over(card.path)
    assert again.end.result == "complete"
    assert {kind for kind, _path in again.findings} <= {"changed"}
    dock.assert_stored(again, [(path, ALL[path]) for path in again.sealed])
    dock.assert_holds(*FILES)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_pulled_at_any_byte(tmp_path: Path, memory_path: Path, data: st.DataObject) -> None:
    """At any byte, after any number of copied bytes."""
    number = len(list(memory_path.iterdir()))
    folder = memory_path / str(number)
    folder.mkdir()
    dock = DockIn(folder)
    card = Card(make_fat_card(tmp_path / "card", ALL, 5 << 20, fat=16, mbr=False))
    at = data.draw(st.integers(0, extents(card, "DCIM/D.MP4")[1] - 1), label="last byte")
    after = data.draw(st.integers(0, 310_000), label="bytes copied by then")

    def hear(event: Event) -> None:
        if isinstance(event, Progress) and event.bytes_copied >= after:
            card.pull(at)

    told = dock.take_over(card.path, hear=hear, settings=SMALL_READS)
    assert_finishes(dock, card, told)


def test_a_pulled_card_that_is_never_put_back(dock: DockIn, card: Card) -> None:
    """The docking stands in the log as interrupted, with what was sealed by then."""

    def hear(event: Event) -> None:
        if isinstance(event, ClipSealed):
            card.pull(0)

    told = dock.take_over(card.path, hear=hear, settings=SMALL_READS)
    (released,) = dock.parsed("released")
    assert released.body["result"] == "interrupted"
    assert released.body["clips"] == len(told.sealed) == told.end.sealed
    assert released.body["remaining"] == len(ALL) - told.end.sealed
    dock.assert_holds()


def test_told_to_let_go(dock: DockIn, card: Card) -> None:
    """Ctrl-C ends a docking as an unplug would: what is sealed stays, the rest comes later."""
    stop = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, ClipSealed):
            stop.set()

    told = dock.take_over(card.path, hear=hear, settings=SMALL_READS, stop=stop)
    assert told.end.result == "interrupted"
    assert_finishes(dock, card, told)


class Failing:
    """A source whose medium fails in one place, as a worn card does."""

    def __init__(self, source: Source, path: str, error: Exception) -> None:
        self._source = source
        self._path = path
        self._error = error
        self.kind, self.place, self.problem = source.kind, source.place, source.problem
        self.medium: Medium | None = source.medium
        self.volumes: tuple[tuple[Volume, tuple[Entry, ...]], ...] = source.volumes

    def chunks(self, entry: Entry, stop: threading.Event) -> Iterator[bytes | memoryview]:
        """Yield the content, and fail before the end of one file."""
        *most, last = self._source.chunks(entry, stop)
        yield from most
        if entry.text == self._path:
            raise self._error
        yield last

    def sample(self, entry: Entry, offset: int, length: int) -> bytes:
        """Return what the medium gives, and nothing of one file."""
        if entry.text == self._path:
            raise self._error
        return self._source.sample(entry, offset, length)

    def records(self, entries: Sequence[Entry], *, again: bool) -> list[bytes | None]:
        """Return what the medium says."""
        return self._source.records(entries, again=again)

    def repeats_at(self) -> int | None:
        """Return what the medium says."""
        return self._source.repeats_at()

    def still_there(self) -> bool:
        """Tell whether the medium is there."""
        return self._source.still_there()

    def close(self) -> None:
        """Let go of it."""
        self._source.close()


def test_a_sector_that_cannot_be_read(dock: DockIn, card: Card) -> None:
    """Its clip is unread and a finding, the others come over; a later docking tries again."""
    error = MediumReadError(offset=4096, length=512, reason="Input/output error")
    told = dock.take_over(card.path, wrap=lambda source: Failing(source, "DCIM/B.MP4", error))
    assert told.unread == [("DCIM/B.MP4", "read-error at 4096")]
    assert told.findings == [("unread", "DCIM/B.MP4")]
    assert told.end.result == "partial"
    assert_finishes(dock, card, told)


def test_a_card_that_leaves_with_an_error(dock: DockIn, card: Card) -> None:
    """EIO from a device that is gone is an unplug too."""
    error = MediumGoneError(offset=0, wanted=1, got=0)
    told = dock.take_over(card.path, wrap=lambda source: Failing(source, "DCIM/B.MP4", error))
    assert told.end.result == "interrupted"
    assert_finishes(dock, card, told)


def test_the_card_is_as_it_was(dock: DockIn, card: Card) -> None:
    """Not even an interrupted docking writes to the card."""
    card.put_back()
    before = sha256_of(card.path)
    stop = threading.Event()
    dock.take_over(card.path, hear=lambda _event: stop.set(), stop=stop)
    assert sha256_of(card.path) == before
