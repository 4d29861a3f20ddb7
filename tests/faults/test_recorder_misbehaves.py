"""Recorders and cards that misbehave: the rest comes over, nothing false is said, none is written.

What a card answers is decided read by read, behind /dev/fuse (sick_card.py).
"""

import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.docking.events import Checked, ClipSealed, Event, Progress
from tests.cards import make_exfat_card, make_fat_card
from tests.docks import DockIn, sha256_of, some_bytes
from tests.faults.sick_card import (
    Answer,
    bad_places,
    ending,
    exchanged,
    healthy,
    sick,
    wrapping,
)
from tests.listed import read_image

SIZE = 300_000
FILES = {f"DCIM/{name}.MP4": some_bytes(name, SIZE) for name in ("A", "B", "C", "D")}
SMALL_READS = "[ingest]\nchunk_bytes = 65536\n"


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """Return a card image with four clips; nobody has written to it in the end."""
    image = make_fat_card(tmp_path / "card.img", FILES, 64 << 20)
    before = sha256_of(image)
    yield image
    assert sha256_of(image) == before


def place_of(image: Path, path: str) -> tuple[int, int]:
    """Return where a clip lies on its card, in one piece: offset and length."""
    (extent,) = read_image(image).live(path).extents
    return extent.offset, extent.length


def growing(image: Path, path: str, *, once: str) -> Answer:
    """Answer as a card on which the size of `path` grows as soon as `once` has been read."""
    well = healthy(image)
    record = read_image(image).live(path).record_offset
    begin, length = place_of(image, once)
    grown = False

    def answer(offset: int, size: int) -> bytes:
        nonlocal grown
        data = bytearray(well(offset, size))
        if grown and offset <= record and record + 32 <= offset + size:
            struct.pack_into("<I", data, record + 28 - offset, SIZE + 512)
        grown = grown or begin <= offset < begin + length
        return bytes(data)

    return answer


def test_a_clip_that_still_grows_is_said_to(dock: DockIn, card: Path) -> None:
    """Its record changed while it was read: it is kept, never called whole, and taken again."""
    with sick(card, growing(card, "DCIM/D.MP4", once="DCIM/C.MP4")) as place:
        told = dock.take_over(place)
        assert told.findings == [("still-written", "DCIM/D.MP4")]
        assert (told.end.result, told.end.sealed, told.end.incomplete) == ("partial", 4, 1)
        (checked,) = told.of(Checked)
        assert {item.item: item.verdict for item in checked.items}["last-clip"] != "pass"
        dock.assert_stored(told, FILES.items())
        again = dock.take_over(place)
    assert again.end.sealed == 1, "it is listed with another size now"
    assert ("changed", "DCIM/D.MP4") in again.findings
    dock.assert_holds()


def test_a_file_that_grows_in_a_folder_comes_over_at_last(dock: DockIn, tmp_path: Path) -> None:
    """It is unread while it grows, the others are not, and the next time it is whole."""
    folder = tmp_path / "recorder"
    folder.mkdir()
    for path, data in FILES.items():
        (folder / Path(path).name).write_bytes(data)
    last = folder / "D.MP4"

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            with last.open("ab") as handle:
                handle.write(b"more")

    told = dock.take_over(folder, hear=hear, settings=SMALL_READS)
    assert (told.end.result, told.end.sealed) == ("partial", 3)
    assert told.unread == [("D.MP4", "length-differs")]
    again = dock.take_over(folder)
    assert (again.end.result, again.end.sealed, again.end.known) == ("complete", 1, 3)
    dock.assert_holds()


def test_a_card_that_is_smaller_than_it_says_is_found(dock: DockIn, card: Path) -> None:
    """It begins anew where it ends: said as a fact, once, and its clips are as it gives them."""
    with sick(card, wrapping(card, 32 << 20)) as place:
        told = dock.take_over(place)
        assert ("size-untrue", "") in told.findings
        assert (told.end.result, told.end.unread) == ("partial", 1)
        dock.assert_stored(told, FILES.items())
        again = dock.take_over(place)
    assert (again.end.result, again.end.known) == ("partial", 4)
    dock.assert_holds()


def test_an_honest_card_is_not_suspected(dock: DockIn, card: Path) -> None:
    """Nothing repeats on a card that is as large as it says."""
    assert dock.take_over(card).findings == []


