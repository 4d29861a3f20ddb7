"""Which recorder this is, and whose: asked over its channel, else of the files that it carries."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from config.register import Holder, Register
from dock_daemon.docking.plan import content_size
from dock_daemon.docking.sources import Source
from dock_daemon.recorders.greeting import Greeting
from firmware_bridge.drivers.fs_only import FILES, Identity, identify
from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume.listing import Entry

_MOST: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Known:
    """A docked recorder: what it told, and who holds it by the register (R-ISSUE).

    `identity` is what its files say, `greeting` what it said itself, which comes first.
    """

    identity: Identity | None
    holder: Holder | None
    greeting: Greeting | None = None

    @property
    def number(self) -> str:
        """Return the recorder's number, empty when it told none."""
        return _number(self.greeting, self.identity)

    @property
    def told_user_no(self) -> str | None:
        """Return the number of the person whom it names; None where nothing is said of that."""
        if self.greeting is not None and self.greeting.holder is not None:
            return self.greeting.holder.user_no
        return None if self.identity is None else self.identity.user_no


def of_greeting(greeting: Greeting | None, register: Register) -> Known:
    """Return what is known of a recorder whose files could not be read."""
    number = _number(greeting, None)
    return Known(None, register.find(number) if number else None, greeting)


def of_source(
    source: Source,
    register: Register,
    stop: threading.Event,
    greeting: Greeting | None = None,
    files: Sequence[str] = FILES,
) -> Known:
    """Read the identity files and look the recorder up; raise MediumGoneError.

    `files` are those in which its make says who it is, in the order in which they count.
    """
    identity = _of_files(source, stop, files)
    number = _number(greeting, identity)
    return Known(identity, register.find(number) if number else None, greeting)


def _number(greeting: Greeting | None, identity: Identity | None) -> str:
    if greeting is not None and greeting.identity is not None and greeting.identity.number:
        return greeting.identity.number
    return "" if identity is None else identity.dev_no


def _of_files(source: Source, stop: threading.Event, files: Sequence[str]) -> Identity | None:
    for _, entries in source.volumes:
        by_path = {
            entry.text.casefold(): entry
            for entry in entries
            if not entry.deleted and not entry.directory
        }

        def content(path: str, at: dict[str, Entry] = by_path) -> bytes | None:
            return _content(source, at.get(path.casefold()), stop)

        identity = identify(content, files)
        if identity is not None:
            return identity
    return None


def _content(source: Source, entry: Entry | None, stop: threading.Event) -> bytes | None:
    if entry is None or content_size(entry) > _MOST:
        return None
    try:
        return b"".join(source.chunks(entry, stop))
    except MediumReadError:
        return None
