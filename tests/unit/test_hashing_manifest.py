"""A manifest's bytes: one form, and one only, for what a docking produced."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashing import manifest
from hashing.entry import leaf_hash
from hashing.errors import EvidenceError, ManifestError
from hashing.manifest import Absent, Manifest
from tests.manifests import Files, Made, judged, made
from tests.sealed import Sealed, long
from tests.successions import changed

GOOD = made().bytes()
GOLDEN = Path(__file__).parents[1] / "golden" / "hashing" / "docking-1.manifest"


def malformed(data: bytes) -> str:
    """Return why something is no manifest."""
    with pytest.raises(ManifestError) as caught:
        manifest.parse(data)
    assert caught.value.code == "manifest-malformed"
    return caught.value.detail


def test_the_golden_manifest() -> None:
    """The file of docs/formats/manifest.md section 7, byte for byte."""
    log = Sealed()
    log.genesis()
    log.docking(1, [b"first clip"])
    data = Made(log, 1).bytes()
    assert data == GOLDEN.read_bytes()
    assert hashlib.sha256(data).hexdigest() == (
        "200784ce9d679d3a12b02295297e5879f2b17acba819ccf1379fc2eaaf778611"
    )


def test_its_form_is_what_the_document_says() -> None:
    """Every line has its place, and entries and documents stand there as they are."""
    log = long(300)
    head, note = GOOD.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    assert lines[:4] == ["sealdock/manifest@v1", "docking 2", "keys 0", "entries 5"]
    assert [line.encode() for line in lines[4:9]] == log.entries[6:11]
    assert lines[9] == "documents 4"
    assert [line.encode() for line in lines[10:14]] == list(log.documents.values())[4:8]
    assert lines[14] == "proof 9"
    assert note == log.checkpoint(300)


def test_the_same_entries_and_checkpoint_give_the_same_bytes() -> None:
    """Whatever else was published meanwhile, and in which steps."""
    one = made()
    paper = one.log.documents.get
    for sizes in ([], [11], [100, 200, 280]):
        files = Files(one.log.entries, *sizes)
        signed = one.log.checkpoint(300)
        assert manifest.assemble(2, reversed(one.seqs), files.read, signed, paper) == GOOD


def test_partial_files_that_a_full_one_replaced_are_not_needed() -> None:
    """An older checkpoint's manifest is made from the files of today."""
    log = long(300)
    files = Files(log.entries, 200)
    before = manifest.assemble(2, range(6, 11), files.read, log.checkpoint(200), None)
    for path in ("tile/entries/000.p/200", "tile/0/000.p/200"):
        files.drop(path)
    assert manifest.assemble(2, range(6, 11), files.read, log.checkpoint(200), None) == before
    assert judged(before).ok


def test_a_docking_that_the_checkpoint_does_not_cover_has_no_manifest() -> None:
    """Its closing entry must be under the signature."""
    one = made()
    with pytest.raises(ManifestError) as caught:
        one.bytes(size=10)
    assert caught.value.code == "manifest-uncovered"


@pytest.mark.parametrize("seqs", [[6, 7, 8, 9], [6, 7, 9, 10], [6, 7, 8, 9, 10, 11], [5, 10]])
def test_other_entries_than_the_dockings_make_no_manifest(seqs: list[int]) -> None:
    """Whoever asks with the wrong entries is not handed half a docking."""
    log = long(300)
    files = Files(log.entries)
    with pytest.raises(ManifestError) as caught:
        manifest.assemble(2, seqs, files.read, log.checkpoint(300), None)
    assert caught.value.code == "manifest-entry-missing"


