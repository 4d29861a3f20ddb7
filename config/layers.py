"""Settings as layers of plain tables: later layers win, field by field.

Nothing here reads a file. A layer is what one file, variable or flag says; its name is
what an error, and the question "where did this value come from", answer with.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from config.errors import ConfigError

Table = dict[str, object]
S = TypeVar("S", bound=Struct)

_SENTENCE: Final = re.compile(r"(?P<said>.*?)(?: - at `(?P<at>\$.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>.*)`")
_TYPE: Final = re.compile(r"Expected `(?P<expected>[a-z |]+)`, got `(?P<found>[a-z]+)`")


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says, as nested tables."""

    name: str
    values: Table


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """Whose settings: what they hold, and what no type can say is wrong with them."""

    settings: type[S]
    objections: Callable[[S, str], Iterable[ConfigError]]
    """Takes settings and the source that is to blame for what it yields."""


@dataclass(frozen=True, slots=True)
class Stack(Generic[S]):
    """The settings in force once all layers have been laid down, and each value's source."""

    settings: S
    origins: Mapping[str, str]


def lay(layers: Iterable[Layer], kind: Kind[S]) -> Stack[S]:
    """Return what is in force; raise ConfigError naming the first layer that is wrong.

    The first layer must be complete. A table is merged field by field, anything else
    (a list too: `bays`) is replaced as a whole.
    """
    merged: Table = {}
    origins: dict[str, str] = {}
    settings: S | None = None
    for layer in layers:
        merged = _merge(merged, layer.values)
        origins |= dict.fromkeys(leaves(layer.values), layer.name)
        settings = _checked(merged, kind, layer.name)
    if settings is None:
        raise ConfigError("nothing-given", source="")
    return Stack(settings, {field: origins[field] for field in sorted(origins)})


def leaves(table: Table, prefix: str = "") -> Iterable[str]:
    """Yield the dotted name of every value in `table`, lists counting as one value."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def field_type(dotted: str, settings: type[Struct]) -> object:
    """Return the declared type of `section.field`; raise LookupError if there is none."""
    kind: object = settings
    for part in dotted.split("."):
        kind = _fields(kind)[part]
    return kind


def names(settings: type[Struct]) -> tuple[str, ...]:
    """Return the dotted name of everything that one line of text can set."""
    return tuple(
        f"{section}.{field}"
        for section, kind in _fields(settings).items()
        for field in _fields(kind)
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was most likely meant; a dash if none comes near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "—")


def explain(
    error: msgspec.ValidationError, kind: type[Struct], source: str, at: str = "$"
) -> ConfigError:
    """Turn msgspec's English sentence into a problem with its facts and place.

    `kind` is what was to be made, `at` where it stands (msgspec counts from there).
    """
    whole = _SENTENCE.fullmatch(str(error))
    said, inside = (whole["said"], whole["at"] or "$") if whole else (str(error), "$")
    where = at + inside.removeprefix("$")
    if found := _UNKNOWN.fullmatch(said):
        guess = nearest(found["field"], _fields_at(kind, where))
        return ConfigError(
            "unknown-field", source=source, where=where, field=found["field"], near=guess
        )
    if found := _MISSING.fullmatch(said):
        return ConfigError("missing-field", source=source, where=where, field=found["field"])
    if found := _TYPE.fullmatch(said):
        return ConfigError(
            "wrong-type",
            source=source,
            where=where,
            expected=found["expected"],
            found=found["found"],
        )
    return ConfigError("bad-value", source=source, where=where, detail=said)


def _checked(merged: Table, kind: Kind[S], source: str) -> S:
    try:
        settings = msgspec.convert(merged, kind.settings)
    except msgspec.ValidationError as error:
        raise explain(error, kind.settings, source) from error
    for objection in kind.objections(settings, source):
        raise objection
    return settings


def _merge(below: Table, above: Table) -> Table:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            merged[key] = _merge(under, value)
        else:
            merged[key] = value
    return merged


def _fields_at(kind: object, at: str) -> list[str]:
    """Return the names that could have been meant at a place such as `$.bays[1]`."""
    for part in re.findall(r"\.(\w+)", at):
        kind = _fields(kind).get(part)
        inner = getattr(kind, "__args__", ())  # a list is asked for what it holds
        kind = inner[0] if inner else kind
    return list(_fields(kind))


def _fields(kind: object) -> dict[str, object]:
    """Return the fields of a table by name; none for anything that is no table."""
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return {}
    return {field.name: field.type for field in msgspec.structs.fields(kind)}
