"""What is done to a store, and what the verifier calls it."""

import hashlib
import os
from pathlib import Path

import pytest

from hashing import document
from hashing.report import Report
from tests.sealed import Disk, Sealed, small

FIRST, SECOND, EMPTY = (
    hashlib.sha256(content).hexdigest() for content in (b"first clip", b"second clip, longer", b"")
)


def clip(digest: str) -> str:
    """Return the path of a clip below the root."""
    return f"store/clips/{digest[:2]}/{digest}"


def paper(digest: str) -> str:
    """Return the path of a document below the root."""
    return f"store/documents/{digest[:2]}/{digest}"


def found(report: Report, root: Path) -> list[tuple[str, str, int | None]]:
    """Return code, path below the root and entry of each problem."""
    return [
        (problem.code, Path(problem.where).relative_to(root).as_posix(), problem.seq)
        for problem in report.problems
    ]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """Write a log of one docking with three clips, and its store."""
    return small().write(tmp_path)


def test_a_missing_clip(disk: Disk) -> None:
    """A clip that was taken away is named with the entry that seals it."""
    (disk.root / clip(SECOND)).unlink()
    assert found(disk.verify(), disk.root) == [("clip-missing", clip(SECOND), 4)]


def test_a_missing_document(disk: Disk) -> None:
    """A document that was taken away is named with the entry that names it."""
    digest = next(iter(small().documents))
    (disk.root / paper(digest)).unlink()
    assert found(disk.verify(), disk.root) == [("document-missing", paper(digest), 1)]


def test_a_replaced_clip(disk: Disk) -> None:
    """A clip with another's content is named, and so is the entry whose clip it holds."""
    disk.put(clip(FIRST), b"second clip, longer")
    report = disk.verify()
    assert found(report, disk.root) == [("clip-damaged", clip(FIRST), 3)]
    assert "holds the clip of entry 4" in report.problems[0].detail


def test_a_cut_clip(disk: Disk) -> None:
    """A clip that became shorter is named with both sizes."""
    disk.put(clip(FIRST), b"first")
    report = disk.verify()
    assert found(report, disk.root) == [("clip-damaged", clip(FIRST), 3)]
    assert "5 bytes, not 10" in report.problems[0].detail


def test_a_file_nobody_named(disk: Disk) -> None:
    """A good file that no entry names is what a crash leaves: a notice."""
    digest = hashlib.sha256(b"extra").hexdigest()
    disk.put(clip(digest), b"extra")
    report = disk.verify()
    assert report.ok
    assert [notice.code for notice in report.notices] == ["store-unclaimed"]


def test_a_file_nobody_named_under_a_wrong_name(disk: Disk) -> None:
    """A file that does not hold what its name says is a problem, sealed or not."""
    disk.put(clip("ab" * 32), b"extra")
    disk.put(paper("cd" * 32), b"{}")
    assert found(disk.verify(), disk.root) == [
        ("store-misnamed", clip("ab" * 32), None),
        ("store-misnamed", paper("cd" * 32), None),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "store/extra",
        "store/clips/extra",
        "store/clips/zz/x",
        "store/clips/aa/extra",
        "store/documents/aa/" + "bb" * 32,
        "store/clips/AA/" + "AA" * 32,
    ],
)
def test_a_file_that_does_not_belong(disk: Disk, path: str) -> None:
    """Anything else in the store is named."""
    disk.put(path, b"")
    ((code, where, seq),) = found(disk.verify(), disk.root)
    assert (code, seq) == ("store-stray", None)
    assert path.startswith(where)


def test_what_is_no_evidence(disk: Disk) -> None:
    """Half-made files are passed over; files that the dock set aside are a notice."""
    disk.put("store/incoming/half", b"half")
    assert disk.verify().notices == ()
    disk.put("store/damaged/" + FIRST, b"bad")
    report = disk.verify()
    assert report.ok
    assert [notice.code for notice in report.notices] == ["store-set-aside"]


def test_sealed_documents_must_be_documents(tmp_path: Path) -> None:
    """A sealed document without its salt, or not canonical, is named."""
    sealed = small()
    for data in (b'{"a":1}', b'{"salt": "' + b"0" * 64 + b'"}', b"not json", b""):
        digest = document.digest(data)
        sealed.documents[digest] = data
        seq = sealed.add("finding", docking=2, finding="gap", document=digest)
        assert (
            "document-malformed",
            paper(digest),
            seq,
        ) in found(sealed.write(tmp_path / str(seq)).verify(), tmp_path / str(seq))


