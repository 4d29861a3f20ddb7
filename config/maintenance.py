"""When a recorder wants service, as data (R-MAINT): maintenance/standard.toml."""

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from config.presets import Preset, load_preset

Percent = Annotated[int, Meta(ge=0, le=100)]
Days = Annotated[int, Meta(ge=1, le=3660)]
Count = Annotated[int, Meta(ge=1, le=100_000)]

_NAME: Final = "standard"


class BatteryLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How worn a battery may be."""

    worn_percent: Percent
    spent_percent: Percent
    worn_cycles: Count
    spent_cycles: Count


class ClockLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a clock may run off in a day, and from when on it counts as lost (seconds).

    Beyond `drift_most_s_per_day` no clock runs off, and by more than `drift_varies_s_per_day`
    drift does not change of itself: somebody has set the clock.
    """

    drift_s_per_day: Annotated[int, Meta(ge=1, le=3600)]
    drift_most_s_per_day: Annotated[int, Meta(ge=1, le=3600)]
    drift_varies_s_per_day: Annotated[int, Meta(ge=1, le=3600)]
    lost_s: Annotated[int, Meta(ge=60, lt=2**40)]


class FaultLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long faults count, and how many checks with faults are no accident."""

    window_days: Days
    repeated: Count


class ConnectorLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many dockings may be broken off, where there were enough to say."""

    window_days: Days
    interrupted_percent: Percent
    least_dockings: Count


class KeepingLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a recorder may stay away."""

    unseen_days: Days


class Maintenance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides about service."""

    battery: BatteryLimits
    clock: ClockLimits
    faults: FaultLimits
    connector: ConnectorLimits
    keeping: KeepingLimits


def maintenance(directory: Path) -> Preset[Maintenance]:
    """Return the site's own limits, else the shipped ones; raises ConfigError as presets do."""
    return load_preset("maintenance", _NAME, directory, Maintenance)
