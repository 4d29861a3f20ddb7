"""The one loader of a dock's configuration.

A flag wins over an environment variable, that over /etc/sealdock/sealdock.d/*.toml (in the
order of their names, the last wins), that over /etc/sealdock/sealdock.toml, and that over
what is shipped. Everything unknown is an error: a misspelt setting that silently does
nothing would be found after the evidence is gone.
"""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from config import layers
from config.errors import ConfigError
from config.layers import Layer
from config.settings import Settings
from config.toml import SHIPPED, parse, read

DEFAULT_DIRECTORY: Final = Path("/etc/sealdock")
BUILT_IN: Final = "built-in"
HOST_NAME: Final = "built-in (host name)"

# Variables that the scripts of the project use; never settings.
_RESERVED: Final = frozenset(
    f"SEALDOCK_{name}" for name in ("CONFIG", "PYTHON", "REQUIRE", "ROOT", "SAYS", "VENV")
)
_SHORT: Final = {"SEALDOCK_LANG": "dock.language", "SEALDOCK_STATE": "storage.state"}
_FLAGS: Final = {"dock.language": "--lang", "storage.state": "--state"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings in force, where each came from, and one digest that stands for them."""

    settings: Settings
    origins: Mapping[str, str]
    """"dock.origin" → where it came from: a file, "environment NAME", "flag --name", built-in."""
    digest: str
    """SHA-256 (hex) of the settings as JSON with sorted keys and no spaces."""
    directory: Path
    """The configuration directory that was read; it need not exist."""

    @property
    def zone(self) -> ZoneInfo:
        """The office's time zone; it was found when the settings were loaded."""
        return ZoneInfo(self.settings.dock.timezone)

    @property
    def register(self) -> Path:
        """Where the register of recorders and holders lies; the shipped one need not exist."""
        return self.directory / self.settings.recorders.register


def load(
    config: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    host: str | None = None,
) -> Loaded:
    """Return the settings in force; raise ConfigError naming source, place and problem.

    `config` is the configuration directory (default: SEALDOCK_CONFIG, else /etc/sealdock);
    one that was named must exist. `overrides` are flags, by dotted name; `env` is the
    environment (default: none of it); `host` the machine's name (default: asked).
    """
    # An empty variable is how a shell or a unit file unsets one.
    env = {name: text for name, text in (env or {}).items() if text}
    directory = _directory(config, env)
    stack = layers.lay(
        [
            *_built_in(host if host is not None else platform.node()),
            *_files(directory),
            *_variables(env),
            *_flags(overrides or {}),
        ]
    )
    _check_zone(stack)
    _check_state(stack)
    loaded = Loaded(
        settings=stack.settings,
        origins=stack.origins,
        digest=_digest(stack.settings),
        directory=directory,
    )
    _check_register(loaded)
    return loaded


def _directory(config: Path | None, env: Mapping[str, str]) -> Path:
    named = config or (Path(env["SEALDOCK_CONFIG"]) if "SEALDOCK_CONFIG" in env else None)
    if named is None:
        return DEFAULT_DIRECTORY
    if not named.is_dir():
        raise ConfigError("no-directory", source=str(named))
    return named


def _built_in(host: str) -> Iterator[Layer]:
    """Yield what is shipped, then the names that a dock has until somebody gives it one."""
    yield Layer(BUILT_IN, parse(read(SHIPPED / "dock.toml"), source=BUILT_IN))
    plain = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-.") or "dock"
    yield Layer(HOST_NAME, {"dock": {"origin": f"sealdock.local/{plain}", "name": plain}})


def _files(directory: Path) -> Iterator[Layer]:
    if "sealdock.toml" in _names_in(directory):
        path = directory / "sealdock.toml"
        yield Layer(str(path), parse(read(path), source=str(path)))
    for name in _names_in(directory / "sealdock.d"):
        if name.endswith(".toml") and not name.startswith("."):
            path = directory / "sealdock.d" / name
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


def _variables(env: Mapping[str, str]) -> Iterator[Layer]:
    known = {f"SEALDOCK_{name.upper().replace('.', '_')}": name for name in layers.names()}
    # The short names come first, so that the full name wins where both are set.
    for variable, name in (_SHORT | known).items():
        if variable in env:
            yield _line(name, env[variable], source=f"environment {variable}")
    for variable in sorted(env.keys() - known.keys() - _SHORT.keys() - _RESERVED):
        if variable.startswith("SEALDOCK_"):
            # Compared without what all of them begin with: else each is near to each.
            whole = {name.removeprefix("SEALDOCK_"): name for name in [*known, *_SHORT]}
            near = layers.nearest(variable.removeprefix("SEALDOCK_"), whole)
            near = whole.get(near, near)
            raise ConfigError("unknown-variable", source=f"environment {variable}", near=near)


def _flags(overrides: Mapping[str, str]) -> Iterator[Layer]:
    for name, text in overrides.items():
        yield _line(name, text, source=f"flag {_FLAGS.get(name, name)}")


def _line(name: str, text: str, *, source: str) -> Layer:
    """Return a layer of one value, given as text."""
    section, _, field = name.partition(".")
    value: object = text
    if name == "storage.state":
        # What is typed is meant from where one stands; a file has no such place.
        value = str(Path(text).absolute())
    elif name == "recorders.profiles":
        value = text.split(",")
    try:
        value = msgspec.convert(value, layers.field_type(name), strict=False)
    except msgspec.ValidationError as error:
        raise layers.explain(error, Settings, source, at=f"$.{name}") from error
    return Layer(source, {section: {field: value}})


def _check_zone(stack: layers.Stack) -> None:
    name = stack.settings.dock.timezone
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ConfigError(
            "unknown-zone",
            source=stack.origins["dock.timezone"],
            where="$.dock.timezone",
            zone=name,
        ) from error


def _check_state(stack: layers.Stack) -> None:
    state = stack.settings.storage.state
    if not Path(state).is_absolute():
        raise ConfigError(
            "not-absolute",
            source=stack.origins["storage.state"],
            where="$.storage.state",
            path=state,
        )


def _check_register(loaded: Loaded) -> None:
    """Refuse a register that somebody named and that is not there: it would empty the real one."""
    name = "recorders.register"
    if loaded.origins[name] != BUILT_IN and not loaded.register.exists():
        raise ConfigError(
            "no-register",
            source=loaded.origins[name],
            where=f"$.{name}",
            path=str(loaded.register),
        )


def _digest(settings: Settings) -> str:
    text = json.dumps(
        msgspec.to_builtins(settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()
