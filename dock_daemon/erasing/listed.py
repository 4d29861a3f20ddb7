"""A recorder's medium as it is listed now: is the clip there, as it was, and what does it hold."""

import hashlib
import threading

from dock_daemon.docking import plan
from dock_daemon.docking.sources import Source
from dock_daemon.erasing.words import Clip
from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry, Volume


class Listed:
    """One listing of one medium (procedure.Shown). Close it before the recorder takes it back."""

    def __init__(self, source: Source, stop: threading.Event) -> None:
        self.source = source
        self._stop = stop

    def is_alike(self, clip: Clip) -> bool:
        """Tell whether exactly one live record is listed as the clip was when it was sealed."""
        return self._alike(clip) is not None

    def has(self, clip: Clip) -> bool | None:
        """Tell whether a live record has the clip's path; None where that cannot be said.

        A folder's files may be anywhere, and a listing that broke off may have broken off
        before the clip; after an unplug a listing can look whole.
        """
        found = self._volumes(clip)
        medium = self.source.medium
        if self.source.kind == "folder" or len(found) != 1 or medium is None or medium.refused:
            return None
        ((volume, entries),) = found
        there = any(plan.path_key(entry) == clip.path_key for entry in _live(entries))
        if there:
            return True
        return False if volume.sound and self.source.still_there() else None

    def read(self, clip: Clip) -> tuple[str, int] | None:
        """Return SHA-256 and size of the clip, read to its end; None where it can't be read.

        Raises MediumGoneError and StoppedError.
        """
        entry = self._alike(clip)
        if entry is None:
            return None
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in self.source.chunks(entry, self._stop):
                digest.update(chunk)
                size += len(chunk)
        except MediumReadError:
            return None
        return digest.hexdigest(), size

    def still_there(self) -> bool:
        """Tell whether the medium that was listed is still the one that answers."""
        return self.source.still_there()

    def close(self) -> None:
        """Let go of the medium."""
        self.source.close()

    def _alike(self, clip: Clip) -> Entry | None:
        records = [
            entry
            for _, entries in self._volumes(clip)
            for entry in _live(entries)
            if plan.path_key(entry) == clip.path_key
        ]
        if len(records) != 1 or records[0].directory or records[0].problems:
            return None
        now = (
            plan.listed_size(records[0]),
            plan.stamps_of(records[0]),
            plan.extents_of(records[0]),
        )
        return records[0] if now == (clip.listed_size, clip.stamps, clip.extents) else None

    def _volumes(self, clip: Clip) -> list[tuple[Volume, tuple[Entry, ...]]]:
        return [one for one in self.source.volumes if one[0].key == clip.volume]


def _live(entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if not entry.deleted]
