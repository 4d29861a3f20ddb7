"""Recorder profiles as data: how one make is known, spoken to and read.

A technician adds a make by adding a file (config/data/recorders, or recorders/ below the
site's configuration directory); no code knows a maker's name. Which profile is whose is
decided in dock_daemon/recorders/matching.py; docs/recorders.md is the technician's manual.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase, translate
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from config.errors import ConfigError
from config.layers import explain, nearest
from config.name_pattern import Named, NamePattern, PatternError
from config.presets import Label, Preset, load_preset
from config.toml import SHIPPED, parse

FileClass = Literal["media", "sidecar", "record", "other"]
DriverName = Literal["fs-only", "open", "jieli-scsi", "cammpro-ctrl", "zzx-adb"]
Channel = Literal["none", "serial", "scsi", "usb", "adb"]
# The words of firmware_bridge.capabilities.Capability; a test holds the two together.
CapabilityName = Literal[
    "identity",
    "holder",
    "write-holder",
    "battery",
    "read-clock",
    "set-clock",
    "storage",
    "faults",
    "switch-to-storage",
    "list",
    "read",
    "journal",
    "erase",
    "reset",
]

CHANNEL_OF: Final[Mapping[DriverName, Channel]] = {
    "fs-only": "none",
    "open": "serial",
    "jieli-scsi": "scsi",
    "cammpro-ctrl": "usb",
    "zzx-adb": "adb",
}
"""Driver → the control channel that it speaks on."""
_QUIRKS: Final[Mapping[DriverName, Mapping[str, tuple[int, int]]]] = {
    "zzx-adb": {"port": (1, 65_535)},
    "cammpro-ctrl": {"user_login": (0, 1)},
}
"""Driver → its quirks, and the lowest and highest value of each."""
_SHOWN: Final = ("always", "switch", "none")
# Where only certain words may stand, for whoever wrote another.
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "$.driver": get_args(DriverName),
    "$.capabilities": get_args(CapabilityName),
    "$.storage.shown": _SHOWN,
}
_NO_WORD: Final = re.compile(r"Invalid enum value '(?P<word>.*)'", re.DOTALL)
_WITH_PASSWORD: Final = frozenset({"jieli-scsi", "cammpro-ctrl", "zzx-adb"})
# What can be had of a recorder that is nothing but a disk.
_OF_A_DISK: Final = frozenset({"identity", "holder", "storage", "list", "read"})

_USB_ID: Final = re.compile(r"[0-9a-f]{4}:(?:[0-9a-f]{4}|\*)")
_ENDING: Final = re.compile("[a-z0-9]{1,8}")
Glob = Annotated[str, Meta(min_length=1, max_length=120)]
Mark = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,16}$")]


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a port shows of such a recorder. Every list that is not empty must fit.

    `usb` are ids, `4255:0001` or `0e8d:*`; the other lists are patterns with * and ?, letter
    case and outer blanks left out of account, of which one must fit. `scsi` is held against
    vendor, model and revision of the INQUIRY with one blank between each; `files` against the
    paths on a medium.
    """

    usb: tuple[str, ...] = ()
    manufacturer: tuple[Glob, ...] = ()
    product: tuple[Glob, ...] = ()
    scsi: tuple[Glob, ...] = ()
    files: tuple[Glob, ...] = ()


class Identify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which files a recorder says who it is, where its channel does not tell."""

    files: tuple[Annotated[str, Meta(min_length=1)], ...] = ()


class Shows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When its storage is seen as a disk: always, after it was told to, or never.

    `within_s` is how long it takes to come; `busy_s` for how long a recorder that says that it
    can't show it yet is asked again.
    """

    shown: Literal["always", "switch", "none"]
    within_s: Annotated[int, Meta(ge=1, le=600)] = 30
    busy_s: Annotated[int, Meta(ge=0, le=3600)] = 600


