"""Checklists as data: what is looked at before a recorder is handed out (R-CHECK, R-CLOCK).

One TOML file per agency or office (config/data/checklists, or checklists/ below the site's
configuration directory). Its table `models` sets other thresholds for one make of recorder, by
the name of its profile. A table of the file is an item of the checklist; docs/checklist.md says
how a verdict comes of it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from config.errors import ConfigError
from config.layers import explain, nearest
from config.presets import Preset, RuleId, load_preset

Failure = Literal["fail", "warn"]
"""What a failed item does: it makes the recorder unfit, or is only said."""
Unknown = Literal["allow", "block"]
"""Whether a recorder may be handed out although an item is not known."""
ItemName = Literal[
    "fault",
    "firmware",
    "filesystem",
    "bad-sectors",
    "last-clip",
    "battery",
    "storage",
    "clock",
    "holder",
    "key",
    "taken-over",
]

Percent = Annotated[int, Meta(ge=0, le=100)]
Hours = Annotated[int, Meta(ge=0, le=24 * 31)]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Setting = bool | int | str | tuple[str, ...]


class Check(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every item has: its rule and article, and what its outcome is worth.

    `missing` is for a model that cannot tell at all, `unknown` for one that could and did not.
    """

    rule: RuleId
    article: str
    failure: Failure
    missing: Unknown
    unknown: Unknown


class FaultCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the recorder itself reports; codes in `ignored` do not count."""

    ignored: tuple[str, ...]


class FirmwareCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firmware: below the profile's minimum it fails; `unlisted`: one it does not name."""

    unlisted: Failure


class FilesystemCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The card's file system: damaged it fails; `dirty` is for one that was not closed."""

    dirty: Failure


class BatteryCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Charge, and what a full charge still holds of a new one, in percent."""

    min_percent: Percent
    warn_percent: Percent
    min_health_percent: Percent


class StorageCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Room for so many hours of recording; of a make whose bit rate nobody named, in percent."""

    min_hours: Hours
    warn_hours: Hours
    min_free_percent: Percent


class ClockCheck(Check, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the clock may be off, and when the dock sets it (fitness/clock_policy.py).

    `dock_within_ms` is how far the dock's own clock may be off from UTC at the most, for it to
    judge or set another.
    """

    tolerance_s: Seconds
    warn_s: Seconds
    set_over_ms: Annotated[int, Meta(ge=0, le=86_400_000)]
    dock_within_ms: Annotated[int, Meta(ge=1, le=60_000)]


class Checklist(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole list; `matters` is the order in which one item is named for all."""

    matters: tuple[ItemName, ...]
    fault: FaultCheck
    firmware: FirmwareCheck
    filesystem: FilesystemCheck
    bad_sectors: Check
    last_clip: Check
    battery: BatteryCheck
    storage: StorageCheck
    clock: ClockCheck
    holder: Check
    key: Check
    taken_over: Check
    models: dict[str, dict[str, dict[str, Setting]]]

    def for_model(self, profile: str) -> "Checklist":
        """Return the list with what the make of that profile has of its own."""
        own = self.models.get(profile)
        return self if own is None else _with(self, own)


ITEMS: Final[tuple[ItemName, ...]] = (
    "fault",
    "firmware",
    "filesystem",
    "bad-sectors",
    "last-clip",
    "battery",
    "storage",
    "clock",
    "holder",
    "key",
    "taken-over",
)
"""Every item, in the order in which it is shown."""


def checklist(name: str, directory: Path) -> Preset[Checklist]:
    """Return the thresholds that a recorder is checked against; raise ConfigError."""
    preset = load_preset("checklists", name, directory, Checklist)
    source = str(directory / "checklists" / f"{name}.toml")
    for objection in objections(preset.content, source=source):
        raise objection
    return preset


def objections(wanted: Checklist, *, source: str) -> Iterator[ConfigError]:
    """Yield what the declared types can't say is wrong with a checklist."""
    if sorted(wanted.matters) != sorted(ITEMS):
        lacking = sorted({*ITEMS} ^ {*wanted.matters}) or sorted(wanted.matters)
        yield ConfigError(
            "matters-all-once", source=source, where="$.matters", items=", ".join(lacking)
        )
    tables = {field.name for field in msgspec.structs.fields(Checklist)} - {"matters", "models"}
    for model, own in wanted.models.items():
        at = f"$.models.{model}"
        for item in sorted(own.keys() - tables):
            yield ConfigError(
                "unknown-field", source=source, where=at, field=item, near=nearest(item, tables)
            )
            return
        try:
            _with(wanted, own)
        except msgspec.ValidationError as error:
            yield explain(error, Checklist, source, at)


def _with(wanted: Checklist, own: Mapping[str, Mapping[str, Setting]]) -> Checklist:
    """Return the list with some settings exchanged; raise msgspec.ValidationError."""
    tables = msgspec.to_builtins(wanted)
    for item, settings in own.items():
        tables[item] = {**tables[item], **settings}
    return msgspec.convert({**tables, "models": {}}, Checklist)
