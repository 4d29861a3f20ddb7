"""Files that are whole and durable, or not there."""

import errno
import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock_daemon.evidence import durable
from dock_daemon.evidence.durable import Reread, Settler

TMPFS = 0x01021994
KIB = 1024


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path, memory_path: Path) -> Path:
    """Return a folder on a disk, then one in memory."""
    return tmp_path if request.param == "disk" else memory_path


@pytest.fixture
def settler(place: Path) -> Iterator[Settler]:
    """Return what makes files of the place durable."""
    made = Settler(place)
    yield made
    made.close()


def test_a_new_file_never_replaces_one(place: Path) -> None:
    """O_EXCL: what is there stays."""
    durable.write_new(place / "a", b"first")
    with pytest.raises(FileExistsError):
        durable.write_new(place / "a", b"second")
    assert (place / "a").read_bytes() == b"first"


def test_a_write_that_fails_leaves_nothing(place: Path) -> None:
    """A file that could not be written to its end is gone again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * KIB, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            durable.write_new(place / "a", bytes(256 * KIB))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
    assert list(place.iterdir()) == []


def test_replacing_is_old_or_new(place: Path) -> None:
    """The content is replaced whole, with the mode asked for, and no temp file is left."""
    durable.replace(place / "a", b"old")
    (place / ".a.new").write_bytes(b"left by a crash")
    durable.replace(place / "a", b"new", mode=0o600)
    assert (place / "a").read_bytes() == b"new"
    assert (place / "a").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in place.iterdir()] == ["a"]


def test_a_link_never_replaces(place: Path) -> None:
    """A name that is taken is told, and both files stay."""
    (place / "temp").write_bytes(b"mine")
    assert durable.link(place / "temp", place / "final")
    assert not (place / "temp").exists()
    (place / "other").write_bytes(b"other")
    assert not durable.link(place / "other", place / "final")
    assert (place / "final").read_bytes() == b"mine"
    assert (place / "other").read_bytes() == b"other"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_settling_any_number(place: Path, settler: Settler, count: int) -> None:
    """Files and folders, few or many, can be made durable; a missing one is an error."""
    paths = [place / str(number) for number in range(count)]
    for path in paths:
        path.write_bytes(b"x")
    settler.settle([*paths, place])
    settler.settle_all()
    with pytest.raises(FileNotFoundError):
        settler.settle([place / "missing"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.one_of(
        st.integers(0, 9 * KIB),
        st.sampled_from(
            [KIB * KIB - 1, KIB * KIB, KIB * KIB + 1, 2 * KIB * KIB, 3 * KIB * KIB + 7]
        ),
    )
)
def test_rereading_hashes_every_byte(tmp_path: Path, size: int) -> None:
    """Whatever the size, aligned to anything or not."""
    path = tmp_path / "file"
    data = hashlib.shake_256(str(size).encode()).digest(size)
    path.unlink(missing_ok=True)
    durable.write_new(path, data)
    durable.sync_path(path)
    found, length, _how = durable.reread(path)
    assert (found, length) == (hashlib.sha256(data).hexdigest(), size)


def test_how_it_was_reread_is_said(tmp_path: Path, memory_path: Path) -> None:
    """In memory nothing is cold; on a disk the page cache was passed by."""
    for folder in (tmp_path, memory_path):
        (folder / "a").write_bytes(b"x")
        durable.sync_path(folder / "a")
        _, _, how = durable.reread(folder / "a")
        in_memory = durable.filesystem_type(folder) == TMPFS
        assert (how == Reread.NOT_COLD) == in_memory


def test_a_link_in_place_of_a_file_is_not_followed(place: Path) -> None:
    """What is reread is the file itself."""
    (place / "a").write_bytes(b"x")
    (place / "b").symlink_to(place / "a")
    with pytest.raises(OSError, match="symbolic"):
        durable.reread(place / "b")
