"""The one loader of a dock's configuration: /etc/sealdock, SEALDOCK_*, flags.

What wins over what stands in config/sources.py.
"""

import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from config import sources
from config.errors import ConfigError
from config.layers import Kind, Layer
from config.settings import Settings, objections
from config.sources import BUILT_IN

__all__ = ["BUILT_IN", "DOCK", "HOST_NAME", "Loaded", "load"]

HOST_NAME: Final = "built-in (host name)"
DOCK: Final = Kind(Settings, lambda settings, source: objections(settings, source=source))

_SOURCES: Final = sources.Sources(
    kind=DOCK,
    shipped="dock.toml",
    directory=Path("/etc/sealdock"),
    stem="sealdock",
    prefix="SEALDOCK_",
    short={"SEALDOCK_LANG": "dock.language", "SEALDOCK_STATE": "storage.state"},
    flags={"dock.language": "--lang", "storage.state": "--state"},
    # Variables that the scripts of the project use; never settings.
    reserved=frozenset(
        f"SEALDOCK_{name}" for name in ("PYTHON", "REQUIRE", "ROOT", "SAYS", "VENV")
    ),
    foreign=("SEALDOCK_CENTRAL_",),
    lists=frozenset({"recorders.profiles"}),
)


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
    found = sources.gather(
        _SOURCES,
        config=config,
        env=env or {},
        overrides=overrides or {},
        host=_named(host if host is not None else platform.node()),
    )
    stack = found.stack
    sources.check_zone(stack.settings.dock.timezone, stack, "dock.timezone")
    sources.check_absolute(stack.settings.storage.state, stack, "storage.state")
    loaded = Loaded(
        settings=stack.settings,
        origins=stack.origins,
        digest=sources.digest(stack.settings),
        directory=found.directory,
    )
    _check_register(loaded)
    return loaded


def _named(host: str) -> Iterator[Layer]:
    """Yield the names that a dock has until somebody gives it one."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-.") or "dock"
    yield Layer(HOST_NAME, {"dock": {"origin": f"sealdock.local/{plain}", "name": plain}})


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
