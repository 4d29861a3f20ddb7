"""Everything that data decides about a docking, loaded once at start."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from config.checklists import Checklist, checklist
from config.loader import Loaded
from config.presets import Preset, RulePreset, rule_preset
from config.profiles import RecorderProfile, recorder_profiles
from config.register import Register, load_register
from config.settings import Ingest
from dock_daemon.docking.working_days import ChinasWorkingDays, WorkingDays


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The presets in force; each carries the digest under which entries name it."""

    preset: Preset[RulePreset]
    checklist: Preset[Checklist]
    profiles: tuple[Preset[RecorderProfile], ...]
    register: Register
    zone: ZoneInfo
    days: WorkingDays
    ingest: Ingest
    custody_required: bool

    @classmethod
    def of(cls, loaded: Loaded) -> "Rules":
        """Read the presets that the settings name; raise ConfigError if one is wrong."""
        settings, directory = loaded.settings, loaded.directory
        return cls(
            preset=rule_preset(settings.rules.preset, directory),
            checklist=checklist(settings.checklist.preset, directory),
            profiles=recorder_profiles(
                settings.recorders.profiles,
                directory,
                source=loaded.origins["recorders.profiles"],
            ),
            register=load_register(loaded.register),
            zone=loaded.zone,
            days=ChinasWorkingDays(),
            ingest=settings.ingest,
            custody_required=settings.custody.required,
        )
