"""The Go project's transparency log verifier, which we did not write, judges our log directory.

Wants the Debian packages golang-go and golang-golang-x-mod-dev; no network.
"""

import base64
import os
import random
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pytest

from hashing import proofs
from hashing.entry import leaf_hash
from hashing.errors import ProofError
from hashing.merkle import Frontier
from tests.require import need
from tests.sealed import KEY, ORIGIN, Disk, long

SOURCE: Final = Path(__file__).parent / "foreign_go" / "main.go"
GOPATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go sources
PACKAGE: Final = GOPATH / "src/golang.org/x/mod/sumdb/tlog"


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the verifier from Debian's sources; return the program."""
    go = shutil.which("go")
    need(go, "the Go compiler (Debian: golang-go)")
    need(PACKAGE.is_dir(), "golang.org/x/mod (Debian: golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("foreign")
    program = folder / "foreign"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOCACHE": str(folder / "cache"),
        "GOPATH": str(GOPATH),
        "GO111MODULE": "off",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    command = [str(go), "build", "-o", str(program), str(SOURCE)]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return program


def judge(program: Path, disk: Disk) -> subprocess.CompletedProcess[str]:
    """Return what the foreign verifier says of a log under the test key."""
    command = [str(program), str(KEY.verifier()), str(disk.log)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 600])
def test_it_accepts_what_we_write(foreign: Path, tmp_path: Path, size: int) -> None:
    """Checkpoint, every tile and every entry of our log are accepted, at awkward sizes too."""
    disk = long(size).write(tmp_path, sizes=(1, size // 2) if size > 2 else ())
    done = judge(foreign, disk)
    assert (done.stdout, done.stderr) == (f"{ORIGIN} {size}\n", "")


def test_it_accepts_three_levels(foreign: Path, tmp_path: Path) -> None:
    """A log of more than 65,536 entries is accepted."""
    sealed = long(5)
    for _ in range(65_700):
        sealed.add("heartbeat")
    done = judge(foreign, sealed.write(tmp_path))
    assert (done.stdout, done.stderr) == (f"{ORIGIN} 65705\n", "")


@pytest.mark.parametrize(
    "path", ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/001.p/44"]
)
def test_it_refuses_what_was_changed(foreign: Path, tmp_path: Path, path: str) -> None:
    """It is no rubber stamp: one changed byte is refused, so what it accepts means something."""
    disk = long(300).write(tmp_path)
    disk.change(f"log/{path}", lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:])
    assert judge(foreign, disk).returncode == 1


# Proofs, both ways ------------------------------------------------------------------------------

SIZES: Final = (1, 2, 3, 255, 256, 257, 511, 512, 600)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Disk, list[bytes], dict[int, bytes]]:
    """Return a log of 600 entries, published at every size of SIZES; its leaves; its roots."""
    sealed = long(SIZES[-1])
    disk = sealed.write(tmp_path_factory.mktemp("log"), sizes=SIZES[:-1])
    leaves = [leaf_hash(entry) for entry in sealed.entries]
    frontier, roots = Frontier(), {0: Frontier().root()}
    for leaf in leaves:
        frontier.append(leaf)
        roots[frontier.size] = frontier.root()
    return disk, leaves, roots


def asked(program: Path, disk: Disk, questions: Iterable[Sequence[object]]) -> list[str]:
    """Return the foreign implementation's answers."""
    lines = "".join(" ".join(map(str, question)) + "\n" for question in questions)
    command = [str(program), "proofs", str(KEY.verifier()), str(disk.log)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def spelled(*hashes: bytes) -> list[str]:
    """Return hashes in base 64."""
    return [base64.b64encode(each).decode() for each in hashes]


def cases() -> list[tuple[int, int]]:
    """Return pairs of size and index, the awkward ones and some by chance (always the same)."""
    chance = random.Random(1)  # noqa: S311  no secret
    edges = {0, 1, 254, 255, 256, 257, 510, 511, 512, 598, 599}
    return [
        (size, index)
        for size in SIZES
        for index in sorted({at for at in edges if at < size} | {chance.randrange(size)})
    ]


def test_its_inclusion_proofs_are_ours(
    foreign: Path, log: tuple[Disk, list[bytes], dict[int, bytes]]
) -> None:
    """Of each leaf both make the same proof, and each takes what the other made."""
    disk, leaves, roots = log
    ours = [proofs.inclusion(index, size, disk.read) for size, index in cases()]
    made = asked(foreign, disk, [("prove-record", size, index) for size, index in cases()])
    assert made == [" ".join([*spelled(*proof), "."]) for proof in ours]
    questions = [
        ("check-record", size, *spelled(roots[size]), index, *spelled(leaves[index], *proof))
        for (size, index), proof in zip(cases(), ours, strict=True)
    ]
    assert asked(foreign, disk, questions) == ["yes"] * len(questions)
    for (size, index), line in zip(cases(), made, strict=True):
        theirs = [base64.b64decode(word) for word in line.split()[:-1]]
        proofs.check_inclusion(index, size, leaves[index], theirs, roots[size])


def test_its_consistency_proofs_are_ours(
    foreign: Path, log: tuple[Disk, list[bytes], dict[int, bytes]]
) -> None:
    """Of each earlier size both make the same proof, and each takes what the other made."""
    disk, _, roots = log
    pairs = [(size, index + 1) for size, index in cases()]
    ours = [proofs.consistency(old, size, disk.read) for size, old in pairs]
    made = asked(foreign, disk, [("prove-tree", size, old) for size, old in pairs])
    assert made == [" ".join([*spelled(*proof), "."]) for proof in ours]
    questions = [
        ("check-tree", size, *spelled(roots[size]), old, *spelled(roots[old], *proof))
        for (size, old), proof in zip(pairs, ours, strict=True)
    ]
    assert asked(foreign, disk, questions) == ["yes"] * len(questions)
    for (size, old), line in zip(pairs, made, strict=True):
        theirs = [base64.b64decode(word) for word in line.split()[:-1]]
        proofs.check_consistency(old, size, roots[old], roots[size], theirs)


def test_it_refuses_what_we_refuse(
    foreign: Path, log: tuple[Disk, list[bytes], dict[int, bytes]]
) -> None:
    """Proofs with a hash changed, dropped, added or moved, both judges refuse, every one."""
    disk, leaves, roots = log
    questions: list[tuple[object, ...]] = []
    for size, index in cases():
        root, leaf = roots[size], leaves[index]
        for proof in spoilt(proofs.inclusion(index, size, disk.read)):
            with pytest.raises(ProofError):
                proofs.check_inclusion(index, size, leaf, proof, root)
            questions.append(("check-record", size, *spelled(root), index, *spelled(leaf, *proof)))
        for proof in spoilt(proofs.consistency(index + 1, size, disk.read)):
            with pytest.raises(ProofError):
                proofs.check_consistency(index + 1, size, roots[index + 1], root, proof)
            old = roots[index + 1]
            questions.append(("check-tree", size, *spelled(root), index + 1, *spelled(old, *proof)))
    answers = asked(foreign, disk, questions)
    assert [said.split(":")[0] for said in answers] == ["no"] * len(questions)


def spoilt(proof: list[bytes]) -> list[list[bytes]]:
    """Return proofs that are nearly this one."""
    if not proof:
        return [[bytes(32)]]
    flipped = bytes([proof[-1][0] ^ 1]) + proof[-1][1:]
    found = [[*proof, bytes(32)], proof[:-1], [*proof[:-1], flipped]]
    return found if proof == proof[::-1] else [*found, proof[::-1]]
