"""Bad places on a card: what can be read is kept, the holes are told, and it is tried again."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.exit_codes import ExitCode
from dock_daemon.docking.events import ClipKnown, ClipSealed
from dock_daemon.evidence.holes import Hole, gained, joined, missing, parse, spell
from dock_daemon.evidence.store import DOCUMENTS
from tests.cards import make_exfat_card, make_fat_card
from tests.docks import DockIn, Told, sha256_of, some_bytes
from tests.faults.sick_card import Answer, bad_places, healthy, sick
from tests.faults.traced import run_plain
from tests.listed import read_image

PAGE = 4096
SIZE = 300_000
FILES = {f"DCIM/{name}.MP4": some_bytes(name, SIZE) for name in ("A", "B", "C")}
SETTINGS = "[ingest]\nchunk_bytes = 131072\n"


class Bad:
    """A card with bad places in one clip; the clip's own bytes are what it is told in."""

    def __init__(self, image: Path, path: str = "DCIM/B.MP4") -> None:
        self.image = image
        (extent,) = read_image(image).live(path).extents
        self.begin = extent.offset
        self.sha256 = sha256_of(image)

    def at(self, *places: tuple[int, int]) -> Answer:
        """Return a card of which these places of the clip (offset, length) do not answer."""
        return bad_places(self.image, [(self.begin + at, length) for at, length in places])


@pytest.fixture(params=["exfat", "fat32"])
def card(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bad]:
    """Return a card that nobody writes to."""
    place = tmp_path / "card.img"
    made = make_exfat_card(place, FILES, 8 << 20) if request.param == "exfat" else None
    bad = Bad(made or make_fat_card(place, FILES, 64 << 20))
    yield bad
    assert sha256_of(bad.image) == bad.sha256


def docked(dock: DockIn, card: Bad, answer: Answer) -> Told:
    """Dock the card as it answers now."""
    with sick(card.image, answer) as place:
        return dock.take_over(place, settings=SETTINGS)


def with_holes(data: bytes, *holes: tuple[int, int]) -> bytes:
    """Return a clip's content with zeros in its holes."""
    for at, length in holes:
        data = data[:at] + bytes(length) + data[at + length :]
    return data


def holes_of(dock: DockIn, clip: ClipSealed) -> list[list[int]]:
    """Return the holes that a sealed clip's document tells of."""
    entry = dock.parsed()[clip.seq]
    digest = str(entry.body["document"])
    text = (dock.root / "store" / DOCUMENTS / digest[:2] / digest).read_text("utf-8")
    document = json.loads(text)
    found = document.get("facts", document)["holes"]
    assert isinstance(found, list)
    return found


