"""What a docking finds beside new clips: facts that stand in the log, each told once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dock_daemon.docking.events import FindingMade
from firmware_bridge.errors import ReaderFailedError, UnknownFilesystemError
from hashing import document
from tests.cards import PARTITION_AT, RECORDED, Clip, make_exfat_card, make_fat_card
from tests.docks import DockIn, Told, some_bytes
from tests.spoilt import patch

A, B = some_bytes("a", 50_000), some_bytes("b", 60_000)
PARAM = b"[ZFY]\r\nDevNo=DSJ-A8-0042\r\n"
SIZE = 40 << 20

Files = dict[str, bytes | Clip]


def the(told: Told) -> FindingMade:
    """Return the one finding of a docking."""
    (found,) = told.of(FindingMade)
    return found


def nothing_new(dock: DockIn, card: Path) -> None:
    """Dock the same card once more: whatever it showed stands in the ledger already."""
    again = dock.take_over(card)
    assert again.findings == []
    assert again.end.sealed == 0
    dock.assert_holds()


def test_a_clip_that_is_missing(dock: DockIn, tmp_path: Path) -> None:
    """A sealed clip of which the card shows no trace is missing, and still in the store."""
    card = make_fat_card(tmp_path / "card", {"CLIP-A.MP4": A, "B.MP4": B}, SIZE)
    sealed = dock.take_over(card).sealed["CLIP-A.MP4"]
    make_fat_card(card, {"B.MP4": B}, SIZE)
    # B now lies elsewhere, which is a finding of its own; the point here is A.
    told = dock.take_over(card)
    found = next(one for one in told.of(FindingMade) if one.finding == "missing")
    assert (found.path, found.clip) == ("CLIP-A.MP4", sealed.seq)
    assert found.facts["sealed_sha256"] == sealed.sha256
    assert dock.stored(sealed.sha256).read_bytes() == A
    dock.assert_holds("clip-a.mp4")
    nothing_new(dock, card)


@pytest.mark.parametrize("make", [make_fat_card, make_exfat_card])
def test_a_clip_that_was_deleted(dock: DockIn, tmp_path: Path, make: Callable[..., Path]) -> None:
    """A sealed clip whose record is left, deleted, says whether its clusters are still free."""
    files = {"B.MP4": B, "CLIP-A.MP4": A}
    card = make(tmp_path / "card", files, SIZE)
    sealed = dock.take_over(card).sealed["CLIP-A.MP4"]
    make(card, {"B.MP4": B, "CLIP-A.MP4": Clip(data=A, deleted=True)}, SIZE)
    found = the(dock.take_over(card))
    assert (found.finding, found.path, found.clip) == ("deleted", "CLIP-A.MP4", sealed.seq)
    assert found.facts["unallocated"] is True
    assert found.facts["size"] == len(A)
    nothing_new(dock, card)


def test_a_short_name_loses_its_first_letter_and_is_still_known(
    dock: DockIn, tmp_path: Path
) -> None:
    """Deleting overwrites the first byte of a short name; the rest and the place tell enough."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": A}, SIZE)
    dock.take_over(card)
    make_fat_card(card, {"A.MP4": Clip(data=A, deleted=True)}, SIZE)
    found = the(dock.take_over(card))
    assert (found.finding, found.path) == ("deleted", "A.MP4")


def test_the_trace_of_a_deleted_clip_may_vanish_later(dock: DockIn, tmp_path: Path) -> None:
    """That its record was used again is nothing new about a clip that is known to be gone."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": A}, SIZE)
    dock.take_over(card)
    make_fat_card(card, {"A.MP4": Clip(data=A, deleted=True)}, SIZE)
    dock.take_over(card)
    make_fat_card(card, {}, SIZE)
    nothing_new(dock, card)


@pytest.mark.parametrize("make", [make_fat_card, make_exfat_card])
def test_a_deleted_clip_that_was_never_seen(
    dock: DockIn, tmp_path: Path, make: Callable[..., Path]
) -> None:
    """A deleted record that looks like a clip is told, even at the first docking."""
    files: Files = {"SEEN.MP4": B, "UNSEEN.MP4": Clip(data=A, deleted=True)}
    card = make(tmp_path / "card", files, SIZE)
    found = the(dock.take_over(card))
    assert found.finding == "deleted-unseen"
    assert found.path.endswith("NSEEN.MP4")
    assert found.facts["size"] == len(A)
    nothing_new(dock, card)


def test_a_deleted_record_that_is_no_clip(dock: DockIn, tmp_path: Path) -> None:
    """A recorder deletes its own log files; nobody needs to hear of it."""
    files: Files = {"SEEN.MP4": B, "OLD.LOG": Clip(data=A, deleted=True)}
    assert dock.take_over(make_fat_card(tmp_path / "card", files, SIZE)).findings == []


def test_other_content_under_a_known_name(dock: DockIn, tmp_path: Path) -> None:
    """It is taken over, names the clip it supersedes, and both stay in the store."""
    card = make_fat_card(tmp_path / "card", {"CLIP-A.MP4": A}, SIZE)
    before = dock.take_over(card).sealed["CLIP-A.MP4"]
    make_fat_card(card, {"CLIP-A.MP4": A[::-1] + b"more"}, SIZE)
    told = dock.take_over(card)
    now = told.sealed["CLIP-A.MP4"]
    found = the(told)
    assert (found.finding, found.clip) == ("changed", before.seq)
    assert found.facts["differs"] == ["size", "extents", "content"]
    assert found.facts["found_sha256"] == now.sha256
    assert dock.stored(before.sha256).read_bytes() == A
    dock.assert_holds("clip-a.mp4")
    nothing_new(dock, card)


def test_other_content_where_nothing_in_the_listing_differs(dock: DockIn, tmp_path: Path) -> None:
    """The first and the last bytes are always compared with the store."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": A}, SIZE)
    dock.take_over(card)
    make_fat_card(card, {"A.MP4": A[:-1] + b"\0"}, SIZE)
    found = the(dock.take_over(card))
    assert (found.finding, found.facts["differs"]) == ("changed", ["content"])
    nothing_new(dock, card)


