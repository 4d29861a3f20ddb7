"""The recorder keeps its journal: in order, in segments, for one owner, with one key."""

import stat
from pathlib import Path

import pytest

from agent import journal_key
from agent.errors import KeyMissingError, RecorderKeyError, StateUnusableError
from agent.journal import SLACK_MS, Journal
from agent.segments import Segments
from hashing import journal
from hashing.errors import JournalError
from hashing.journal import MAX_LINE
from tests.journals import BEGAN_MS, KEY, NUMBER, OTHER_KEY, ToldClock, opened, records


def small(folder: Path) -> Journal:
    """Return a journal whose segments hold two or three records each."""
    kept = Journal(Segments(folder, segment_bytes=900), KEY, ToldClock())
    if kept.size == 0:
        kept.append(journal.BEGUN, {"number": NUMBER, "vkey": str(KEY.verifier())})
    return kept


def test_journal_begins_with_whose_it_is(tmp_path: Path) -> None:
    """The first record states number and key; a second opening adds nothing."""
    opened(tmp_path / "deep" / "journal").close()
    kept = opened(tmp_path / "deep" / "journal")
    (begun,) = records(kept)
    kept.close()
    assert begun.body == {"number": NUMBER, "vkey": str(KEY.verifier())}
    assert begun.at.utc_ms >= BEGAN_MS


def test_journal_goes_on_over_many_segments(tmp_path: Path) -> None:
    """Whatever segment a record is in, the chain goes through, over every opening."""
    heads = []
    for _ in range(5):
        kept = small(tmp_path)
        for _ in range(3):
            kept.append("alive", {})
        heads.append(kept.head)
        kept.close()
    assert len(list(tmp_path.glob("*.journal"))) > 4
    kept = small(tmp_path)
    assert len(records(kept)) == kept.size == 16
    assert kept.head == heads[-1]
    kept.close()


@pytest.mark.parametrize("max_bytes", [0, 300, MAX_LINE])
def test_pieces_make_the_whole(tmp_path: Path, max_bytes: int) -> None:
    """Asked from any record on, whole lines come, of no more bytes than were asked for."""
    kept = small(tmp_path)
    for _ in range(12):
        kept.append("alive", {})
    lines = list(kept.lines())
    for first in range(kept.size + 3):
        piece = kept.read(first, max_bytes)
        told = journal.split(piece.data)
        assert (piece.first, piece.next, piece.size) == (first, first + len(told), len(lines))
        assert told == lines[first : piece.next]
        assert len(piece.data) <= max_bytes
        if piece.next < kept.size and first < kept.size:
            assert len(piece.data) + len(lines[piece.next]) > max_bytes
    kept.close()


def test_lines_come_from_any_record_on(tmp_path: Path) -> None:
    """Every line from a number on is yielded once, wherever the segments were cut."""
    segments = Segments(tmp_path, segment_bytes=10)
    lines = [f"{number} {'x' * (number % 5)}\n".encode() for number in range(30)]
    for line in lines:
        segments.append(line)
    for first in range(32):
        assert list(segments.lines(first)) == lines[first:]
    assert segments.last() == lines[-1]
    segments.close()


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    """A second process, or a second opening, is refused and changes nothing."""
    kept = opened(tmp_path)
    with pytest.raises(StateUnusableError, match="another process"):
        opened(tmp_path)
    kept.append("alive", {})
    kept.close()
    opened(tmp_path).close()


def test_what_is_no_record_is_not_written(tmp_path: Path) -> None:
    """A body that breaks the format is refused before anything reaches the disk."""
    kept = opened(tmp_path)
    with pytest.raises(JournalError):
        kept.append("opened", {"path": ""})
    kept.append("alive", {})
    assert [one.kind for one in records(kept)] == ["begun", "alive"]
    kept.close()


