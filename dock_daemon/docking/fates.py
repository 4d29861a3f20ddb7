"""What became of each file on a recorder's card, at one docking."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dock_daemon.docking import plan
from dock_daemon.fitness.observed import LastClip
from dock_daemon.recorders.journal_judge import OnCard
from firmware_bridge.volume.listing import Entry, Volume


@dataclass(frozen=True, slots=True)
class _Fate:
    """`sha256` is empty where the content could not be read, or not all of it.

    `clip` is the entry that sealed it, None where none did; `fresh`: at this docking, and never
    before.
    """

    sha256: str
    fresh: bool = False
    clip: int | None = None


class Fates:
    """What became of the files so far, each known by its volume and directory record."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, int], _Fate] = {}
        self.read_errors = 0

    def sealed(self, volume: Volume, entry: Entry, sha256: str, *, clip: int, fresh: bool) -> None:
        """Note a clip that was taken over; `sha256` is empty if not all of it could be read."""
        self._of[_key(volume, entry)] = _Fate(sha256, fresh, clip)
        self.read_errors += not sha256

    def doubted(self, volume: Volume, entry: Entry) -> None:
        """Note that what was taken over may not be all that the recorder closed."""
        fate = self._of[_key(volume, entry)]
        self._of[_key(volume, entry)] = replace(fate, sha256="")

    def clip_of(self, volume: Volume, entry: Entry) -> int | None:
        """Return the entry that sealed a file, if one did."""
        fate = self._of.get(_key(volume, entry))
        return None if fate is None else fate.clip

    def recognised(self, volume: Volume, entry: Entry, sha256: str, *, clip: int) -> None:
        """Note a clip that is as it was when it was sealed; `sha256` is empty as above."""
        self._of[_key(volume, entry)] = _Fate(sha256, clip=clip)
        self.read_errors += not sha256

    def unread(self, volume: Volume, entry: Entry, reason: str) -> None:
        """Note a file that could not be taken over."""
        self._of[_key(volume, entry)] = _Fate("")
        self.read_errors += reason.startswith("read-error")

    def outcome(self, volume: Volume, entry: Entry) -> LastClip:
        """Return what became of a clip."""
        fate = self._of.get(_key(volume, entry))
        if fate is None:
            return "not-reached"
        if not fate.sha256:
            return "unread" if fate.clip is None else "incomplete"
        return "incomplete" if plan.is_incomplete(entry) else "whole"

    def fresh(self, volume: Volume, entry: Entry) -> bool:
        """Tell whether a file was first seen, and taken over, at this docking."""
        fate = self._of.get(_key(volume, entry))
        return fate is not None and fate.fresh

    def on_card(self, volumes: Iterable[tuple[Volume, tuple[Entry, ...]]]) -> Iterator[OnCard]:
        """Yield every live file with what it holds, as far as it was read."""
        for volume, entries in volumes:
            for entry in entries:
                if not entry.deleted and not entry.directory:
                    fate = self._of.get(_key(volume, entry))
                    sha256 = "" if fate is None else fate.sha256
                    yield OnCard(path=entry.text, sha256=sha256, size=plan.content_size(entry))


def _key(volume: Volume, entry: Entry) -> tuple[str, int]:
    return volume.key, entry.record_offset
