"""The register as its file is now: what was imported counts from the next docking on.

A file that is spoilt, emptied or taken away by hand while the dock runs changes nothing: the last
sound one stays in force, and the dock's log says so; of one spoilt content, once.
"""

import hashlib
import logging
import threading
from pathlib import Path

from config.errors import ConfigError
from config.register import Register, parse_register
from config.toml import read

log = logging.getLogger(__name__)


class RegisterFile:
    """The register of a running dock. Any thread may ask."""

    def __init__(self, path: Path, known: Register) -> None:
        self._path = path
        self._known = known
        self._refused = ""
        self._lock = threading.Lock()

    def current(self) -> Register:
        """Return the register in force."""
        with self._lock:
            if not self._path.exists() and not self._known.holders:
                return self._known  # there was none at the start either
            try:
                data = read(self._path)
                digest = hashlib.sha256(data).hexdigest()
                if digest not in {self._known.sha256, self._refused}:
                    self._refused = digest
                    self._take(parse_register(data, source=str(self._path)))
            except ConfigError as error:
                log.warning("the register in force stays: %s", error)
            return self._known

    def _take(self, found: Register) -> None:
        if self._known.holders and not found.holders and not found.others:
            log.warning("the register in force stays: nobody stands in %s any more", self._path)
            return
        self._known = found
        log.info("%s: %d recorders", self._path, len(found.holders))
