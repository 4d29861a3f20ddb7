"""The folder of this process in the state directory, and one process at a time.

    STATE/sync/lock            held by who brings the log out
    STATE/sync/replica.lock    held by who copies store and log
    STATE/sync/status.json     how things stand, for people and programs
    STATE/sync/replica.json    how the copy stands

Nothing here is evidence; all of it may be deleted.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dock_daemon.errors import StateMissingError, StateUnusableError, SyncBusyError

FOLDER: Final = "sync"
STATUS: Final = "status.json"
REPLICA: Final = "replica.json"


def folder(state: Path) -> Path:
    """Return the folder, made if it is not there; raise StateMissingError or StateUnusableError."""
    if not state.is_dir():
        raise StateMissingError(state)
    place = state / FOLDER
    try:
        place.mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        raise StateUnusableError(place, error.strerror or str(error)) from error
    return place


@contextlib.contextmanager
def alone(state: Path, name: str) -> Iterator[None]:
    """Hold the lock of `name` while the block runs; raise SyncBusyError if another does."""
    path = folder(state) / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise StateUnusableError(path, error.strerror or str(error)) from error
    try:
        _hand_over(handle, path.parent)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip() or "?"
            raise SyncBusyError(path, holder) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


def write(state: Path, name: str, told: Mapping[str, object]) -> None:
    """Put one JSON object in place, whole or not at all; raise OSError.

    It is news, no evidence: it need not outlast a power cut.
    """
    path = folder(state) / name
    temp = path.with_name(f".{name}.new")
    temp.unlink(missing_ok=True)
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        _hand_over(handle, path.parent)
        file.write(json.dumps(told, ensure_ascii=False) + "\n")
    temp.replace(path)


def _hand_over(handle: int, place: Path) -> None:
    """Give a file that root made to whom the folder is: the service must be able to go on."""
    if os.geteuid() == 0:
        owner = place.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)


def read(state: Path, name: str) -> dict[str, Any] | None:
    """Return what was written last, or None if there is nothing that can be read."""
    try:
        told = json.loads((state / FOLDER / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None
