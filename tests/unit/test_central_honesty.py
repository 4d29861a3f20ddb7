"""Whatever is submitted in whatever order: a witness never signs a rollback or a fork.

The model is a witness that was written down once more, from the protocol's text, and knows
the whole of both logs; the product's knows proofs alone.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from central.cosigning.outcomes import Accepted, Conflict, Inconsistent, Malformed
from hashing import note
from hashing.checkpoint import Checkpoint, parse
from hashing.cosignature import time_of
from tests.submitting import SENDER, Submitter, Ticking, body, enrol, open_centre, root_of

MOST = 12
COMMON = 5
# One key signs both: two pasts that part after five entries.
BRANCHES = (Submitter.of(MOST, common=COMMON), Submitter.of(MOST, branch="x", common=COMMON))

branches = st.integers(0, 1)
sizes = st.integers(0, MOST)


class WitnessAgainstModel(RuleBasedStateMachine):
    """Submits anything; compares answers with the model, and all signed heads with each other."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108  a place in memory is what is wanted
        self.clock = Ticking()
        self.centre = open_centre(self.folder, clock=self.clock)
        enrol(self.centre, BRANCHES[0])
        self.held = Checkpoint(BRANCHES[0].origin, 0, root_of([]))
        self.signed: list[tuple[Checkpoint, int]] = []

    def teardown(self) -> None:
        """Let go of the centre."""
        self.centre.close()
        shutil.rmtree(self.folder)

    @rule(branch=branches, old=sizes, size=sizes)
    def honest(self, branch: int, old: int, size: int) -> None:
        """Submit a head with the proof that its own branch has."""
        log = BRANCHES[branch]
        self.submit(old, log.head(size), log.proof(old, size), proves=True, branch=branch)

    @rule(branch=branches, step=st.integers(0, 3))
    def growing(self, branch: int, step: int) -> None:
        """Submit what an honest log would, from the size that is held."""
        log = BRANCHES[branch]
        size = min(MOST, self.held.size + step)
        self.submit(
            self.held.size,
            log.head(size),
            log.proof(self.held.size, size),
            proves=True,
            branch=branch,
        )

    @rule(branch=branches, size=sizes, hashes=st.integers(0, 3), at=st.integers(0, 3))
    def forged(self, branch: int, size: int, hashes: int, at: int) -> None:
        """Submit a head with a proof of which something was made up."""
        log = BRANCHES[branch]
        proof = log.proof(self.held.size, size)
        proof[at : at + 1] = [bytes([7]) * 32] * hashes
        proves = proof == log.proof(self.held.size, size)
        self.submit(self.held.size, log.head(size), proof, proves=proves, branch=branch)

    @rule(back=st.integers(-100_000, 100_000))
    def time_passes(self, back: int) -> None:
        """Let the clock jump, back too."""
        self.clock.now_ms = max(1, self.clock.now_ms + back)

    @rule()
    def restart(self) -> None:
        """Close the centre and open it again on what it left."""
        self.centre.close()
        self.centre = open_centre(self.folder, clock=self.clock)

    def submit(
        self, old: int, head: Checkpoint, proof: Sequence[bytes], *, proves: bool, branch: int
    ) -> None:
        """Submit, and compare with what the model says."""
        signed = note.sign(head.encode(), [BRANCHES[branch].key])
        assert self.centre.witness is not None
        outcome = self.centre.witness.add_checkpoint(body(old, proof, signed), SENDER)
        if old > head.size:
            assert isinstance(outcome, Malformed)
        elif old != self.held.size:
            assert outcome == Conflict(self.held.size)
        elif self.grows(branch) and (proves or (old in {0, head.size} and not proof)):
            assert isinstance(outcome, Accepted), outcome
            (line,) = note.read_lines(outcome.lines)
            cosigned = note.with_lines(signed, [line])
            note.open_note(cosigned, self.centre.witness.cosigner.keys)
            self.held = head
            self.signed.append((head, time_of(line)))
        else:
            assert isinstance(outcome, Inconsistent), outcome

    def grows(self, branch: int) -> bool:
        """Tell whether the branch begins with what is held."""
        return self.held.root == root_of(BRANCHES[branch].leaves[: self.held.size])

    @invariant()
    def never_two_pasts(self) -> None:
        """Compare all that was ever signed: one log that grew, and time that went one way."""
        for (one, earlier), (two, later) in zip(self.signed, self.signed[1:], strict=False):
            assert one.size <= two.size
            assert earlier <= later
        if self.signed:
            last = self.signed[-1][0]
            branch = next(
                each for each in BRANCHES if root_of(each.leaves[: last.size]) == last.root
            )
            for head, _ in self.signed:
                assert head.root == root_of(branch.leaves[: head.size])

    @invariant()
    def what_is_served_is_the_last(self) -> None:
        """Ask what is served: the head that was signed last."""
        assert self.centre.witness is not None
        served = self.centre.witness.checkpoint(self.centre.register.docks()[0].hash)
        if self.signed:
            assert served is not None
            assert parse(note.parse(served)[0]) == self.signed[-1][0]
        else:
            assert served is None


WitnessAgainstModel.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None
)
test_a_witness_is_honest_whatever_comes = WitnessAgainstModel.TestCase
