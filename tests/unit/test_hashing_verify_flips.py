"""Every single byte of a log and its store: change it, and the verifier names that very file."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hashing.tiles import Bundle, parse_path
from hashing.verify import verify_log
from tests.sealed import KEY, Disk, Sealed, long, small

FILES = [
    "log/checkpoint",
    "log/vkey",
    "log/tile/0/000.p/7",
    "log/tile/entries/000.p/7",
    *(f"store/clips/{digest[:2]}/{digest}" for digest, data in small().clips.items() if data),
    *(f"store/documents/{digest[:2]}/{digest}" for digest in small().documents),
]


def flips(data: bytes, *, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield every `step`th place with the data changed there: one bit; all bits; or both."""
    for at in range(0, len(data), step):
        one = 1 << at // step % 8
        for mask in (one, 0xFF) if len(data) < 1_000 else ((one, 0xFF)[at % 3 == 0],):
            yield at, data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def entry_at(path: str, sealed: Sealed, at: int) -> int | None:
    """Return the entry that byte `at` of a bundle belongs to; None for other files."""
    if "/entries/" not in path:
        return None
    which = parse_path(path.removeprefix("log/"))
    assert isinstance(which, Bundle)
    first = which.index * 256
    ends = [0]
    for entry in sealed.entries[first : first + which.width]:
        ends.append(ends[-1] + 2 + len(entry))
    return next(first + n for n, (a, b) in enumerate(pairwise(ends)) if a <= at < b)


@pytest.mark.parametrize("path", FILES)
def test_every_byte_of_a_small_log_and_store(tmp_path: Path, path: str) -> None:
    """Whichever byte changes, there is one problem, and it names the file and the entry."""
    sealed = small()
    disk = sealed.write(tmp_path)
    target = tmp_path / path
    data = target.read_bytes()
    for at, changed in flips(data):
        target.write_bytes(changed)
        report = disk.verify()
        assert [problem.where for problem in report.problems] == [str(target)], at
        seq = entry_at(path, sealed, at)
        assert seq is None or report.problems[0].seq == seq, at


def test_bytes_throughout_a_log_with_full_tiles(tmp_path: Path) -> None:
    """In full, partial and older tiles and bundles too, the changed file and entry are named."""
    sealed = long(300)
    disk = sealed.write(tmp_path, sizes=(100, 256, 270))
    files = sorted(path for path in (tmp_path / "log").rglob("*") if path.is_file())
    assert len(files) == 11
    for target in files:
        path = target.relative_to(tmp_path).as_posix()
        data = target.read_bytes()
        for at, changed in flips(data, step=max(1, len(data) // 12)):
            target.write_bytes(changed)
            report = verify_log(disk.log, KEY.verifier())
            assert [problem.where for problem in report.problems] == [str(target)], (path, at)
            seq = entry_at(path, sealed, at)
            assert seq is None or report.problems[0].seq == seq, (path, at)
        target.write_bytes(data)
    assert verify_log(disk.log, KEY.verifier()).ok


@pytest.mark.parametrize("path", FILES)
def test_every_truncation_of_a_small_file(tmp_path: Path, path: str) -> None:
    """A file cut short anywhere, or with a byte appended, is named."""
    disk = small().write(tmp_path)
    target = tmp_path / path
    data = target.read_bytes()
    for changed in [*(data[:end] for end in range(0, len(data), 5)), data + b"\0", data + b"\n"]:
        target.write_bytes(changed)
        problems = disk.verify().problems
        assert problems
        assert problems[0].where == str(target)


def test_an_untouched_store_verifies(tmp_path: Path) -> None:
    """What nobody touched has no problem and no notice, and everything in it was read."""
    disk: Disk = small().write(tmp_path)
    report = disk.verify()
    assert (report.problems, report.notices) == ((), ())
    assert report.counts == {
        "entries": 7,
        "bundles": 1,
        "tiles": 1,
        "clips": 3,
        "clip_bytes": 29,
        "documents": 5,
    }
