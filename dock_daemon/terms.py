"""What the settings and the agency's preset say of recorders that are handed out."""

from zoneinfo import ZoneInfo

from config.loader import Loaded
from config.presets import RulePreset, rule_preset
from config.register import load_register
from dock_daemon.clock import Clock
from dock_daemon.custody.desk import IssueDesk
from dock_daemon.custody.overdue import Due, Terms
from dock_daemon.docking.deadlines import due_after
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.working_days import ChinasWorkingDays, WorkingDays
from dock_daemon.evidence.sealer import Sealer


def terms_of(rules: Rules) -> Terms:
    """Return what decides when a recorder that is out is due."""
    return _terms(rules.preset.content, rules.zone, rules.days)


def terms_in(loaded: Loaded) -> Terms:
    """Return the same where nothing else of the rules is wanted; raise ConfigError."""
    preset = rule_preset(loaded.settings.rules.preset, loaded.directory)
    return _terms(preset.content, loaded.zone, ChinasWorkingDays())


def _terms(preset: RulePreset, zone: ZoneInfo, days: WorkingDays) -> Terms:
    def due_from(base_ms: int) -> Due:
        due = due_after(base_ms, preset.deadline, zone, days)
        return Due(rule=preset.deadline.rule, due_ms=due.due_ms)

    return Terms(due_from=due_from, zone=zone, trips=preset.trips.move_base)


def desk_of(loaded: Loaded, sealer: Sealer, clock: Clock) -> IssueDesk:
    """Return where recorders are handed out; the register is read anew for each."""
    return IssueDesk(
        sealer=sealer,
        clock=clock,
        register=lambda: load_register(loaded.register),
        checked_within_ms=loaded.settings.custody.checked_within_s * 1000,
    )