def test_rereading_finds_what_samples_may_miss(dock: DockIn, tmp_path: Path) -> None:
    """A byte in the middle of a long clip is found with reread at the latest."""
    data = some_bytes("long", 1_000_000)
    card = make_fat_card(tmp_path / "card", {"A.MP4": data}, SIZE)
    trusting = "[ingest]\nsample_blocks = 0\n"
    dock.take_over(card, settings=trusting)
    turned = data[:500_000] + bytes([data[500_000] ^ 1]) + data[500_001:]
    make_fat_card(card, {"A.MP4": turned}, SIZE)
    assert dock.take_over(card, settings=trusting).findings == []
    told = dock.take_over(card, settings=trusting, reread=True)
    assert told.findings == [("changed", "A.MP4")]
    dock.assert_holds()


def test_other_times_under_a_known_name(dock: DockIn, tmp_path: Path) -> None:
    """Back-dating a clip on the card changes a stored time, and that is told."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": A}, SIZE)
    dock.take_over(card)
    earlier = Clip(data=A, modified=RECORDED - timedelta(days=1), created=RECORDED)
    make_fat_card(card, {"A.MP4": earlier}, SIZE)
    found = the(dock.take_over(card))
    assert (found.finding, found.facts["differs"]) == ("changed", ["times"])
    assert found.facts["modified"] == "2026-03-13 09:26:52"
    nothing_new(dock, card)


def test_a_recorder_rewrites_its_own_records(dock: DockIn, tmp_path: Path) -> None:
    """Settings and log files are taken over each time they differ, and are no finding."""
    files = {"Param.ini": PARAM, "LOG/RUN.LOG": b"one", "A.MP4": A}
    card = make_fat_card(tmp_path / "card", files, SIZE)
    dock.take_over(card)
    later = RECORDED + timedelta(hours=1)
    more: Files = {**files, "LOG/RUN.LOG": Clip(data=b"two", modified=later)}
    make_fat_card(card, more, SIZE)
    told = dock.take_over(card)
    assert (list(told.sealed), told.findings) == (["LOG/RUN.LOG"], [])
    del more["LOG/RUN.LOG"]
    make_fat_card(card, more, SIZE)
    assert [f for f in dock.take_over(card).findings if "LOG" in f[1]] == []
    dock.assert_holds()


def test_a_swapped_or_formatted_card_is_one_finding(dock: DockIn, tmp_path: Path) -> None:
    """Nothing on the other volume is called missing."""
    files = {"Param.ini": PARAM, "A.MP4": A, "B.MP4": B}
    card = make_fat_card(tmp_path / "card", files, SIZE)
    dock.take_over(card)
    make_fat_card(card, {"Param.ini": PARAM}, SIZE, volume_serial=0xBEEF)
    found = the(dock.take_over(card))
    assert found.finding == "volume-replaced"
    assert found.facts["before"] == ["fat32-1A2B3C4D"]
    assert found.facts["now"] == ["fat32-0000BEEF"]
    nothing_new(dock, card)
    dock.assert_holds("DSJ-A8-0042", "1A2B3C4D")


def test_a_medium_without_a_known_file_system(dock: DockIn, tmp_path: Path) -> None:
    """It is docked, said to be unread, and released; the caller hears why."""
    card = tmp_path / "card"
    card.write_bytes(bytes(1 << 20))
    for _ in range(2):
        with pytest.raises(UnknownFilesystemError):
            dock.take_over(card)
    kinds = [one.kind for one in dock.parsed()]
    once = ["docked", "finding", "checked", "released"]
    assert kinds == ["genesis", *once, *once], "who put which medium in is not known: told again"
    assert [one.body["finding"] for one in dock.parsed("finding")] == ["medium-unread"] * 2
    assert [one.body["result"] for one in dock.parsed("released")] == ["partial"] * 2
    dock.assert_holds(str(card))


def test_a_refused_partition_beside_a_good_one(dock: DockIn, tmp_path: Path) -> None:
    """The good one is taken over, the other is a finding, for each card its own."""
    card = tmp_path / "card"
    for serial in (1, 2):
        make_fat_card(card, {"A.MP4": A}, SIZE, volume_serial=serial)
        second = bytes([0, 0, 0, 0, 0x83, 0, 0, 0])
        second += (SIZE // 512).to_bytes(4, "little") + (2048).to_bytes(4, "little")
        patch(card, 446 + 16, second)
        patch(card, SIZE + PARTITION_AT - 1, b"\0")
        told = dock.take_over(card)
        assert told.findings == [("partition-refused", "")]
        assert (list(told.sealed), told.end.result) == (["A.MP4"], "partial")
    nothing_new(dock, card)


def test_a_card_with_more_records_than_the_dock_allows(dock: DockIn, tmp_path: Path) -> None:
    """A listing that breaks its bounds is no listing, and nothing is called missing."""
    card = make_fat_card(tmp_path / "card", {"DCIM/A.MP4": A, "B.MP4": B}, SIZE)
    dock.take_over(card)
    with pytest.raises(ReaderFailedError):
        dock.take_over(card, settings="[reader]\nmax_entries = 1\n")
    assert [one.body["finding"] for one in dock.parsed("finding")] == ["medium-unread"]
    dock.assert_holds()


def test_a_finding_stands_in_a_document_with_all_that_is_known(
    dock: DockIn, tmp_path: Path
) -> None:
    """Name, sizes, times and the deleted record's bytes are kept, salted, out of the log."""
    files = {"UNSEEN.MP4": Clip(data=A, deleted=True)}
    told = dock.take_over(make_exfat_card(tmp_path / "card", files))
    (found,) = dock.parsed("finding")
    digest = str(found.body["document"])
    path = dock.root / "store" / "documents" / digest[:2] / digest
    facts = document.parse(path.read_bytes())
    assert facts["path"] == "UNSEEN.MP4"
    assert facts["facts"] == dict(the(told).facts)
    assert set(found.body) == {"docking", "finding", "document"}


