"""What is done to a log, and what the verifier calls it."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hashing import growth, note, tiles
from hashing.checkpoint import Checkpoint
from hashing.entry import Entry, leaf_hash, parse
from hashing.keys import SignerKey
from hashing.merkle import Frontier, perfect_root
from hashing.report import Report
from hashing.verify import verify_log
from tests.sealed import AT, KEY, ORIGIN, Disk, Sealed, long, small

OTHER = SignerKey.generate(ORIGIN, hashlib.sha256(b"another seed").digest())


def codes(report: Report) -> list[tuple[str, int | None]]:
    """Return code and entry of each problem."""
    return [(problem.code, problem.seq) for problem in report.problems]


def verify(disk: Disk) -> Report:
    """Return what the verifier says of the log alone."""
    return verify_log(disk.log, KEY.verifier())


def rewrite_bundle(disk: Disk, path: str, how: Callable[[list[bytes]], list[bytes]]) -> None:
    """Cut a bundle into its entries, change the list, and write it again."""

    def change(data: bytes) -> bytes:
        which = tiles.parse_path(path)
        return tiles.pack_bundle(how(tiles.unpack_bundle(data, which.width)))

    disk.change(f"log/{path}", change)


def rechained(entries: list[bytes], start: int = 0) -> list[bytes]:
    """Give every entry from `start` on the seq and prev of where it now stands."""
    out = list(entries)
    for seq in range(start, len(out)):
        old = parse(out[seq])
        prev = leaf_hash(out[seq - 1]) if seq else bytes(32)
        out[seq] = Entry(seq=seq, prev=prev, kind=old.kind, at=old.at, body=old.body).encode()
    return out


def heartbeat(seq: int, prev: bytes) -> bytes:
    """Return an entry that somebody made up."""
    return Entry(seq=seq, prev=prev, kind="heartbeat", at=AT, body={"forged": True}).encode()


def republish(sealed: Sealed, root: Path) -> Disk:
    """Write a whole log anew around an old checkpoint's bytes, kept by the caller."""
    shutil.rmtree(root / "log" / "tile")
    disk = Disk(root)
    for path, data in growth.grow(0, sealed.entries, disk.read):
        disk.put(f"log/{path}", data)
    return disk


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


# -- head and tail -------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 255, 256, 290])
def test_a_log_cut_off(tmp_path: Path, keep: int) -> None:
    """Files of a shorter log under the longer log's checkpoint: it is truncated, in one word."""
    sealed = long(600)
    disk = sealed.write(tmp_path)
    shorter = Sealed(entries=sealed.entries[:keep])
    report = verify(republish(shorter, tmp_path))
    assert report.problems[0].code in {"log-truncated", "bundle-missing"}
    assert str(disk.log) in report.problems[0].where
    assert len(report.problems) <= 3


def test_a_missing_tail(tmp_path: Path) -> None:
    """The last bundles and tiles taken away: one problem, which says where the files end."""
    disk = long(900).write(tmp_path)
    for path in ("tile/entries/002", "tile/entries/003.p/132", "tile/0/002", "tile/0/003.p/132"):
        (disk.log / path).unlink()
    assert codes(verify(disk)) == [("log-truncated", 512)]


def test_a_signed_size_beyond_all_bounds(tmp_path: Path) -> None:
    """A checkpoint over 2^63-1 entries is found empty without counting to there."""
    disk = small().write(tmp_path)
    head = Checkpoint(ORIGIN, 2**63 - 1, bytes(32))
    disk.put("log/checkpoint", note.sign(head.encode(), [KEY]))
    assert "log-truncated" in [code for code, _ in codes(verify(disk))]


def test_an_older_checkpoint_leaves_a_notice(tmp_path: Path) -> None:
    """Files beyond the checkpoint, as a crash leaves them, are no problem."""
    sealed = long(600)
    disk = sealed.write(tmp_path, sizes=(300,))
    disk.put("log/checkpoint", sealed.checkpoint(300))
    report = verify(disk)
    assert report.problems == ()
    assert [notice.code for notice in report.notices] == ["beyond-checkpoint"]
    assert "300 to 599" in report.notices[0].detail


