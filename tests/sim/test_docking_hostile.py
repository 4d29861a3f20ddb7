"""Cards that mean harm: nothing leaves the store, nothing of them stands in an entry."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dock_daemon.docking.events import ClipUnread, Event, FindingMade
from dock_daemon.errors import SourceNotFoundError, StoppedError
from dock_daemon.evidence.questions import clips, findings
from dock_daemon.evidence.state import look
from tests.cards import Clip, make_exfat_card, make_fat_card
from tests.docks import DockIn, sha256_of, some_bytes
from tests.listed import read_image
from tests.spoilt import patch, patch_record

GOOD = {"GOOD.MP4": some_bytes("good", 5000)}
NAMES = {
    "traversal": "..\\..\\..\\etc\\cron.d\\evil.mp4",
    "dots": "...mp4",
    "nul": "clip\0hidden.mp4",
    "control": "clip\r\n\x1b[2Jwiped.mp4",
    "bidi": "invoice\u202e4pm.exe.mp4",
    "zero-width": "clip\u200b\ufeffsame.mp4",
    "surrogate": "half\ud83d.mp4",
    "low-surrogate": "\udc00half.mp4",
    "long": "很" * 251 + ".mp4",
    "quotes": "'; DROP TABLE clip; --.mp4",
    "json": '","kind":"genesis","x":".mp4',
    "format": "{path}{0}%s%n.mp4",
}


def tree_of(folder: Path) -> set[str]:
    """Return every path below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("make", [make_fat_card, make_exfat_card])
@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_name_stays_a_name(
    dock: DockIn, tmp_path: Path, kind: str, make: Callable[..., Path]
) -> None:
    """The clip is taken over under its hash; the name stands in a document and nowhere else."""
    name = NAMES[kind]
    data = some_bytes(kind, 3000)
    card = make(tmp_path / "card", {f"DCIM/{name}": data, **GOOD})
    before = sha256_of(card)
    outside = tree_of(tmp_path)
    told = dock.take_over(card)
    sizes = sorted(clip.size for clip in told.sealed.values())
    assert sizes == [3000, 5000]
    assert tree_of(tmp_path) == outside
    kept = {path for path in tree_of(dock.folder) if not path.startswith("state")}
    assert kept == {"etc", "etc/sealdock.toml"}
    stored = [path for path in (dock.root / "store").rglob("*") if path.is_file()]
    assert all(len(path.name) == 64 or path.name == "id" for path in stored)
    assert dock.take_over(card).end.known == 2
    assert sha256_of(card) == before
    parts = [part for part in name.encode("utf-8", "replace").decode().split("?") if len(part) > 5]
    dock.assert_holds("DCIM", *parts)


def test_a_parent_folder_by_name(dock: DockIn, tmp_path: Path) -> None:
    """A long name may say "..": it is a name like any other."""
    data = some_bytes("up", 100)
    card = make_exfat_card(tmp_path / "card", {"../../UP.MP4": data, **GOOD})
    told = dock.take_over(card)
    assert told.end.sealed + told.end.unread == 2
    assert not (tmp_path.parent / "UP.MP4").exists()
    dock.assert_holds()


