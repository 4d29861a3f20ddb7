"""Presets as data: an agency's rules, a checklist; a recorder's profile is one too (profiles.py).

Each is one TOML file. A file of that name below the configuration directory is taken
instead of the shipped one. Who decided by a preset names it and its digest, the SHA-256 of
the file's bytes, so that later nobody has to guess which text was in force.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from config.errors import ConfigError
from config.layers import explain
from config.toml import SHIPPED, parse, read

RuleId = Annotated[str, Meta(pattern=r"^R-[A-Z0-9]+$")]


class Label(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name for people, in each language."""

    zh: str
    en: str

    def text(self, lang: str) -> str:
        """Return the name in `lang`; anything but "en" is answered in Chinese."""
        return self.en if lang == "en" else self.zh


class DeadlineRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when a clip must be stored: so many hours after its base."""

    rule: RuleId
    article: str
    hours: Annotated[int, Meta(ge=1, le=24 * 366)]
    base: Literal["last-clip-of-day", "return"]


class StoredTimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which times that a recorder stored are taken as times at all."""

    usable_from: date


class RulePreset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one agency's regulations ask of the dock."""

    agency: Label
    deadline: DeadlineRule
    times: StoredTimes


class StorageCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a recorder's volume must be free."""

    rule: RuleId
    min_free_percent: Annotated[int, Meta(ge=0, le=100)]


class ClockCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a recorder's clock may be off."""

    rule: RuleId
    tolerance_s: Annotated[int, Meta(ge=0, le=86_400)]


class PlainCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item that must be looked at where the recorder can tell it."""

    rule: RuleId


class Checklist(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked at before a recorder is handed out."""

    storage: StorageCheck
    clock: ClockCheck
    battery: PlainCheck
    fault: PlainCheck


T = TypeVar("T", bound=Struct)


@dataclass(frozen=True, slots=True)
class Preset(Generic[T]):
    """What a preset says, with the name and digest under which entries name it."""

    name: str
    sha256: str
    content: T


def rule_preset(name: str, directory: Path) -> Preset[RulePreset]:
    """Return an agency's rules; `directory` is the configuration directory of the site.

    Raises ConfigError, as the others do, when there is no such file or it is wrong.
    """
    return load_preset("rules", name, directory, RulePreset)


def checklist(name: str, directory: Path) -> Preset[Checklist]:
    """Return the thresholds that a recorder is checked against."""
    return load_preset("checklists", name, directory, Checklist)


def load_preset(kind: str, name: str, directory: Path, content: type[T]) -> Preset[T]:
    """Return the preset `name` of a kind: the site's own file, else the shipped one."""
    own = directory / kind / f"{name}.toml"
    shipped = SHIPPED / kind / f"{name}.toml"
    path = own if own.exists() else shipped
    if not path.exists():
        there = sorted(
            {found.stem for place in (own, shipped) for found in place.parent.glob("*.toml")}
        )
        raise ConfigError("no-preset", source=str(own), name=name, there=", ".join(there))
    data = read(path)
    try:
        parsed = msgspec.convert(parse(data, source=str(path)), content)
    except msgspec.ValidationError as error:
        raise explain(error, content, str(path)) from error
    return Preset(name, hashlib.sha256(data).hexdigest(), parsed)
