"""The newest head, copied to another medium: one that remembers when the state's disk forgets.

Each head is copied after it is kept in the ledger and before it is shown to anybody. So the
copy is never ahead of the ledger, but for a ledger that was restored from before.
"""

import logging
from pathlib import Path

from dock_daemon.evidence import durable
from hashing.submission import origin_hash

log = logging.getLogger(__name__)


class HeadCopy:
    """One file in a directory on another medium; docks may share the directory."""

    def __init__(self, folder: Path, state: Path, origin: str) -> None:
        self._path = folder / f"{origin_hash(origin)}.checkpoint"
        self._state = state
        self._there = b""
        self._broken = False
        self._strange = False

    @property
    def elsewhere(self) -> bool:
        """Whether the directory lies on another file system than the state. Raises OSError."""
        return self._path.parent.stat().st_dev != self._state.stat().st_dev

    def read(self) -> bytes | None:
        """Return the note that was copied last, or None; raise OSError where it can't be read."""
        try:
            self._there = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return self._there

    def news(self) -> bytes | None:
        """Return what lies there by now if it is neither what was read nor what was put there.

        A medium that comes in late may remember more than we do: it is told once.
        """
        if self._strange:
            return None
        try:
            found = self._path.read_bytes()
        except OSError:  # it is gone, or empty: `put` says so
            return None
        if found == self._there:
            return None
        self._there = found
        return found

    def leave(self) -> None:
        """Never write over what is there: it is no head of this log, and may be somebody's."""
        log.warning(
            "%s is no head of this log; it is left as it is, and none is copied", self._path
        )
        self._strange = True

    def put(self, head: bytes) -> None:
        """Copy a head durably. A medium that is gone is told once, and holds up nothing."""
        if head == self._there or self._strange:
            return
        try:
            durable.replace(self._path, head)
        except OSError as error:
            if not self._broken:
                log.warning("the head could not be copied to %s: %s", self._path, error)
            self._broken = True
            return
        if self._broken:
            log.warning("the head is copied to %s again", self._path)
        self._there, self._broken = head, False
