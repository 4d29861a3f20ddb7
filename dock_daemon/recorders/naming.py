"""What the name of a clip says: by its make's own patterns, else by what makers agree on. Pure."""

from dataclasses import replace
from typing import Final

from config.name_pattern import Named
from config.profiles import RecorderProfile
from firmware_bridge.drivers import names

_NOTHING: Final = Named(
    recorder="",
    holder="",
    numbers=(),
    at=None,
    sequence=None,
    important=False,
    encrypted=False,
    extension="",
)


def told(profile: RecorderProfile, path: str) -> Named:
    """Return what name and folder of the file at `path` say: candidates, never facts."""
    named = profile.told_by_name(path) or _tolerant(path) or _NOTHING
    if named.important or not profile.important(path):
        return named
    return replace(named, important=True)


def _tolerant(path: str) -> Named | None:
    marks = names.parse(path.rpartition("/")[2])
    if marks is None:
        return None
    return Named(
        recorder="",
        holder="",
        numbers=marks.numbers,
        at=marks.at,
        sequence=marks.sequence,
        important=marks.important,
        encrypted=marks.encrypted,
        extension=marks.extension,
    )
