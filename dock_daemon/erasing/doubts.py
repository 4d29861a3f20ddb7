"""Which findings concern a clip that might be erased. Pure.

A finding concerns a clip when it is about the clip, about its path, about its whole volume, or
about the recorder as such since the docking in which the clip came over. Better one too many:
a finding keeps a clip, and a kept clip costs room on a card.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Says something of the calendar, and nothing of any clip.
_OF_NO_CLIP: Final = frozenset({"calendar-unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding as the index has it. Without volume and path it is about all of the recorder."""

    seq: int
    finding: str
    recorder: str
    volume: str
    path: str
    clip: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A sealed clip, and where it came from. `docked` is the entry that opened its docking."""

    seq: int
    docked: int
    recorder: str
    volume: str
    path: str


def concerning(place: Place, findings: Iterable[Found]) -> frozenset[str]:
    """Return the kinds of the findings that concern a clip."""
    return frozenset(
        one.finding for one in findings if one.finding not in _OF_NO_CLIP and _concerns(one, place)
    )


def _concerns(found: Found, place: Place) -> bool:
    if found.clip == place.seq:
        return True
    ours = found.recorder.casefold() == place.recorder.casefold()
    if found.path:
        # A recorder's journal tells paths and no volume.
        here = found.volume == place.volume or (ours and not found.volume)
        return here and _folded(found.path) == _folded(place.path)
    if found.volume:
        return found.volume == place.volume
    return ours and found.seq > place.docked


def _folded(path: str) -> str:
    return path.strip("/").casefold()