def test_journal_of_another_key_is_not_gone_on_with(tmp_path: Path) -> None:
    """A recorder whose key was exchanged does not append to what the old key signed."""
    opened(tmp_path).close()
    with pytest.raises(StateUnusableError, match="key"):
        opened(tmp_path, key=OTHER_KEY)
    opened(tmp_path).close()


def test_lines_lost_from_a_segment_stop_the_journal(tmp_path: Path) -> None:
    """A last segment from which a line was taken does not fit its records' numbers."""
    kept = opened(tmp_path)
    kept.append("alive", {})
    kept.append("alive", {})
    kept.close()
    (segment,) = tmp_path.glob("*.journal")
    lines = journal.split(segment.read_bytes())
    segment.write_bytes(lines[0] + lines[2])
    with pytest.raises(StateUnusableError, match="record 2 stands where 1 belongs"):
        opened(tmp_path)


def test_clock_that_was_set_behind_its_back_is_told(tmp_path: Path) -> None:
    """A step of the clock is a record of its own, before whatever comes next; a slew is none."""
    clock = ToldClock()
    kept = opened(tmp_path, clock=clock)
    clock.ahead_us += (SLACK_MS - 1000) * 1000
    kept.append("alive", {})
    clock.ahead_us += 3_600_000_000
    kept.append("alive", {})
    begun, slewed, step, alive = records(kept)
    assert (begun.kind, slewed.kind, step.kind, alive.kind) == ("begun", "alive", "clock", "alive")
    before, after = step.body["before_ms"], step.body["after_ms"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert abs(after - before - 3_600_000) < SLACK_MS
    assert step.body["by"] == "other"
    kept.close()


def test_clock_that_the_dock_set_is_told_once(tmp_path: Path) -> None:
    """Who sets the clock and says so is not told of by a second record."""
    clock = ToldClock()
    kept = opened(tmp_path, clock=clock)
    clock.ahead_us += 3_600_000_000
    kept.append("clock", {"before_ms": 1, "after_ms": 2, "by": "dock"})
    kept.append("alive", {})
    assert [one.kind for one in records(kept)] == ["begun", "clock", "alive"]
    kept.close()


def test_clock_before_1970_is_1970(tmp_path: Path) -> None:
    """A recorder that forgot the time journals all the same."""
    kept = opened(tmp_path, clock=ToldClock(-5_000_000))
    assert records(kept)[0].at.utc_ms == 0
    kept.close()


def test_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    """Where a file stands in the way, the journal says so by its path."""
    (tmp_path / "file").touch()
    with pytest.raises(StateUnusableError, match="file"):
        opened(tmp_path / "file" / "journal")


# -- the key -----------------------------------------------------------------------------------


def test_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """A key is random, bears the recorder's number, is readable by its owner only, and stays."""
    path = tmp_path / "key"
    with pytest.raises(KeyMissingError):
        journal_key.load(path)
    made = journal_key.make(path, "ZFY 00317+测")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert journal_key.load(path) == made
    assert made.name == "recorder/ZFY-00317-测"
    assert made.seed not in str(made).encode()
    with pytest.raises(RecorderKeyError, match="already"):
        journal_key.make(path, NUMBER)
    assert journal_key.make(tmp_path / "other", NUMBER).seed != made.seed


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key that was lying open is not signed with."""
    path = tmp_path / "key"
    journal_key.make(path, NUMBER)
    path.chmod(0o640)
    with pytest.raises(RecorderKeyError, match="0640"):
        journal_key.load(path)


@pytest.mark.parametrize("text", ["", "nonsense\n", "\xff", "x" * 9000])
def test_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """A file that holds no key is named, and its content is not."""
    path = tmp_path / "key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(RecorderKeyError) as caught:
        journal_key.load(path)
    assert "nonsense" not in str(caught.value)


def test_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    """A key is a file, not a pointer to one."""
    journal_key.make(tmp_path / "key", NUMBER)
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(RecorderKeyError):
        journal_key.load(tmp_path / "link")
