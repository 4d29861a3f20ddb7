"""Many at once, threads and processes: never two heads of one size, never one step back."""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from central.cosigning.outcomes import Accepted, Conflict, Inconsistent, Outcome, Sender
from central.witness.witness import Witness
from hashing import note
from hashing.checkpoint import Checkpoint, parse
from hashing.cosignature import time_of
from hashing.keys import SignerKey
from tests.submitting import SENDER, Submitter, Ticking, enrol, open_centre

LOG = Submitter.of(40)
OTHER = Submitter.of(40, branch="other ", common=3)
WORKERS = 8
Answer = tuple[Checkpoint, int]


def race(work: Callable[[int], None], workers: int = WORKERS) -> None:
    """Run `work` in so many threads that begin together; raise what any of them raised."""
    begin = threading.Barrier(workers)
    failures: list[Exception] = []

    def run(number: int) -> None:
        begin.wait()
        try:
            work(number)
        except Exception as error:  # noqa: BLE001  it is raised below, where the test sees it
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def answered(outcome: Accepted, signed: bytes) -> Answer:
    """Return the head that was cosigned, and when."""
    return parse(note.parse(signed)[0]), time_of(note.read_lines(outcome.lines)[0])


def assert_one_past(answers: list[Answer]) -> None:
    """Assert that all cosigned heads are of one log, however the answers were ordered."""
    roots: dict[int, bytes] = {}
    for head, _ in answers:
        assert roots.setdefault(head.size, head.root) == head.root
    for log in (LOG, OTHER):
        if all(log.head(size).root == root for size, root in roots.items()):
            return
    pytest.fail("heads of two logs were cosigned")


def _submit(
    witness: Witness, held: int, ends: list[int], into: list[tuple[int, Outcome]], number: int
) -> None:
    outcome = witness.add_checkpoint(LOG.body(held, ends[number]), SENDER)
    into.append((ends[number], outcome))


def test_a_shorter_head_never_overtakes_a_longer_one(memory_path: Path, database_url: str) -> None:
    """Of two that were checked against one head, sizes N and N+K, one is signed and stays."""
    centre = open_centre(memory_path, database_url)
    enrol(centre, LOG)
    witness = centre.witness
    assert witness is not None
    assert isinstance(witness.add_checkpoint(LOG.body(0, 5), SENDER), Accepted)
    held = 5
    for step in range(4):
        ends = [held + 1 + (number + step) % 4 for number in range(WORKERS)]
        outcomes: list[tuple[int, Outcome]] = []
        race(partial(_submit, witness, held, ends, outcomes))
        won = {size for size, outcome in outcomes if isinstance(outcome, Accepted)}
        # All who named the same head may be cosigned; nobody else is.
        assert len(won) == 1
        (held,) = won
        assert all(outcome == Conflict(held) for size, outcome in outcomes if size != held), (
            outcomes
        )
        served = witness.checkpoint(centre.register.docks()[0].hash)
        assert served is not None
        assert parse(note.parse(served)[0]).size == held
    centre.close()


def test_two_pasts_at_once_leave_one(memory_path: Path, database_url: str) -> None:
    """Both branches of a fork submitted at the same time: one is cosigned, from then on alone."""
    centre = open_centre(memory_path, database_url)
    enrol(centre, LOG)
    witness = centre.witness
    assert witness is not None
    answers: list[Answer] = []

    def submit(number: int) -> None:
        log, old = (LOG, OTHER)[number % 2], 0
        for _ in range(30):
            size = min(old + 1 + number % 3, 40)
            outcome = witness.add_checkpoint(log.body(old, size), SENDER)
            if isinstance(outcome, Accepted):
                answers.append(answered(outcome, log.note(size)))
                old = size
            elif isinstance(outcome, Conflict):
                old = outcome.size
            else:
                assert isinstance(outcome, Inconsistent)
                return

    race(submit)
    assert_one_past(answers)
    centre.close()


