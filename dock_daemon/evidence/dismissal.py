"""Taking an alarm for false: in an entry first, with the reason in its document."""

from dataclasses import dataclass

from dock_daemon.errors import AlarmProvedError
from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.state import State
from hashing.canonical import JSON


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Which entry says so, and where the alarms' evidence stays."""

    seq: int
    alarms: tuple[str, ...]


def dismiss(state: State, reason: str) -> Dismissed:
    """Dismiss every alarm that stands; the witnesses are asked anew.

    Those that the entry names are dismissed, and no other: one that comes in while the entry is
    being written rings on. Raises NoAlarmError, AlarmProvedError where one rests on a signature,
    also one that came in meanwhile; OSError, DoubtError.
    """
    claims = state.sealer.ask(lambda _ledger: state.signing.claims())
    body: dict[str, JSON] = {
        "recovered": "alarm-dismissed",
        "alarms": [{"why": one.why, "size": one.theirs.size} for one in claims],
    }
    facts: dict[str, JSON] = {
        "reason": reason,
        "witnesses": [one.witness for one in claims],
    }

    def finish(_outcome: Outcome) -> tuple[dict[str, JSON], None]:
        return body, None

    piece = Piece(kind="recovery", docking=None, finish=finish, facts=facts)
    sealed = state.sealer.submit(piece).result()
    # From here on the log says that somebody did it, and why; if a crash comes now, again.
    state.sealer.ask(lambda ledger: state.signing.dismiss(ledger, claims, reason))
    if (left := state.signing.alarm) is not None and left.proved:
        raise AlarmProvedError(left.where)
    return Dismissed(sealed.seq, tuple(one.where for one in claims))