class Files(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the files of a recorder are, by their names."""

    media: frozenset[str]
    sidecar: frozenset[str] = frozenset()
    records: tuple[Glob, ...] = ()
    passing: tuple[Glob, ...] = ()
    important: tuple[Glob, ...] = ()

    def class_of(self, path: str) -> FileClass:
        """Return what the file at `path` ("/" between its parts) is.

        The ending comes before the patterns of `records`: a clip is a clip wherever it was
        put. Only what a recorder keeps for a moment (`passing`) is none.
        """
        whole = path.casefold()
        last = whole.rpartition("/")[2]
        ending = last.rpartition(".")[2] if "." in last else ""
        if path_fits(self.passing, path):
            return "record"
        if ending in self.media:
            return "media"
        if ending in self.sidecar:
            return "sidecar"
        return "record" if path_fits(self.records, path) else "other"


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How its clips are named: patterns, tried in order, and the words of its marks."""

    patterns: tuple[str, ...] = ()
    important: tuple[Mark, ...] = ()
    encrypted: tuple[Mark, ...] = ()

    def compiled(self) -> tuple[NamePattern, ...]:
        """Return the patterns, ready; raise PatternError."""
        return tuple(_compiled(text, self.important, self.encrypted) for text in self.patterns)


class Recording(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a shift takes: bits per second while recording, and the length of a segment."""

    kbit_s: Annotated[int, Meta(ge=64, le=200_000)]
    segment_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None


class Firmware(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which firmware is known: patterns, and the lowest that will do. Empty: not judged."""

    known: tuple[Glob, ...] = ()
    minimum: str = ""

    def names(self, version: str) -> bool:
        """Tell whether this version is among those that are known."""
        return any(fnmatchcase(version.casefold(), one.casefold()) for one in self.known)


class Password(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which name the password lies: a systemd credential, or a file of control.passwords."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class RecorderProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One make of recorder: its driver, how it is known, what it can do, what its files are."""

    driver: DriverName
    name: Label
    capabilities: frozenset[CapabilityName]
    storage: Shows
    files: Files
    match: Match = Match()
    identify: Identify = Identify()
    names: Names = Names()
    recording: Recording | None = None
    firmware: Firmware = Firmware()
    password: Password | None = None
    quirks: dict[str, int] = {}

    @property
    def channel(self) -> Channel:
        """The control channel that its driver speaks on."""
        return CHANNEL_OF[self.driver]

    @property
    def fits_any_disk(self) -> bool:
        """Tell whether it has no marks at all: the profile of every disk that has no other."""
        return self.driver == "fs-only" and self.match == Match()

    def can(self, capability: CapabilityName) -> bool:
        """Tell whether such a recorder can do that at all."""
        return capability in self.capabilities

    def told_by_name(self, path: str) -> Named | None:
        """Return what the name of the file at `path` says by the make's own patterns."""
        last = path.rpartition("/")[2]
        found = (pattern.match(last) for pattern in self.names.compiled())
        return next((one for one in found if one is not None), None)

    def important(self, path: str) -> bool:
        """Tell whether the folder of `path` says that its clip is important (重点文件)."""
        return path_fits(self.files.important, path)


def recorder_profile(name: str, directory: Path) -> Preset[RecorderProfile]:
    """Return what is known of one make of recorder; raises ConfigError as presets do."""
    try:
        preset = load_preset("recorders", name, directory, RecorderProfile)
    except ConfigError as error:
        raise _explained(error) from error
    source = str(directory / "recorders" / f"{name}.toml")
    for objection in objections(preset.content, source=source):
        raise objection
    return preset


def names_in(directory: Path) -> list[str]:
    """Return the names of all profiles that are shipped or that the site has, sorted."""
    places = (directory / "recorders", SHIPPED / "recorders")
    return sorted({found.stem for place in places for found in place.glob("*.toml")})


def recorder_profiles(
    names: tuple[str, ...], directory: Path, *, source: str
) -> tuple[Preset[RecorderProfile], ...]:
    """Return the profiles of these names, in their order; raises as `recorder_profile`.

    One of them must fit every disk; `source` is to blame where none does.
    """
    profiles = tuple(recorder_profile(name, directory) for name in names)
    if not any(profile.content.fits_any_disk for profile in profiles):
        raise ConfigError("no-plain-profile", source=source, where="$.recorders.profiles")
    return profiles


def parse_profile(data: bytes, *, source: str) -> RecorderProfile:
    """Return the profile that the bytes of a file hold; raises as `recorder_profile`."""
    try:
        profile = msgspec.convert(parse(data, source=source), RecorderProfile)
    except msgspec.ValidationError as error:
        raise _explained(explain(error, RecorderProfile, source)) from error
    for objection in objections(profile, source=source):
        raise objection
    return profile


def _explained(error: ConfigError) -> ConfigError:
    """Return an error about a word that is none of those allowed as one that lists them."""
    place, _, _ = error.where.partition("[")
    known = _WORDS.get(place)
    found = _NO_WORD.fullmatch(str(error.facts.get("detail", "")))
    if known is None or found is None:
        return error
    return ConfigError(
        "not-one-of",
        source=error.source,
        where=error.where,
        found=found["word"],
        near=nearest(found["word"], known),
        known=", ".join(known),
    )


def objections(profile: RecorderProfile, *, source: str) -> Iterator[ConfigError]:
    """Yield what the declared types can't say is wrong with a profile."""
    driver, match = profile.driver, profile.match
    if driver == "fs-only":
        if beyond := profile.capabilities - _OF_A_DISK:
            yield ConfigError(
                "needs-channel",
                source=source,
                where="$.capabilities",
                capabilities=", ".join(sorted(beyond)),
            )
        if profile.storage.shown != "always":
            yield ConfigError("disk-is-shown", source=source, where="$.storage.shown")
    elif not (match.usb or match.manufacturer or match.product or match.scsi):
        yield ConfigError("matches-anything", source=source, where="$.match", driver=driver)
    if profile.can("switch-to-storage") != (profile.storage.shown == "switch"):
        yield ConfigError("switch-or-not", source=source, where="$.storage.shown")
    if profile.password is not None and driver not in _WITH_PASSWORD:
        yield ConfigError("no-password", source=source, where="$.password", driver=driver)
    yield from _wrong_quirks(profile, source)
    yield from _wrong_words(profile, source)
    for at, path in enumerate(profile.identify.files):
        if not path.casefold().endswith((".ini", ".dat")):
            yield ConfigError(
                "identify-form", source=source, where=f"$.identify.files[{at}]", path=path
            )
    yield from _wrong_patterns(profile.names, source)


def _wrong_quirks(profile: RecorderProfile, source: str) -> Iterator[ConfigError]:
    known = _QUIRKS.get(profile.driver, {})
    for quirk, value in sorted(profile.quirks.items()):
        where = f"$.quirks.{quirk}"
        if quirk not in known:
            yield ConfigError(
                "no-quirk",
                source=source,
                where=where,
                driver=profile.driver,
                known=", ".join(sorted(known)) or "—",
            )
        elif not known[quirk][0] <= value <= known[quirk][1]:
            low, high = known[quirk]
            yield ConfigError("quirk-range", source=source, where=where, low=low, high=high)


def _wrong_words(profile: RecorderProfile, source: str) -> Iterator[ConfigError]:
    for at, usb in enumerate(profile.match.usb):
        if not _USB_ID.fullmatch(usb):
            yield ConfigError("usb-id", source=source, where=f"$.match.usb[{at}]", found=usb)
    for field in ("media", "sidecar"):
        for ending in sorted(getattr(profile.files, field)):
            if not _ENDING.fullmatch(ending):
                yield ConfigError(
                    "file-ending", source=source, where=f"$.files.{field}", found=ending
                )


def _wrong_patterns(names: Names, source: str) -> Iterator[ConfigError]:
    for at, text in enumerate(names.patterns):
        try:
            _compiled(text, names.important, names.encrypted)
        except PatternError as error:
            yield ConfigError(
                "name-pattern",
                source=source,
                where=f"$.names.patterns[{at}]",
                reason=error.problem,
                part=error.part,
            )


@functools.lru_cache(maxsize=256)
def _compiled(text: str, important: tuple[str, ...], encrypted: tuple[str, ...]) -> NamePattern:
    return NamePattern.parse(text, important=important, encrypted=encrypted)


def path_fits(patterns: tuple[str, ...], path: str) -> bool:
    """Tell whether a pattern fits: one with "/" the whole path, another its last part."""
    if not patterns:
        return False
    whole = path.casefold()
    last = whole.rpartition("/")[2]
    return any(
        fits(whole if of_whole else last) is not None for of_whole, fits in _matchers(patterns)
    )


# Asked of every file of a card, for the same few patterns.
@functools.lru_cache(maxsize=256)
def _matchers(
    patterns: tuple[str, ...],
) -> tuple[tuple[bool, Callable[[str], re.Match[str] | None]], ...]:
    return tuple(
        ("/" in pattern, re.compile(translate(pattern.casefold())).match) for pattern in patterns
    )
