"""One docking after another, from card image to verified log, as `pull` and a bay do it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from config import presets
from dock_daemon.docking.events import Checked, ClipKnown, Event, Identified, Planned
from hashing.canonical import JSON
from tests.cards import RECORDED, Clip, make_exfat_card, make_fat_card
from tests.docks import HOUR_MS, NOW_MS, DockIn, sha256_of, some_bytes
from tests.spoilt import end_chain

PARAM = "[ZFY]\r\nDevNo=DSJ-A8-0042\r\nPolNo=210917\r\nUserName=王小明\r\n".encode("gb18030")
OFFICER = ("DSJ-A8-0042", "210917", "王小明", "小明")
FILES = {
    "DCIM/100MEDIA/210917_20260314091500.MP4": some_bytes("a", 300_000),
    "DCIM/100MEDIA/210917_20260314092000.MP4": some_bytes("b", 70_001),
    "DCIM/100MEDIA/210917_20260314092652.JPG": some_bytes("c", 512),
}
NAMES = ("20260314091500", "100media", "dcim")

Make = Callable[[Path, Mapping[str, bytes | Clip]], Path]


@pytest.fixture
def dock(dock_on_disk: DockIn) -> DockIn:
    """Return a dock that has not been started yet."""
    return dock_on_disk


def fat(bits: int) -> Make:
    """Return what makes a FAT card of so many bits."""
    size = {12: 2 << 20, 16: 20 << 20, 32: 40 << 20}[bits]
    return lambda path, files: make_fat_card(path, files, size, fat=bits, mbr=bits == 32)  # type: ignore[arg-type]  # 12, 16 or 32


def folder(path: Path, files: Mapping[str, bytes | Clip]) -> Path:
    """Make a folder that holds the files; what it holds already stays as it is."""
    for name, content in files.items():
        assert isinstance(content, bytes)
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        if not (path / name).exists():
            (path / name).write_bytes(content)
    return path


MAKES: dict[str, Make] = {
    "fat12": fat(12),
    "fat16": fat(16),
    "fat32": fat(32),
    "exfat": make_exfat_card,
    "folder": folder,
}


@pytest.mark.parametrize("kind", MAKES)
def test_a_card_comes_over_with_equal_hashes(dock: DockIn, tmp_path: Path, kind: str) -> None:
    """Whatever the file system, each file is stored byte for byte under its own hash."""
    place = MAKES[kind](tmp_path / "card", {**FILES, "Param.ini": PARAM})
    told = dock.take_over(place)
    assert told.end.result == "complete"
    assert (told.end.sealed, told.end.unread, told.end.findings) == (4, 0, 0)
    dock.assert_stored(told, FILES.items())
    assert {clip.media_class for clip in told.sealed.values()} == {"media", "record"}
    dock.assert_holds(*OFFICER, *NAMES)


@pytest.mark.parametrize("kind", MAKES)
def test_the_second_docking_takes_only_what_is_new(dock: DockIn, tmp_path: Path, kind: str) -> None:
    """A clip that is sealed and unchanged is known again; the one beside it is copied."""
    place = MAKES[kind](tmp_path / "card", dict(FILES))
    dock.take_over(place)
    again = dock.take_over(place)
    assert (again.end.sealed, again.end.known, again.findings) == (0, 3, [])
    assert {clip.path for clip in again.of(ClipKnown)} == set(FILES)
    new = {"DCIM/100MEDIA/NEW.MP4": b"new"}
    MAKES[kind](tmp_path / "card", {**FILES, **new})
    third = dock.take_over(place)
    assert (third.end.known, list(third.sealed), third.findings) == (3, list(new), [])
    dock.assert_holds(*NAMES)


@pytest.mark.parametrize("kind", ["fat32", "exfat"])
def test_the_card_is_never_written(dock: DockIn, tmp_path: Path, kind: str) -> None:
    """The image is bit-identical after two dockings, one of which reads everything again."""
    card = MAKES[kind](tmp_path / "card", FILES)
    before = sha256_of(card)
    dock.take_over(card)
    told = dock.take_over(card, reread=True)
    assert told.end.known == 3
    assert sha256_of(card) == before


def test_an_image_that_nobody_may_write_is_enough(dock: DockIn, tmp_path: Path) -> None:
    """No part of a docking asks for more than reading."""
    card = make_fat_card(tmp_path / "card", FILES)
    card.chmod(0o400)
    assert dock.take_over(card).end.result == "complete"


def test_rereading_compares_every_byte(dock: DockIn, tmp_path: Path) -> None:
    """With reread each clip is compared whole, on the card and in the store; equal is known."""
    card = make_fat_card(tmp_path / "card", FILES)
    first = dock.take_over(card)
    told = dock.take_over(card, reread=True)
    assert (told.end.sealed, told.end.known, told.findings) == (0, 3, [])
    assert len(dock.parsed("clip")) == 3
    victim = max(first.sealed.values(), key=lambda clip: clip.size)
    stored = dock.root / "store" / "clips" / victim.sha256[:2] / victim.sha256
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.chmod(0o640)
    stored.write_bytes(data)
    told = dock.take_over(card, reread=True)
    assert (told.end.sealed, told.findings) == (1, [("store-damaged", victim.path)])
    dock.assert_holds()


def test_a_lost_stored_copy_comes_over_again_and_is_told(dock: DockIn, tmp_path: Path) -> None:
    """A clip that the store has lost is fetched from the card, and its loss is a finding."""
    card = make_fat_card(tmp_path / "card", FILES)
    victim = next(iter(dock.take_over(card).sealed.values()))
    (dock.root / "store" / "clips" / victim.sha256[:2] / victim.sha256).unlink()
    told = dock.take_over(card)
    assert (told.end.sealed, told.findings) == (1, [("store-missing", victim.path)])
    dock.assert_holds()


def test_an_unregistered_recorder_goes_into_quarantine(dock: DockIn, tmp_path: Path) -> None:
    """Its clips are taken over all the same, and say so (R-ISSUE)."""
    told = dock.take_over(make_fat_card(tmp_path / "card", {**FILES, "Param.ini": PARAM}))
    (who,) = told.of(Identified)
    assert (who.recorder, who.registered, who.holder) == ("DSJ-A8-0042", False, "")
    assert all(clip.quarantine for clip in told.sealed.values())
    (docked,) = dock.parsed("docked")
    assert (docked.body["registered"], docked.body["quarantine"]) == (False, True)
    assert all(one.body["quarantine"] for one in dock.parsed("clip"))
    dock.assert_holds(*OFFICER)


def test_a_registered_recorder_has_a_holder(dock: DockIn, tmp_path: Path) -> None:
    """The register names who is answerable; no entry names him."""
    dock.register("DSJ-A8-0042,210917,王小明,执法一队")
    told = dock.take_over(make_fat_card(tmp_path / "card", {**FILES, "Param.ini": PARAM}))
    (who,) = told.of(Identified)
    assert (who.holder, who.unit, who.registered) == ("王小明", "执法一队", True)
    assert not any(clip.quarantine for clip in told.sealed.values())
    dock.assert_holds(*OFFICER, "执法一队")


def test_a_clip_in_time_and_one_too_late(dock: DockIn, tmp_path: Path) -> None:
    """Each entry carries base, due and done; what came after its due time is late (R-24H)."""
    early = RECORDED - timedelta(days=2)
    files = {"OLD.MP4": Clip(data=b"old", modified=early), "NEW.MP4": Clip(data=b"new")}
    told = dock.take_over(make_fat_card(tmp_path / "card", files))
    assert {path: clip.late for path, clip in told.sealed.items()} == {
        "OLD.MP4": True,
        "NEW.MP4": False,
    }
    assert told.end.late == 1
    # The clips' local times are Shanghai's, eight hours ahead of UTC.
    recorded_ms = 1_773_451_612_000
    assert [one.body["deadline"] for one in dock.parsed("clip")] == [
        deadline(recorded_ms - 48 * HOUR_MS, late=True),
        deadline(recorded_ms, late=False),
    ]
    assert list(told.sealed) == ["OLD.MP4", "NEW.MP4"], "the nearest deadline comes first"
    (plan,) = told.of(Planned)
    assert plan.nearest_due_ms == recorded_ms - 24 * HOUR_MS


def deadline(base_ms: int, *, late: bool) -> JSON:
    """Return a deadline as it stands in an entry, but for the preset's digest."""
    preset = presets.rule_preset("liaoning-emergency", Path("/nowhere"))
    return {
        "rule": "R-24H",
        "preset": preset.name,
        "preset_sha256": preset.sha256,
        "base": "last-clip-of-day",
        "base_ms": base_ms,
        "sure": False,  # nobody measured the clock that the clip was recorded by
        "unknown_year": None,
        "due_ms": base_ms + 24 * HOUR_MS,
        "done_ms": NOW_MS,
        "late": late,
    }