@pytest.mark.parametrize(
    ("path", "at"), [("tile/0/001.p/44", 0), ("tile/0/000", 31), ("tile/entries/000", 3000)]
)
def test_files_that_do_not_give_the_root_make_no_manifest(path: str, at: int) -> None:
    """What would not verify is not handed out."""
    log = long(300)
    files = Files(log.entries)
    files.change(path, lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(EvidenceError):
        manifest.assemble(2, range(6, 11), files.read, log.checkpoint(300), None)


def test_documents_that_are_gone_or_rotten_are_stated_absent() -> None:
    """What was lawfully removed, or is no longer what was sealed, is said and not handed out."""
    log = long(300)
    gone, rotten, *_ = list(log.documents)[4:8]
    papers = {**log.documents, rotten: b"{}"}
    del papers[gone]
    data = manifest.assemble(
        2, range(6, 11), Files(log.entries).read, log.checkpoint(300), papers.get
    )
    found = manifest.parse(data)
    assert found.documents is not None
    assert found.documents[:2] == (Absent(gone), Absent(rotten))
    report = judged(data)
    assert report.ok
    assert [notice.code for notice in report.notices] == ["manifest-document-absent"] * 2


def test_documents_can_be_withheld() -> None:
    """Without names and paths it verifies as well, and says that they are not there."""
    data = made().bytes(documents=False)
    assert b"documents withheld\n" in data
    assert b"MP4" not in data
    report = judged(data)
    assert report.ok
    assert [notice.code for notice in report.notices] == ["manifest-documents-withheld"]


def test_key_entries_go_with_it() -> None:
    """Those that the checkpoint covers, so that a trusted key leads to those that signed."""
    one = Made(changed(retired=True), 3)
    assert len(manifest.parse(one.bytes()).keys) == 2
    early = Made(changed(retired=True), 1)
    assert manifest.parse(early.bytes(size=6)).keys == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"sealdock/manifest@v1", b"sealdock/manifest@v2"),
        (b"docking 2", b"docking 02"),
        (b"docking 2", b"docking -2"),
        (b"docking 2", b"docking  2"),
        (b"docking 2", b"docking 2 "),
        (b"docking 2", "docking ２".encode()),
        (b"keys 0", b"keys"),
        (b"keys 0", b"keys 1"),
        (b"entries 5", b"entries 4"),
        (b"entries 5", b"entries 6"),
        (b"entries 5", b"entries 99999999999999999"),
        (b"documents 4", b"documents withhel"),
        (b"documents 4", b"documents 3"),
        (b"documents 4", b"documents 5"),
        (b"proof 9", b"proof 8"),
        (b"proof 9", b"proof 10"),
        (b"\n", b"\r\n"),
        (b"=\n", b"\n"),
        (b"=\n", b"==\n"),
        (b"=\nBVN", b"=\n\nBVN"),
        (b"proof 9\n", b"proof 10\nAAAA\n"),
    ],
)
def test_one_spelling_only(old: bytes, new: bytes) -> None:
    """A count, a number, a hash or a line end in another spelling is no manifest."""
    assert old in GOOD
    malformed(GOOD.replace(old, new))


@pytest.mark.parametrize("line", [b"absent 00", b"absent " + b"A" * 64, b"gone", b"[]"])
def test_a_document_that_is_none(line: bytes) -> None:
    """It is an object, or said to be absent by its whole digest."""
    at = GOOD.index(b'{"holder"')
    malformed(GOOD[:at] + line + GOOD[GOOD.index(b"\n", at) :])


def test_too_long_a_checkpoint_is_none() -> None:
    """Its size is bounded before anything reads it."""
    malformed(GOOD + b"x" * 1_000_001)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_an_error(data: bytes) -> None:
    """Reading raises nothing but its own error."""
    malformed(data)
    malformed(b"sealdock/manifest@v1\n" + data)


LINE = st.binary(min_size=1, max_size=20).filter(lambda line: b"\n" not in line)
PAPER = st.one_of(
    LINE.map(lambda line: b"{" + line),
    st.binary(min_size=32, max_size=32).map(lambda digest: Absent(digest.hex())),
)


@given(
    st.builds(
        Manifest,
        docking=st.integers(0, 10**15),
        keys=st.lists(LINE, max_size=3).map(tuple),
        entries=st.lists(LINE, max_size=5).map(tuple),
        documents=st.none() | st.lists(PAPER, max_size=5).map(tuple),
        proof=st.lists(st.binary(min_size=32, max_size=32), max_size=5).map(tuple),
        note=st.binary(max_size=50),
    )
)
def test_what_is_written_is_read_back(parts: Manifest) -> None:
    """No two manifests share their bytes."""
    assert manifest.parse(parts.encode()) == parts


def test_a_manifest_is_not_read_as_another() -> None:
    """Each part changed alone changes the bytes."""
    found = manifest.parse(GOOD)
    assert found.encode() == GOOD
    assert replace(found, docking=3).encode() != GOOD


def test_ten_thousand_clips() -> None:
    """Hashes are shared, each file of the log is read once, and all of it stays small."""
    log = Sealed()
    log.genesis()
    for _ in range(700):
        log.add("heartbeat")
    first = len(log.entries)
    for at in range(10_000):
        log.add("clip", docking=1, sha256=f"{at:064x}", size=10**9, document=f"{at:064x}")
        if at % 1000 == 0:
            log.add("heartbeat")
    mine = [data for data in log.entries[first:] if b'"kind":"clip"' in data]
    closing = hashlib.sha256(b"".join(map(leaf_hash, mine))).hexdigest()
    log.add("released", docking=1, entries=len(mine), digest=closing)
    files, asked = Files(log.entries), Counter[str]()

    def read(path: str) -> bytes:
        asked[path] += 1
        return files.read(path)

    seqs = Made(log, 1).seqs
    data = manifest.assemble(1, seqs, read, log.checkpoint(len(log.entries)), None)
    assert judged(data).ok
    assert len(manifest.parse(data).proof) < 200
    assert len(data) < 16 << 20
    assert max(asked.values()) == 1
