"""The settings of one centre, as plain values.

No default stands here: every default is a line of `config/data/central.toml`, where its
comment says what it does. What a field may hold is checked where it is declared; what
no type can say is checked in `objections`.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final

from msgspec import Meta, Struct

from config.errors import ConfigError
from config.settings import Language

# Part of a key's name (C2SP signed note: no space, no "+"), as a dock's origin is.
_ORIGIN: Final = re.compile(r"(?!.*://)[^\s+\x00-\x20\x7f]{1,200}")
_DATABASE: Final = re.compile(r"(?:postgresql\+psycopg|sqlite)://\S*", re.ASCII)
_LISTEN: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)):(?P<port>\d{1,5})", re.ASCII
)
_MAX_PORT: Final = 65_535
_TIME_OF_DAY: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)


class Centre(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who this centre is, and how it speaks."""

    origin: str
    name: Annotated[str, Meta(max_length=120)]
    language: Language
    timezone: str


class Storage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where keys and mirrored logs are kept."""

    state: Annotated[str, Meta(min_length=1)]


class Database(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the centre remembers what it signed."""

    url: str


class Cosigning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the centre's two cosigners: the witness, or the mirror."""

    enabled: bool
    name: str
    ml_dsa: bool


class Web(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the centre is served, and to whom."""

    listen: Annotated[str, Meta(min_length=1)]
    cert: str
    key: str
    client_ca: str
    crl: str


class Pull(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the logs of docks that can be reached are fetched, and who we are to them."""

    interval_s: Annotated[int, Meta(ge=1, le=86_400)]
    timeout_s: Annotated[int, Meta(ge=1, le=600)]
    longest_wait_s: Annotated[int, Meta(ge=1, le=86_400)]
    at_once: Annotated[int, Meta(ge=1, le=256)]
    documents: bool
    ca: str
    cert: str
    key: str


class Fleet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a dock counts as late."""

    silent_after_s: Annotated[int, Meta(ge=10, le=90 * 86_400)]
    silent_beats: Annotated[int, Meta(ge=1, le=1000)]
    unmirrored_after_s: Annotated[int, Meta(ge=10, le=90 * 86_400)]
    late_days: Annotated[int, Meta(ge=1, le=366)]
    certificate_days: Annotated[int, Meta(ge=1, le=366)]


class Inventory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the docks' stores are held against their logs."""

    at: str
    samples: Annotated[int, Meta(ge=0, le=10_000)]


class CentralSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    centre: Centre
    storage: Storage
    database: Database
    witness: Cosigning
    mirror: Cosigning
    web: Web
    pull: Pull
    fleet: Fleet
    inventory: Inventory

    def cosigner_name(self, role: str) -> str:
        """Return the name of the key of "witness" or "mirror"."""
        named = {"witness": self.witness, "mirror": self.mirror}[role].name
        return named or f"{self.centre.origin}/{role}"


def objections(settings: CentralSettings, source: str) -> Iterator[ConfigError]:
    """Yield what the declared types can't say is wrong; `source` is to blame for it."""
    names = (
        ("$.centre.origin", settings.centre.origin),
        ("$.witness.name", settings.cosigner_name("witness")),
        ("$.mirror.name", settings.cosigner_name("mirror")),
    )
    for where, name in names:
        if not _ORIGIN.fullmatch(name):
            yield ConfigError("bad-origin", source=source, where=where, origin=name)
    if settings.cosigner_name("witness") == settings.cosigner_name("mirror"):
        # tlog-mirror, add-checkpoint: a distinct cosigner with a distinct name.
        name = settings.cosigner_name("mirror")
        yield ConfigError("cosigner-twice", source=source, where="$.mirror.name", text=name)
    url = settings.database.url
    if url and not _DATABASE.fullmatch(url):
        yield ConfigError("bad-database", source=source, where="$.database.url")
    at = settings.inventory.at
    if at and not _TIME_OF_DAY.fullmatch(at):
        yield ConfigError("bad-time", source=source, where="$.inventory.at", at=at)
    yield from _web(settings.web, source)


def _web(web: Web, source: str) -> Iterator[ConfigError]:
    found = _LISTEN.fullmatch(web.listen)
    address = _address(found["six"] or found["four"]) if found else None
    if found is None or address is None or int(found["port"]) > _MAX_PORT:
        yield ConfigError("bad-listen", source=source, where="$.web.listen", listen=web.listen)


def contradictions(settings: CentralSettings, origins: Mapping[str, str]) -> Iterator[ConfigError]:
    """Yield what several settings say that cannot be together, once all of them are known."""
    web = settings.web
    found = _LISTEN.fullmatch(web.listen)
    address = _address(found["six"] or found["four"]) if found else None
    if address is not None and not address.is_loopback and not (web.cert and web.client_ca):
        # The overview names every dock: who asks for no certificate shows it to anybody.
        problem = "open-clients" if web.cert else "open-listen"
        source = origins["web.listen"]
        yield ConfigError(problem, source=source, where="$.web.listen", listen=web.listen)
    needs = (("cert", "key"), ("key", "cert"), ("client_ca", "cert"), ("crl", "client_ca"))
    for section in ("web", "pull"):
        held = getattr(settings, section)
        for one, other in needs if section == "web" else needs[:2]:
            if getattr(held, one) and not getattr(held, other):
                yield ConfigError(
                    "only-with",
                    source=origins[f"{section}.{one}"],
                    where=f"$.{section}.{one}",
                    field=one,
                    other=other,
                )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
