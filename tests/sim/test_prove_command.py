"""`sealdock prove`: a clip's proof and its entry, which verify without the dock."""

from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon.errors import OutputError
from dock_daemon.handouts import Handouts, put
from hashing import document, note, tlog_proof
from tests.cards import make_fat_card
from tests.commanded import command, verify
from tests.docks import DockIn, sha256_of, some_bytes
from tests.witnessed import Core, Witness

FILES = {"DCIM/A.MP4": some_bytes("a", 9_000), "DCIM/B.MP4": some_bytes("b", 9_000)}


@pytest.fixture
def used(dock: DockIn, tmp_path: Path) -> DockIn:
    """Return a dock after a docking of two clips."""
    dock.take_over(make_fat_card(tmp_path / "card", FILES, 40 << 20, fat=32))
    return dock


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return one of the clips, as somebody holds it."""
    path = tmp_path / "seen.mp4"
    path.write_bytes(FILES["DCIM/A.MP4"])
    return path


def seq_of(dock: DockIn, path: Path) -> int:
    """Return the entry that seals a file."""
    (seq,) = [one.seq for one in dock.parsed("clip") if one.body["sha256"] == sha256_of(path)]
    return seq


@pytest.mark.parametrize("by", ["file", "sha256", "SHA256", "seq"])
def test_a_proof_verifies_without_the_dock(
    used: DockIn, clip: Path, tmp_path: Path, by: str
) -> None:
    """However the clip is named: proof and entry lie there, and the command to verify is said."""
    digest = sha256_of(clip)
    what = {
        "file": str(clip),
        "sha256": digest,
        "SHA256": digest.upper(),
        "seq": str(seq_of(used, clip)),
    }[by]
    out = tmp_path / "clip.tlog-proof"
    ended = command(used, "prove", what, "-o", str(out))
    assert ended.code == ExitCode.OK
    key = (used.root / "log" / "vkey").read_text().strip()
    assert f"sealdock verify --proof {out}" in ended.out
    assert key in ended.out
    assert not (tmp_path / "clip.document.json").exists()
    entry = tmp_path / "clip.entry.json"
    assert entry.read_bytes() == used.entries()[seq_of(used, clip)]
    asked = ("--proof", str(out), "--entry", str(entry), "--key", key)
    assert verify(*asked, "--clip", str(clip)).code == ExitCode.OK
    (tmp_path / "other").write_bytes(b"other")
    bad = verify(*asked, "--clip", str(tmp_path / "other"))
    assert bad.code == ExitCode.VERIFICATION_FAILED


def test_the_document_comes_when_it_is_asked_for(used: DockIn, clip: Path, tmp_path: Path) -> None:
    """It holds names and paths, so nobody gets it by the way."""
    out = tmp_path / "clip.tlog-proof"
    told = command(used, "prove", str(clip), "-o", str(out), "--with-document", "--json").json
    (row,) = told["proofs"]
    assert document.parse(Path(row["document"]).read_bytes())["path"] == "DCIM/A.MP4"
    asked = ("--proof", row["proof"], "--entry", row["entry"], "--document", row["document"])
    assert verify(*asked, "--key", told["vkey"]).code == ExitCode.OK


def test_one_content_sealed_twice_has_two_proofs(used: DockIn, clip: Path, tmp_path: Path) -> None:
    """All entries that seal it are proved, or the one that is asked for."""
    files = {"DCIM/AGAIN.MP4": FILES["DCIM/A.MP4"]}
    used.take_over(make_fat_card(tmp_path / "other", files, 40 << 20, fat=32))
    out = tmp_path / "clip.tlog-proof"
    rows = command(used, "prove", str(clip), "-o", str(out), "--json").json["proofs"]
    seqs = [row["seq"] for row in rows]
    assert len(seqs) == 2
    assert [Path(row["proof"]).name for row in rows] == [f"clip-{n}.tlog-proof" for n in seqs]
    assert {tlog_proof.parse(Path(row["proof"]).read_bytes()).index for row in rows} == set(seqs)

    one = command(used, "prove", str(clip), "-o", str(out), "--entry", str(seqs[1]), "--json")
    assert [row["seq"] for row in one.json["proofs"]] == seqs[1:]
    other = command(used, "prove", str(clip), "-o", f"{out}2", "--entry", "0", "--json")
    assert (other.code, other.error["code"]) == (ExitCode.NOT_FOUND, "clip-unknown")


@pytest.mark.parametrize("what", ["nothing-by-this-name", "99", "ab" * 32, "-3"])
def test_what_no_entry_seals(used: DockIn, tmp_path: Path, what: str) -> None:
    """Exit code 3, and nothing is written."""
    ended = command(used, "prove", "-o", str(tmp_path / "out"), "--json", "--", what)
    assert ended.code in {ExitCode.NOT_FOUND, ExitCode.USAGE}
    assert not (tmp_path / "out").exists()


def test_a_file_that_was_never_sealed(used: DockIn, tmp_path: Path) -> None:
    """A clip from elsewhere has no entry here; a folder is no clip at all."""
    (tmp_path / "other.mp4").write_bytes(b"never seen")
    ended = command(used, "prove", str(tmp_path / "other.mp4"), "-o", str(tmp_path / "x"), "--json")
    assert ended.error["code"] == "clip-unknown"
    ended = command(used, "prove", str(tmp_path), "-o", str(tmp_path / "x"), "--json")
    assert ended.error["code"] == "output"


def test_nothing_is_overwritten(used: DockIn, clip: Path, tmp_path: Path) -> None:
    """A proof that was handed out is a head that somebody may need again."""
    out, entry = tmp_path / "clip.tlog-proof", tmp_path / "clip.entry.json"
    entry.write_text("mine")
    ended = command(used, "prove", str(clip), "-o", str(out), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.FAILED, "output-exists")
    assert entry.read_text() == "mine"
    assert not out.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said, whatever keeps us from writing there."""
    with pytest.raises(OutputError):
        put(tmp_path / "no" / "such" / "folder", b"")


