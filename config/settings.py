"""The settings of one dock, as plain values.

No default stands here: every default is a line of `config/data/dock.toml`, where its
comment says what it does. What a field may hold is checked where it is declared; what
no type can say is checked in `objections`.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from config.errors import ConfigError

Language = Literal["zh-CN", "en"]

Positive = Annotated[int, Meta(ge=1, lt=2**53)]
Natural = Annotated[int, Meta(ge=0, lt=2**53)]

# What a log may be called (C2SP signed note: no space, no "+"; checkpoint: schema-less).
_ORIGIN: Final = re.compile(r"(?!.*://)[^\s+\x00-\x20\x7f]{1,255}")
# A physical port as udev's ID_PATH begins: the controller, then the chain of hub ports.
_PORT: Final = re.compile(
    r"[a-z][\w.:]*(?:-[\w.:]+)*?-usb(?:v[23])?-0:[1-9]\d{0,2}(?:\.[1-9]\d{0,2}){0,5}", re.ASCII
)
# Where a witness or mirror is reached: no user, no query, nothing that could be a secret.
_URL: Final = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", re.ASCII)
# A preset is named by its file, so its name must not be a path.
_PRESET: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Dock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who this dock is, and how it speaks."""

    origin: str
    name: Annotated[str, Meta(max_length=120)]
    language: Language
    timezone: str


class Storage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where evidence is kept."""

    state: Annotated[str, Meta(min_length=1)]
    reserve_bytes: Natural
    ledger_reserve_bytes: Natural

    def reserve_of(self, total_bytes: int) -> int:
        """Return the bytes that stay free on a file system of `total_bytes`.

        Below ten times `reserve_bytes` it is a tenth of the file system, so that a trial
        on a small disk or a tmpfs is not forbidden by a reserve meant for a dock.
        """
        return min(self.reserve_bytes, total_bytes // 10)

    def ledger_reserve_of(self, total_bytes: int) -> int:
        """Return the bytes that are kept taken for the ledger, a hundredth of the disk at most."""
        return min(self.ledger_reserve_bytes, total_bytes // 100)


class Ingest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How clips are gathered, copied and compared."""

    group_clips: Annotated[int, Meta(ge=1, le=4096)]
    group_bytes: Positive
    chunk_bytes: Annotated[int, Meta(ge=4096, le=64 << 20)]
    sample_blocks: Annotated[int, Meta(ge=0, le=1024)]


class Reader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker that walks a medium: where it is, and the bounds it gets."""

    socket: str
    timeout_s: Annotated[int, Meta(ge=1, le=86_400)]
    max_entries: Annotated[int, Meta(ge=1, le=10_000_000)]


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which agency's rules decide deadlines."""

    preset: str


class Checks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which thresholds a recorder is checked against."""

    preset: str


class Recorders(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which recorders are known, and how they are spoken to."""

    register: Annotated[str, Meta(min_length=1)]
    profiles: Annotated[tuple[str, ...], Meta(min_length=1)]


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker that speaks with one recorder: where it is, and the bounds it gets."""

    socket: str
    scsi_socket: str
    timeout_s: Annotated[int, Meta(ge=1, le=600)]
    passwords: Annotated[str, Meta(min_length=1)]
    adb: Annotated[str, Meta(pattern=r"^(tcp|localfilesystem):\S+$")]


class Clocks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recorders' clocks are measured and set."""

    set: bool
    exchanges: Annotated[int, Meta(ge=1, le=100)]