def test_a_card_that_ends_before_its_size_gives_what_it_has(dock: DockIn, card: Path) -> None:
    """Reads beyond its true end fail: what lies before it comes over, the rest is named."""
    begin, length = place_of(card, "DCIM/C.MP4")
    with sick(card, ending(card, begin + length // 2 // 4096 * 4096)) as place:
        told = dock.take_over(place, settings=SMALL_READS)
    assert told.end.result == "partial"
    whole = ("DCIM/A.MP4", "DCIM/B.MP4")
    dock.assert_stored(told, [(path, FILES[path]) for path in whole])
    assert "partial" in told.sealed["DCIM/C.MP4"].marks
    assert [path for path, _ in told.unread] == ["DCIM/D.MP4"]
    healed = dock.take_over(card)
    assert healed.end.result == "complete"
    dock.assert_holds()


def test_a_card_that_answers_differently_the_second_time(dock: DockIn, card: Path) -> None:
    """What was sealed stays; what it says now is taken over too, as a change."""
    dock.take_over(card)
    other = card.with_name("other.img")
    make_fat_card(other, {**FILES, "DCIM/B.MP4": some_bytes("other", SIZE)}, 64 << 20)
    with sick(card, exchanged([card, other], lambda _offset, _size: True)) as place:
        told = dock.take_over(place)
    assert told.findings == [("changed", "DCIM/B.MP4")]
    (sealed,) = told.of(ClipSealed)
    for data in (FILES["DCIM/B.MP4"], some_bytes("other", SIZE)):
        assert any(dock.stored(one).read_bytes() == data for one in sealed_hashes(dock))
    assert dock.parsed()[sealed.seq].body["supersedes"] is not None
    dock.assert_holds()


def sealed_hashes(dock: DockIn) -> list[str]:
    """Return the digest of every clip that was ever sealed."""
    return [str(one.body["sha256"]) for one in dock.parsed("clip")]


def test_a_card_exchanged_in_the_middle_for_its_twin(dock: DockIn, card: Path) -> None:
    """Same serial, same names: what came after is not passed off as the first card's whole."""
    twin = card.with_name("twin.img")
    grown = {path: some_bytes(f"twin {path}", SIZE + 5) for path in FILES}
    make_fat_card(twin, grown, 64 << 20)
    begin, length = place_of(card, "DCIM/B.MP4")
    middle = range(begin + length // 2, begin + length)
    with sick(card, exchanged([card, twin], lambda offset, _size: offset in middle)) as place:
        told = dock.take_over(place, settings=SMALL_READS)
    assert told.end.result in {"partial", "interrupted"}
    if told.end.result == "partial":
        assert {kind for kind, _ in told.findings} == {"still-written"}
    dock.assert_stored(told, [("DCIM/A.MP4", FILES["DCIM/A.MP4"])])
    again = dock.take_over(card)
    assert again.end.result == "complete"
    for data in FILES.values():
        assert any(dock.stored(one).read_bytes() == data for one in sealed_hashes(dock))
    dock.assert_holds()


def test_two_recorders_with_one_serial(dock: DockIn, tmp_path: Path) -> None:
    """Cloned cards: everything of both is kept, whatever is said of the serial."""
    first = make_exfat_card(tmp_path / "one.img", FILES, 8 << 20)
    others = {path: some_bytes(f"two {path}", SIZE) for path in FILES}
    second = make_exfat_card(tmp_path / "two.img", others, 8 << 20)
    for image in (first, second, first, second):
        dock.take_over(image)
    kept = {dock.stored(one).read_bytes() for one in sealed_hashes(dock)}
    assert {*FILES.values(), *others.values()} <= kept
    dock.assert_holds()


def test_a_contact_that_comes_and_goes(dock: DockIn, card: Path) -> None:
    """Pulled and put back thirty times: no clip twice, no descriptor lost, all there at the end."""
    begin, length = place_of(card, "DCIM/D.MP4")
    before: set[str] | None = None
    for turn in range(30):
        stop = threading.Event()
        reached = begin + length * turn // 30

        def answer(offset: int, size: int, reached: int = reached) -> bytes:
            return b"" if offset + size > reached else healthy(card)(offset, size)

        with sick(card, answer) as place:
            dock.take_over(place, stop=stop, settings=SMALL_READS)
        now = {entry.name for entry in Path("/proc/self/fd").iterdir()}
        assert before is None or len(now) <= len(before) + 1
        before = now
    dock.take_over(card)
    sealed = sealed_hashes(dock)
    assert len(sealed) == len(set(sealed)) == len(FILES)
    dock.assert_holds()


def test_a_directory_in_a_bad_place_accuses_nobody(dock: DockIn, card: Path) -> None:
    """A listing that could not be read to its end calls nothing missing."""
    dock.take_over(card)
    record = read_image(card).live("DCIM/A.MP4").record_offset
    with sick(card, bad_places(card, [(record // 4096 * 4096, 4096)])) as place:
        told = dock.take_over(place)
    assert told.end.result == "partial"
    assert not {kind for kind, _ in told.findings} & {"missing", "deleted", "changed"}
    dock.assert_holds()
