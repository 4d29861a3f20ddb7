"""Everything that lies in a log directory: what belongs, what does not, what is too new.

docs/formats/log.md section 4. The content of what belongs is judged elsewhere.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hashing.errors import BundleError, FileTroubleError, TileError, Trouble
from hashing.evidence_files import listing
from hashing.log_files import LogFiles
from hashing.merkle import HASH_SIZE
from hashing.report import Tally
from hashing.tiles import Bundle, Tile, parse_path

_TOP: Final = frozenset({"checkpoint", "vkey", "vkey-mldsa"})
_FOLDER: Final = re.compile(
    r"tile(/(0|[1-9]|[1-5][0-9]|6[0-3]|entries)(/x[0-9]{3})*(/[0-9]{3}\.p)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Item:
    """One name in a directory tree."""

    path: str  # below the tree's root
    where: str
    size: int


def is_unfinished(name: str) -> bool:
    """Tell whether a crash while writing leaves a file of this name."""
    return name.startswith(".") and name.endswith(".new")


def take_stock(files: LogFiles, tally: Tally, *, size: int | None, followed: int) -> None:
    """Tell the tally what does not belong in a log of `size`, and what lies beyond it.

    Bundles beyond were followed to the entry `followed`: those are judged already.
    """
    newer = 0
    for item in _walk(files.root, tally):
        name = item.path.rpartition("/")[2]
        if item.path in _TOP:
            continue
        if is_unfinished(name):
            tally.notice("unfinished-write", item.where)
            continue
        try:
            which = parse_path(item.path)
        except TileError:
            tally.problem("log-stray", item.where)
            continue
        if size is not None and _reaches(which) > size:
            newer += 1
            if _reaches(which) > followed:
                _judge_shape(files, tally, which, item)
    if newer:
        detail = f"{newer} files; entries {size} to {followed - 1} can be followed"
        if size is None or followed <= size:
            detail = f"{newer} files"
        tally.notice("beyond-checkpoint", f"{files.root}/tile", detail)


def _reaches(which: Tile | Bundle) -> int:
    """Return how long a log must be at the least to have this file."""
    each = 1 if isinstance(which, Bundle) else 256**which.level
    return (which.index * 256 + which.width) * each


def _judge_shape(files: LogFiles, tally: Tally, which: Tile | Bundle, item: Item) -> None:
    if isinstance(which, Bundle):
        found = files.bundle(which)
        if isinstance(found, BundleError):
            tally.problem("beyond-malformed", item.where, found.reason)
    elif item.size != which.width * HASH_SIZE:
        detail = f"{item.size} bytes are not {which.width} hashes"
        tally.problem("beyond-malformed", item.where, detail)


def _walk(root: str, tally: Tally) -> Iterator[Item]:
    """Yield every regular file; name whatever else there is, without entering it."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = listing(f"{root}/{folder}".rstrip("/"))
        except FileTroubleError as error:
            tally.problem("file-unreadable", f"{root}/{folder}", error.detail)
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}".lstrip("/")
            found = look(f"{root}/{path}", tally)
            if found is None:
                continue
            if stat.S_ISREG(found.st_mode):
                yield Item(path, f"{root}/{path}", found.st_size)
            elif stat.S_ISDIR(found.st_mode) and _FOLDER.fullmatch(path):
                folders.append(path)
            elif stat.S_ISDIR(found.st_mode) and not _is_file_path(path):
                tally.problem("log-stray", f"{root}/{path}", "a directory that does not belong")
            else:
                tally.problem("file-irregular", f"{root}/{path}")


def look(path: str, tally: Tally) -> os.stat_result | None:
    """Return lstat(2) of `path`, or None, told to the tally, if it cannot be looked at."""
    try:
        return os.lstat(path)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            detail = error.strerror or Trouble.UNREADABLE.value
            tally.problem("file-unreadable", path, detail)
        return None


def _is_file_path(path: str) -> bool:
    if path in _TOP:
        return True
    try:
        parse_path(path)
    except TileError:
        return False
    return True
