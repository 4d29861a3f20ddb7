"""Where settings come from, for a dock and a centre alike.

A flag wins over an environment variable, that over <name>.d/*.toml in the configuration
directory (in the order of their names, the last wins), that over <name>.toml, and that over
what is shipped. Everything unknown is an error: a misspelt setting that silently does
nothing would be found after the evidence is gone.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from config import layers
from config.errors import ConfigError
from config.layers import Kind, Layer, S
from config.toml import SHIPPED, parse, read

BUILT_IN: Final = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Generic[S]):
    """Where one program looks for its settings."""

    kind: Kind[S]
    shipped: str
    """The file of config/data/ with every default."""
    directory: Path
    """The configuration directory, until --config or <prefix>CONFIG names another."""
    stem: str
    """<stem>.toml and <stem>.d/ are read there."""
    prefix: str
    """What its environment variables begin with."""
    short: Mapping[str, str]
    """Variables with a short name, and the setting that each stands for."""
    flags: Mapping[str, str]
    reserved: frozenset[str] = frozenset()
    """Variables that begin so and are no settings; <prefix>CONFIG is always one."""
    foreign: tuple[str, ...] = ()
    """Beginnings of variables that belong to another program."""
    paths: frozenset[str] = field(default=frozenset({"storage.state"}))
    """Settings that, typed, are meant from where one stands; a file has no such place."""
    lists: frozenset[str] = frozenset()
    """Settings that are typed as words with commas between."""


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """The settings in force, where each came from, and the directory that was read."""

    stack: layers.Stack[S]
    directory: Path


def gather(
    sources: Sources[S],
    *,
    config: Path | None,
    env: Mapping[str, str],
    overrides: Mapping[str, str],
    host: Iterable[Layer],
) -> Found[S]:
    """Return what is in force; raise ConfigError naming source, place and problem.

    `host` are layers that come right after what is shipped.
    """
    # An empty variable is how a shell or a unit file unsets one.
    env = {name: text for name, text in env.items() if text}
    directory = _directory(sources, config, env)
    stack = layers.lay(
        [
            Layer(BUILT_IN, parse(read(SHIPPED / sources.shipped), source=BUILT_IN)),
            *host,
            *_files(directory, sources.stem),
            *_variables(sources, env),
            *_flags(sources, overrides),
        ],
        sources.kind,
    )
    return Found(stack, directory)


def check_zone(name: str, stack: layers.Stack[S], where: str) -> None:
    """Raise ConfigError unless this machine knows the time zone that setting `where` names."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        source = stack.origins[where]
        raise ConfigError("unknown-zone", source=source, where=f"$.{where}", zone=name) from error


def check_absolute(path: str, stack: layers.Stack[S], where: str) -> None:
    """Raise ConfigError unless the path that setting `where` names is absolute."""
    if not Path(path).is_absolute():
        source = stack.origins[where]
        raise ConfigError("not-absolute", source=source, where=f"$.{where}", path=path)


def digest(settings: Struct) -> str:
    """Return the SHA-256 (hex) of settings as JSON with sorted keys and no spaces."""
    text = json.dumps(
        msgspec.to_builtins(settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _directory(sources: Sources[S], config: Path | None, env: Mapping[str, str]) -> Path:
    variable = f"{sources.prefix}CONFIG"
    named = config or (Path(env[variable]) if variable in env else None)
    if named is None:
        return sources.directory
    if not named.is_dir():
        raise ConfigError("no-directory", source=str(named))
    return named


def _files(directory: Path, stem: str) -> Iterator[Layer]:
    if f"{stem}.toml" in _names_in(directory):
        path = directory / f"{stem}.toml"
        yield Layer(str(path), parse(read(path), source=str(path)))
    for name in _names_in(directory / f"{stem}.d"):
        if name.endswith(".toml") and not name.startswith("."):
            path = directory / f"{stem}.d" / name
            yield Layer(str(path), parse(read(path), source=str(path)))


def _names_in(directory: Path) -> list[str]:
    """Return the sorted names in a directory that need not exist but must be readable."""
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208  iterdir() is lazy about errors
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or "?"
        raise ConfigError("unreadable", source=str(directory), reason=reason) from error


def _variables(sources: Sources[S], env: Mapping[str, str]) -> Iterator[Layer]:
    prefix = sources.prefix
    known = {
        f"{prefix}{name.upper().replace('.', '_')}": name
        for name in layers.names(sources.kind.settings)
    }
    # The short names come first, so that the full name wins where both are set.
    for variable, name in ({**sources.short} | known).items():
        if variable in env:
            yield _line(sources, name, env[variable], source=f"environment {variable}")
    reserved = sources.reserved | {f"{prefix}CONFIG"}
    for variable in sorted(env.keys() - known.keys() - sources.short.keys() - reserved):
        if variable.startswith(prefix) and not variable.startswith(sources.foreign):
            # Compared without what all of them begin with: else each is near to each.
            whole = {name.removeprefix(prefix): name for name in [*known, *sources.short]}
            near = layers.nearest(variable.removeprefix(prefix), whole)
            near = whole.get(near, near)
            raise ConfigError("unknown-variable", source=f"environment {variable}", near=near)


def _flags(sources: Sources[S], overrides: Mapping[str, str]) -> Iterator[Layer]:
    for name, text in overrides.items():
        yield _line(sources, name, text, source=f"flag {sources.flags.get(name, name)}")


def _line(sources: Sources[S], name: str, text: str, *, source: str) -> Layer:
    """Return a layer of one value, given as text."""
    section, _, inner = name.partition(".")
    value: object = text
    if name in sources.paths:
        value = str(Path(text).absolute())
    elif name in sources.lists:
        value = text.split(",")
    kind = sources.kind.settings
    try:
        value = msgspec.convert(value, layers.field_type(name, kind), strict=False)
    except msgspec.ValidationError as error:
        raise layers.explain(error, kind, source, at=f"$.{name}") from error
    return Layer(source, {section: {inner: value}})
