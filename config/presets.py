"""Presets as data: an agency's rules. Checklists and profiles have modules of their own.

Each is one TOML file. A file of that name below the configuration directory is taken
instead of the shipped one. Who decided by a preset names it and its digest, the SHA-256 of
the file's bytes, so that later nobody has to guess which text was in force.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from config.errors import ConfigError
from config.layers import explain
from config.toml import SHIPPED, parse, read

Base = Literal["last-clip-of-day", "return"]
RuleId = Annotated[str, Meta(pattern=r"^R-[A-Z0-9]+$")]


class Label(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name for people, in each language."""

    zh: str
    en: str

    def text(self, lang: str) -> str:
        """Return the name in `lang`; anything but "en" is answered in Chinese."""
        return self.en if lang == "en" else self.zh


class DeadlineRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when something must be done: so many hours, or working days, after its base.

    `own` marks a number of this project's, where the agency's text names none.
    """

    rule: RuleId
    article: str
    base: Base
    hours: Annotated[int, Meta(ge=1, le=24 * 366)] | None = None
    working_days: Annotated[int, Meta(ge=1, le=366)] | None = None
    own: bool = False


class SpecialRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The longest time that people may grant in special cases; no clip has it by itself."""

    rule: RuleId
    article: str
    working_days: Annotated[int, Meta(ge=1, le=366)]


class Trips(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a registered trip (出差, 异地) moves the base of a deadline to the return.

    `own` is as in a DeadlineRule.
    """

    rule: RuleId
    article: str
    move_base: bool
    own: bool = False


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a kind of recording is kept at the least, and which kind that is.

    Of years, months and `case` (as long as the case file) exactly one is given; `long` stands
    for a retention without an end. `cases` are the text's own grounds for it, as stable words.
    """

    rule: RuleId
    article: str
    kept: Literal["every", "evidence", "inspection", "long"]
    years: Annotated[int, Meta(ge=1, le=100)] | None = None
    months: Annotated[int, Meta(ge=1, le=1200)] | None = None
    case: bool = False
    long: bool = False
    cases: tuple[str, ...] = ()


class CaseRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when a case file is made, after the case was closed."""

    rule: RuleId
    article: str
    days: Annotated[int, Meta(ge=1, le=366)] | None = None
    working_days: Annotated[int, Meta(ge=1, le=366)] | None = None


class StoredTimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which times that a recorder stored are taken as times at all."""

    usable_from: date


class RulePreset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one agency's regulations ask of the dock. What they do not ask for is None."""

    agency: Label
    deadline: DeadlineRule
    trips: Trips
    times: StoredTimes
    special: SpecialRule | None = None
    label: DeadlineRule | None = None
    close: CaseRule | None = None
    retention: tuple[Retention, ...] = ()


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
    preset = load_preset("rules", name, directory, RulePreset)
    for objection in objections(preset.content, source=str(directory / "rules" / f"{name}.toml")):
        raise objection
    return preset


def objections(preset: RulePreset, *, source: str) -> Iterator[ConfigError]:
    """Yield what the declared types can't say is wrong with an agency's rules."""
    for where, one in (("deadline", preset.deadline), ("label", preset.label)):
        if one is not None and (one.hours is None) == (one.working_days is None):
            yield _not_one(source, f"$.{where}", "hours, working_days")
    if preset.close is not None and (preset.close.days is None) == (
        preset.close.working_days is None
    ):
        yield _not_one(source, "$.close", "days, working_days")
    for at, kept in enumerate(preset.retention):
        given = (kept.years is not None, kept.months is not None, kept.case, kept.long)
        if sum(given) != 1:
            yield _not_one(source, f"$.retention[{at}]", "years, months, case, long")


def _not_one(source: str, where: str, fields: str) -> ConfigError:
    return ConfigError("exactly-one", source=source, where=where, fields=fields)


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
