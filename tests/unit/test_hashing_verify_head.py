"""What is done to a log's head, key and folder, and what the verifier calls it."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashing import growth, note, tiles
from hashing.checkpoint import Checkpoint
from hashing.entry import leaf_hash, parse
from hashing.keys import SignerKey
from hashing.merkle import Frontier, perfect_root
from hashing.verify import verify_log
from tests.sealed import KEY, ORIGIN, Disk, Sealed, long, small
from tests.spoiling import OTHER, codes, heartbeat, rechained, republish, rewrite_bundle, verify

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
