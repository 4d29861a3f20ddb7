"""The witness: every answer of C2SP tlog-witness, in its order, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from central.centre import Centre
from central.cosigning.outcomes import (
    Accepted,
    Conflict,
    Forbidden,
    Inconsistent,
    Malformed,
    Outcome,
    Sender,
    Unknown,
    Unsigned,
)
from hashing import note
from hashing.checkpoint import Checkpoint
from hashing.cosignature import time_of
from hashing.keys import SignerKey
from hashing.submission import origin_hash
from tests.submitting import (
    KEY,
    ORIGIN,
    SENDER,
    START_MS,
    Submitter,
    Ticking,
    body,
    enrol,
    open_centre,
)

LOG = Submitter.of(20)
OTHER = Submitter.of(20, branch="other ", common=7)
STRANGER = SignerKey.generate(ORIGIN, b"s" * 32)


@pytest.fixture
def clock() -> Ticking:
    """Return the centre's clock."""
    return Ticking()


@pytest.fixture
def centre(memory_path: Path, database_url: str, clock: Ticking) -> Iterator[Centre]:
    """Return a centre that knows the test's log."""
    centre = open_centre(memory_path, database_url, clock=clock)
    enrol(centre, LOG)
    yield centre
    centre.close()


def add(centre: Centre, sent: bytes, sender: Sender = SENDER) -> Outcome:
    """Submit a body to the witness."""
    assert centre.witness is not None
    return centre.witness.add_checkpoint(sent, sender)


def held(centre: Centre) -> bytes | None:
    """Return the checkpoint that the witness serves for the test's log."""
    assert centre.witness is not None
    return centre.witness.checkpoint(origin_hash(ORIGIN))


def verified(centre: Centre, outcome: Outcome, signed: bytes) -> int:
    """Assert that an answer cosigns a checkpoint with all of the witness's keys; return when."""
    assert isinstance(outcome, Accepted)
    assert centre.witness is not None
    keys = centre.witness.cosigner.keys
    lines = note.read_lines(outcome.lines)
    opened = note.open_note(note.with_lines(signed, lines), keys)
    assert len(opened.signatures) == len(keys)
    return time_of(opened.signatures[0])


def test_a_log_that_grows_is_cosigned(centre: Centre) -> None:
    """Each head that grows from the last one gets a cosignature, and is served with both lines."""
    old = 0
    for size in (0, 1, 1, 5, 8, 20):
        verified(centre, add(centre, LOG.body(old, size)), LOG.note(size))
        served = held(centre)
        assert served is not None
        verifiers = [KEY.verifier(), *(centre.witness.cosigner.keys if centre.witness else ())]
        assert len(note.open_note(served, verifiers).signatures) == 2
        assert served.startswith(LOG.note(size))
        old = size


def test_nothing_is_served_before_the_first_cosignature(centre: Centre) -> None:
    """A log that was never cosigned, and one that nobody knows, have no checkpoint."""
    assert held(centre) is None
    assert centre.witness is not None
    assert centre.witness.checkpoint("0" * 64) is None


def test_what_was_cosigned_is_served_of_a_dock_that_was_taken_out(centre: Centre) -> None:
    """Else it would hear in that while that nothing is remembered of it; enrolled anew, too."""
    add(centre, LOG.body(0, 5))
    before = held(centre)
    assert before is not None
    centre.register.remove(ORIGIN)
    assert held(centre) == before
    assert isinstance(add(centre, LOG.body(5, 8)), Unknown)
    enrol(centre, LOG)
    assert held(centre) == before


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(b"", Malformed, id="nothing"),
        pytest.param(LOG.body(5, 8)[:-1], Malformed, id="no newline at the end"),
        pytest.param(LOG.body(5, 8).replace(b"\n", b"\r\n"), Malformed, id="CRLF"),
        pytest.param(body("05", [], LOG.note(8)), Malformed, id="old with a leading zero"),
        pytest.param(body("-5", [], LOG.note(8)), Malformed, id="old below zero"),
        pytest.param(body(5, [b"x" * 32] * 64, LOG.note(8)), Malformed, id="64 hashes"),
        pytest.param(body(5, [b"x" * 31], LOG.note(8)), Malformed, id="a hash too short"),
        pytest.param(body(9, [], LOG.note(8)), Malformed, id="old above size"),
        pytest.param(
            body(5, [], note.sign(f"{LOG.head(8).encode()}extension\n", [KEY])),
            Malformed,
            id="an extension line, signed",
        ),
        pytest.param(
            body(5, [], note.sign(LOG.head(8).encode().replace("\n8\n", "\n08\n"), [KEY])),
            Malformed,
            id="a size with a leading zero, signed",
        ),
        pytest.param(
            body(5, [], note.sign(LOG.head(8).encode(), [STRANGER])), Unsigned, id="a stranger"
        ),
        pytest.param(
            body(5, LOG.proof(5, 8), LOG.note(8).replace(b"\n8\n", b"\n7\n")),
            Unsigned,
            id="signed, and changed since",
        ),
        pytest.param(LOG.body(3, 8), Conflict, id="from another size"),
        pytest.param(body(0, [], LOG.note(8)), Conflict, id="first contact, too late"),
        pytest.param(LOG.body(2, 3), Conflict, id="a rollback"),
        pytest.param(body(5, [], LOG.note(8)), Inconsistent, id="no proof"),
        pytest.param(body(5, LOG.proof(4, 8), LOG.note(8)), Inconsistent, id="another proof"),
        pytest.param(
            body(5, [*LOG.proof(5, 8), b"x" * 32], LOG.note(8)), Inconsistent, id="a hash too many"
        ),
        pytest.param(body(5, [b"x" * 32], LOG.note(5)), Inconsistent, id="proof of the same size"),
    ],
)
def test_what_is_refused_and_how(centre: Centre, sent: bytes, expected: type[Outcome]) -> None:
    """Whatever is wrong has its own answer, and changes nothing of what is held."""
    add(centre, LOG.body(0, 5))
    before = held(centre)
    outcome = add(centre, sent)
    assert type(outcome) is expected, outcome
    if isinstance(outcome, Conflict):
        assert outcome.size == 5
    assert held(centre) == before