def test_a_bad_place_costs_its_page_and_no_more(dock: DockIn, card: Bad) -> None:
    """The rest of the clip is kept where it belongs, marked, and the others are whole."""
    told = docked(dock, card, card.at((70_000, 512)))
    assert (told.end.result, told.end.sealed, told.end.incomplete) == ("partial", 3, 1)
    assert told.end.unread == 0
    clip = told.sealed["DCIM/B.MP4"]
    hole = (70_000 // PAGE * PAGE, PAGE)
    content = dock.stored(clip.sha256).read_bytes()
    assert content == with_holes(FILES["DCIM/B.MP4"], hole)
    assert (clip.incomplete, clip.size) == (True, SIZE)
    assert "partial" in clip.marks
    assert holes_of(dock, clip) == [list(hole)]
    body = dock.parsed()[clip.seq].body
    assert (body["missing"], body["marks"]) == (PAGE, ["partial"])
    assert told.findings == [("partial", "DCIM/B.MP4")]
    whole = {path: data for path, data in FILES.items() if path != "DCIM/B.MP4"}
    dock.assert_stored(told, whole.items())
    assert not any(told.sealed[path].marks for path in whole)
    dock.assert_holds("DCIM", "B.MP4")


def test_it_is_tried_again_and_superseded_once_it_is_whole(dock: DockIn, card: Bad) -> None:
    """As long as nothing more can be read nothing is added; what is gained is sealed anew."""
    first = docked(dock, card, card.at((8192, 4096), (200_000, 1))).sealed["DCIM/B.MP4"]
    again = docked(dock, card, card.at((8192, 4096), (200_000, 1)))
    assert (again.end.result, again.end.sealed, again.end.known) == ("partial", 0, 3)
    assert again.end.incomplete == 1
    assert again.findings == []
    assert [one.seq for one in again.of(ClipKnown) if one.path == "DCIM/B.MP4"] == [first.seq]

    better = docked(dock, card, card.at((200_000, 1)))
    (second,) = better.of(ClipSealed)
    assert (better.end.result, holes_of(dock, second)) == ("partial", [[196_608, PAGE]])
    assert dock.parsed()[second.seq].body["supersedes"] == first.seq

    whole = docked(dock, card, healthy(card.image))
    assert (whole.end.result, whole.end.incomplete) == ("complete", 0)
    (third,) = whole.of(ClipSealed)
    dock.assert_stored(whole, [("DCIM/B.MP4", FILES["DCIM/B.MP4"])])
    assert dock.parsed()[third.seq].body["supersedes"] == second.seq
    assert whole.findings == [], "that it can be read now is no change of the clip"
    for clip in (first, second):
        assert dock.stored(clip.sha256).is_file(), "what was sealed stays"
    assert docked(dock, card, healthy(card.image)).end.known == 3
    dock.assert_holds()


def test_a_place_that_answers_the_second_time_leaves_no_hole(dock: DockIn, card: Bad) -> None:
    """A contact that was bad once costs a second reading, and nothing else."""
    refused: list[int] = []
    bad, well = card.at((70_000, 512)), healthy(card.image)

    def once(offset: int, size: int) -> bytes:
        try:
            return bad(offset, size)
        except OSError:
            if refused:
                return well(offset, size)
            refused.append(offset)
            raise

    told = docked(dock, card, once)
    assert refused
    assert (told.end.result, told.end.sealed, told.findings) == ("complete", 3, [])
    dock.assert_stored(told, FILES.items())


def test_a_clip_of_which_nothing_can_be_read_is_unread(dock: DockIn, card: Bad) -> None:
    """Nothing but zeros is no clip; the next docking tries again."""
    told = docked(dock, card, card.at((0, SIZE)))
    assert [path for path, _ in told.unread] == ["DCIM/B.MP4"]
    assert (told.end.result, told.end.sealed) == ("partial", 2)
    assert told.findings == [("unread", "DCIM/B.MP4")]
    again = docked(dock, card, healthy(card.image))
    assert (again.end.result, again.end.sealed) == ("complete", 1)
    dock.assert_holds()


def test_what_was_sealed_whole_is_not_superseded_by_a_part(dock: DockIn, card: Bad) -> None:
    """A card that wears out after a docking takes nothing from what is sealed, nor accuses."""
    docked(dock, card, healthy(card.image))
    told = docked(dock, card, card.at((0, 65_536), (SIZE - 65_536, 65_536)))
    assert (told.end.sealed, told.end.known) == (0, 2)
    assert [path for path, _ in told.unread] == ["DCIM/B.MP4"]
    assert [kind for kind, _ in told.findings] == ["unread"]
    assert docked(dock, card, healthy(card.image)).end.known == 3


def test_a_card_of_bad_places_costs_a_bounded_number_of_reads(dock: DockIn, card: Bad) -> None:
    """Each failed read may take seconds: after so many the holes become coarser."""
    failed = 0
    bad = card.at(*((at, 1) for at in range(0, SIZE - PAGE, PAGE)))

    def count(offset: int, size: int) -> bytes:
        nonlocal failed
        try:
            return bad(offset, size)
        except OSError:
            failed += 1
            raise

    told = docked(dock, card, count)
    assert failed < 300
    assert [kind for kind, _ in told.findings] in (["partial"], ["unread"])
    assert told.end.result == "partial"


def test_the_command_says_so(dock: DockIn, card: Bad) -> None:
    """`pull` ends with the exit code for a part, and names the clip."""
    dock.settings(SETTINGS)
    with sick(card.image, card.at((70_000, 512))) as place:
        pulled = run_plain(dock, place)
    assert pulled.code == ExitCode.PARTIAL
    told = {clip["path"]: clip for clip in pulled.sealed()}
    assert told["DCIM/B.MP4"]["incomplete"] is True
    assert "partial" in told["DCIM/B.MP4"]["marks"]
    (summary,) = [line for line in pulled.lines if line["message_type"] == "summary"]
    assert (summary["result"], summary["incomplete"]) == ("partial", 1)


HOLES = st.lists(
    st.builds(Hole, st.integers(0, 1 << 40), st.integers(1, 1 << 20)), max_size=20
).map(lambda found: joined(sorted(found, key=lambda hole: hole.offset)))


@given(holes=HOLES)
def test_holes_are_kept_as_they_were(holes: tuple[Hole, ...]) -> None:
    """What the index keeps of holes reads back the same; they are apart and in order."""
    assert parse(spell(holes)) == holes
    assert all(one.end < other.offset for one, other in itertools.pairwise(holes))


@given(now=HOLES, before=HOLES)
def test_something_is_gained_or_nothing(now: tuple[Hole, ...], before: tuple[Hole, ...]) -> None:
    """Something was gained exactly if some byte that lacked is there now."""
    lacking = joined(sorted((*now, *before), key=lambda hole: hole.offset))
    assert gained(now, before) == (missing(lacking) > missing(now))
