"""What the settings and the agency's preset say of recorders that are handed out."""

from typing import Final

from config.loader import Loaded
from config.register import load_register
from dock_daemon.clock import Clock
from dock_daemon.custody.desk import IssueDesk
from dock_daemon.custody.overdue import Due, Terms
from dock_daemon.docking.rules import Rules
from dock_daemon.evidence.sealer import Sealer

_HOUR_MS: Final = 3_600_000


def terms_of(rules: Rules) -> Terms:
    """Return what decides when a recorder that is out is due."""
    deadline = rules.preset.content.deadline

    def due_from(base_ms: int) -> Due:
        due_ms = base_ms + deadline.hours * _HOUR_MS
        return Due(rule=deadline.rule, due_ms=due_ms)

    return Terms(due_from=due_from, zone=rules.zone, trips=True)


def desk_of(loaded: Loaded, sealer: Sealer, clock: Clock) -> IssueDesk:
    """Return where recorders are handed out; the register is read anew for each."""
    return IssueDesk(
        sealer=sealer,
        clock=clock,
        register=lambda: load_register(loaded.register),
        checked_within_ms=loaded.settings.custody.checked_within_s * 1000,
    )