def test_an_unknown_log_is_unknown(centre: Centre) -> None:
    """A log that nobody enrolled is not found, whoever signed its head."""
    stranger = SignerKey.generate("dock.example/0002", b"s" * 32)
    log = Submitter(LOG.leaves, key=stranger, origin="dock.example/0002")
    assert add(centre, log.body(0, 5)) == Unknown("dock.example/0002")


def test_a_dock_speaks_for_its_own_log_alone(centre: Centre) -> None:
    """Who may speak for another log may not speak for this one."""
    other = Sender("a dock", "dock.example/0002")
    assert add(centre, LOG.body(0, 5), other) == Forbidden(ORIGIN)
    assert isinstance(add(centre, LOG.body(0, 5), Sender("a dock", ORIGIN)), Accepted)


def test_a_proof_where_none_is_due_is_refused(centre: Centre) -> None:
    """A proof from nothing proves nothing: the first head has none."""
    assert isinstance(add(centre, body(0, [b"x" * 32], LOG.note(5))), Inconsistent)
    assert held(centre) is None
    assert centre.evidence.all() == ()


def test_one_bad_line_of_a_known_key_spoils_the_note(centre: Centre) -> None:
    """A checkpoint that bears a false line of the log's second key is refused, the first good."""
    second = SignerKey.generate(ORIGIN, b"2" * 32)
    centre.register.add_key(ORIGIN, str(second.verifier()), now_ms=START_MS)
    good = note.sign(LOG.head(5).encode(), [KEY, second])
    forged = note.with_lines(
        LOG.note(5),
        [note.SignatureLine(ORIGIN, second.verifier().key_id, b"x" * 64)],
    )
    assert isinstance(add(centre, body(0, [], forged)), Unsigned)
    assert isinstance(add(centre, body(0, [], good)), Accepted)
    served = held(centre)
    assert served is not None
    assert served.startswith(good)


def test_lines_of_strangers_are_ignored_and_not_passed_on(centre: Centre) -> None:
    """Signatures by keys that nobody knows do no harm, and the witness vouches for none."""
    crowd = note.sign(LOG.head(5).encode(), [KEY, STRANGER])
    assert isinstance(add(centre, body(0, [], crowd)), Accepted)
    served = held(centre)
    assert served is not None
    assert served.startswith(LOG.note(5))
    assert f"+{STRANGER.verifier().key_id:08x}".encode() not in served


def test_the_same_head_again_gets_a_newer_time(centre: Centre, clock: Ticking) -> None:
    """Sent again, a head is cosigned again, with the time of now, and that is what is served."""
    first = verified(centre, add(centre, LOG.body(0, 5)), LOG.note(5))
    clock.now_ms += 90_000
    again = verified(centre, add(centre, LOG.body(5, 5)), LOG.note(5))
    assert again == first + 90
    served = held(centre)
    assert served is not None
    assert time_of(note.parse(served)[1][-1]) == again


def test_time_never_goes_back(centre: Centre, clock: Ticking) -> None:
    """After the clock was put back a little, no later cosignature bears an earlier time."""
    first = verified(centre, add(centre, LOG.body(0, 5)), LOG.note(5))
    clock.now_ms -= 600_000
    assert verified(centre, add(centre, LOG.body(5, 5)), LOG.note(5)) == first
    assert verified(centre, add(centre, LOG.body(5, 8)), LOG.note(8)) == first


