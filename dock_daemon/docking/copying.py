"""Copy one file off a recorder: one pass, hashed as it is read.

What comes out is a temp file that is whole but not yet durable: the sealer makes
it count. On any error the temp file is gone again.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dock_daemon.docking import plan
from dock_daemon.docking.large_reads import LARGE
from dock_daemon.docking.sources import Content
from dock_daemon.errors import ClipError, ContentLengthError, DockFullError, SyncFailedError
from dock_daemon.evidence import durable
from dock_daemon.evidence.store import CLIPS, Staged, Store
from firmware_bridge.volume.listing import Entry

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def copy(
    source: Content,
    entry: Entry,
    store: Store,
    *,
    stop: threading.Event,
    told: Callable[[int], None],
) -> Staged:
    """Copy `entry` into the store's `incoming`; `told` hears of each chunk's length in bytes.

    Raises MediumGoneError, MediumReadError, StoppedError, DockFullError, SyncFailedError
    (the store's disk refused a write) and ContentLengthError; no temp file is left then.
    """
    digest = hashlib.sha256()
    copied = 0
    temp, expected = store.new_temp(), plan.content_size(entry)
    with _landing(temp, store, expected) as landing:
        for chunk in source.chunks(entry, stop):
            landing.write(chunk)
            digest.update(chunk)
            copied += len(chunk)
            told(len(chunk))
            if copied > expected:  # it may grow as fast as it is read
                raise ContentLengthError(expected=expected, copied=copied)
        landing.finish()
        if copied != expected:
            raise ContentLengthError(expected=expected, copied=copied)
    return Staged(temp, CLIPS, digest.hexdigest(), copied)


class _Landing:
    """A temp file being written. Large pieces are written while they are hashed.

    A piece in the source's own memory is written by the time `write` is called again, so the
    source may fill the memory of the one before it.
    """

    def __init__(self, handle: int, store: Store, hand: ThreadPoolExecutor | None) -> None:
        self._handle = handle
        self._store = store
        self._hand = hand
        self._under_way: Future[None] | None = None
        self._direct = hand is not None and durable.past_the_cache(handle, on=True)
        self._written = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Write a piece behind those before; raise what a disk's refusal means for the clip."""
        self.finish()
        if self._hand is not None and isinstance(piece, memoryview):
            self._under_way = self._hand.submit(self._put, piece)
        else:
            self._put(memoryview(piece))

    def finish(self) -> None:
        """Wait for what is under way; raise as `write` does."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _put(self, view: memoryview) -> None:
        if self._direct and (self._written | len(view)) % durable.BLOCK:
            self._through_the_cache()
        while view:
            try:
                count = os.write(self._handle, view)
            except OSError as error:
                if error.errno == errno.EINVAL and self._direct:
                    self._through_the_cache()  # the device wants larger blocks
                    continue
                raise _refused(error, len(view), self._store) from error
            self._written += count
            view = view[count:]

    def _through_the_cache(self) -> None:
        """Write on as anything is written: only whole blocks can pass the cache by."""
        durable.past_the_cache(self._handle, on=False)
        self._direct = False


@contextmanager
def _landing(temp: Path, store: Store, size: int) -> Iterator[_Landing]:
    try:
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)
    except OSError as error:
        raise _refused(error, 1, store) from error
    hand = ThreadPoolExecutor(1, thread_name_prefix="writing") if size >= LARGE else None
    try:
        yield _Landing(handle, store, hand)
    except BaseException:
        temp.unlink()
        raise
    finally:
        if hand is not None:
            hand.shutdown()
        os.close(handle)


def _refused(error: OSError, needed: int, store: Store) -> ClipError:
    """Say in the dock's words why the store took no more bytes."""
    if error.errno in _FULL:
        return DockFullError(needed=needed, free=store.free_bytes())
    return SyncFailedError(error.strerror or str(error))
