"""What is done to a log's entries and tiles, and what the verifier calls it."""

import shutil
from pathlib import Path

import pytest

from hashing import tiles
from hashing.entry import leaf_hash
from tests.sealed import ORIGIN, Sealed, long
from tests.spoiling import codes, heartbeat, rechained, republish, rewrite_bundle, verify


def test_an_untouched_log_of_two_levels(tmp_path: Path) -> None:
    """A log with full and partial tiles, grown in steps, verifies without a word."""
    report = verify(long(600).write(tmp_path, sizes=(1, 255, 256, 257, 512)))
    assert (report.problems, report.notices) == ((), ())
    assert (report.origin, report.size, report.counts["entries"]) == (ORIGIN, 600, 600)


# -- one entry ---------------------------------------------------------------


@pytest.mark.parametrize("victim", [0, 1, 100, 254, 255, 256, 270, 298, 299])
def test_an_edited_entry(tmp_path: Path, victim: int) -> None:
    """An entry rewritten within its bundle is the only one named."""
    disk = long(300).write(tmp_path)
    path = "tile/entries/000" if victim < 256 else "tile/entries/001.p/44"

    def edit(entries: list[bytes]) -> list[bytes]:
        at = victim % 256
        entries[at] = entries[at].replace(b'"source":"ntp"', b'"source":"gps"')
        return entries

    rewrite_bundle(disk, path, edit)
    assert codes(verify(disk)) == [("entry-edited", victim)]


@pytest.mark.parametrize("victim", [0, 1, 100, 254, 255])
def test_a_deleted_entry(tmp_path: Path, victim: int) -> None:
    """An entry taken out of its bundle is the only one named."""
    disk = long(300).write(tmp_path)
    rewrite_bundle(disk, "tile/entries/000", lambda rows: rows[:victim] + rows[victim + 1 :])
    assert codes(verify(disk)) == [("entry-deleted", victim)]


@pytest.mark.parametrize("victim", [256, 280, 299])
def test_a_deleted_entry_at_the_edge(tmp_path: Path, victim: int) -> None:
    """An entry taken out of the last, partial bundle is the only one named."""
    disk = long(300).write(tmp_path)
    at = victim - 256
    rewrite_bundle(disk, "tile/entries/001.p/44", lambda rows: rows[:at] + rows[at + 1 :])
    assert codes(verify(disk)) == [("entry-deleted", victim)]


@pytest.mark.parametrize("victim", [3, 255, 256, 599])
def test_a_deleted_entry_with_all_others_moved_up(tmp_path: Path, victim: int) -> None:
    """A deletion hidden by moving every later entry up one place still names one entry."""
    sealed = long(700)
    disk = sealed.write(tmp_path)
    left = sealed.entries[:victim] + sealed.entries[victim + 1 :]
    for index, width in ((0, 256), (1, 256), (2, 188)):
        data = tiles.pack_bundle(left[index * 256 : index * 256 + width])
        disk.put(f"log/{tiles.entries_path(index, width)}", data)
    assert codes(verify(disk)) == [("entry-deleted", victim)]


@pytest.mark.parametrize("place", [1, 255, 256, 600])
def test_an_inserted_entry(tmp_path: Path, place: int) -> None:
    """An entry slipped in, with every later one moved down, is named once."""
    sealed = long(700)
    disk = sealed.write(tmp_path)
    forged = heartbeat(place, leaf_hash(sealed.entries[place - 1]))
    longer = [*sealed.entries[:place], forged, *sealed.entries[place:]]
    for index, width in ((0, 256), (1, 256), (2, 188)):
        rows = longer[512:] if index == 2 else longer[index * 256 : index * 256 + width]
        disk.put(f"log/{tiles.entries_path(index, width)}", tiles.pack_bundle(rows))
    assert codes(verify(disk)) == [("entry-inserted", place)]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (5, 200), (254, 255)])
def test_two_exchanged_entries(tmp_path: Path, one: int, other: int) -> None:
    """Two entries in each other's place are one problem that names both."""
    disk = long(300).write(tmp_path)

    def swap(rows: list[bytes]) -> list[bytes]:
        rows[one], rows[other] = rows[other], rows[one]
        return rows

    rewrite_bundle(disk, "tile/entries/000", swap)
    report = verify(disk)
    assert codes(report) == [("entry-reordered", one)]
    assert str(other) in report.problems[0].detail