def test_a_clock_that_was_far_ahead_does_not_stamp_the_future_for_ever(
    centre: Centre, clock: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    """Once it is right again its time is taken, and both times are said of the dock."""
    right = clock.now_ms // 1000
    clock.now_ms += 20 * 365 * 86_400_000
    ahead = verified(centre, add(centre, LOG.body(0, 5)), LOG.note(5))
    clock.now_ms = right * 1000
    assert verified(centre, add(centre, LOG.body(5, 5)), LOG.note(5)) == right
    (told,) = (one.message for one in caplog.records if str(ahead) in one.message)
    assert ORIGIN in told
    assert str(right) in told
    clock.now_ms += 1000
    assert verified(centre, add(centre, LOG.body(5, 8)), LOG.note(8)) == right + 1


def test_two_roots_of_one_size_are_kept_as_evidence(centre: Centre) -> None:
    """One size signed twice with two roots is refused, kept whole, and stands for ever."""
    add(centre, LOG.body(0, 10))
    assert isinstance(add(centre, OTHER.body(10, 10)), Inconsistent)
    (fork,) = centre.evidence.all(ORIGIN)
    assert (fork.kind, fork.size, fork.by, fork.stands) == ("roots", 10, "a test", True)
    assert fork.theirs == OTHER.note(10)
    assert fork.ours == held(centre)
    assert centre.evidence.standing() == {ORIGIN: 1}
    add(centre, OTHER.body(10, 10))
    assert len(centre.evidence.all(ORIGIN)) == 1


def test_two_roots_are_kept_whatever_size_they_claim_to_come_from(centre: Centre) -> None:
    """A fork that comes with a wrong old size is answered as that, and kept all the same."""
    add(centre, LOG.body(0, 10))
    assert add(centre, OTHER.body(0, 10)) == Conflict(10)
    assert [fork.kind for fork in centre.evidence.all(ORIGIN)] == ["roots"]


def test_a_rewritten_past_is_kept_with_its_proof(centre: Centre) -> None:
    """A longer log of another past, proved as best it can be, is refused and kept."""
    add(centre, LOG.body(0, 10))
    assert isinstance(add(centre, OTHER.body(10, 20)), Inconsistent)
    (fork,) = centre.evidence.all(ORIGIN)
    assert (fork.kind, fork.size) == ("proof", 20)
    assert list(fork.proof) == OTHER.proof(10, 20)


def test_a_head_that_was_proved_after_all_is_explained(centre: Centre) -> None:
    """A client that proved badly and then well leaves no alarm, and the trace stays."""
    add(centre, LOG.body(0, 10))
    add(centre, body(10, LOG.proof(9, 20), LOG.note(20)))
    assert centre.evidence.standing() == {ORIGIN: 1}
    assert isinstance(add(centre, LOG.body(10, 20)), Accepted)
    assert centre.evidence.standing() == {}
    assert [fork.stands for fork in centre.evidence.all(ORIGIN)] == [False]


def test_an_empty_log_has_one_root(centre: Centre) -> None:
    """A signed head of no entries with another root is refused as the protocol says, and kept."""
    text = Checkpoint(ORIGIN, 1, b"x" * 32).encode().replace("\n1\n", "\n0\n")
    assert isinstance(add(centre, body(0, [], note.sign(text, [KEY]))), Inconsistent)
    assert [fork.kind for fork in centre.evidence.all(ORIGIN)] == ["empty"]


def test_evidence_is_bounded_and_hides_no_fork(
    centre: Centre, caplog: pytest.LogCaptureFixture
) -> None:
    """Heads that nobody proved fill no disk, each is logged, and a fork after them is kept."""
    add(centre, LOG.body(0, 10))
    for size in range(11, 51):
        add(centre, Submitter.of(size, branch="x").body(10, size))
    add(centre, OTHER.body(10, 10))
    kept = centre.evidence.all(ORIGIN)
    assert [fork.kind for fork in kept] == ["proof"] * 32 + ["roots"]
    assert kept[0].theirs == Submitter.of(11, branch="x").note(11)
    logged = [one.getMessage() for one in caplog.records]
    for size in (*range(11, 51), 10):
        assert any(f": {size} entries, root " in line for line in logged)


def test_what_was_explained_counts_for_nothing(centre: Centre) -> None:
    """A client that proves badly each time and then well leaves the last traces, and no more."""
    log = Submitter.of(60)
    add(centre, log.body(0, 10))
    for size in range(11, 51):
        add(centre, body(size - 1, log.proof(5, 9), log.note(size)))
        assert isinstance(add(centre, log.body(size - 1, size)), Accepted)
    kept = centre.evidence.all(ORIGIN)
    assert [fork.size for fork in kept] == [*range(19, 51)]
    add(centre, Submitter.of(60, branch="x").body(50, 60))
    assert centre.evidence.standing() == {ORIGIN: 1}


def test_a_dock_that_was_taken_out_is_held_to_what_it_signed(centre: Centre) -> None:
    """Taken out and enrolled again, a dock still cannot roll back."""
    add(centre, LOG.body(0, 10))
    centre.register.remove(ORIGIN)
    assert add(centre, LOG.body(10, 12)) == Unknown(ORIGIN)
    enrol(centre, LOG)
    assert add(centre, LOG.body(0, 5)) == Conflict(10)


def test_a_key_out_of_force_signs_nothing_new(centre: Centre) -> None:
    """A checkpoint by a retired key is unsigned."""
    add(centre, LOG.body(0, 10))
    centre.register.retire_key(ORIGIN, str(KEY.verifier()), now_ms=START_MS)
    assert isinstance(add(centre, LOG.body(10, 12)), Unsigned)