def test_a_renamed_clip_is_taken_over_again(dock: DockIn, tmp_path: Path) -> None:
    """A renamed clip is copied under its new name, and is found renamed, once."""
    card = make_fat_card(tmp_path / "card", {"OLD.MP4": A}, SIZE)
    old = dock.take_over(card).sealed["OLD.MP4"]
    make_fat_card(card, {"NEW.MP4": A}, SIZE)
    told = dock.take_over(card)
    assert told.sealed["NEW.MP4"].sha256 == old.sha256
    assert told.findings == [("renamed", "OLD.MP4")]
    nothing_new(dock, card)


def test_a_clip_comes_back_unchanged(dock: DockIn, tmp_path: Path) -> None:
    """After it was missing it is known again, and told; gone once more, it is missing once more."""
    card = make_fat_card(tmp_path / "card", {"A.MP4": A}, SIZE)
    kept = card.read_bytes()
    dock.take_over(card)
    for _ in range(2):
        make_fat_card(card, {}, SIZE)
        assert dock.take_over(card).findings == [("missing", "A.MP4")]
        assert dock.take_over(card).findings == []
        card.write_bytes(kept)
        told = dock.take_over(card)
        assert (told.end.known, told.findings) == (1, [("present-again", "A.MP4")])
        assert dock.take_over(card).findings == []
    dock.assert_holds()


def test_cards_with_one_serial_do_not_accuse_each_other(dock: DockIn, tmp_path: Path) -> None:
    """Clips of a recorder of another number are another card's, whatever the serial says."""

    def param(number: str) -> bytes:
        return f"[ZFY]\r\nDevNo={number}\r\n".encode()

    one = make_fat_card(tmp_path / "one", {"A.MP4": A, "Param.ini": param("DSJ-1001")}, SIZE)
    two = make_fat_card(tmp_path / "two", {"B.MP4": B, "Param.ini": param("DSJ-1002")}, SIZE)
    dock.take_over(one)
    assert dock.take_over(two).findings == [("recorder-changed", "")]
    assert dock.take_over(one).findings == [("recorder-changed", "")]
    for card in (two, one, two):
        told = dock.take_over(card)
        assert (told.end.sealed, told.findings) == (0, [])


def test_a_folder_accuses_nobody(dock: DockIn, tmp_path: Path) -> None:
    """Nothing tells one folder from another: what is not in it is not missing."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "A.MP4").write_bytes(A)
    (folder / "B.MP4").write_bytes(B)
    dock.take_over(folder)
    (folder / "A.MP4").unlink()
    assert dock.take_over(folder).findings == []
