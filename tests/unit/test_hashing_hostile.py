"""Logs, keys and files made to mislead, hang or exhaust the verifier: each is named, promptly."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashing import manifest, mldsa, note
from hashing.checkpoint import Checkpoint
from hashing.command import main
from hashing.cosignature import CosignerSigner
from hashing.errors import ManifestError
from hashing.keys import SignerKey
from hashing.succession import CHANGE
from hashing.tiles import Bundle, Tile
from tests.manifests import made
from tests.proving import LOG_QUANTUM, W1, Kept, policy_text, seed
from tests.sealed import KEY, ORIGIN, Disk, Sealed, long, small
from tests.spoiling import codes, verify
from tests.successions import SECOND, Changing, changed

ROOT = Path(__file__).parents[2]
VKEY = str(KEY.verifier())
GIANT = 256**7


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str]]:
    """Return the exit code of `verify`, and the codes of the problems that it names."""
    exit_code = main(["verify", *map(str, arguments), "--json"])
    out = capsys.readouterr().out
    return exit_code, [it["code"] for it in json.loads(out)["problems"]] if out else []


@contextmanager
def somebody(root: Path) -> Iterator[None]:
    """Be a user who may read only what all may."""
    for folder in (root, *root.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


# -- a log that is its own witness -----------------------------------------------


def itself(name: str, key: SignerKey) -> CosignerSigner:
    """Return a witness that has the key of a log."""
    return CosignerSigner.generate(name, key.seed)


@pytest.mark.parametrize(
    "witness",
    [
        itself("witness.example/1", KEY),
        itself(ORIGIN, KEY),
        CosignerSigner.generate(ORIGIN, seed("w")),
    ],
)
@pytest.mark.parametrize("what", ["proof", "log", "manifest"])
def test_the_given_key_is_no_witness(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], witness: CosignerSigner, what: str
) -> None:
    """A witness with the key or the name of the log that --key gives: the policy is refused."""
    log = Kept.of(small())
    disk = small().write(tmp_path)
    disk.put("log/checkpoint", log.note([witness]))
    (tmp_path / "p").write_bytes(log.proof(3, log.note([witness])).encode())
    (tmp_path / "e").write_bytes(log.entries[3])
    (tmp_path / "m").write_bytes(made().bytes())
    policy = tmp_path / "policy"
    policy.write_text(policy_text(logs=(), witnesses=(witness,), quorum="any"), "utf-8")
    ways: dict[str, list[object]] = {
        "proof": ["--proof", tmp_path / "p", "--entry", tmp_path / "e"],
        "log": [disk.log],
        "manifest": ["--manifest", tmp_path / "m"],
    }
    assert told(capsys, *ways[what], "--policy", policy, "--key", VKEY) == (2, [])


@pytest.mark.parametrize("key", [KEY, SECOND])
def test_a_key_that_the_log_leads_to_is_no_witness(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: SignerKey
) -> None:
    """An earlier or later key of the log under another name makes no quorum, wherever it is met."""
    sealed = changed(retired=True)
    disk = sealed.write(tmp_path)
    witness = itself("witness.example/1", key)
    plain = sealed.checkpoint(len(sealed.entries))
    signed = note.with_lines(plain, [witness.cosign(note.parse(plain)[0], 1_767_225_900)])
    disk.put("log/checkpoint", signed)
    other = SECOND if key is KEY else KEY
    policy = tmp_path / "policy"
    policy.write_text(policy_text(logs=(other,), witnesses=(witness,), quorum="any"), "utf-8")
    assert told(capsys, disk.log, "--policy", policy) == (6, ["quorum"])
    keys = [seq for seq, raw in enumerate(sealed.entries) if b'"kind":"key-' in raw]
    seqs = [seq for seq, raw in enumerate(sealed.entries) if b'"docking":1' in raw]
    log = Kept(sealed.entries)
    (tmp_path / "m").write_bytes(manifest.assemble(1, seqs, log.read, signed, None, keys))
    assert told(capsys, "--manifest", tmp_path / "m", "--policy", policy) == (6, ["quorum"])
    (tmp_path / "p").write_bytes(log.proof(2, signed).encode())
    (tmp_path / "e").write_bytes(sealed.entries[2])
    given = ("--proof", tmp_path / "p", "--entry", tmp_path / "e", "--log", disk.log)
    assert told(capsys, *given, "--policy", policy) == (6, ["quorum"])


# -- what this user may not read ---------------------------------------------------


@pytest.mark.parametrize("mode", [0, 0o444, 0o111])
@pytest.mark.parametrize(
    "path",
    [
        "log/tile",
        "log/tile/0",
        "log/tile/0/001.p",
        "log/tile/entries",
        "log/tile/entries/001.p",
        "store/clips",
        "store/documents",
    ],
)
def test_a_directory_that_may_not_be_read(tmp_path: Path, path: str, mode: int) -> None:
    """It is named as unreadable, and nothing below it is called missing."""
    disk = long(300).write(tmp_path)
    (tmp_path / path).chmod(mode)
    try:
        with somebody(tmp_path):
            report = disk.verify()
    finally:
        (tmp_path / path).chmod(0o755)
    assert {problem.code for problem in report.problems} == {"file-unreadable"}
    assert all(problem.where.startswith(str(tmp_path / path)) for problem in report.problems)


@pytest.mark.parametrize(
    "room",
    [
        "log/checkpoint",
        "log/vkey",
        "log/tile/0",
        "log/tile/entries",
        "store/clips",
        "store/documents",
    ],
)
def test_a_file_that_may_not_be_read(tmp_path: Path, room: str) -> None:
    """Of whatever kind, it is named as unreadable and is no traceback."""
    disk = small().write(tmp_path)
    found = tmp_path / room
    file = found if found.is_file() else next(it for it in sorted(found.rglob("*")) if it.is_file())
    file.chmod(0)
    with somebody(tmp_path):
        report = disk.verify()
    assert ("file-unreadable", str(file)) in {(it.code, it.where) for it in report.problems}
    assert not {it.code for it in report.problems if it.code.endswith("-missing")}


# -- sizes that nobody has ---------------------------------------------------------


def stating(disk: Disk, size: int, root: bytes, *, sound: bool = True) -> Disk:
    """Put a checkpoint over a log of `size` in place; one whose signature fails, if not sound."""
    text = Checkpoint(ORIGIN, size, root).encode()
    line = note.SignatureLine(
        ORIGIN, KEY.verifier().key_id, (KEY if sound else SECOND).sign(text.encode())
    )
    disk.put("log/checkpoint", f"{text}\n{line}\n".encode())
    return disk


@pytest.mark.parametrize("sound", [True, False])
def test_a_giant_size_whose_root_lies_in_one_tile(tmp_path: Path, *, sound: bool) -> None:
    """256^7 entries, and a tile of level 7 that is the root: truncated, and nothing is counted."""
    disk = stating(small().write(tmp_path), GIANT, bytes(32), sound=sound)
    disk.put(f"log/{Tile(7, 0, 1).path}", bytes(32))
    found = [code for code, _ in codes(verify(disk))]
    assert "log-truncated" in found
    assert ("checkpoint-signature" in found) is not sound


def test_a_giant_size_that_strangers_signed(tmp_path: Path) -> None:
    """Unsigned by the log, it is that, at once."""
    disk = small().write(tmp_path)
    text = Checkpoint(ORIGIN, GIANT, bytes(32)).encode()
    disk.put(f"log/{Tile(7, 0, 1).path}", bytes(32))
    stranger = SignerKey.generate("witness.example/x", bytes(32))
    disk.put("log/checkpoint", note.sign(text, [stranger]))
    assert codes(verify(disk))[0] == ("checkpoint-unsigned", None)


@pytest.mark.parametrize("far", [2**34 - 1, 999_999_999_999])
def test_a_giant_size_with_one_far_bundle(tmp_path: Path, far: int) -> None:
    """2^50 signed entries, of which a far bundle is there: the gap before it is not walked."""
    disk = stating(small().write(tmp_path), 2**50, bytes(32))
    disk.put(f"log/{Bundle(far).path}", b"\0\1a")
    assert "log-truncated" in [code for code, _ in codes(verify(disk))]


def test_a_giant_size_whose_directory_may_not_be_read(tmp_path: Path) -> None:
    """Where nobody can tell what is there, nothing is called truncated, and it ends."""
    disk = stating(small().write(tmp_path), 2**50, bytes(32))
    (disk.log / "tile").chmod(0)
    try:
        with somebody(tmp_path):
            found = {code for code, _ in codes(verify(disk))}
    finally:
        (disk.log / "tile").chmod(0o755)
    assert found == {"file-unreadable"}


def test_a_few_bundles_gone_before_those_that_remain(tmp_path: Path) -> None:
    """A gap that files follow is a gap, entry by entry, and no end."""
    disk = long(900).write(tmp_path)
    for index in (0, 1):
        (disk.log / Bundle(index).path).unlink()
        (disk.log / Tile(0, index).path).unlink()
    found = codes(verify(disk))
    assert ("bundle-missing", 0) in found
    assert ("bundle-missing", 256) in found
    assert "log-truncated" not in [code for code, _ in found]


# -- files that are longer than they can be ------------------------------------------


def tiny_lines(megabytes: int) -> bytes:
    """Return a file of tiny lines that begins like a manifest."""
    start = b"sealdock/manifest@v1\ndocking 1\nkeys 0\nentries %d\n" % (megabytes << 19)
    return start + (b"a\n" * (megabytes << 19)) + b"\nxx"


@pytest.mark.parametrize("what", ["--manifest", "--also"])
def test_a_manifest_of_tiny_lines_takes_no_memory(tmp_path: Path, what: str) -> None:
    """100 MiB of two bytes a line are no manifest, said within 400 MiB."""
    disk = small().write(tmp_path)
    (tmp_path / "m").write_bytes(tiny_lines(100))
    given = [] if what == "--manifest" else [str(disk.log)]
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
        "from hashing.command import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "verify", *given, what, str(tmp_path / "m")]
    done = subprocess.run(
        [*command, "--key", VKEY], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (6, "")
    assert ("manifest-malformed" if what == "--manifest" else "also-malformed") in done.stdout


def test_a_section_of_more_lines_than_a_manifest_holds() -> None:
    """The number alone is refused, before a line of it is read."""
    with pytest.raises(ManifestError, match="more than a section holds"):
        manifest.parse(tiny_lines(4))


def test_an_entry_or_proof_that_is_too_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is a report with its own code, like any other that is malformed."""
    log = Kept.of(small())
    for name, data in (
        ("p", log.proof(3).encode()),
        ("e", log.entries[3]),
        ("long p", log.proof(3).encode() + b"x" * (2 << 20)),
        ("long e", b"a" * 65_536),
    ):
        (tmp_path / name).write_bytes(data)
    for proof, entry, code in (
        ("p", "long e", "entry-malformed"),
        ("long p", "e", "proof-malformed"),
    ):
        given = ("--proof", tmp_path / proof, "--entry", tmp_path / entry, "--key", VKEY)
        assert told(capsys, *given) == (6, [code])