def test_two_entries_exchanged_across_bundles(tmp_path: Path) -> None:
    """An entry that stands in a far entry's place is named at both places."""
    sealed = long(900)
    disk = sealed.write(tmp_path)
    rows = list(sealed.entries)
    rows[10], rows[800] = rows[800], rows[10]
    for index, width in ((0, 256), (3, 132)):
        data = tiles.pack_bundle(rows[index * 256 : index * 256 + width])
        disk.put(f"log/{tiles.entries_path(index, width)}", data)
    assert codes(verify(disk)) == [("entry-reordered", 10), ("entry-reordered", 800)]


@pytest.mark.parametrize(("one", "other"), [(5, 9), (9, 5)])
def test_a_moved_entry(tmp_path: Path, one: int, other: int) -> None:
    """An entry moved elsewhere is named; those that made room for it are not."""
    disk = long(300).write(tmp_path)

    def move(rows: list[bytes]) -> list[bytes]:
        rows.insert(other, rows.pop(one))
        return rows

    rewrite_bundle(disk, "tile/entries/000", move)
    assert codes(verify(disk)) == [("entry-reordered", one)]


def test_a_repeated_entry(tmp_path: Path) -> None:
    """An entry that stands there twice was inserted the second time."""
    disk = long(300).write(tmp_path)
    rewrite_bundle(disk, "tile/entries/000", lambda rows: [*rows[:6], rows[5], *rows[6:]])
    assert codes(verify(disk)) == [("entry-inserted", 6)]


def test_two_causes_are_two_problems(tmp_path: Path) -> None:
    """Two edits far apart, a forged tile and a lost clip are four problems, each named."""
    disk = long(700).write(tmp_path)
    for path in ("tile/entries/000", "tile/entries/002.p/188"):
        rewrite_bundle(disk, path, lambda rows: [*rows[:7], rows[7][:-3] + b"7}}", *rows[8:]])
    disk.change("log/tile/0/001", lambda data: bytes(32) + data[32:])
    report = disk.verify()
    assert codes(report)[:3] == [("entry-edited", 7), ("entry-edited", 519), ("tile-forged", 256)]


def test_thousands_of_changes_are_counted_not_listed(tmp_path: Path) -> None:
    """Where everything was edited, a few are listed and the rest counted."""
    disk = long(600).write(tmp_path)
    for path in ("tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"):
        rewrite_bundle(disk, path, lambda rows: [row.replace(b'"ntp"', b'"gps"') for row in rows])
    report = verify(disk)
    assert {code for code, _ in codes(report)} == {"entry-edited"}
    assert len(report.problems) + report.omitted["entry-edited"] == 600


# -- tiles -------------------------------------------------------------------


def test_level_0_tile_and_bundle_forged_together(tmp_path: Path) -> None:
    """Entry, bundle and level-0 tile that agree are held against the tile above."""
    # CVE-2026-56865: another verifier let up to two such tiles pass unchecked.
    sealed = long(600)
    disk = sealed.write(tmp_path)
    forged = sealed.entries[256:512]
    forged[40] = forged[40].replace(b'"source":"ntp"', b'"source":"gps"')
    disk.put("log/tile/entries/001", tiles.pack_bundle(forged))
    disk.put("log/tile/0/001", tiles.pack_tile([leaf_hash(row) for row in forged]))
    report = verify(disk)
    assert codes(report) == [("bundle-forged", 296), ("tile-forged", None)]
    assert report.problems[1].where == str(disk.log / "tile/0/001")


def test_forged_together_and_chained_anew(tmp_path: Path) -> None:
    """Re-chaining the forged bundle hides the entry, not the bundle."""
    sealed = long(600)
    disk = sealed.write(tmp_path)
    rows = list(sealed.entries)
    rows[296] = rows[296].replace(b'"source":"ntp"', b'"source":"gps"')
    forged = rechained(rows, 297)[256:512]
    disk.put("log/tile/entries/001", tiles.pack_bundle(forged))
    disk.put("log/tile/0/001", tiles.pack_tile([leaf_hash(row) for row in forged]))
    assert codes(verify(disk)) == [("bundle-forged", None), ("tile-forged", None)]


