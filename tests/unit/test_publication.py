"""The published log: after every publication a whole log, whatever the group sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock_daemon.errors import LedgerDoubtError
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.publication import Publisher
from dock_daemon.evidence.records import Record
from hashing import checkpoint, note
from hashing.canonical import JSON
from hashing.keys import SignerKey
from hashing.merkle import Frontier
from hashing.verify import verify_log
from tests.docks import ORIGIN, StandingClock

KEY = SignerKey.generate(ORIGIN, bytes(range(32)))
AT = StandingClock().at()
Body = dict[str, JSON]


@dataclass
class Log:
    """A ledger and its publisher in one folder."""

    folder: Path
    ledger: Ledger
    publisher: Publisher

    @classmethod
    def open(cls, folder: Path) -> "Log":
        """Open, or make with its genesis entry, and take the published log up."""
        ledger = Ledger.open(folder / "ledger.db")
        if ledger.size == 0:
            body: Body = {
                "origin": ORIGIN, "vkey": str(KEY.verifier()), "software": "t", "profile": 1,
            }  # fmt: skip
            ledger.append([Record(kind="genesis", docking=None, body=body)], AT)
        publisher = Publisher(folder, LogKeys.of(KEY))
        publisher.start(ledger)
        return cls(folder, ledger, publisher)

    def grow(self, count: int) -> None:
        """Append so many small entries."""
        body: Body = {"recovered": "restart"}
        self.ledger.append([Record(kind="recovery", docking=None, body=body)] * count, AT)

    def publish(self) -> None:
        """Bring the published log up to date."""
        self.publisher.publish(self.ledger, AT)

    def again(self) -> "Log":
        """Close, and open as a later life would."""
        self.ledger.close()
        return Log.open(self.folder)

    def published(self) -> checkpoint.Checkpoint:
        """Return the published checkpoint."""
        data = (self.folder / "log" / "checkpoint").read_bytes()
        return checkpoint.parse(note.open_note(data, [KEY.verifier()]).text)

    def assert_whole(self) -> None:
        """Assert that the log verifies and that its root is that of the ledger's leaves."""
        report = verify_log(self.folder / "log", KEY.verifier())
        assert report.problems == ()
        head = self.published()
        edge = Frontier()
        for leaf in self.ledger.leaves(0, head.size):
            edge.append(leaf)
        assert (head.size, head.root) == (edge.size, edge.root())
        assert list((self.folder / "publishing").iterdir()) == []


@pytest.fixture
def log(memory_path: Path) -> Iterator[Log]:
    """Return a new log with its genesis entry."""
    made = Log.open(memory_path)
    yield made
    made.ledger.close()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    groups=st.lists(
        st.one_of(st.integers(1, 5), st.sampled_from([254, 255, 256, 257, 511, 513, 700])),
        min_size=1,
        max_size=6,
    ),
    restart=st.integers(0, 5),
)
def test_any_groups(memory_path: Path, groups: list[int], restart: int) -> None:
    """After each publication the log is whole, also across a restart."""
    folder = memory_path / str(len(list(memory_path.iterdir())))
    folder.mkdir()
    log = Log.open(folder)
    for number, count in enumerate(groups):
        log.grow(count)
        if number == restart:
            log = log.again()
        log.publish()
        assert log.published().size == log.ledger.size == log.publisher.published
        log.assert_whole()
    log.ledger.close()


def test_more_than_a_tile_of_tiles(log: Log) -> None:
    """Beyond 65,536 entries a third level begins; growing and restarting go on there."""
    log.grow(65_530)
    log.publish()
    log.grow(10)
    log.publish()
    log = log.again()
    log.grow(300)
    log.publish()
    log.assert_whole()
    assert (log.folder / "log" / "tile" / "2" / "000.p" / "1").exists()
    log.ledger.close()


def test_partial_files_go_once_full_ones_are_there(log: Log) -> None:
    """Nothing is left beside a full tile or bundle."""
    for count in (100, 100, 100):
        log.grow(count)
        log.publish()
    assert not (log.folder / "log" / "tile" / "0" / "000.p").exists()
    assert not (log.folder / "log" / "tile" / "entries" / "000.p").exists()
    assert (log.folder / "log" / "tile" / "0" / "000").stat().st_size == 256 * 32


def test_nothing_new_is_nothing_written(log: Log) -> None:
    """A size has one signature for ever."""
    log.publish()
    head = log.folder / "log" / "checkpoint"
    before = (head.read_bytes(), head.stat().st_ino)
    log.publish()
    assert (head.read_bytes(), head.stat().st_ino) == before


def test_it_goes_on_after_the_checkpoint_could_not_be_written(log: Log) -> None:
    """What was signed is published later, and what came since with it."""
    log.publish()
    head = log.folder / "log" / "checkpoint"
    head.unlink()
    head.mkdir()  # nothing can be renamed over a folder
    for count in (300, 300):
        log.grow(count)
        with pytest.raises(OSError, match="directory"):
            log.publish()
    assert log.publisher.published == 1
    head.rmdir()
    log.publish()
    assert log.publisher.published == 601
    log.assert_whole()


def test_it_goes_on_after_tiles_could_not_be_written(log: Log) -> None:
    """Nothing half is left aside, and nothing was signed."""
    log.grow(10)
    tiles = log.folder / "log" / "tile"
    tiles.write_bytes(b"in the way")
    with pytest.raises(OSError, match="directory"):
        log.publish()
    assert log.ledger.last_checkpoint() is None
    assert list((log.folder / "publishing").iterdir()) == []
    tiles.unlink()
    log.publish()
    log.assert_whole()


def test_power_lost_between_signature_and_publication(log: Log) -> None:
    """The kept signature is what is published at the next start."""
    log.grow(5)
    log.publish()
    head = log.folder / "log" / "checkpoint"
    old = head.read_bytes()
    log.grow(40)
    log.publish()
    new = head.read_bytes()
    head.write_bytes(old)
    log = log.again()
    assert head.read_bytes() == new
    log.grow(1)
    log.publish()
    log.assert_whole()
    log.ledger.close()


def test_tiles_that_are_not_the_signed_ones(log: Log) -> None:
    """They are never built upon."""
    log.grow(300)
    log.publish()
    (tile,) = (log.folder / "log" / "tile" / "0" / "001.p").iterdir()
    tile.write_bytes(bytes(len(tile.read_bytes())))
    log.ledger.close()
    with pytest.raises(LedgerDoubtError, match="tiles"):
        Log.open(log.folder)