# -- keys --------------------------------------------------------------------------


def with_second_key() -> Sealed:
    """Return a log whose entries name its key of type 06."""
    sealed = small()
    sealed.add("config-change", mldsa_vkey=str(LOG_QUANTUM.verifier()))
    return sealed


def test_the_copy_of_the_second_key_is_looked_at(tmp_path: Path) -> None:
    """It is the one that the log's entries name; anything else is another key."""
    disk = with_second_key().write(tmp_path)
    disk.put("log/vkey-mldsa", f"{LOG_QUANTUM.verifier()}\n".encode())
    assert codes(verify(disk)) == []
    other = mldsa.MldsaSigner.generate(ORIGIN, seed("another")).verifier()
    for data in (f"{other}\n".encode(), b"garbage", b"", b"\xff" * 5_000):
        disk.put("log/vkey-mldsa", data)
        report = verify(disk)
        assert codes(report) == [("vkey-other", None)]
        assert report.problems[0].where == str(disk.log / "vkey-mldsa")


def test_the_copy_of_a_second_key_that_no_entry_names_yet(tmp_path: Path) -> None:
    """It is written before the entry that names it is published; garbage is none all the same."""
    disk = small().write(tmp_path)
    disk.put("log/vkey-mldsa", f"{LOG_QUANTUM.verifier()}\n".encode())
    assert codes(verify(disk)) == []
    for data in (b"garbage", f"{KEY.verifier()}\n".encode(), str(LOG_QUANTUM.verifier()).encode()):
        disk.put("log/vkey-mldsa", data)
        assert codes(verify(disk)) == [("vkey-other", None)]


