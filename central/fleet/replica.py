"""What lies in a copy of a dock's store: a directory, listed, and hashed where that is asked.

The layout is that of docs/formats/log.md section 6: clips/ab/<sha256>, documents/ab/<sha256>.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from central.fleet.stocktaking import CLIP, DOCUMENT, There
from hashing.hexes import is_digest

FOLDERS: Final = {CLIP: "clips", DOCUMENT: "documents"}
_CHUNK: Final = 1 << 20


def listed(root: Path, what: str, *, hashed: bool) -> Iterator[There]:
    """Yield what lies in a store, by name; raise OSError where it cannot be listed.

    Only regular files under their own name count: a link is no copy. A file that cannot be
    read counts as damaged where it is to be hashed.
    """
    folder = root / FOLDERS[what]
    for group in sorted(_names(folder)):
        for name in sorted(_names(folder / group)):
            path = folder / group / name
            if not is_digest(name) or name[:2] != group:
                continue
            found = path.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                good = _is_good(path, name) if hashed else None
                yield There(name, found.st_size, good)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_good(path: Path, name: str) -> bool:
    digest = hashlib.sha256()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while piece := os.read(handle, _CHUNK):
                digest.update(piece)
        finally:
            os.close(handle)
    except OSError:
        return False
    return digest.hexdigest() == name
