"""Files that are on the platter, or are not counted.

    put      many new files: written aside, synced, renamed into place, directories synced
    replace  one file: old or new and nothing between
    destroy  one file: overwritten, then gone

The first two write the same bytes again over a file of the same name without harm.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path


def put(files: Mapping[Path, bytes], *, aside: Path) -> None:
    """Make every file durable under its name, or raise OSError and leave nothing half-made.

    `aside` is a directory of the same file system. Folders that are missing are made.
    """
    temps: dict[Path, Path] = {}
    try:
        folders = _make_folders({path.parent for path in files})
        for path, data in files.items():
            temp = aside / secrets.token_hex(12)
            temps[temp] = path
            _write_new(temp, data, mode=0o644)
        for temp, path in temps.items():
            temp.replace(path)
            folders.add(path.parent)
        for folder in sorted(folders):
            sync(folder)
    except OSError:
        for temp in temps:
            temp.unlink(missing_ok=True)
        raise


def replace(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put `data` at `path`, durable on return; raise OSError."""
    temp = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        _write_new(temp, data, mode=mode)
        temp.replace(path)
    except OSError:
        temp.unlink(missing_ok=True)
        raise
    sync(path.parent)


def destroy(path: Path) -> None:
    """Overwrite a file with zeros and take it away, durable on return; raise OSError.

    A flash medium may keep the old bytes somewhere: docs/threat-model.md says so.
    """
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.pwrite(handle, bytes(os.fstat(handle).st_size), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    path.unlink()
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush one file or directory to its disk; raise OSError if that fails."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folders(wanted: Iterable[Path]) -> set[Path]:
    """Make folders; return the directories that gained a name by it."""
    gained: set[Path] = set()
    for folder in wanted:
        missing = []
        above = folder
        while not above.exists():
            missing.append(above)
            above = above.parent
        for new in reversed(missing):
            new.mkdir(mode=0o755, exist_ok=True)
            gained |= {new, new.parent}
    return gained
