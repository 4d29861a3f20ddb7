"""Content that is read in large pieces is the same bytes, in memory that is used in turn."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Reader
from dock_daemon.docking.copying import copy
from dock_daemon.docking.large_reads import LARGE, LargeReads, Run
from dock_daemon.docking.sources import Source, open_source
from dock_daemon.errors import StoppedError
from dock_daemon.evidence.store import Store
from tests.cards import Clip, make_exfat_card
from tests.docks import some_bytes

CHUNK = LARGE
MEDIUM = bytes(range(251)) * (5 * LARGE // 251)
RUNS = st.lists(
    st.tuples(st.integers(0, len(MEDIUM) - 1), st.integers(1, len(MEDIUM))).map(
        lambda run: (run[0], min(run[1], len(MEDIUM) - run[0]))
    ),
    min_size=1,
    max_size=4,
)


def fill(room: memoryview, at: int) -> None:
    """Read from the medium."""
    room[:] = MEDIUM[at : at + len(room)]


def unexpectant(_at: int, _length: int) -> None:
    """Hear what comes next, and do nothing about it."""


@given(runs=RUNS)
@settings(deadline=None, max_examples=30)
def test_runs_come_whole_and_in_order(runs: list[Run]) -> None:
    """Every piece is full but the last, and together they are what lies in the runs."""
    wanted = b"".join(MEDIUM[at : at + length] for at, length in runs)
    found, sizes = bytearray(), []
    pieces = LargeReads(CHUNK).of_runs(runs, threading.Event(), read=fill, ahead=unexpectant)
    for piece in pieces:
        found += piece
        sizes.append(len(piece))
    assert found == wanted
    assert set(sizes[:-1]) <= {CHUNK}


def test_a_piece_holds_until_the_one_after_the_next() -> None:
    """So that it can be on its way to the disk while the next one is read."""
    runs = [(0, 4 * CHUNK)]
    pieces = LargeReads(CHUNK).of_runs(runs, threading.Event(), read=fill, ahead=unexpectant)
    first = next(pieces)
    held = hashlib.sha256(first).digest()
    second = next(pieces)
    assert hashlib.sha256(first).digest() == held
    third = next(pieces)
    assert third.obj is first.obj
    assert second.obj is not first.obj


def test_a_stop_ends_it() -> None:
    """Before the next read, wherever that is."""
    stop = threading.Event()
    pieces = LargeReads(CHUNK).of_runs([(0, 3 * CHUNK)], stop, read=fill, ahead=unexpectant)
    next(pieces)
    stop.set()
    with pytest.raises(StoppedError):
        next(pieces)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store on a disk."""
    made, _ = Store.open(tmp_path / "store", identity=None, reserve_bytes=0)
    yield made
    made.close()


def opened(place: Path, chunk_bytes: int) -> Source:
    """Open a source that reads so many bytes at a time."""
    reader = Reader(socket="", timeout_s=60, max_entries=1000)
    return open_source(
        str(place),
        zone=ZoneInfo("Asia/Shanghai"),
        chunk_bytes=chunk_bytes,
        reader=reader,
        stop=threading.Event(),
    )


# Whole blocks, a last block that is none, less than a piece, more than two.
SIZES = [LARGE, LARGE + 1, 2 * LARGE + 4096, 3 * LARGE + 511, LARGE - 1]


@pytest.mark.parametrize("chunk_bytes", [LARGE, 2 * LARGE, LARGE + 4095, 65_536])
@pytest.mark.parametrize("kind", ["card", "folder"])
def test_copies_are_the_bytes_of_the_recorder(
    tmp_path: Path, store: Store, kind: str, chunk_bytes: int
) -> None:
    """Past the page cache or through it: hash, length and bytes on the disk are the clip's."""
    files = {f"DCIM/{size}.MP4": some_bytes(str(size), size) for size in SIZES}
    cut = Clip(data=files[f"DCIM/{SIZES[0]}.MP4"], fragmented=True)
    place = tmp_path / "source"
    if kind == "card":
        make_exfat_card(place, {**files, f"DCIM/{SIZES[0]}.MP4": cut}, 32 << 20)
    else:
        for path, data in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
    source = opened(place, chunk_bytes)
    ((_, entries),) = source.volumes
    for entry in (one for one in entries if not one.directory):
        heard: list[int] = []
        staged = copy(source, entry, store, stop=threading.Event(), told=heard.append)
        data = files[entry.text]
        assert staged.temp.read_bytes() == data
        assert (staged.sha256, staged.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert sum(heard) == len(data)
        store.settle([staged])
        store.check(staged)
    source.close()


def test_what_was_never_written_comes_as_zeros(tmp_path: Path, store: Store) -> None:
    """An exFAT file may be longer than its valid data: the seam is no whole block."""
    data = some_bytes("valid", 2 * LARGE + 100)
    clip = Clip(data=data, size=len(data) + LARGE, valid_size=len(data))
    card = make_exfat_card(tmp_path / "card", {"A.MP4": clip}, 32 << 20)
    source = opened(card, CHUNK)
    ((_, entries),) = source.volumes
    staged = copy(source, entries[0], store, stop=threading.Event(), told=lambda _count: None)
    assert staged.temp.read_bytes() == data + bytes(LARGE)
    assert staged.sha256 == hashlib.sha256(data + bytes(LARGE)).hexdigest()
    source.close()
