"""Which recorder this is, and whose: asked of the files that it carries."""

import threading
from dataclasses import dataclass
from typing import Final

from config.register import Holder, Register
from dock_daemon.docking.plan import content_size
from dock_daemon.docking.sources import Source
from firmware_bridge.drivers.fs_only import Identity, identify
from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry

_MOST: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Known:
    """A docked recorder: what it told, and who holds it by the register (R-ISSUE)."""

    identity: Identity | None
    holder: Holder | None

    @property
    def number(self) -> str:
        """Return the recorder's number, empty when it told none."""
        return "" if self.identity is None else self.identity.dev_no


def of_source(source: Source, register: Register, stop: threading.Event) -> Known:
    """Read the identity files and look the recorder up; raise MediumGoneError."""
    for _, entries in source.volumes:
        by_path = {
            entry.text.casefold(): entry
            for entry in entries
            if not entry.deleted and not entry.directory
        }

        def content(path: str, at: dict[str, Entry] = by_path) -> bytes | None:
            return _content(source, at.get(path.casefold()), stop)

        identity = identify(content)
        if identity is not None:
            number = identity.dev_no
            return Known(identity, register.find(number) if number else None)
    return Known(None, None)


def _content(source: Source, entry: Entry | None, stop: threading.Event) -> bytes | None:
    if entry is None or content_size(entry) > _MOST:
        return None
    try:
        return b"".join(source.chunks(entry, stop))
    except MediumReadError:
        return None
