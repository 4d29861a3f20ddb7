"""The mark beside a cosigner's key: how often the key has signed, at least.

    <generation, 32 hex digits> <count, 20 digits> <SHA-256 of both, 16 hex digits>

It is made with the key, and moved on before any signature leaves the process. So a database
that is older than the mark, or another one, has forgotten something that the key signed; whoever
holds that signature could then be shown a fork. The line has one length and lies within one
sector: it is overwritten in place.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central import durable
from central.errors import CosignerKeyError

_LINE: Final = re.compile("([0-9a-f]{32}) ([0-9]{20}) ([0-9a-f]{16})\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Marked:
    """What the mark says."""

    generation: str
    signed: int

    def encode(self) -> bytes:
        """Return the line."""
        said = f"{self.generation} {self.signed:020d}"
        return f"{said} {_check(said)}\n".encode("ascii")


class Mark:
    """One mark. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> Marked:
        """Make a mark of a new generation that has signed nothing; raise OSError."""
        marked = Marked(secrets.token_hex(16), 0)
        durable.replace(self.path, marked.encode(), mode=0o600)
        return marked

    def read(self) -> Marked:
        """Return what it says; raise CosignerKeyError where it is missing or no mark."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise CosignerKeyError(path=self.path, reason=error.strerror or "?") from error
        return self._parse(data)

    def raise_to(self, newest: Callable[[], int], *, at_least: int) -> None:
        """Make a count of `at_least` durable, or the newest one, unless the mark is as high.

        `newest` is asked once it is our turn. Raises OSError or CosignerKeyError.
        """
        handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            marked = self._parse(os.pread(handle, 4096, 0))
            if marked.signed < at_least:
                os.pwrite(handle, Marked(marked.generation, newest()).encode(), 0)
                os.fdatasync(handle)
        finally:
            os.close(handle)

    def _parse(self, data: bytes) -> Marked:
        found = _LINE.fullmatch(data.decode("ascii", "replace"))
        if found is None or _check(f"{found[1]} {found[2]}") != found[3]:
            raise CosignerKeyError(path=self.path, reason="it is not a mark")
        return Marked(found[1], int(found[2]))


def _check(said: str) -> str:
    return hashlib.sha256(said.encode("ascii")).hexdigest()[:16]
