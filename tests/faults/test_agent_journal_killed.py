"""kill -9 and power cuts while a recorder journals: no kept record is lost, no half one stays."""

import os
from pathlib import Path

import pytest

from agent.errors import StateUnusableError
from agent.journal import Journal
from agent.segments import Segments
from tests.faults.journal_child import RECORDS, opened
from tests.faults.small_disk import mounted
from tests.faults.traced import CHANGES, moments, run
from tests.journals import KEY, ToldClock, records
from tests.journals import opened as begun

STEPS = 12
CHILD = ("tests.faults.journal_child",)


@pytest.fixture(scope="module")
def when(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """Return the calls of an undisturbed run that change the journal, in their order."""
    folder = tmp_path_factory.mktemp("journal")
    trace = run(folder, [*CHILD, str(folder / "j")], "-y", "-e", f"trace={','.join(CHANGES)}")
    assert trace.code == 0, trace.errors
    assert trace.lines[-1] == {"kept": RECORDS}
    ours = {(call.name, call.nth) for call in trace.calls if str(folder / "j") in call.text}
    struck = moments(trace.calls, folder / "j")
    return [(name, nth) for name, times in struck.items() for nth in times if (name, nth) in ours]


@pytest.mark.parametrize("step", range(STEPS))
def test_killed_while_it_is_written(when: list[tuple[str, int]], tmp_path: Path, step: int) -> None:
    """Every record that was said to be kept is there at the next start, which goes on after it."""
    name, nth = when[step * (len(when) - 1) // (STEPS - 1)]
    folder = tmp_path / "j"
    killed = run(
        tmp_path, [*CHILD, str(folder)], "-o", os.devnull, "-e", f"trace={name}",
        "-e", f"inject={name}:signal=SIGKILL:when={nth}",
    )  # fmt: skip
    assert killed.code != 0
    kept = opened(folder)
    try:
        last = killed.lines[-1]["kept"] if killed.lines else -1
        assert kept.size in {last + 1, last + 2}
        size = kept.size
        kept.append("alive", {})
        assert [one.seq for one in records(kept)] == list(range(size + 1))
    finally:
        kept.close()


def lines_in(folder: Path) -> bytes:
    """Return all that a journal's files hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.journal")))


def test_power_cut_at_any_byte_of_a_line(tmp_path: Path) -> None:
    """However much of the last line reached the disk, what is not whole is cut off, and told."""
    kept = begun(tmp_path / "j")
    kept.append("alive", {})
    kept.close()
    (segment,) = (tmp_path / "j").glob("*.journal")
    whole = segment.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole), 7):
        segment.write_bytes(whole[:end])
        again = begun(tmp_path / "j")
        told = records(again)
        assert segment.read_bytes().startswith(whole[:start])
        if end == start:
            assert len(told) == 1
        else:
            assert told[-1].kind == "recovered"
            assert told[-1].body == {"torn_bytes": end - start}
        again.close()


def test_power_cut_at_any_byte_of_the_first_line(tmp_path: Path) -> None:
    """A journal that was torn at its very first record begins, and says that it was torn."""
    begun(tmp_path / "j").close()
    (segment,) = (tmp_path / "j").glob("*.journal")
    whole = segment.read_bytes()
    for end in (0, 1, len(whole) - 1):
        segment.write_bytes(whole[:end])
        again = begun(tmp_path / "j")
        assert [one.kind for one in records(again)] == ["begun", *["recovered"] * (end > 0)]
        again.close()


def test_new_segment_that_stayed_empty(tmp_path: Path) -> None:
    """A power cut between a segment's making and its first record costs nothing."""
    kept = opened(tmp_path)
    while len(list(tmp_path.glob("*.journal"))) < 2:
        kept.append("alive", {})
    size = kept.size
    kept.close()
    last = max(tmp_path.glob("*.journal"))
    last.write_bytes(b"")
    again = opened(tmp_path)
    assert again.size == size - 1
    again.append("alive", {})
    assert len(records(again)) == size
    again.close()


def test_last_line_that_does_not_hold_stops_the_journal(tmp_path: Path) -> None:
    """A finished line that was changed is not repaired, and nothing is appended to it."""
    begun(tmp_path / "j").close()
    (segment,) = (tmp_path / "j").glob("*.journal")
    spoilt = segment.read_bytes().replace(b'"utc_ms":1', b'"utc_ms":2')
    segment.write_bytes(spoilt)
    with pytest.raises(StateUnusableError, match="not signed"):
        begun(tmp_path / "j")
    assert segment.read_bytes() == spoilt


def fill_up(kept: Journal) -> None:
    """Append until no room is left: the last page still holds some records."""
    while True:
        kept.append("alive", {})


def test_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A record that finds no room is refused, and the next one that does goes on."""
    with mounted(tmp_path / "disk") as disk:
        kept = Journal(Segments(disk.root / "j"), KEY, ToldClock())
        kept.append("begun", {"number": "1", "vkey": str(KEY.verifier())})
        disk.fill()
        with pytest.raises(StateUnusableError):
            fill_up(kept)
        full = kept.size
        assert lines_in(disk.root / "j").endswith(b"\n")
        disk.relieve()
        kept.append("alive", {})
        assert kept.size == full + 1
        assert len(records(kept)) == kept.size
        kept.close()