def _process(folder: Path, url: str, number: int, told: "multiprocessing.Queue[object]") -> None:
    """Be another process of the same centre: submit one branch of a fork, and tell what came."""
    centre = open_centre(folder, url)
    assert centre.witness is not None
    log, old = (LOG, OTHER)[number % 2], 0
    for _ in range(12):
        size = min(old + 1 + number, 40)
        outcome = centre.witness.add_checkpoint(log.body(old, size), SENDER)
        if isinstance(outcome, Accepted):
            told.put(answered(outcome, log.note(size)))
            old = size
        elif isinstance(outcome, Conflict):
            old = outcome.size
        else:
            break
    centre.close()
    told.put(None)


def test_several_processes_are_one_witness(memory_path: Path, database_url: str) -> None:
    """Processes that share database and key leave one past, and one mark that knows of all."""
    centre = open_centre(memory_path, database_url)
    enrol(centre, LOG)
    centre.close()
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[object] = context.Queue()
    children = [
        context.Process(target=_process, args=(memory_path, database_url, number, told))
        for number in range(4)
    ]
    for child in children:
        child.start()
    answers: list[Answer] = []
    left = len(children)
    while left:
        came = told.get(timeout=60)
        if came is None:
            left -= 1
        else:
            answers.append(came)  # type: ignore[arg-type]  # what _process puts
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert_one_past(answers)
    again = open_centre(memory_path, database_url)
    served = again.witness.checkpoint(again.register.docks()[0].hash) if again.witness else None
    assert served is not None
    assert parse(note.parse(served)[0]).size == max(head.size for head, _ in answers)
    mark = (memory_path / "state" / "keys" / "witness.mark").read_text()
    assert int(mark.split()[1]) == len(answers)
    again.close()


class Meanwhile(Ticking):
    """A clock that is read between judging and writing, and lets something else happen there."""

    then: Callable[[], None] | None = None

    def __call__(self) -> int:
        """Let it happen once; return milliseconds since 1970."""
        then, self.then = self.then, None
        if then is not None:
            then()
        return super().__call__()


@pytest.mark.parametrize("first", ["witness", "mirror"])
def test_two_branches_at_one_moment_one_to_each_role(
    memory_path: Path, database_url: str, first: str
) -> None:
    """What one role accepts while the other judges is held against it before that is written."""
    clock = Meanwhile()
    centre = open_centre(memory_path, database_url, clock=clock)
    enrol(centre, LOG)
    witness, mirror = centre.witness, centre.mirror
    assert witness is not None
    assert mirror is not None
    takes = {"witness": witness.add_checkpoint, "mirror": mirror.add_checkpoint}
    (second,) = takes.keys() - {first}
    outcomes: list[Outcome] = []
    clock.then = lambda: outcomes.append(takes[second](OTHER.body(0, 10), SENDER))
    outcomes.append(takes[first](LOG.body(0, 10), SENDER))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Inconsistent]
    assert [fork.kind for fork in centre.evidence.all()] == ["roots"]
    centre.close()


def _one_each(
    takes: Sequence[Callable[[bytes, Sender], Outcome]],
    logs: Sequence[Submitter],
    into: list[Outcome],
    number: int,
) -> None:
    into.append(takes[number](logs[number].body(0, 10), SENDER))


def test_witness_and_mirror_never_take_two_roots(memory_path: Path, database_url: str) -> None:
    """However the two branches race for the two roles, one of them alone is taken."""
    centre = open_centre(memory_path, database_url)
    assert centre.witness is not None
    assert centre.mirror is not None
    takes = (centre.witness.add_checkpoint, centre.mirror.add_checkpoint)
    for number in range(12):
        branches = [Submitter.of(10), Submitter.of(10, branch="other ", common=3)]
        for log in branches:
            log.origin = f"dock.example/{number:04d}"
            log.key = SignerKey.generate(log.origin, bytes([number]) * 32)
        enrol(centre, branches[0])
        outcomes: list[Outcome] = []
        race(partial(_one_each, takes, branches, outcomes), 2)
        kinds = {type(outcome) for outcome in outcomes}
        assert kinds == {Accepted, Inconsistent}
    centre.close()
