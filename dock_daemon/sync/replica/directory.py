"""A directory as the place for a copy: another disk, or a share that is mounted.

In this order, for each batch: written aside and hashed - synced - renamed - directories
synced - read back past the page cache and hashed. A crash between any two leaves whole
files under their names, and half-made ones in store/incoming, which the next copy sweeps.
"""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from dock_daemon.errors import ReplicaFullError, ReplicaTargetError
from dock_daemon.evidence import durable
from dock_daemon.sync.replica.source import Source
from dock_daemon.sync.replica.target import Brought
from hashing.errors import FileTroubleError
from hashing.evidence_files import read_file

_CHUNK: Final = 1 << 20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_INCOMING: Final = "store/incoming"


class _SpoiltError(Exception):
    """The dock's own file is not what its name says, or cannot be read."""


class Directory:
    """A copy in a directory that exists already: one that does not may be an unmounted disk."""

    def __init__(
        self,
        root: Path,
        source: Source,
        *,
        reread: Callable[[Path], tuple[str, int, durable.Reread]] = durable.reread,
    ) -> None:
        """`reread` hashes what the disk gives back."""
        self._reread = reread
        self._root = root
        self._source = source

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._root)

    def open(self) -> None:
        """See that it is there, and sweep what an earlier copy left half-made."""
        with self._told():
            if not self._root.is_dir():
                raise ReplicaTargetError(self.name, os.strerror(errno.ENOENT))
            incoming = self._root / _INCOMING
            incoming.mkdir(parents=True, exist_ok=True, mode=0o750)
            for temp in incoming.iterdir():
                temp.unlink()

    def sizes(self, room: str) -> dict[str, int]:
        """Return every file of a room with its size in bytes."""
        base = self._root / room
        found: dict[str, int] = {}
        with self._told():
            for folder, _, names in os.walk(base, onerror=_raise_unless_missing):
                for name in names:
                    path = Path(folder) / name
                    found[str(path.relative_to(base))] = path.lstat().st_size
        return found

    def read(self, path: str, at_most: int) -> bytes:
        """Return the content of a small file that is there."""
        try:
            return read_file(str(self._root / path), at_most)
        except FileTroubleError as error:
            raise ReplicaTargetError(self.name, f"{path}: {error.detail}") from error

    def bring(
        self,
        room: str,
        wanted: Mapping[str, str | None],
        *,
        over: bool,  # noqa: ARG002  a rename replaces, and only what must be replaced is wanted
        going_on: Callable[[], None],
    ) -> Brought:
        """Copy files: each appears under its name whole and durable, or not at all."""
        brought = Brought()
        temps: dict[Path, Path] = {}
        with self._told():
            try:
                for at, (path, digest) in enumerate(wanted.items()):
                    temp = self._root / _INCOMING / str(at)
                    try:
                        brought.went[path] = self._copy(room, path, temp, digest, going_on)
                    except _SpoiltError:
                        brought.spoilt.append(path)
                    else:
                        temps[temp] = self._root / room / path
                self._settle(temps)
            except BaseException:
                for at in range(len(wanted)):
                    with contextlib.suppress(OSError):
                        (self._root / _INCOMING / str(at)).unlink(missing_ok=True)
                raise
        return brought

    def digests(
        self, room: str, paths: Mapping[str, int], going_on: Callable[[], None]
    ) -> dict[str, str]:
        """Return the SHA-256 of files, read past the page cache where the disk allows it."""
        found: dict[str, str] = {}
        with self._told():
            for path in paths:
                going_on()
                with contextlib.suppress(FileNotFoundError):
                    found[path] = self._reread(self._root / room / path)[0]
        return found

    def fetch(self, room: str, path: str, to: Path) -> None:
        """Copy a file to a new one of this machine; raise FileNotFoundError if it is not there."""
        source = self._root / room / path
        if not source.is_file():
            raise FileNotFoundError(source)
        with self._told(), source.open("rb") as found, to.open("xb") as made:
            shutil.copyfileobj(found, made, _CHUNK)

    def write(self, path: str, data: bytes) -> None:
        """Put a small file in place of the old one, old or new and nothing between."""
        with self._told():
            place = self._root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            durable.replace(place, data)

    def _copy(
        self, room: str, path: str, temp: Path, digest: str | None, going_on: Callable[[], None]
    ) -> str:
        """Write one file aside; return its SHA-256, or raise _SpoiltError and leave nothing."""
        try:
            found = self._write(self._source.path(room, path), temp, going_on)
            _demand(path, digest, found)
        except _SpoiltError:
            temp.unlink()
            raise
        return found

    def _write(self, source: Path, temp: Path, going_on: Callable[[], None]) -> str:
        found = hashlib.sha256()
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            for piece in _pieces(source):
                going_on()
                found.update(piece)
                view = memoryview(piece)
                while view:
                    view = view[os.write(handle, view) :]
        finally:
            os.close(handle)
        return found.hexdigest()

    def _settle(self, temps: Mapping[Path, Path]) -> None:
        settler = durable.Settler(self._root)
        try:
            settler.settle(temps)
            folders = {final.parent for final in temps.values()}
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            for temp, final in temps.items():
                temp.replace(final)
            ways = {way for folder in folders for way in (folder, *folder.parents)}
            settler.settle(sorted(way for way in ways if way.is_relative_to(self._root)))
        finally:
            settler.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise ReplicaFullError(self.name) from error
            raise ReplicaTargetError(self.name, error.strerror or str(error)) from error


def _demand(path: str, digest: str | None, found: str) -> None:
    if digest not in {None, found}:
        raise _SpoiltError(path)


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a file of the dock; raise _SpoiltError where it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise _SpoiltError(str(path)) from error
    try:
        while True:
            try:
                piece = os.read(handle, _CHUNK)
            except OSError as error:
                raise _SpoiltError(str(path)) from error
            if not piece:
                return
            yield piece
    finally:
        os.close(handle)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