class Shift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When all docked recorders are looked at again, before a shift (office's local time)."""

    check_at: tuple[Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")], ...]


class Custody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether recorders are issued and returned at this dock."""

    required: bool
    checked_within_s: Annotated[int, Meta(ge=60, le=30 * 86_400)]


class Erasing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether clips are erased on their recorders, and what must hold before."""

    enabled: bool
    mirrors: Annotated[int, Meta(ge=1, le=16)]
    cool_down_h: Annotated[int, Meta(ge=0, le=10 * 366 * 24)]
    reread_within_h: Annotated[int, Meta(ge=1, le=31 * 24)]
    synchronized: bool
    look_every_s: Annotated[int, Meta(ge=1, le=86_400)]
    shown_within_s: Annotated[int, Meta(ge=1, le=3600)]


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the evidence log is signed, and how its silence shows."""

    heartbeat_s: Annotated[int, Meta(ge=10, le=86_400)]
    ml_dsa: bool
    head_copy: str
    ask_within_s: Annotated[int, Meta(ge=1, le=3600)]


class Sync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the log is brought to witnesses and mirrors, and who we are to them."""

    interval_s: Annotated[int, Meta(ge=1, le=86_400)]
    timeout_s: Annotated[int, Meta(ge=1, le=600)]
    longest_wait_s: Annotated[int, Meta(ge=1, le=86_400)]
    ca: str
    cert: str
    key: str


class Web(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the published log is served, and to whom."""

    listen: Annotated[str, Meta(min_length=1)]
    cert: str
    key: str
    client_ca: str
    crl: str


class Replica(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a second copy of store and log goes."""

    target: str
    interval_s: Annotated[int, Meta(ge=10, le=7 * 86_400)]
    rclone_config: str


class Scrub(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the store is read again."""

    period_days: Annotated[int, Meta(ge=1, le=3650)]
    new_after_h: Annotated[int, Meta(ge=0, le=23)]
    new_within_h: Annotated[int, Meta(ge=1, le=720)]
    bytes_per_s: Annotated[int, Meta(ge=64 << 10, lt=2**53)]
    stop_after: Positive


class Disk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when on the dock's own disk wants a person's eye."""

    full_within_days: Natural


class Cosigner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who vouches for the log's head: a witness, or a mirror that holds all of it."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    role: Literal["witness", "mirror"]
    keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)]
    url: Annotated[str, Meta(min_length=1)]
    monitor: str = ""


class Bay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place for one recorder: one or more physical ports, never a device node."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    ports: tuple[Annotated[str, Meta(min_length=1)], ...]
    enabled: bool = True


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    dock: Dock
    storage: Storage
    ingest: Ingest
    reader: Reader
    rules: Rules
    checklist: Checks
    recorders: Recorders
    control: Control
    clocks: Clocks
    shift: Shift
    custody: Custody
    erasing: Erasing
    log: Log
    sync: Sync
    web: Web
    replica: Replica
    scrub: Scrub
    disk: Disk
    cosigners: tuple[Cosigner, ...]
    bays: tuple[Bay, ...]


def objections(settings: Settings, *, source: str) -> Iterator[ConfigError]:
    """Yield what the declared types can't say is wrong; `source` is to blame for it."""
    if not _ORIGIN.fullmatch(settings.dock.origin):
        origin = settings.dock.origin
        yield ConfigError("bad-origin", source=source, where="$.dock.origin", origin=origin)
    names = (
        ("$.rules.preset", settings.rules.preset),
        ("$.checklist.preset", settings.checklist.preset),
        *((f"$.recorders.profiles[{n}]", p) for n, p in enumerate(settings.recorders.profiles)),
    )
    for where, name in names:
        if not _PRESET.fullmatch(name):
            yield ConfigError("bad-name", source=source, where=where, name=name)
    yield from _clashing_bays(settings.bays, source)
    yield from _clashing_cosigners(settings.cosigners, source)


def _clashing_cosigners(cosigners: tuple[Cosigner, ...], source: str) -> Iterator[ConfigError]:
    """Yield what two cosigners may not share, and addresses that are none."""
    seen: set[str] = set()
    for at, one in enumerate(cosigners):
        where = f"$.cosigners[{at}]"
        for text in (one.name, *one.keys):
            if text in seen:
                field = "name" if text == one.name else "keys"
                yield ConfigError(
                    "cosigner-twice", source=source, where=f"{where}.{field}", text=text
                )
            seen.add(text)
        for field, url in (("url", one.url), ("monitor", one.monitor)):
            if url and not _URL.fullmatch(url):
                yield ConfigError("bad-url", source=source, where=f"{where}.{field}", url=url)


def _clashing_bays(bays: tuple[Bay, ...], source: str) -> Iterator[ConfigError]:
    """Yield what two bays may not both claim, or what a bay lacks."""
    names: dict[str, int] = {}
    ports: dict[str, str] = {}
    for at, bay in enumerate(bays):
        where = f"$.bays[{at}]"
        if names.setdefault(bay.name, at) != at:
            yield ConfigError("bay-named-twice", source=source, where=f"{where}.name", bay=bay.name)
        if bay.enabled and not bay.ports:
            yield ConfigError(
                "bay-without-port", source=source, where=f"{where}.ports", bay=bay.name
            )
        for nth, port in enumerate(bay.ports):
            if not _PORT.fullmatch(port):
                yield ConfigError(
                    "bad-port", source=source, where=f"{where}.ports[{nth}]", port=port
                )
            if port in ports:
                yield ConfigError(
                    "port-twice",
                    source=source,
                    where=f"{where}.ports[{nth}]",
                    port=port,
                    bay=bay.name,
                    other=ports[port],
                )
            ports.setdefault(port, bay.name)