@pytest.mark.parametrize("retired", [True, False])
def test_the_bytes_of_a_change_once_more(tmp_path: Path, *, retired: bool) -> None:
    """A genuine change, copied to a later place, is called replayed, whatever it would be else."""
    sealed = changed(retired=retired)
    (change,) = [raw for raw in sealed.entries if f'"kind":"{CHANGE}"'.encode() in raw]
    sealed.entries.append(change)
    found = [code for code, _ in codes(verify(sealed.write(tmp_path)))]
    assert "key-change-replayed" in found
    assert not {"key-change-unknown", "key-change-open", "vkey-other"} & set(found)


def test_a_change_that_does_not_hold_is_one_problem(tmp_path: Path) -> None:
    """That the log's copy is the key of this change follows from it, and is not said as well."""
    sealed = Changing()
    sealed.genesis()
    sealed.turn(CHANGE, KEY, SECOND, old_signature="A" * 86 + "==")
    disk = sealed.write(tmp_path)
    disk.put("log/vkey", f"{SECOND.verifier()}\n".encode())
    assert [code for code, _ in codes(verify(disk))] == ["key-change-old"]


def test_a_level_that_no_tree_has(tmp_path: Path) -> None:
    """A directory of tiles beyond level 63 is a stray, although it is empty."""
    disk = small().write(tmp_path)
    for level in ("64", "65", "99"):
        (disk.log / "tile" / level).mkdir()
    assert codes(verify(disk)) == [("log-stray", None)] * 3


