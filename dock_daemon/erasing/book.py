"""The ledger as the procedure sees it: asked on the sealer's thread, entered by pieces."""

from collections.abc import Callable
from dataclasses import dataclass

from dock_daemon.docking.minutes import Minutes
from dock_daemon.erasing import facts, statements
from dock_daemon.erasing.gate import Policy
from dock_daemon.erasing.words import Clip, Intent, Known, Outcome
from dock_daemon.evidence import permission
from dock_daemon.evidence.state import State
from hashing.entry import At


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Asks the ledger of a state about clips that might be erased."""

    state: State
    at: Callable[[], At]

    def known(self, clip: Clip) -> Known:
        """Return what is known of a clip now; raises DoubtError once evidence is in doubt."""
        state, now = self.state, self.at()
        signing = permission.may_sign(state.signing.standing) and state.signing.alarm is None
        sound = not state.sealer.doubt.done()
        return state.sealer.ask(
            lambda ledger: facts.known(
                ledger, clip, state.signing.roster, now, signing=signing, sound=sound
            )
        )

    def candidates(self, recorder: str, volumes: tuple[str, ...]) -> list[Clip]:
        """Return the clips of a recorder that lie on these volumes."""
        return self.state.sealer.ask(lambda ledger: facts.candidates(ledger, recorder, volumes))

    def unsettled(self, recorder: str) -> list[Intent]:
        """Return a recorder's intentions without an outcome."""
        return self.state.sealer.ask(lambda ledger: facts.unsettled(ledger, recorder))


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingBook:
    """The ledger for one turn of erasing, which is a docking (procedure.Book)."""

    ask: Ask
    minutes: Minutes
    docking: int
    recorder: str
    volumes: tuple[str, ...]
    policy: Policy

    def candidates(self) -> list[Clip]:
        """Return the clips that might be erased, the oldest first."""
        return self.ask.candidates(self.recorder, self.volumes)

    def unsettled(self) -> list[Intent]:
        """Return the intentions without an outcome."""
        return self.ask.unsettled(self.recorder)

    def known(self, clip: Clip) -> Known:
        """Return what is known of a clip now."""
        return self.ask.known(clip)

    def intend(self, clip: Clip, known: Known) -> Intent:
        """Enter that a clip is about to be erased; it is durable on return."""
        body, row, document = statements.intended(self.docking, clip, self.policy, known.vouched)
        sealed = self.minutes.state("erased", body, row, document)
        return Intent(seq=sealed.seq, clip=clip)

    def end(self, outcome: Outcome) -> None:
        """Enter what came of it; it is durable on return."""
        body, row, document = statements.ended(self.docking, outcome)
        self.minutes.state("erased", body, row, document)
