"""The world outside: `python -m tests.power.observer STATE` tells each head the moment it shows.

One line of JSON for each checkpoint that stands in the log directory: whoever saw one may hold the
dock to it for ever, whether or not its directory was synced by then.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Final

from tests.power.judge import parse_head
from tests.power.saying import say

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100


def main(state: Path) -> None:
    """Watch until killed; raise OSError where it can't be."""
    handle = _LIBC.inotify_init1(0)
    _watch(handle, state)
    log, watched, seen = state / "log", False, ""
    say("")  # from here on nothing is missed
    while True:
        if not watched and log.is_dir():
            _watch(handle, log)
            watched = True
        seen = _tell(log / "checkpoint", seen)
        os.read(handle, 1 << 16)


def _watch(handle: int, folder: Path) -> None:
    if _LIBC.inotify_add_watch(handle, os.fsencode(folder), _IN_MOVED_TO | _IN_CREATE) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))


def _tell(checkpoint: Path, seen: str) -> str:
    try:
        text = checkpoint.read_text("utf-8")
    except FileNotFoundError:
        return seen
    if text != seen:
        say(json.dumps({"head": parse_head(text)}))
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
