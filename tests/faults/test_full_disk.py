"""A disk that is full or read-only: told as what it is, and what it holds can be asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.exit_codes import ExitCode
from dock_daemon.asking import ask
from dock_daemon.errors import DockFullError, StateFullError, StateUnusableError
from dock_daemon.evidence import heartbeat, questions, reserve
from dock_daemon.evidence.pieces import Piece
from dock_daemon.evidence.records import DockingRow, Record, ReleaseRow
from dock_daemon.evidence.state import State
from dock_daemon.faults import fault_of
from hashing.canonical import JSON
from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes
from tests.faults.small_disk import SmallDisk, mounted

NO_RESERVE = "[storage]\nledger_reserve_bytes = 0\n"
RELEASED = ReleaseRow(number=2, result="complete", clips=0, findings=0, unread=0)


@pytest.fixture
def used(tmp_path: Path) -> DockIn:
    """Return a dock whose state will lie on a small disk."""
    return DockIn(tmp_path)


@pytest.fixture
def disk(used: DockIn, tmp_path: Path) -> Iterator[SmallDisk]:
    """Return the dock's disk, after its first docking."""
    files = {f"DCIM/{name}.MP4": some_bytes(name, 9000) for name in ("A", "B", "C")}
    with mounted(used.root) as made:
        card = make_exfat_card(tmp_path / "card", files, 4 << 20)
        assert used.take_over(card, settings=NO_RESERVE).end.sealed == 3
        yield made


def begin_docking(state: State, dock: DockIn) -> None:
    """Enter that docking 2 has begun."""
    row = DockingRow(
        number=2, bay="1", source="image", place="", recorder="", holder="",
        volumes=(), quarantine=True,
    )  # fmt: skip
    document = state.sealer.ask(questions.clips)[0]["document"]
    record = Record(
        kind="docked",
        docking=2,
        body={
            "docking": 2, "bay": "1", "source": "image", "registered": False, "quarantine": True,
            "document": str(document),
        },
        row=row,
    )  # fmt: skip
    state.sealer.ask(lambda ledger: ledger.append([record], dock.clock.at()))


def body_of_end() -> dict[str, JSON]:
    """Return what the closing statement of docking 2 says."""
    return {"docking": 2, "result": "complete", "clips": 0, "findings": 0, "unread": 0}


def end_docking(state: State) -> None:
    """Hand the closing statement of docking 2 over and wait for it."""
    state.sealer.submit(
        Piece(kind="released", docking=2, finish=lambda _outcome: (body_of_end(), RELEASED),
              closes=True)
    ).result()  # fmt: skip


def assert_answers(dock: DockIn) -> None:
    """Assert that all questions are answered without a daemon."""
    loaded = dock.settings()
    clips, running = ask(loaded, {"ask": "clips"})
    assert isinstance(clips, list)
    assert (len(clips), running) == (3, False)
    assert ask(loaded, {"ask": "findings"}) == ([], False)
    status, _ = ask(loaded, {"ask": "status"})
    assert isinstance(status, dict)
    assert status["totals"]["clips"] == 3


def test_a_full_disk_answers_and_does_not_start(disk: SmallDisk, used: DockIn) -> None:
    """No room to start is no doubt about the evidence, and hinders nobody from looking."""
    disk.fill()
    assert_answers(used)
    with pytest.raises(StateFullError) as caught:
        used.open()
    assert fault_of(caught.value).exit_code is ExitCode.FAILED
    disk.relieve()
    used.open().close()
    used.assert_holds()


def test_a_read_only_disk_answers_and_does_not_start(disk: SmallDisk, used: DockIn) -> None:
    """A state that was seized, or that the kernel has frozen, can still be asked."""
    disk.freeze()
    assert_answers(used)
    with pytest.raises(StateUnusableError, match="Read-only"):
        used.open()


def test_looking_changes_nothing(disk: SmallDisk, used: DockIn) -> None:
    """Not a byte, not a file, not a time."""
    before = {path: path.stat().st_mtime_ns for path in disk.root.rglob("*")}
    assert_answers(used)
    assert {path: path.stat().st_mtime_ns for path in disk.root.rglob("*")} == before


def test_a_docking_that_could_not_be_ended_is_ended_later(disk: SmallDisk, used: DockIn) -> None:
    """Once there is room again the same dock, still running, ends it as interrupted."""
    with used.open(NO_RESERVE) as state:
        begin_docking(state, used)
        disk.fill()
        with pytest.raises(DockFullError):
            end_docking(state)
        assert state.sealer.ask(questions.open_dockings) == [2]
        disk.relieve()
    last = used.parsed()[-1]
    assert (last.kind, last.body["docking"], last.body["result"]) == ("released", 2, "interrupted")
    used.assert_holds()


def test_a_full_disk_still_takes_the_facts(disk: SmallDisk, used: DockIn) -> None:
    """The room kept for the ledger is given up, the end is entered at once, and it is regained."""
    kept = disk.root / reserve.NAME
    with used.open() as state:
        begin_docking(state, used)
        assert kept.exists()
        disk.fill()
        end_docking(state)
        assert not kept.exists()
        disk.relieve()
        state.sealer.submit(heartbeat.beat(interval_s=900, free_bytes=0, waiting=0)).result()
        state.sealer.ask(lambda _ledger: None)  # its turn is over
        assert kept.exists()
    assert [one.body["result"] for one in used.parsed("released")] == ["complete", "complete"]
    used.assert_holds()


def test_an_abandoned_docking_is_ended(disk: SmallDisk, used: DockIn) -> None:
    """Whoever cannot end a docking may leave that to the sealer; one that is ended stays so."""
    assert disk.root == used.root
    with used.open() as state:
        begin_docking(state, used)
        state.sealer.abandon(1)
        state.sealer.abandon(2)
    ends = [(one.body["docking"], one.body["result"]) for one in used.parsed("released")]
    assert ends == [(1, "complete"), (2, "interrupted")]
    used.assert_holds()


def test_what_could_not_be_published_is_told_after_the_end(disk: SmallDisk, used: DockIn) -> None:
    """Entries that were kept and not published are counted, and published by the next start."""
    state = used.open(NO_RESERVE)
    with state:
        begin_docking(state, used)
        disk.fill()
    assert state.unpublished == 1
    disk.relieve()
    again = used.open()
    again.close()
    assert again.unpublished == 0
    used.assert_holds()