# -- exit codes --------------------------------------------------------------------


@pytest.mark.parametrize("what", ["directory", "pipe", "/dev/zero", "long"])
@pytest.mark.parametrize("option", ["--policy", "--key"])
def test_what_can_be_no_key_and_no_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, what: str
) -> None:
    """It is wrong use; no evidence is at fault."""
    disk = small().write(tmp_path)
    path = Path(what) if what.startswith("/") else tmp_path / what
    if what == "directory":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "long":
        path.write_bytes(b"#" * (2 << 20))
    assert main(["verify", str(disk.log), option, str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_link_to_nowhere_for_a_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no such clip; and one that may not be read is refused as that."""
    disk = small().write(tmp_path)
    link, shut = tmp_path / "link", tmp_path / "shut"
    link.symlink_to(tmp_path / "nowhere")
    assert told(capsys, disk.log, "--key", VKEY, "--clip", link) == (3, [])
    shut.write_bytes(b"x")
    shut.chmod(0)
    with somebody(tmp_path):
        assert told(capsys, disk.log, "--key", VKEY, "--clip", shut) == (8, [])


@pytest.mark.parametrize("arguments", [["verify", "--help"], ["verify", "LOG", "--key", VKEY]])
@pytest.mark.parametrize("where", ["full", "closed"])
def test_an_answer_that_nobody_can_take(tmp_path: Path, arguments: list[str], where: str) -> None:
    """A full disk, or a reader who left: exit code 1, and no traceback."""
    disk = small().write(tmp_path)
    given = [str(disk.log) if each == "LOG" else each for each in arguments]
    if where == "full":
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, out = os.pipe()
        os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hashing", *given],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(out)
    assert done.returncode == 1
    assert done.stderr.startswith("cannot write: ")
    assert done.stderr.count("\n") == 1


def test_witnesses_that_are_no_log_still_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A true witness beside the given key makes the quorum as ever."""
    disk = small().write(tmp_path)
    disk.put("log/checkpoint", Kept.of(small()).note([W1]))
    policy = tmp_path / "policy"
    policy.write_text(policy_text(logs=(), witnesses=(W1,), quorum="any"), "utf-8")
    assert told(capsys, disk.log, "--policy", policy, "--key", VKEY) == (0, [])
