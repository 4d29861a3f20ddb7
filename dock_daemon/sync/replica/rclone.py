"""An rclone remote as the place for a copy: S3 with Object Lock, SFTP, WebDAV, and the rest.

Everything that arrived is fetched back and hashed (`hashsum --download`): few remotes
compute SHA-256 themselves, and none of them is to be believed about its own disk.

What is handed to rclone as arguments are our own words, the remote as its owner wrote it in
the settings, and names of files that are digests or paths of tiles.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dock_daemon.errors import RcloneMissingError, ReplicaFullError, ReplicaTargetError
from dock_daemon.sync.replica.source import Source
from dock_daemon.sync.replica.target import Brought
from hashing.errors import FileTroubleError

_NO_FOLDER: Final = 3  # rclone's exit code for a directory that is not there
_POLL_S: Final = 0.5
_MOST_SAID: Final = 300
_FULL: Final = (
    "no space left",
    "remaining disk space",
    "quota exceeded",
    "disk quota",
    "insufficient storage",
)
# A second attempt within one run would take what the first left half-made for another's file.
_PATIENCE: Final = ("--contimeout", "30s", "--timeout", "2m", "--retries", "1")
_ENVIRONMENT: Final = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SSL_CERT_FILE")


class Rclone:
    """A copy at an rclone remote."""

    def __init__(self, remote: str, source: Source, *, config: str = "") -> None:
        """`remote` is as in rclone's own manual, `offsite:docks/1`; `config` its file, if any."""
        self._remote = remote.rstrip("/")
        self._source = source
        self._config = ("--config", config) if config else ()

    @property
    def name(self) -> str:
        """The remote, as it was configured."""
        return self._remote

    def open(self) -> None:
        """See that rclone is there, and the remote behind it."""
        if shutil.which("rclone") is None:
            raise RcloneMissingError(self.name)
        self._run("lsf", "--max-depth", "1", *self._place(""), missing_is_empty=True)

    def sizes(self, room: str) -> dict[str, int]:
        """Return every file of a room with its size in bytes."""
        flags = ("--recursive", "--files-only", "--no-modtime", "--no-mimetype")
        told = self._run("lsjson", *flags, *self._place(room), missing_is_empty=True)
        try:
            rows: list[dict[str, Any]] = json.loads(told or b"[]")
            return {str(row["Path"]): int(row["Size"]) for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise ReplicaTargetError(self.name, f"rclone lsjson: {error}") from error

    def read(self, path: str, at_most: int) -> bytes:
        """Return the content of a small file that is there."""
        return self._run("cat", "--count", str(at_most), *self._place(path))

    def bring(
        self,
        room: str,
        wanted: Mapping[str, str | None],
        *,
        over: bool,
        going_on: Callable[[], None],
    ) -> Brought:
        """Copy files, after a look whether the dock still has them as their names say."""
        brought = Brought()
        for path, digest in wanted.items():
            going_on()
            try:
                found = self._source.digest(room, path)
            except FileTroubleError:
                found = ""
            if not found or digest not in {None, found}:
                brought.spoilt.append(path)
            else:
                brought.went[path] = found
        if brought.went:
            how = ("--ignore-times",) if over else ("--immutable", "--checksum")
            with self._list(brought.went) as names:
                flags = ("--no-traverse", "--files-from-raw", names)
                ours = str(self._source.root / room)
                self._run("copy", *how, *flags, *self._place(room, ours), going_on=going_on)
        return brought

    def digests(
        self, room: str, paths: Mapping[str, int], going_on: Callable[[], None]
    ) -> dict[str, str]:
        """Return the SHA-256 of files as they come back over the line."""
        if not paths:
            return {}
        with self._list(paths) as names:
            flags = ("--download", "--files-from-raw", names)
            told = self._run("hashsum", "sha256", *flags, *self._place(room), going_on=going_on)
        rows = (line.split("  ", 1) for line in told.decode("utf-8", "replace").splitlines())
        return {row[1]: row[0] for row in rows if len(row) == 2 and row[1] in paths}  # noqa: PLR2004  digest and path

    def fetch(self, room: str, path: str, to: Path) -> None:
        """Copy a file to a new one of this machine; raise FileNotFoundError if it is not there."""
        place = self._place(f"{room}/{path}")
        self._run("copyto", "--ignore-times", *place, str(to), missing_is_empty=True)
        if not to.is_file():
            raise FileNotFoundError(place[-1])

    def write(self, path: str, data: bytes) -> None:
        """Put a small file in place of the old one."""
        self._run("rcat", *self._place(path), given=data)

    def _place(self, path: str, *before: str) -> tuple[str, ...]:
        """Return what follows an end of options: so that no name can pass for one."""
        joint = "" if self._remote.endswith(":") or not path else "/"
        return ("--", *before, f"{self._remote}{joint}{path}")

    @contextmanager
    def _list(self, paths: Iterable[str]) -> Iterator[str]:
        with tempfile.NamedTemporaryFile("w", prefix="sealdock-", suffix=".list") as names:
            names.writelines(f"{path}\n" for path in paths)
            names.flush()
            yield names.name

    def _run(
        self,
        verb: str,
        *arguments: str,
        given: bytes = b"",
        missing_is_empty: bool = False,
        going_on: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Run rclone to its end; return what it printed."""
        command = ["rclone", verb, *self._config, *_PATIENCE, *arguments]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except FileNotFoundError as error:
            raise RcloneMissingError(self.name) from error
        except OSError as error:
            raise ReplicaTargetError(self.name, f"rclone: {error.strerror}") from error
        said, complaint = _waited(child, given, going_on)
        if child.returncode == 0:
            return said
        if missing_is_empty and child.returncode == _NO_FOLDER:
            return b""
        raise self._trouble(verb, complaint.decode("utf-8", "replace"))

    def _trouble(self, verb: str, complaint: str) -> ReplicaFullError | ReplicaTargetError:
        if any(word in complaint.lower() for word in _FULL):
            return ReplicaFullError(self.name)
        lines = [line for line in complaint.splitlines() if line.strip()]
        causes = [line for line in lines if "ERROR" in line] or lines[-1:]
        said = causes[0][-_MOST_SAID:] if causes else "it failed and said nothing"
        return ReplicaTargetError(self.name, f"rclone {verb}: {said}")


def _waited(
    child: subprocess.Popen[bytes], given: bytes, going_on: Callable[[], None]
) -> tuple[bytes, bytes]:
    """Return what a child printed on stdout and stderr; end it if it is time to stop."""
    with child:
        try:
            while True:
                try:
                    return child.communicate(given, timeout=_POLL_S)
                except subprocess.TimeoutExpired:
                    going_on()
        except BaseException:
            child.kill()
            raise
