"""SHA-256 is tested against known answers, and a wrong one stops the dock."""

import hashlib
from collections.abc import Callable

import pytest

from dock_daemon.errors import HashDoubtError
from dock_daemon.evidence.pieces import Piece
from dock_daemon.evidence.self_test import Hash, HashWatch
from dock_daemon.evidence.state import open_state
from tests.docks import DockIn

GIB = 1 << 30
NOTE = Piece(kind="recovery", docking=None, finish=lambda _outcome: ({"recovered": "x"}, None))


class Erring:
    """A processor whose hash errs once it is told to, for messages of at least so many bytes."""

    def __init__(self, *, from_bytes: int = 0) -> None:
        self.errs = False
        self._from_bytes = from_bytes

    def new(self) -> Hash:
        """Return a hash as this processor computes it."""
        return _Computed(lambda size: self.errs and size >= self._from_bytes)


class _Computed:
    def __init__(self, is_wrong: Callable[[int], bool]) -> None:
        self._is_wrong = is_wrong
        self._hash = hashlib.sha256()
        self._size = 0

    def update(self, data: memoryview, /) -> None:
        self._hash.update(data)
        self._size += len(data)

    def hexdigest(self) -> str:
        found = self._hash.hexdigest()
        return "0" + found[1:] if self._is_wrong(self._size) else found


def test_this_processor_answers_rightly() -> None:
    """The answers that are known are those of the hash in use."""
    HashWatch().test()


@pytest.mark.parametrize("from_bytes", [0, 1, 100, 1_000_000])
def test_a_wrong_answer_is_noticed(from_bytes: int) -> None:
    """Whether it errs always, or for long messages only; expected and found are told."""
    processor = Erring(from_bytes=from_bytes)
    watch = HashWatch(processor.new)
    watch.test()
    processor.errs = True
    with pytest.raises(HashDoubtError) as caught:
        watch.test()
    assert caught.value.found == "0" + caught.value.expected[1:]


def test_it_is_tested_again_after_so_many_bytes() -> None:
    """A fault that comes later is noticed within 16 GiB."""
    processor = Erring()
    watch = HashWatch(processor.new, monotonic_s=lambda: 0.0)
    watch.test()
    processor.errs = True
    for _ in range(15):
        watch.hashed(GIB)
    with pytest.raises(HashDoubtError):
        watch.hashed(GIB)


def test_it_is_tested_again_after_an_hour() -> None:
    """However little was hashed in it."""
    processor, times = Erring(), iter([0.0, 3599.0, 3600.0])
    watch = HashWatch(processor.new, monotonic_s=lambda: next(times))
    watch.test()
    processor.errs = True
    watch.hashed(1)
    with pytest.raises(HashDoubtError):
        watch.hashed(1)


def test_a_dock_does_not_start_on_such_a_processor(dock: DockIn) -> None:
    """Nothing is opened, and nothing made."""
    processor = Erring()
    processor.errs = True
    with pytest.raises(HashDoubtError):
        open_state(dock.settings(), dock.clock, hashes=HashWatch(processor.new))
    assert not dock.root.exists()


def test_a_dock_stops_where_the_processor_begins_to_err(dock: DockIn) -> None:
    """What was not committed by then never is, and the doubt is told."""
    processor, now_s = Erring(), [0.0]
    watch = HashWatch(processor.new, monotonic_s=lambda: now_s[0])
    state = open_state(dock.settings(), dock.clock, hashes=watch)
    assert state.sealer.submit(NOTE).result().seq == 1
    processor.errs, now_s[0] = True, 3600.0
    with pytest.raises(HashDoubtError):
        state.sealer.submit(NOTE).result()
    with pytest.raises(HashDoubtError):
        state.close()
    dock.open().close()
    assert len(dock.parsed()) == 2
