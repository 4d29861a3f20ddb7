"""Recorder profiles as data: how one make is known, spoken to and read.

A technician adds a make by adding a file (config/data/recorders, or recorders/ below the
site's configuration directory); no code knows a maker's name.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.presets import Label, Preset, load_preset

FileClass = Literal["media", "sidecar", "record", "other"]


class Identify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a recorder says who it is."""

    files: tuple[Annotated[str, Meta(min_length=1)], ...]


class Capabilities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a recorder of this profile can tell."""

    battery: bool
    read_clock: bool
    fault: bool
    storage: bool


class Files(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the files of a recorder are, by their names."""

    media: frozenset[Annotated[str, Meta(pattern=r"^[a-z0-9]+$")]]
    sidecar: frozenset[Annotated[str, Meta(pattern=r"^[a-z0-9]+$")]]
    records: tuple[Annotated[str, Meta(min_length=1)], ...]

    def class_of(self, path: str) -> FileClass:
        """Return what the file at `path` ("/" between its parts) is.

        The ending comes before the patterns: a clip is a clip wherever it was put.
        """
        whole = path.casefold()
        last = whole.rpartition("/")[2]
        ending = last.rpartition(".")[2] if "." in last else ""
        if ending in self.media:
            return "media"
        if ending in self.sidecar:
            return "sidecar"
        if any(_matches(pattern.casefold(), whole, last) for pattern in self.records):
            return "record"
        return "other"


class RecorderProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One make of recorder: its driver, what it can tell, what its files are."""

    driver: Literal["fs-only"]
    name: Label
    identify: Identify
    capabilities: Capabilities
    files: Files


def recorder_profile(name: str, directory: Path) -> Preset[RecorderProfile]:
    """Return what is known of one make of recorder; raises ConfigError as presets do."""
    return load_preset("recorders", name, directory, RecorderProfile)


def _matches(pattern: str, whole: str, last: str) -> bool:
    return fnmatchcase(whole if "/" in pattern else last, pattern)