@pytest.mark.parametrize("size", [256, 290, 300, 512])
def test_a_crash_anywhere_in_publishing(tmp_path: Path, size: int) -> None:
    """However many of the new files were written, the old checkpoint still stands."""
    sealed = long(600)
    sealed.write(tmp_path / "all", sizes=(size,))
    fresh = list(growth.grow(size, sealed.entries[size:], Disk(tmp_path / "all").read))
    old = Sealed(entries=sealed.entries[:size]).write(tmp_path / "old")
    assert verify(old).ok
    for path, data in fresh:
        old.put(f"log/{path}", data)
        report = verify(old)
        assert report.problems == (), path
        assert [notice.code for notice in report.notices] == ["beyond-checkpoint"]


def test_a_forged_file_beyond_the_checkpoint(tmp_path: Path) -> None:
    """Beyond the checkpoint too, entries must follow and tiles must fit."""
    sealed = long(400)
    for path in ("tile/entries/001.p/144", "tile/0/001.p/144"):
        disk = sealed.write(tmp_path, sizes=(300,))
        disk.put("log/checkpoint", sealed.checkpoint(300))
        disk.change(f"log/{path}", lambda data: data[:-2] + b"\0\0")
        problems = verify(disk).problems
        assert {problem.code for problem in problems} == {"beyond-malformed"}
        assert str(disk.log / path) in {problem.where for problem in problems}


def test_signed_entries_changed_in_a_file_beyond(tmp_path: Path) -> None:
    """A wider bundle that does not begin with the signed entries is named."""
    sealed = long(400)
    disk = sealed.write(tmp_path, sizes=(300,))
    disk.put("log/checkpoint", sealed.checkpoint(300))
    rewrite_bundle(disk, "tile/entries/001.p/144", lambda rows: [rows[1], rows[0], *rows[2:]])
    assert codes(verify(disk)) == [("beyond-malformed", 300)]


# -- signature, key, origin ------------------------------------------------------


def test_all_rewritten_without_the_key(tmp_path: Path) -> None:
    """Whoever rewrites everything but cannot sign leaves a signature that does not match."""
    sealed = small()
    disk = sealed.write(tmp_path)
    line = (disk.log / "checkpoint").read_bytes().rpartition(b"\n\n")[2]
    sealed.entries = rechained(sealed.entries[:3] + sealed.entries[4:])
    disk = republish(sealed, tmp_path)
    text = sealed.checkpoint(6).rpartition(b"\n\n")[0]
    disk.put("log/checkpoint", text + b"\n\n" + line)
    assert codes(verify(disk))[0] == ("checkpoint-signature", None)


def test_another_key_under_the_same_name(tmp_path: Path) -> None:
    """A log signed anew by another key of this name says so, and only that."""
    sealed = small()
    sealed.key = OTHER
    disk = sealed.write(tmp_path)
    assert codes(verify(disk)) == [("checkpoint-other-key", None), ("vkey-other", None)]


def test_another_docks_log(tmp_path: Path) -> None:
    """A whole log of another dock is called that."""
    other = SignerKey.generate("dock.example/0002", KEY.seed)
    sealed = Sealed(origin=other.name, key=other)
    sealed.genesis()
    disk = sealed.write(tmp_path)
    assert codes(verify(disk)) == [("checkpoint-other-origin", None), ("vkey-other", None)]


def test_another_origin_signed_by_our_key(tmp_path: Path) -> None:
    """A checkpoint of another origin is refused although the key's signature is good."""
    sealed = small()
    sealed.origin = "dock.example/0002"
    disk = sealed.write(tmp_path)
    assert codes(verify(disk))[0] == ("checkpoint-other-origin", None)


def test_the_signature_taken_off(tmp_path: Path) -> None:
    """A checkpoint that only strangers signed is unsigned."""
    disk = small().write(tmp_path)
    text = note.parse((disk.log / "checkpoint").read_bytes())[0]
    stranger = SignerKey.generate("witness.example/w1", bytes(32))
    disk.put("log/checkpoint", note.sign(text, [stranger]))
    assert codes(verify(disk)) == [("checkpoint-unsigned", None)]


def test_a_bad_signature_does_not_hide_an_edited_entry(tmp_path: Path) -> None:
    """Where the tiles bear the checkpoint out, entries are judged by it all the same."""
    disk = long(300).write(tmp_path)
    disk.change("log/checkpoint", lambda data: data[:-10] + b"AAAAAAA==\n")
    rewrite_bundle(
        disk, "tile/entries/000", lambda rows: [*rows[:9], rows[9][:-3] + b"9}}", *rows[10:]]
    )
    first, *rest = codes(verify(disk))
    assert first[0] in {"checkpoint-signature", "checkpoint-malformed"}
    assert rest == [("entry-edited", 9)]


