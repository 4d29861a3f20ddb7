"""Copy one file off a recorder: one pass, hashed as it is read.

What comes out is a temp file that is whole but not yet durable: the sealer makes
it count. On any error the temp file is gone again.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dock_daemon.docking import plan
from dock_daemon.docking.sources import Source
from dock_daemon.errors import ClipError, ContentLengthError, DockFullError, SyncFailedError
from dock_daemon.evidence.store import CLIPS, Staged, Store
from firmware_bridge.volume.listing import Entry

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def copy(
    source: Source,
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
    temp = store.new_temp()
    with _new_file(temp, store) as handle:
        for chunk in source.chunks(entry, stop):
            digest.update(chunk)
            _write(handle, chunk, store)
            copied += len(chunk)
            told(len(chunk))
        expected = plan.content_size(entry)
        if copied != expected:
            raise ContentLengthError(expected=expected, copied=copied)
    return Staged(temp, CLIPS, digest.hexdigest(), copied)


@contextmanager
def _new_file(temp: Path, store: Store) -> Iterator[int]:
    try:
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)
    except OSError as error:
        raise _refused(error, 1, store) from error
    try:
        yield handle
    except BaseException:
        temp.unlink()
        raise
    finally:
        os.close(handle)


def _write(handle: int, chunk: bytes, store: Store) -> None:
    view = memoryview(chunk)
    while view:
        try:
            view = view[os.write(handle, view) :]
        except OSError as error:
            raise _refused(error, len(view), store) from error


def _refused(error: OSError, needed: int, store: Store) -> ClipError:
    """Say in the dock's words why the store took no more bytes."""
    if error.errno in _FULL:
        return DockFullError(needed=needed, free=store.free_bytes())
    return SyncFailedError(error.strerror or str(error))