def test_a_clip_from_the_future_bounds_the_recorders_clock(dock: DockIn, tmp_path: Path) -> None:
    """A clock that cannot be read is said to be ahead by at least so much (R-CLOCK)."""
    ahead = Clip(data=b"x", modified=RECORDED + timedelta(hours=10))
    told = dock.take_over(make_fat_card(tmp_path / "card", {"A.MP4": ahead}))
    (checked,) = told.of(Checked)
    (clock,) = [item for item in checked.items if item.item == "clock"]
    assert (checked.verdict, clock.verdict, clock.reason) == ("unfit", "fail", "ahead")
    assert clock.value == 10 * 3_600_000 - (NOW_MS - 1_773_451_612_000)


def test_an_empty_card_is_docked_and_released(dock: DockIn, tmp_path: Path) -> None:
    """No clip is no fault: the docking stands in the log."""
    told = dock.take_over(make_fat_card(tmp_path / "card", {}))
    assert (told.end.result, told.end.sealed) == ("complete", 0)
    kinds = [one.kind for one in dock.parsed()]
    assert kinds == ["genesis", "docked", "checked", "released"]
    dock.assert_holds()


def test_an_empty_file_is_taken_over_and_marked(dock: DockIn, tmp_path: Path) -> None:
    """A clip of no bytes is evidence that a clip was begun."""
    card = make_fat_card(tmp_path / "card", {"EMPTY.MP4": b""})
    told = dock.take_over(card)
    dock.assert_stored(told, [("EMPTY.MP4", b"")])
    assert told.sealed["EMPTY.MP4"].marks == ("empty",)
    assert dock.take_over(card).end.known == 1
    dock.assert_holds()


