"""The dock's clock: a jump is said in an entry, and one that nobody says is found."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Record
from hashing import clock_steps
from hashing.canonical import JSON
from hashing.clock_steps import SLACK_MS, Step
from hashing.entry import At, Entry, leaf_hash, parse
from tests.sealed import AT, Sealed, small

HOUR_MS = 3_600_000


def later(ran_ms: int, *, wall_ms: int | None = None, boot: str = AT.boot) -> At:
    """Return the time after `ran_ms` by the counter, and `wall_ms` by the wall clock."""
    wall = ran_ms if wall_ms is None else wall_ms
    return dataclasses.replace(AT, utc_ms=AT.utc_ms + wall, boot_ms=AT.boot_ms + ran_ms, boot=boot)


@given(ran_ms=st.integers(0, 10**12), off=st.integers(-(10**7), 10**7))
def test_a_clock_that_runs_is_told_from_one_that_was_set(ran_ms: int, off: int) -> None:
    """However long it ran, more than two seconds off is a step, by that much."""
    step = clock_steps.begin(AT).step_to(later(ran_ms, wall_ms=ran_ms + off))
    assert step == (Step(off, rebooted=False) if abs(off) > SLACK_MS else None)


@given(steps=st.lists(st.integers(-SLACK_MS, SLACK_MS), min_size=1, max_size=40))
def test_small_steps_add_up(steps: list[int]) -> None:
    """A clock that is put back a little at a time is found once it was put back enough."""
    watch, off, found = clock_steps.begin(AT), 0, False
    for at, by in enumerate(steps, 1):
        off += by
        now = later(1000 * at, wall_ms=1000 * at + off)
        found = found or watch.step_to(now) is not None
        watch = watch.after(now, told=False)
    sums = [abs(sum(steps[:upto])) for upto in range(1, len(steps) + 1)]
    assert found == (max(sums) > SLACK_MS)


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
    now = later(-AT.boot_ms, wall_ms=wall_ms, boot="another")
    assert clock_steps.begin(AT).step_to(now) == step


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


def written(*entries: tuple[str, At, dict[str, JSON]]) -> Sealed:
    """Return a log of a genesis, a heartbeat, and these."""
    sealed = Sealed()
    sealed.genesis()
    sealed.add("heartbeat")
    for kind, at, body in entries:
        prev = leaf_hash(sealed.entries[-1])
        entry = Entry(seq=len(sealed.entries), prev=prev, kind=kind, at=at, body=body)
        sealed.entries.append(entry.encode())
    return sealed


BACK = later(1, wall_ms=1 - HOUR_MS)
TOLD: dict[str, JSON] = {"by_ms": -HOUR_MS, "rebooted": False}


@pytest.mark.parametrize(
    ("entries", "seq"),
    [
        pytest.param([("heartbeat", BACK, {})], 2, id="in silence"),
        pytest.param([("clock-step", BACK, {**TOLD, "by_ms": 0})], 2, id="by less than it was"),
        pytest.param([("clock-step", later(1), TOLD)], 2, id="told, and not done"),
        pytest.param(
            [("heartbeat", later(-1000, wall_ms=-1000), {})], 2, id="both clocks put back"
        ),
        pytest.param(
            [("heartbeat", later(at, wall_ms=at - 900 * at), {}) for at in (1, 2, 3)],
            4,
            id="little by little",
        ),
        pytest.param(
            [
                ("heartbeat", later(0, wall_ms=1, boot="another"), {}),
                ("heartbeat", later(-1000, wall_ms=2), {}),
            ],
            3,
            id="an earlier boot again, younger than it was",
        ),
    ],
)
def test_a_clock_put_back_is_found(
    tmp_path: Path, entries: list[tuple[str, At, dict[str, JSON]]], seq: int
) -> None:
    """Entries that were given an earlier time are named, though every hash is right."""
    report = written(*entries).write(tmp_path).verify()
    assert [(it.code, it.seq) for it in report.problems] == [("clock-step-unsaid", seq)]


def test_a_clock_set_openly_is_told_and_is_no_fault(tmp_path: Path) -> None:
    """Setting a clock is no forgery; whoever reads the log is told where it was done."""
    after = ("heartbeat", later(2, wall_ms=2 - HOUR_MS), dict[str, JSON]())
    report = written(("clock-step", BACK, TOLD), after).write(tmp_path).verify()
    assert report.ok
    assert [(it.code, it.seq) for it in report.notices] == [("clock-stepped", 2)]


@pytest.mark.parametrize("kind", ["heartbeat", "released"])
def test_nothing_joins_a_docking_that_was_closed(tmp_path: Path, kind: str) -> None:
    """What is added to a docking after its closing entry, which cannot count it, is named."""
    sealed = small()
    size = len(sealed.entries)
    body: dict[str, JSON] = {"docking": 1}
    if kind == "released":
        body = dict(parse(sealed.entries[-1]).body)
    sealed.add(kind, **body)
    report = sealed.write(tmp_path).verify()
    assert [(it.code, it.seq) for it in report.problems] == [("docking-closed", size)]
