"""The one loader of a centre's configuration: /etc/sealdock-central, SEALDOCK_CENTRAL_*, flags.

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
from config.central_settings import CentralSettings, contradictions, objections
from config.layers import Kind, Layer

CENTRE: Final = Kind(CentralSettings, objections)
HOST_NAME: Final = "built-in (host name)"

_SOURCES: Final = sources.Sources(
    kind=CENTRE,
    shipped="central.toml",
    directory=Path("/etc/sealdock-central"),
    stem="central",
    prefix="SEALDOCK_CENTRAL_",
    short={
        "SEALDOCK_CENTRAL_LANG": "centre.language",
        "SEALDOCK_CENTRAL_STATE": "storage.state",
    },
    flags={"centre.language": "--lang", "storage.state": "--state"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCentral:
    """The settings in force, and where each came from."""

    settings: CentralSettings
    origins: Mapping[str, str]
    """"web.listen" → where it came from: a file, "environment NAME", "flag --name", built-in."""
    directory: Path
    """The configuration directory that was read; it need not exist."""

    @property
    def zone(self) -> ZoneInfo:
        """The local time zone; it was found when the settings were loaded."""
        return ZoneInfo(self.settings.centre.timezone)

    @property
    def state(self) -> Path:
        """The state directory."""
        return Path(self.settings.storage.state)

    @property
    def database_url(self) -> str:
        """Where the database is: what is set, else a file in the state directory."""
        return self.settings.database.url or f"sqlite:///{self.state / 'central.db'}"


def load_central(
    config: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    host: str | None = None,
) -> LoadedCentral:
    """Return the settings in force; raise ConfigError naming source, place and problem.

    `config` is the configuration directory (default: SEALDOCK_CENTRAL_CONFIG, else
    /etc/sealdock-central); one that was named must exist. `overrides` are flags, by dotted
    name; `env` is the environment (default: none of it); `host` the machine's name.
    """
    found = sources.gather(
        _SOURCES,
        config=config,
        env=env or {},
        overrides=overrides or {},
        host=_named(host if host is not None else platform.node()),
    )
    stack = found.stack
    sources.check_zone(stack.settings.centre.timezone, stack, "centre.timezone")
    sources.check_absolute(stack.settings.storage.state, stack, "storage.state")
    for contradiction in contradictions(stack.settings, stack.origins):
        raise contradiction
    return LoadedCentral(settings=stack.settings, origins=stack.origins, directory=found.directory)


def _named(host: str) -> Iterator[Layer]:
    """Yield the names that a centre has until somebody gives it one."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", host.lower()).strip("-.") or "host"
    yield Layer(HOST_NAME, {"centre": {"origin": f"sealdock.local/{plain}/centre", "name": plain}})
