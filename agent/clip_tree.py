"""The clip folder with all folders below it: watched, and gone through a few names at a time."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.inotify import IGNORED, OVERFLOW, Inotify

_NAMES_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to the file or folder at `path`, bytes below the clip folder."""

    mask: int
    cookie: int
    path: bytes


@dataclass(frozen=True, slots=True)
class There:
    """A regular file that is there."""

    path: bytes
    status: os.stat_result


class ClipTree:
    """The folders under watch. Folders are named with their last slash, the top one by nothing."""

    def __init__(
        self, folder: bytes, inotify: Inotify, cannot: Callable[[bytes, OSError], None]
    ) -> None:
        self._folder = folder
        self._inotify = inotify
        self._cannot = cannot
        self._folders: dict[int, bytes] = {}

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is news."""
        return self._inotify.fileno()

    def at(self, path: bytes) -> bytes:
        """Return where a path below the folder is."""
        return self._folder + b"/" + path

    def news(self) -> Iterator[Happened]:
        """Yield what happened, without waiting; OVERFLOW, with no path, if some of it is lost."""
        for one in self._inotify.read():
            folder = self._folders.get(one.watch)
            if one.mask & OVERFLOW:
                yield Happened(one.mask, 0, b"")
            elif folder is None:
                continue
            elif one.mask & IGNORED:
                del self._folders[one.watch]
            else:
                yield Happened(one.mask, one.cookie, folder + one.name)

    def files(self, folder: bytes = b"") -> Iterator[There | None]:
        """Watch a folder and those below it, and yield the files in them; None is a pause.

        Each folder is watched before it is read, so that nothing falls in between. What can't
        be read is told; of a folder that is gone nothing is.
        """
        if not folder:
            self._forget()
        waiting = [folder]
        while waiting:
            at = waiting.pop()
            try:
                yield from self._in(at, waiting)
            except (FileNotFoundError, NotADirectoryError) as error:
                if not at:
                    self._cannot(at, error)
            except OSError as error:
                self._cannot(at, error)
            yield None

    def close(self) -> None:
        """Watch no more."""
        self._inotify.close()

    def _in(self, folder: bytes, waiting: list[bytes]) -> Iterator[There | None]:
        self._folders[self._inotify.watch(self.at(folder))] = folder
        with os.scandir(self.at(folder)) as entries:
            for count, entry in enumerate(entries, start=1):
                path = folder + entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path + b"/")
                    elif entry.is_file(follow_symlinks=False):
                        yield There(path, entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue  # gone meanwhile: that is news of its own
                if count % _NAMES_AT_ONCE == 0:
                    yield None

    def _forget(self) -> None:
        for watch in self._folders:
            self._inotify.forget(watch)
        self._folders.clear()