def held(dock: DockIn, witness: Witness) -> None:
    """Let a witness cosign once, so that the next life has to ask before it signs."""
    with dock.open(witness.settings()) as state:
        head = Core(state).ask("signing")["head"]
        Core(state).tell("cosigned", note=witness.cosign(head["note"]))


def test_an_entry_that_is_not_published_yet(used: DockIn, tmp_path: Path) -> None:
    """What is sealed and not signed over has no proof, and that is said with the remedy."""
    witness = Witness()
    held(used, witness)
    card = make_fat_card(tmp_path / "more", {"C.MP4": b"more"}, 40 << 20, fat=32)
    used.take_over(card, settings=witness.settings())
    seq = used.parsed("clip")[-1].seq
    ended = command(used, "prove", str(seq), "-o", str(tmp_path / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.FAILED, "entry-unpublished")
    assert "sealdock status" in ended.error["remedy"]


def test_the_proof_is_of_the_head_that_most_vouch_for(
    used: DockIn, clip: Path, tmp_path: Path
) -> None:
    """A cosigned head is worth more than a newer one that only the dock has signed."""
    witness = Witness()
    held(used, witness)
    out = tmp_path / "clip.tlog-proof"
    told = command(used, "prove", str(clip), "-o", str(out), "--json").json["proofs"][0]
    assert told["cosigned"] == ["central"]
    policy = tmp_path / "policy"
    vkey = (used.root / "log" / "vkey").read_text().strip()
    policy.write_text(f"log {vkey}\nwitness w {witness.key.verifier()}\nquorum w\n")
    asked = ("--proof", str(out), "--entry", told["entry"], "--policy", str(policy))
    assert verify(*asked).code == ExitCode.OK

    size = told["size"]
    used.settings("")
    used.open().close()  # asks nobody, and signs what waits
    used.take_over(make_fat_card(tmp_path / "more", {"C.MP4": b"more"}, 40 << 20, fat=32))
    used.settings(witness.settings())
    later = command(used, "prove", str(clip), "-o", f"{out}2", "--json").json["proofs"][0]
    assert (later["size"], later["cosigned"]) == (size, ["central"])
    lines = note.parse(tlog_proof.parse(Path(f"{out}2").read_bytes()).note)[1]
    assert witness.key.name in {line.name for line in lines}


def test_a_damaged_log_gives_no_proof(used: DockIn, clip: Path, tmp_path: Path) -> None:
    """What would not verify is not handed out, and the remedy is to look at the log."""
    tile = next((used.root / "log" / "tile" / "0").rglob("*.p/*"))
    data = bytearray(tile.read_bytes())
    data[-1] ^= 1
    tile.write_bytes(data)
    ended = command(used, "prove", str(clip), "-o", str(tmp_path / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.VERIFICATION_FAILED, "evidence")
    assert not (tmp_path / "out").exists()


def test_every_entry_can_be_proved(used: DockIn) -> None:
    """Not only clips: whatever the log holds."""
    handouts = Handouts(used.settings())
    for seq, data in enumerate(used.entries()):
        assert handouts.proof(seq).entry == data


@pytest.mark.parametrize("what", ["9" * 5000, "9" * 17, str(1 << 63), "0" * 5000])
def test_a_number_that_no_entry_has(used: DockIn, tmp_path: Path, what: str) -> None:
    """However long it is, there is no such entry."""
    ended = command(used, "prove", what, "-o", str(tmp_path / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (ExitCode.NOT_FOUND, "clip-unknown")


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "no longer in the store"), ("zh-CN", "不在存储")]
)
def test_a_document_that_was_removed(used: DockIn, tmp_path: Path, lang: str, word: str) -> None:
    """The proof is written, and that the document is not is said: done in part."""
    digest = str(used.parsed("clip")[0].body["document"])
    (used.root / "store" / "documents" / digest[:2] / digest).unlink()
    seq = str(used.parsed("clip")[0].seq)
    out = str(tmp_path / "clip.tlog-proof")
    ended = command(used, "prove", seq, "-o", out, "--with-document", lang=lang)
    assert ended.code == ExitCode.PARTIAL
    assert word in ended.err
    assert digest in ended.err
    told = command(used, "prove", seq, "-o", f"{out}2", "--with-document", "--json")
    assert told.code == ExitCode.PARTIAL
    (row,) = told.json["proofs"]
    assert (row["document"], row["document_gone"]) == (None, digest)
    assert Path(row["proof"]).exists()
    assert command(used, "prove", seq, "-o", f"{out}3").code == ExitCode.OK


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "no witness is configured"), ("zh-CN", "没有配置见证方")]
)
def test_a_dock_without_witnesses(used: DockIn, tmp_path: Path, lang: str, word: str) -> None:
    """Nobody can have cosigned where nobody is configured."""
    assert word in command(used, "prove", "1", "-o", str(tmp_path / "out"), lang=lang).out


def test_several_entries_of_one_content(used: DockIn, clip: Path, tmp_path: Path) -> None:
    """Each has its own file, and it is said that the one that was named is not written."""
    again = {"DCIM/C.MP4": FILES["DCIM/A.MP4"]}
    used.take_over(make_fat_card(tmp_path / "again", again, 40 << 20, fat=32))
    out = tmp_path / "clip.tlog-proof"
    ended = command(used, "prove", str(clip), "-o", str(out))
    assert f"{out} itself is not written" in ended.out
    assert not out.exists()
    assert len(list(tmp_path.glob("clip-*.tlog-proof"))) == 2