@pytest.mark.parametrize("size", [1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_size_that_no_medium_has(
    dock: DockIn, tmp_path: Path, size: int, *, deleted: bool
) -> None:
    """An absurd size is told and written down as far as numbers go; the rest is taken over."""
    card = make_exfat_card(
        tmp_path / "card", {"HUGE.MP4": Clip(data=b"x" * 5000, deleted=deleted), **GOOD}
    )
    found = read_image(card)
    (entry,) = [one for one in found.entries if one.text == "HUGE.MP4"]
    stream = entry.record_offset + 32
    for at in (8, 24):  # valid size, size (exFAT 7.6)
        patch(card, stream + at, size.to_bytes(8, "little"))
    told = dock.take_over(card)
    assert "GOOD.MP4" in told.sealed
    assert any(path == "HUGE.MP4" for _kind, path in told.findings)
    again = dock.take_over(card)
    assert again.findings == []
    rows = look(dock.root, lambda ledger: [*clips(ledger), *findings(ledger)])
    assert len(rows) == told.end.sealed + told.end.findings
    dock.assert_holds("huge.mp4")


def test_a_fat_size_of_four_gigabytes(dock: DockIn, tmp_path: Path) -> None:
    """What the chain holds comes over, and is marked incomplete."""
    card = make_fat_card(tmp_path / "card", {"HUGE.MP4": b"x" * 5000, **GOOD})
    patch_record(card, "HUGE.MP4", 28, b"\xff\xff\xff\xff")
    told = dock.take_over(card)
    assert told.sealed["HUGE.MP4"].incomplete
    assert told.sealed["HUGE.MP4"].size >= 5000
    assert told.end.result == "partial"
    dock.assert_holds("huge.mp4")


def test_two_files_under_one_name(dock: DockIn, tmp_path: Path) -> None:
    """Both contents come over, whatever the listing calls them."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": b"one", "B.MP4": b"two"})
    patch_record(card, "B.MP4", 0, b"A")
    told = dock.take_over(card)
    assert told.end.sealed == 2
    dock.take_over(card)
    dock.assert_holds()


def test_a_recorder_that_names_itself_badly(dock: DockIn, tmp_path: Path) -> None:
    """A number full of tricks is shown as text, in documents only."""
    param = (
        b"[ZFY]\nDevNo=DSJ-\xff\xfe../../\x1b[2J'\"\nPolNo=\x00\x01OFFICER77\nUserName=\xd8\x00\n"
    )
    card = make_fat_card(tmp_path / "card", {"Param.ini": param, **GOOD})
    assert dock.take_over(card).end.result == "complete"
    dock.assert_holds("DSJ-", "OFFICER77")


def test_an_identity_file_that_is_too_long(dock: DockIn, tmp_path: Path) -> None:
    """It is no identity, and comes over as a file."""
    param = b"[ZFY]\nDevNo=DSJ-A8-0042\n" + bytes(1 << 20)
    told = dock.take_over(make_fat_card(tmp_path / "card", {"Param.ini": param, **GOOD}))
    assert told.sealed["Param.ini"].quarantine
    dock.assert_holds("DSJ-A8-0042")


def test_a_path_in_no_encoding(dock: DockIn, tmp_path: Path) -> None:
    """A card image or folder whose own path is not UTF-8 is docked like any other."""
    folder = tmp_path / os.fsdecode(b"card\xff")
    folder.mkdir()
    (folder / os.fsdecode(b"clip\xfe.mp4")).write_bytes(b"x")
    told = dock.take_over(folder)
    assert (told.end.result, told.end.sealed) == ("complete", 1)
    image = make_fat_card(tmp_path / os.fsdecode(b"card\xff.img"), GOOD)
    assert dock.take_over(image).end.result == "complete"
    dock.assert_holds()


def test_a_folder_with_links_and_pipes(dock: DockIn, tmp_path: Path) -> None:
    """Only regular files are taken; what else lies there makes the listing incomplete."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "A.MP4").write_bytes(b"a")
    (folder / "passwd.mp4").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe.mp4")
    told = dock.take_over(folder)
    assert list(told.sealed) == ["sub/A.MP4"]
    assert told.findings == [("listing-incomplete", "")]
    assert told.end.result == "partial"
    dock.assert_holds()


def test_a_file_of_a_folder_that_cannot_be_read(dock: DockIn, tmp_path: Path) -> None:
    """A file that changes or vanishes while it is copied is unread, the others come over."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "A.MP4").write_bytes(b"a")
    (folder / "B.MP4").write_bytes(b"b")
    (folder / "C.MP4").write_bytes(b"c")

    def spoil(event: Event) -> None:
        if type(event).__name__ == "Planned":
            (folder / "B.MP4").unlink()
            (folder / "C.MP4").write_bytes(b"longer")

    told = dock.take_over(folder, hear=spoil)
    assert list(told.sealed) == ["A.MP4"]
    assert told.unread == [("B.MP4", "read-error at 0"), ("C.MP4", "length-differs")]
    assert told.end.result == "partial"
    dock.assert_holds()


def test_a_source_that_is_not_there(dock: DockIn, tmp_path: Path) -> None:
    """Nothing is docked where nothing was put in."""
    with pytest.raises(SourceNotFoundError):
        dock.take_over(tmp_path / "nothing")
    assert [one.kind for one in dock.parsed()] == ["genesis"]


def test_stopped_while_it_is_listed(dock: DockIn, tmp_path: Path) -> None:
    """Letting go before there is a listing says nothing about the card, and writes nothing."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        dock.take_over(make_fat_card(tmp_path / "card", GOOD), stop=stop)
    assert [one.kind for one in dock.parsed()] == ["genesis"]


def test_events_carry_names_for_people(dock: DockIn, tmp_path: Path) -> None:
    """What a screen gets to show holds no half characters that an encoder would choke on."""
    files: dict[str, bytes | Clip] = {f"{name}": b"x" for name in NAMES.values()}
    files |= {f"D/{name}": Clip(data=b"x", deleted=True) for name in NAMES.values()}
    told = dock.take_over(make_exfat_card(tmp_path / "card", files))
    for event in told.events:
        if isinstance(event, ClipUnread | FindingMade):
            event.path.encode()
    for path in told.sealed:
        path.encode()
    assert told.end.sealed == len(NAMES)
