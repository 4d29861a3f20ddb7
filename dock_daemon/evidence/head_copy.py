"""The newest head, copied to another medium: one that remembers when the state's disk forgets.

Each head is copied after it is kept in the ledger and before it is shown to anybody. So the
copy is never ahead of the ledger, but for a ledger that was restored from before.

The medium may hang as well as fail: it is touched by a thread of its own, which is waited for
`patience_s` seconds. While that thread is stuck nothing is waited for; what comes meanwhile is
not kept for it: the next head that is published is the one it gets.
"""

import contextlib
import logging
from pathlib import Path
from typing import Final

from dock_daemon.evidence import durable
from dock_daemon.evidence.aside import Aside
from hashing.submission import origin_hash

log = logging.getLogger(__name__)

PATIENCE_S: Final = 3.0


class HeadCopy:
    """One file in a directory on another medium; docks may share the directory."""

    def __init__(
        self, folder: Path, state: Path, origin: str, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._path = folder / f"{origin_hash(origin)}.checkpoint"
        self._state = state
        self._patience_s = patience_s
        self._aside = Aside("head-copy")
        self._there = b""
        self._broken = False
        self._strange = False

    @property
    def path(self) -> Path:
        """Where the head lies."""
        return self._path

    @property
    def elsewhere(self) -> bool:
        """Whether the directory lies on another file system than the state. Raises OSError."""
        here = self._state.stat().st_dev
        return self._aside.run(lambda: self._path.parent.stat().st_dev != here, self._patience_s)

    def read(self) -> bytes | None:
        """Return the note that was copied last, or None; raise OSError where it can't be read."""
        try:
            self._there = self._aside.run(self._path.read_bytes, self._patience_s)
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
            found = self._aside.run(self._path.read_bytes, self._patience_s)
        except OSError:  # it is gone, empty, or hangs: `put` says so
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
        """Copy a head durably. A medium that is gone, or hangs, is told once, and stops nothing."""
        if head == self._there or self._strange:
            return
        known = self._there
        try:
            put = self._aside.run(lambda: self._replace(head, known), self._patience_s)
        except OSError as error:
            if not self._broken:
                log.warning("the head could not be copied to %s: %s", self._path, error)
            self._broken = True
            return
        if not put:  # another medium came in just now: `news` is told of it first
            return
        if self._broken:
            log.warning("the head is copied to %s again", self._path)
        self._there, self._broken = head, False

    def _replace(self, head: bytes, known: bytes) -> bool:
        """Write over what is known, or over nothing; tell whether it was done. In the thread."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.read_bytes() not in {known, head}:
                return False
        durable.replace(self._path, head)
        return True