def test_without_a_checkpoint_the_rest_is_still_read(tmp_path: Path) -> None:
    """No checkpoint: that is said first; a tile that disagrees is not blamed on either side."""
    disk = long(300).write(tmp_path)
    (disk.log / "checkpoint").unlink()
    assert codes(verify(disk)) == [("checkpoint-missing", None)]
    disk.change("log/tile/0/000", lambda data: data[:320] + bytes(32) + data[352:])
    assert codes(verify(disk)) == [("checkpoint-missing", None), ("tile-disagrees", 10)]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n7\n", "\n07\n"),
        lambda text: text + "an extension line\n",
        lambda text: text.rpartition("\n")[0].rpartition("\n")[0] + "\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint(tmp_path: Path, change: Callable[[str], str]) -> None:
    """A text outside the profile is refused even with a good signature."""
    disk = small().write(tmp_path)
    text = change(note.parse((disk.log / "checkpoint").read_bytes())[0])
    signed = text.encode()
    line = note.SignatureLine(KEY.name, KEY.verifier().key_id, KEY.sign(signed))
    disk.put("log/checkpoint", signed + f"\n{line}\n".encode())
    assert codes(verify(disk)) == [("checkpoint-malformed", None)]


def test_the_logs_own_key_is_only_a_convenience(tmp_path: Path) -> None:
    """The log's copy of its key is compared with the given one, never trusted."""
    disk = small().write(tmp_path)
    (disk.log / "vkey").unlink()
    assert codes(verify(disk)) == [("vkey-missing", None)]


# -- signed, but wrong ---------------------------------------------------------


def signed_wrong(tmp_path: Path, change: Callable[[Sealed], None]) -> list[tuple[str, int | None]]:
    """Return what is found in a log that was signed with `change` in it."""
    sealed = small()
    change(sealed)
    return codes(verify(sealed.write(tmp_path)))


def test_a_broken_prev_in_a_valid_tree(tmp_path: Path) -> None:
    """A chain that does not hold is found although tree and signature are right."""

    def change(sealed: Sealed) -> None:
        sealed.entries.append(heartbeat(7, bytes(32)))

    assert signed_wrong(tmp_path, change) == [("chain-broken", 7)]


def test_a_wrong_seq_in_a_valid_tree(tmp_path: Path) -> None:
    """A signed entry that states another place than its own is named."""

    def change(sealed: Sealed) -> None:
        sealed.entries.append(heartbeat(8, leaf_hash(sealed.entries[-1])))

    assert signed_wrong(tmp_path, change) == [("entry-seq", 7)]


def test_a_signed_entry_that_is_none(tmp_path: Path) -> None:
    """Bytes that are no entry are found although tree and signature are right."""

    def change(sealed: Sealed) -> None:
        sealed.entries.append(b'{"v":1}')

    assert signed_wrong(tmp_path, change) == [("entry-malformed", 7)]


def test_a_second_genesis(tmp_path: Path) -> None:
    """A log has one genesis, at its start."""
    assert signed_wrong(tmp_path, Sealed.genesis) == [("genesis", 7)]


@pytest.mark.parametrize("what", ["vkey", "origin"])
def test_a_genesis_of_something_else(tmp_path: Path, what: str) -> None:
    """Genesis must state the key that is in use and the origin it is named after."""
    sealed = Sealed()
    body: dict[str, str | int] = {
        "origin": ORIGIN,
        "vkey": str(KEY.verifier()),
        "software": "x",
        "profile": 1,
    }
    sealed.add("genesis", **{**body, what: str(OTHER.verifier())})
    assert codes(verify(sealed.write(tmp_path))) == [("genesis", 0)]


def test_no_genesis(tmp_path: Path) -> None:
    """A log that begins with something else is named."""
    sealed = Sealed()
    sealed.add("heartbeat")
    assert codes(verify(sealed.write(tmp_path))) == [("genesis", 0)]


def test_an_empty_log(tmp_path: Path) -> None:
    """A signed log of no entries lacks its genesis."""
    assert codes(verify(Sealed().write(tmp_path))) == [("genesis", None)]


