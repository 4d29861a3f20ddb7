"""Watches the clip folder, and journals each clip as it is closed (docs/formats/journal.md 7).

Work is cut small: `read` takes the kernel's news, `step` does one bounded piece of what they
ask for (some names of a folder, one chunk of a clip), so that who asks the recorder something is
answered in between. Order for a clip: closed - left alone for a while - not open for writing
again - hashed - unchanged meanwhile - journalled.
"""

import logging
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.clip_index import FOUND, STAMP, ClipIndex, Listed
from agent.clip_queue import ClipQueue, Hashed
from agent.clip_tree import ClipTree, Happened, There
from agent.errors import StateUnusableError
from agent.inotify import (
    CLOSED,
    CREATED,
    DELETED,
    FOLDER,
    MOVED_FROM,
    MOVED_TO,
    OVERFLOW,
    Inotify,
)
from agent.journal import Journal
from hashing.journal_bodies import spell_path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is watched, and how.

    `endings` are those of the names that count, in lower case. A closed file is left alone for
    `settle_s`: programs close a clip, and open it again to finish it. Where the recorder's own
    program removes the oldest clip, it does so while less than `overwrites_below` of the volume
    is free; 0 where it never does.
    """

    endings: tuple[str, ...]
    settle_s: float = 3.0
    overwrites_below: float = 0.0


class Watch:
    """The clip folder under watch. One thread uses it.

    A loop waits for `fileno` and calls `read`; while `wait_s` is 0, or once it is over, it calls
    `step`. `trouble` is told, in a few words, what could not be read.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        wanted: Wanted,
        *,
        trouble: Callable[[str], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the journal's word for what is there; `resume` looks. Raises StateUnusableError."""
        self._folder = folder
        self._journal = journal
        self._wanted = wanted
        self._endings = tuple(os.fsencode(ending) for ending in wanted.endings)
        self._trouble = trouble
        self._monotonic_s = monotonic_s
        self._index = ClipIndex.of(journal.lines())
        self._queue = ClipQueue(
            self._at, self._cannot, settle_s=wanted.settle_s, monotonic_s=monotonic_s
        )
        self._created_ms: dict[bytes, int] = {}
        self._leaving: dict[int, bytes] = {}  # renamings of which half is known, by cookie
        self._scan: Iterator[None] | None = None
        self._tree: ClipTree | None = None

    # -- for the loop ------------------------------------------------------------------

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is news; another after `resume`."""
        return -1 if self._tree is None else self._tree.fileno()

    @property
    def watches(self) -> bool:
        """Tell whether the folder is under watch: not before `resume`, nor while it is out."""
        return self._tree is not None

    def wait_s(self) -> float | None:
        """Return how long until `step` has something to do; None where nothing waits."""
        return self._queue.wait_s() if self._scan is None else 0.0

    def read(self) -> None:
        """Take what the kernel has to say; raise StateUnusableError where it can't be kept."""
        if self._tree is None:
            return
        for one in self._tree.news():
            self._take(one)
        for path in self._leaving.values():  # out of the folder: no second half came
            self._gone(path)
        self._leaving.clear()

    def step(self) -> bool:
        """Do one bounded piece of work; return whether there was any.

        Raises StateUnusableError where the journal can't be written.
        """
        if self._scan is not None:
            scan = self._scan
            if next(scan, self) is self and self._scan is scan:
                self._scan = None
            return True
        done = self._queue.step()
        if isinstance(done, Hashed):
            self._journalled(done)
            return True
        return done

    def flush(self, within_s: float = math.inf) -> bool:
        """Journal all that is closed by now: before the volume is handed out.

        This blocks for as long as the clips that wait take to hash, but no longer than it is
        given; return whether all is done. Raises StateUnusableError.
        """
        hurried: set[bytes] = set()
        until_s = self._monotonic_s() + within_s
        self.read()
        while self.step() or self._queue.hurry(hurried):
            if self._monotonic_s() >= until_s:
                return False
            self.read()
        return True

    def suspend(self) -> None:
        """Let go of the folder: its volume is about to be unmounted. Flush before."""
        self._scan = None
        self._queue.clear()
        self._created_ms.clear()
        if self._tree is not None:
            self._tree.close()
            self._tree = None

    def resume(self, reason: str) -> None:
        """Watch the folder, and go through all of it; `reason` is `start` or `returned`.

        Raises StateUnusableError where the kernel has no watch to give.
        """
        self.suspend()
        try:
            inotify = Inotify.open()
        except OSError as error:
            told = error.strerror or "?"
            raise StateUnusableError(path=str(self._folder), reason=told) from error
        self._tree = ClipTree(os.fsencode(self._folder), inotify, self._cannot)
        self._scan = self._all(self._tree, reason)

    def forget(self, path: bytes) -> None:
        """Say nothing of a file's going: the journal says already why it goes."""
        self._index.drop(path)
        self._queue.drop(path)

    # -- the kernel's news --------------------------------------------------------------

    def _take(self, one: Happened) -> None:
        if one.mask & OVERFLOW:
            self._again("overflow")
        elif one.mask & FOLDER:
            if one.mask & CREATED:
                self._also(one.path + b"/")
            elif one.mask & (MOVED_FROM | MOVED_TO):
                self._again("moved")
        elif one.mask & CREATED:
            self._created(one.path)
        elif one.mask & CLOSED:
            self._closed(one.path)
        elif one.mask & MOVED_FROM:
            self._leaving[one.cookie] = one.path
        elif one.mask & MOVED_TO:
            self._moved(self._leaving.pop(one.cookie, None), one.path)
        elif one.mask & DELETED:
            self._gone(one.path)

    def _created(self, path: bytes) -> None:
        now_ms = self._journal.now().utc_ms
        self._created_ms[path] = now_ms
        if self._counts(path) and self._is_file(path):
            self._index.open(path, now_ms)
            self._journal.append("opened", {"path": spell_path(path)})

    def _closed(self, path: bytes) -> None:
        if self._counts(path):
            self._queue.add(path, end_ms=self._journal.now().utc_ms, late=False)

    def _moved(self, was: bytes | None, path: bytes) -> None:
        """Take a new name: of a file that is known, or of one that had none that counts."""
        closing = None
        if was is not None:
            closing = self._queue.drop(was)
            created_ms = self._created_ms.pop(was, None)
            if created_ms is not None:
                self._created_ms[path] = created_ms
        self._queue.drop(path)
        if was is not None and self._index.knows(was):
            self._journal.append("renamed", {"path": spell_path(was), "now": spell_path(path)})
            self._index.rename(was, path if self._counts(path) else None)
            if closing is not None and self._counts(path):
                self._queue.put(path, closing)
        elif self._counts(path) and self._is_file(path):
            self._say_found(path)
            self._queue.add(path, end_ms=self._journal.now().utc_ms, late=False)

    def _gone(self, path: bytes) -> None:
        self._queue.drop(path)
        self._created_ms.pop(path, None)
        if not self._index.knows(path):
            return
        free_bytes = self._room_made_by(path)
        self._index.drop(path)
        if free_bytes is None:
            self._journal.append("removed", {"path": spell_path(path)})
        else:
            self._journal.append(
                "overwritten", {"path": spell_path(path), "free_bytes": free_bytes}
            )

    def _room_made_by(self, path: bytes) -> int | None:
        """Return the free bytes if the recorder made room for itself (4.9); else None."""
        listed, share = self._index.get(path), self._wanted.overwrites_below
        if not share or listed is None or not self._index.is_oldest(path):
            return None
        try:
            volume = os.statvfs(self._folder)
        except OSError:
            return None
        free_bytes = volume.f_bavail * volume.f_frsize
        was_full = free_bytes - listed.size < share * volume.f_blocks * volume.f_frsize
        return free_bytes if was_full else None

    # -- clips that were closed ----------------------------------------------------------

    def _journalled(self, clip: Hashed) -> None:
        """Write down what a clip holds, unless the journal says so already."""
        was_open = self._index.is_open(clip.path)
        opened_ms = self._index.opened_ms(clip.path)
        created_ms = self._created_ms.pop(clip.path, None)
        known, end_ms = self._index.get(clip.path), self._end_ms(clip)
        if was_open or known is None or known.sha256 != clip.sha256:
            self._journal.append(
                "clip",
                {
                    "path": spell_path(clip.path),
                    "sha256": clip.sha256,
                    "size": clip.size,
                    "start_ms": created_ms if opened_ms is None else opened_ms,
                    "end_ms": end_ms,
                    "late": clip.closing.late,
                    STAMP: clip.stamp_ms,
                },
            )
        listed = Listed(sha256=clip.sha256, size=clip.size, stamp_ms=clip.stamp_ms)
        self._index.put(clip.path, listed)

    def _end_ms(self, clip: Hashed) -> int | None:
        """Return when a clip was closed; of a late one, last written, both by the journal's clock.

        What a file system stamps is by the system's clock.
        """
        if not clip.closing.late:
            return clip.closing.end_ms
        ahead_ms = self._journal.now().utc_ms - time.time_ns() // 1_000_000
        return max(clip.stamp_ms + ahead_ms, 0)

    # -- all of the folder ---------------------------------------------------------------

    def _again(self, reason: str) -> None:
        if self._tree is not None:
            self._scan = self._all(self._tree, reason)

    def _also(self, folder: bytes) -> None:
        """Go through a new folder: what was made in it before it was watched made no news."""
        if self._tree is not None:
            self._scan = self._both(self._scan, self._tree.files(folder))

    def _both(self, before: Iterator[None] | None, files: Iterator[There | None]) -> Iterator[None]:
        if before is not None:
            yield from before
        for there in files:
            if there is None:
                yield
            elif self._counts(there.path):
                self._look_at(there)

    def _all(self, tree: ClipTree, reason: str) -> Iterator[None]:
        """Go through all that is there, then through all that ought to be."""
        clips = 0
        for there in tree.files():
            if there is None:
                yield
            elif self._counts(there.path):
                clips += 1
                self._look_at(there)
        if self._folder.is_dir():
            for path in self._index.paths():
                if self._is_gone(path):
                    self._gone(path)
                    yield
        self._journal.append("rescanned", {"reason": reason, "clips": clips})

    def _look_at(self, there: There) -> None:
        """Have a file journalled that was closed while nobody looked."""
        listed = self._index.get(there.path)
        if self._queue.has(there.path) or (listed and listed.looks_like(there.status)):
            return
        self._say_found(there.path)
        self._queue.add(there.path, end_ms=None, late=True)

    def _say_found(self, path: bytes) -> None:
        """Write down that a name is to be hashed: what is there may not be what was closed."""
        if not self._index.is_open(path):
            self._index.open(path, None)
            self._journal.append("opened", {"path": spell_path(path), FOUND: True})

    # -- files ---------------------------------------------------------------------------

    def _at(self, path: bytes) -> bytes:
        return os.fsencode(self._folder) + b"/" + path

    def _counts(self, path: bytes) -> bool:
        return path.lower().endswith(self._endings)

    def _is_file(self, path: bytes) -> bool:
        try:
            return stat.S_ISREG(os.lstat(self._at(path)).st_mode)
        except OSError:
            return False

    def _is_gone(self, path: bytes) -> bool:
        """Tell whether nothing stands under a name; what can't be looked at is not gone."""
        try:
            os.lstat(self._at(path))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _cannot(self, path: bytes, error: OSError) -> None:
        what = f"{path.decode('utf-8', 'replace') or '.'}: {error.strerror}"
        log.warning("a clip, or its folder, can't be read: %r", what)
        self._trouble(what)