def test_a_size_that_was_never_true(tmp_path: Path) -> None:
    """An entry that states another size than its clip has is named."""
    sealed = Sealed()
    sealed.genesis()
    digest = hashlib.sha256(b"clip").hexdigest()
    sealed.clips[digest] = b"clip"
    sealed.add("clip", docking=1, sha256=digest, size=5, document=sealed.document(path="A"))
    disk = sealed.write(tmp_path)
    assert found(disk.verify(), tmp_path) == [("clip-size", clip(digest), 1)]
    sealed.add("clip", docking=1, sha256=digest, size=4, document=sealed.document(path="B"))
    codes = [code for code, _, _ in found(sealed.write(tmp_path / "two").verify(), tmp_path)]
    assert codes == ["clip-size-conflict", "clip-size"]


def test_one_content_sealed_twice(tmp_path: Path) -> None:
    """One file serves two entries; an edit of the first does not hide that it is gone."""
    sealed = Sealed()
    sealed.genesis()
    sealed.docking(1, [b"same", b"same"])
    disk = sealed.write(tmp_path)
    assert disk.verify().ok
    same = hashlib.sha256(b"same").hexdigest()
    (tmp_path / clip(same)).unlink()
    disk.change(
        "log/tile/entries/000.p/6",
        lambda data: data.replace(b'"seq":3', b'"seq":9'),
    )
    assert found(disk.verify(), tmp_path) == [
        ("entry-edited", "log/tile/entries/000.p/6", 3),
        ("clip-missing", clip(same), 4),
    ]


def test_an_edited_entry_claims_nothing(disk: Disk) -> None:
    """What an edited entry says of the store is not held against the store."""
    other = hashlib.sha256(b"other").hexdigest()
    path = "log/tile/entries/000.p/7"
    disk.change(path, lambda data: data.replace(FIRST.encode(), other.encode()))
    assert found(disk.verify(), disk.root) == [("entry-edited", path, 3)]


@pytest.mark.parametrize("thing", ["link", "directory", "pipe"])
@pytest.mark.parametrize("path", [clip(FIRST), paper(next(iter(small().documents)))])
def test_other_things_in_a_files_place(disk: Disk, path: str, thing: str) -> None:
    """A link, directory or pipe in a clip's or document's place is named, never followed."""
    target = disk.root / path
    target.rename(disk.root / "away")
    match thing:
        case "link":
            target.symlink_to(disk.root / "away")
        case "directory":
            target.mkdir()
        case _:
            os.mkfifo(target)
    codes = {code for code, where, _ in found(disk.verify(), disk.root) if where == path}
    assert "file-irregular" in codes


def test_no_store(disk: Disk) -> None:
    """A store that is not there is one problem besides all that is missing from it."""
    (disk.root / "store").rename(disk.root / "away")
    report = disk.verify()
    assert found(report, disk.root)[0] == ("store-missing", "store", None)


def test_clips_from_elsewhere(disk: Disk) -> None:
    """A clip that somebody holds is found in the log by its content, whatever its name."""
    mine, strange = disk.root / "mine.mp4", disk.root / "strange.mp4"
    mine.write_bytes(b"first clip")
    strange.write_bytes(b"never sealed")
    report = disk.verify(clips=[mine])
    assert report.ok
    assert [(it.where, it.seqs, it.size) for it in report.sealed] == [(str(mine), (3,), 10)]
    report = disk.verify(clips=[mine, strange, disk.root / "gone.mp4"])
    assert [(it.code, it.where) for it in report.problems] == [
        ("file-unreadable", str(disk.root / "gone.mp4")),
        ("clip-unsealed", str(strange)),
    ]


def test_an_edited_entry_seals_no_clip(disk: Disk) -> None:
    """A forged entry cannot vouch for a clip."""
    forged = disk.root / "forged.mp4"
    forged.write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    path = "log/tile/entries/000.p/7"
    disk.change(path, lambda data: data.replace(FIRST.encode(), other.encode()))
    codes = [code for code, _, _ in found(disk.verify(clips=[forged]), disk.root)]
    assert codes == ["entry-edited", "clip-unsealed"]