@pytest.mark.parametrize("change", [{"entries": 4}, {"digest": "0" * 64}])
def test_a_closing_entry_that_does_not_match(tmp_path: Path, change: dict[str, int | str]) -> None:
    """Count and digest of a closing entry must be those of its docking's entries."""
    sealed = small()
    body = dict(parse(sealed.entries.pop()).body) | change
    sealed.add("released", **body)
    assert codes(verify(sealed.write(tmp_path))) == [("released-mismatch", 6)]


def test_dockings_that_interleave(tmp_path: Path) -> None:
    """Two bays at once: each closing entry counts its own docking only."""
    sealed = Sealed()
    sealed.genesis()
    leaves: dict[int, list[bytes]] = {1: [], 2: []}
    for number in (1, 2, 2, 1, 1):
        sealed.add("finding", docking=number, finding="gap", document=sealed.document(x=1))
        leaves[number].append(leaf_hash(sealed.entries[-1]))
    for number, own in leaves.items():
        digest = hashlib.sha256(b"".join(own)).hexdigest()
        sealed.add("released", docking=number, entries=len(own), digest=digest)
    assert sealed.write(tmp_path).verify().ok


# -- what lies about -------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["extra", "tile/0/extra", "tile/0/000.p/256", "tile/0/1", "tile/00/000", "tile/entries/x"],
)
def test_a_file_that_does_not_belong(tmp_path: Path, path: str) -> None:
    """Any other file in the log directory is named."""
    disk = small().write(tmp_path)
    disk.put(f"log/{path}", b"?")
    report = verify(disk)
    assert len(report.problems) == 1
    assert report.problems[0].code == "log-stray"
    assert str(disk.log / path).startswith(report.problems[0].where)


def test_a_half_made_file_is_a_notice(tmp_path: Path) -> None:
    """What a crash in the middle of a write leaves is said and does no harm."""
    disk = small().write(tmp_path)
    disk.put("log/.checkpoint.new", b"half")
    report = verify(disk)
    assert report.ok
    assert [notice.code for notice in report.notices] == ["unfinished-write"]


@pytest.mark.parametrize(
    "path", ["checkpoint", "vkey", "tile/0/000.p/7", "tile/entries/000.p/7", "tile/0", "tile"]
)
@pytest.mark.parametrize("thing", ["link", "directory", "pipe", "dangling"])
def test_other_things_in_a_files_place(tmp_path: Path, path: str, thing: str) -> None:
    """A link, a directory or a pipe where a file belongs is named, never followed or waited for."""
    disk = small().write(tmp_path)
    target = disk.log / path
    away = tmp_path / "away"
    target.rename(away)
    match thing:
        case "link":
            target.symlink_to(away)
        case "dangling":
            target.symlink_to(tmp_path / "nowhere")
        case "directory":
            target.mkdir()
        case _:
            os.mkfifo(target)
    first = verify(disk).problems[0]
    assert str(target) in first.where or first.code == "log-truncated"


def test_a_file_too_large_to_be_what_it_should(tmp_path: Path) -> None:
    """Files of absurd size are refused by their bounds, not read whole."""
    disk = small().write(tmp_path)
    for path in ("checkpoint", "vkey", "tile/0/000.p/7", "tile/entries/000.p/7"):
        os.truncate(disk.log / path, 1 << 40)
    where = {
        Path(problem.where).relative_to(disk.log).as_posix() for problem in verify(disk).problems
    }
    assert where >= {"checkpoint", "vkey", "tile/0/000.p/7", "tile/entries/000.p/7"}


def test_no_log_directory(tmp_path: Path) -> None:
    """A directory that is not there is a problem like any other."""
    report = verify_log(tmp_path / "none", KEY.verifier())
    assert codes(report) == [("log-missing", None)]


def test_the_golden_log_of_other_verifiers_tiles(tmp_path: Path) -> None:
    """The root over the tiles that we write is the root over the leaves."""
    entries = [b"%d" % number for number in range(600)]
    disk = Disk(tmp_path)
    frontier = Frontier()
    for path, data in growth.grow(0, entries, disk.read):
        disk.put(f"log/{path}", data)
    for entry in entries:
        frontier.append(leaf_hash(entry))
    first = tiles.unpack_tile(disk.read("tile/0/000"), 256)
    assert perfect_root(first) == tiles.unpack_tile(disk.read("tile/1/000.p/2"), 2)[0]
    assert growth.frontier(600, disk.read).root() == frontier.root()
