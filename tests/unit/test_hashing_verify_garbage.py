"""Whatever somebody does to a log and its store, the verifier ends, raises nothing, and objects."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sealed import Disk, long


def garbage(target: Path, dice: random.Random) -> None:
    """Put random bytes in the file's place."""
    target.write_bytes(dice.randbytes(dice.choice([0, 1, 32, 64, 300, 8192])))


def scribble(target: Path, dice: random.Random) -> None:
    """Change random bytes in the middle of a file."""
    data = bytearray(target.read_bytes())
    for _ in range(dice.randint(1, 30)):
        data[dice.randrange(len(data))] ^= dice.randint(1, 255)
    target.write_bytes(data)


def shorten(target: Path, dice: random.Random) -> None:
    """Cut a file short."""
    os.truncate(target, dice.randrange(target.stat().st_size))


def lengthen(target: Path, dice: random.Random) -> None:
    """Add random bytes to a file."""
    target.write_bytes(target.read_bytes() + dice.randbytes(dice.randint(1, 70)))


def exchange(target: Path, dice: random.Random) -> None:
    """Let two files change places."""
    others = [path for path in target.parents[2].rglob("*") if path.is_file()]
    other = dice.choice([path for path in others if path.read_bytes() != target.read_bytes()])
    mine, theirs = target.read_bytes(), other.read_bytes()
    target.write_bytes(theirs)
    other.write_bytes(mine)


def other_thing(target: Path, dice: random.Random) -> None:
    """Put something that is no file in a file's place."""
    target.unlink()
    match dice.randrange(4):
        case 0:
            target.mkdir()
        case 1:
            os.mkfifo(target)
        case 2:
            target.symlink_to("/dev/zero")
        case _:
            target.symlink_to(target.name)


WAYS: tuple[Callable[[Path, random.Random], None], ...] = (
    garbage,
    scribble,
    shorten,
    lengthen,
    exchange,
    other_thing,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a log with full, partial and older tiles, and its store."""
    root = tmp_path_factory.mktemp("whole")
    long(300).write(root, sizes=(100, 270))
    return root


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_is_always_a_problem(whole: Path, tmp_path: Path, seed: int) -> None:
    """One to five files spoilt at random: there is a problem, and never an exception."""
    dice = random.Random(seed)  # noqa: S311  damage that can be made again, not a secret
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    disk = Disk(root)
    assert disk.verify().ok
    rooms = (disk.log, disk.store / "clips", disk.store / "documents")
    for _ in range(dice.randint(1, 5)):
        files = sorted(path for path in dice.choice(rooms).rglob("*") if path.is_file())
        target = dice.choice([path for path in files if path.stat().st_size])
        dice.choice(WAYS)(target, dice)
    assert not disk.verify().ok