def test_power_lost_while_recording(dock: DockIn, tmp_path: Path) -> None:
    """A record of size 0 that owns clusters is taken over whole, marked, and a finding."""
    data = some_bytes("lost", 5000)
    card = make_fat_card(tmp_path / "card", {"CUT.MP4": Clip(data=data, size_lost=True)})
    told = dock.take_over(card)
    clip = told.sealed["CUT.MP4"]
    assert dock.stored(clip.sha256).read_bytes()[: len(data)] == data
    assert clip.size >= len(data)
    assert "size-zero-with-chain" in clip.marks
    assert told.findings == [("doubtful", "CUT.MP4")]
    again = dock.take_over(card)
    assert (again.end.known, again.findings) == (1, [])
    dock.assert_holds("cut.mp4")


def test_a_chain_shorter_than_the_size(dock: DockIn, tmp_path: Path) -> None:
    """What can be reached is taken over, and the docking does not call itself complete."""
    data = some_bytes("short", 40_000)
    card = make_fat_card(tmp_path / "card", {"SHORT.MP4": data, "GOOD.MP4": b"good"}, 40 << 20)
    end_chain(card, "SHORT.MP4", clusters=3)
    told = dock.take_over(card)
    clip = told.sealed["SHORT.MP4"]
    assert clip.incomplete
    assert dock.stored(clip.sha256).read_bytes() == data[: clip.size]
    assert 0 < clip.size < len(data)
    assert (told.end.result, told.end.incomplete) == ("partial", 1)
    assert told.findings == [("doubtful", "SHORT.MP4")]
    again = dock.take_over(card)
    assert (again.end.result, again.end.known, again.findings) == ("partial", 2, [])
    dock.assert_holds("short.mp4")


def test_bytes_that_were_never_written_read_as_zeros(dock: DockIn, tmp_path: Path) -> None:
    """Beyond exFAT's valid size lies what an earlier file left: it is no part of the clip."""
    data = some_bytes("valid", 200_000)
    files = {"A.MP4": Clip(data=data, valid_size=70_000), "B.MP4": Clip(data=data, valid_size=0)}
    card = make_exfat_card(tmp_path / "card", files)
    told = dock.take_over(card)
    zeros = bytes(len(data))
    dock.assert_stored(told, [("A.MP4", data[:70_000] + zeros[70_000:]), ("B.MP4", zeros)])
    assert dock.take_over(card).end.known == 2
    dock.assert_holds()


def test_a_clip_in_pieces_is_put_together(dock: DockIn, tmp_path: Path) -> None:
    """A fragmented file comes over in the order of its chain."""
    data = some_bytes("pieces", 300_000)
    for make in (make_fat_card, make_exfat_card):
        card = make(tmp_path / "card", {"A.MP4": Clip(data=data, fragmented=True)})
        dock.assert_stored(dock.take_over(card, reread=True), [("A.MP4", data)])
    dock.assert_holds()


def test_the_same_content_twice_is_stored_once_and_recorded_twice(
    dock: DockIn, tmp_path: Path
) -> None:
    """Two names of one content are two entries over one stored file."""
    data = some_bytes("twin", 1000)
    told = dock.take_over(make_fat_card(tmp_path / "card", {"A.MP4": data, "B.MP4": data}))
    dock.assert_stored(told, [("A.MP4", data), ("B.MP4", data)])
    assert len(dock.parsed("clip")) == 2
    clips = [path for path in (dock.root / "store" / "clips").rglob("*") if path.is_file()]
    assert len(clips) == 1
    dock.assert_holds()


def test_the_closing_entry_counts_what_the_docking_produced(dock: DockIn, tmp_path: Path) -> None:
    """The manifest's numbers are those of its entries; verify recomputes its digest."""
    dock.take_over(make_fat_card(tmp_path / "card", dict(FILES)))
    (released,) = dock.parsed("released")
    of_docking = [one for one in dock.parsed() if one.body.get("docking") == 1]
    assert released.body["entries"] == len(of_docking) - 1
    assert (released.body["clips"], released.body["result"]) == (3, "complete")
    dock.assert_holds()


def test_a_docking_that_breaks_off_is_ended_all_the_same(dock: DockIn, tmp_path: Path) -> None:
    """Whatever goes wrong in a docking, the log says that it ended, and how."""

    def broken(event: Event) -> None:
        if isinstance(event, Planned):
            raise RuntimeError("a bug in whoever listens")  # noqa: TRY004  no type is at fault

    card = make_fat_card(tmp_path / "card", FILES)
    with pytest.raises(RuntimeError, match="a bug"):
        dock.take_over(card, hear=broken)
    (released,) = dock.parsed("released")
    assert released.body["result"] == "interrupted"
    assert dock.take_over(card).end.sealed == 3
    dock.assert_holds()
