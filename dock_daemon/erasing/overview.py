"""What may be erased, as far as the ledger can tell before anything is read.

For the dry run, and for whoever decides whether a turn is worth its while.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dock_daemon.erasing.book import Ask
from dock_daemon.erasing.gate import (
    Answering,
    Case,
    Policy,
    Reason,
    Stay,
    beside_reading,
    may_erase,
)
from dock_daemon.erasing.words import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Docked:
    """A recorder at rest in a bay. `answering`: on a channel that is there now, None if none is."""

    recorder: str
    can_erase: bool
    answering: Answering | None
    stay: Stay
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A clip, and what keeps it whatever reading it would show."""

    clip: Clip
    reasons: tuple[Reason, ...]


def weigh(ask: Ask, docked: Docked, policy: Policy) -> Iterator[Weighed]:
    """Yield each clip of a recorder that has not been erased.

    The ledger is asked for each alone, so that a card full of clips keeps nobody from sealing.
    """
    for clip in ask.candidates(docked.recorder, docked.volumes):
        known = ask.known(clip)
        case = Case(
            can_erase=docked.can_erase,
            answering=docked.answering,
            stay=docked.stay,
            sealed=known.sealed,
            listed=True,
            findings=known.findings,
            held=known.held,
            unsettled=known.unsettled,
            vouched=known.vouched,
            store=None,
            recorder=None,
            dock=known.dock,
        )
        yield Weighed(clip, beside_reading(may_erase(case, policy)))


def is_worth_a_turn(ask: Ask, docked: Docked, policy: Policy) -> bool:
    """Tell whether an intention waits to be settled, or a clip to be read and erased."""
    if docked.answering is None:
        return False
    if ask.unsettled(docked.recorder):
        return True
    if not policy.enabled or not docked.can_erase:
        return False
    return any(not one.reasons for one in weigh(ask, docked, policy))
