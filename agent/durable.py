"""Small files that are old or new after a power cut, and nothing between."""

import os
from pathlib import Path
from typing import Final

_MOST: Final = 1 << 20


def read(path: Path, most: int = _MOST) -> bytes:
    """Return at most `most` bytes of a file; raises OSError."""
    with path.open("rb") as file:
        return file.read(most)


def read_text(path: Path, most: int = 4096) -> str | None:
    """Return a short file of the kernel's as one stripped text; None if it is not to be had."""
    try:
        return read(path, most).decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return None


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put `content` at `path`, durable on return; raises OSError.

    Order: temp written - temp synced - renamed - directory synced.
    """
    temp = path.with_name(f".{path.name}.new")
    temp.unlink(missing_ok=True)
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    temp.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was named, renamed or unlinked in `folder` durable; raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
