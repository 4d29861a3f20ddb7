"""The dock's clock: a jump is said in an entry, and one that nobody says is found."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Record
from hashing.clock_steps import DRIFT_PER_MS, SLACK_MS, Step, step_between
from hashing.entry import At, Entry, leaf_hash, parse
from tests.sealed import AT, Sealed

HOUR_MS = 3_600_000


def later(ran_ms: int, *, wall_ms: int | None = None, boot: str = AT.boot) -> At:
    """Return the time after `ran_ms` by the counter, and `wall_ms` by the wall clock."""
    wall = ran_ms if wall_ms is None else wall_ms
    return dataclasses.replace(AT, utc_ms=AT.utc_ms + wall, boot_ms=AT.boot_ms + ran_ms, boot=boot)


@given(ran_ms=st.integers(0, 10**12), off=st.integers(-(10**7), 10**7))
def test_a_clock_that_runs_is_told_from_one_that_was_set(ran_ms: int, off: int) -> None:
    """Whatever a time service may slew is no jump; whatever is more is one, by that much."""
    allowed = SLACK_MS + ran_ms // DRIFT_PER_MS
    step = step_between(AT, later(ran_ms, wall_ms=ran_ms + off))
    assert step == (Step(off, rebooted=False) if abs(off) > allowed else None)


@pytest.mark.parametrize(
    ("wall_ms", "step"),
    [
        (HOUR_MS, None),  # it may have been off for an hour
        (-SLACK_MS, None),
        (-SLACK_MS - 1, Step(-SLACK_MS - 1, rebooted=True)),
        (-30 * 24 * HOUR_MS, Step(-30 * 24 * HOUR_MS, rebooted=True)),
    ],
)
def test_across_a_boot_only_going_back_is_certain(wall_ms: int, step: Step | None) -> None:
    """Nobody knows how long a dock was off; that its clock went back, everybody sees."""
    assert step_between(AT, later(-AT.boot_ms, wall_ms=wall_ms, boot="another")) == step


def test_the_ledger_says_that_its_clock_was_set(tmp_path: Path) -> None:
    """Before the next entry stands one that tells of the jump, and what was asked for follows."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    beat = Record(kind="heartbeat", docking=None, body={})
    ledger.append([beat], AT)
    ledger.append([beat], later(1000))
    (back,) = ledger.append([beat], later(2000, wall_ms=2000 - HOUR_MS))
    ledger.close()
    ledger = Ledger.open(tmp_path / "ledger.db")  # also after a restart of the program
    (again,) = ledger.append([beat], later(3000))
    entries = [parse(raw) for raw in ledger.entries(0, ledger.size)]
    ledger.close()
    kinds = [entry.kind for entry in entries]
    assert kinds == ["heartbeat", "heartbeat", "clock-step", "heartbeat", "clock-step", "heartbeat"]
    assert (back.seq, again.seq) == (3, 5)
    assert [entries[at].body for at in (2, 4)] == [
        {"by_ms": -HOUR_MS, "rebooted": False},
        {"by_ms": HOUR_MS, "rebooted": False},
    ]


def with_jump(kind: str, **body: object) -> Sealed:
    """Return a log whose third entry, of `kind`, comes an hour before the second."""
    sealed = Sealed()
    sealed.genesis()
    sealed.add("heartbeat")
    for at, (what, said) in enumerate(((kind, body), ("heartbeat", {})), 1):
        entry = Entry(
            seq=len(sealed.entries),
            prev=leaf_hash(sealed.entries[-1]),
            kind=what,
            at=later(at, wall_ms=at - HOUR_MS),
            body=said,  # type: ignore[arg-type]  # JSON, by the calls below
        )
        sealed.entries.append(entry.encode())
    return sealed


def test_a_clock_put_back_in_silence_is_found(tmp_path: Path) -> None:
    """Entries that were given an earlier time are named, though every hash is right."""
    report = with_jump("heartbeat").write(tmp_path).verify()
    assert [(it.code, it.seq) for it in report.problems] == [("clock-step-unsaid", 2)]
    assert str(-HOUR_MS) in report.problems[0].detail


def test_a_clock_set_openly_is_told_and_is_no_fault(tmp_path: Path) -> None:
    """Setting a clock is no forgery; whoever reads the log is told where it was done."""
    report = with_jump("clock-step", by_ms=-HOUR_MS, rebooted=False).write(tmp_path).verify()
    assert report.ok
    assert [(it.code, it.seq) for it in report.notices] == [("clock-stepped", 2)]