def test_every_tile_above_forged_too(tmp_path: Path) -> None:
    """Entries and all tiles rewritten around the genuine checkpoint: the root does not match."""
    sealed = long(600)
    disk = sealed.write(tmp_path)
    sealed.entries[296] = sealed.entries[296].replace(b'"ntp"', b'"gps"')
    sealed.entries = rechained(sealed.entries, 297)
    report = verify(republish(sealed, tmp_path))
    assert report.problems[0].code == "root-mismatch"
    assert report.problems[0].where == str(disk.log / "checkpoint")


def test_everything_forged_and_not_chained_anew(tmp_path: Path) -> None:
    """Where only the chain was forgotten, the break is named besides the root."""
    sealed = long(600)
    disk = sealed.write(tmp_path)
    sealed.entries[296] = sealed.entries[296].replace(b'"ntp"', b'"gps"')
    disk = republish(sealed, tmp_path)
    assert ("chain-broken", 297) in codes(verify(disk))


def test_a_level_1_tile_replaced(tmp_path: Path) -> None:
    """A tile of a higher level that its children do not hash to is the one that is named."""
    disk = long(600).write(tmp_path)
    path = disk.change("log/tile/1/000.p/2", lambda data: data[32:] + data[:32])
    report = verify(disk)
    assert [(it.code, it.where) for it in report.problems] == [("tile-forged", str(path))]


def test_a_full_level_1_tile_replaced(tmp_path: Path) -> None:
    """In a log of three levels, a middle tile is held against its parent and its children."""
    sealed = Sealed()
    sealed.genesis()
    for _ in range(65_700):
        sealed.add("heartbeat")
    disk = sealed.write(tmp_path)
    assert verify(disk).ok
    path = disk.change("log/tile/1/000", lambda data: bytes(32) + data[32:])
    report = verify(disk)
    assert [(it.code, it.where) for it in report.problems] == [("tile-forged", str(path))]
    disk.change("log/tile/entries/003", lambda data: data.replace(b'"ntp"', b'"gps"', 1))
    assert codes(verify(disk)) == [("entry-edited", 768), ("tile-forged", None)]


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"]
)
def test_a_missing_tile_or_bundle(tmp_path: Path, path: str) -> None:
    """A tile or bundle that is gone is named, and nothing else."""
    disk = long(600).write(tmp_path)
    (disk.log / path).unlink()
    report = verify(disk)
    kind = "bundle" if "entries" in path else "tile"
    assert [(it.code, it.where) for it in report.problems] == [
        (f"{kind}-missing", str(disk.log / path))
    ]


def test_a_log_that_grows_while_it_is_read(tmp_path: Path) -> None:
    """A partial file that a full one has replaced since is no loss."""
    sealed = long(600)
    disk = sealed.write(tmp_path, sizes=(300,))
    disk.put("log/checkpoint", sealed.checkpoint(300))
    for path in ("tile/0/001.p", "tile/entries/001.p"):
        shutil.rmtree(disk.log / path)
    report = verify(disk)
    assert report.problems == ()
    assert [notice.code for notice in report.notices] == ["beyond-checkpoint"]


def test_a_shortened_tile(tmp_path: Path) -> None:
    """A tile of the wrong length is named with its length."""
    disk = long(300).write(tmp_path)
    disk.change("log/tile/0/000", lambda data: data[:-32])
    assert codes(verify(disk)) == [("tile-malformed", None)]


def test_an_older_partial_tile_or_bundle_that_lies(tmp_path: Path) -> None:
    """Tiles published before count too: each must be how its tile began."""
    disk = long(300).write(tmp_path, sizes=(100, 270))
    disk.change("log/tile/0/000.p/100", lambda data: data[:64] + bytes(32) + data[96:])
    disk.change("log/tile/0/001.p/14", lambda data: data[32:] + data[:32])
    rewrite_bundle(disk, "tile/entries/001.p/14", lambda rows: [rows[1], rows[0], *rows[2:]])
    assert sorted(codes(verify(disk))) == [
        ("bundle-forged", 256),
        ("tile-forged", 2),
        ("tile-forged", 256),
    ]


def test_bytes_after_the_last_entry(tmp_path: Path) -> None:
    """What trails a bundle's entries makes it malformed."""
    disk = long(300).write(tmp_path)
    disk.change("log/tile/entries/000", lambda data: data + b"\0\7abc")
    report = verify(disk)
    assert [it.code for it in report.problems] == ["bundle-malformed"]
