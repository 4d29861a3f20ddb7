"""Where the demo plays: its folders, what it has learnt so far, and what it expects."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from config.loader import Loaded, load
from dock_daemon.docking.events import (
    Checked,
    ClipKnown,
    ClipSealed,
    ClipUnread,
    Event,
    FindingMade,
    Identified,
    Planned,
    Progress,
    Released,
)

_CHUNK_S: Final = 0.006  # what a recorder on USB 2 takes for 64 KiB
_SEALED_BEFORE_PULL: Final = 2
_LEFT_BYTES: Final = 2 << 20  # of the card, once it was pulled: no clip's data lies below


class SceneError(Exception):
    """A scene did not end as it must."""

    def __init__(self, scene: str, expected: str, found: str) -> None:
        super().__init__(f"{scene}: expected {expected}, found {found}")
        self.scene = scene
        self.expected = expected
        self.found = found


def expect(scene: str, expected: str, found: str) -> None:
    """Raise SceneError unless what came is what was expected."""
    if expected != found:
        raise SceneError(scene, expected, found)


@dataclass(slots=True)
class Stage:
    """Where the demo plays, and what it has learnt so far."""

    folder: Path
    tell: Callable[[str, dict[str, object]], None]
    sealed: list[ClipSealed] = field(default_factory=list)
    findings: list[FindingMade] = field(default_factory=list)
    checks: list[Checked] = field(default_factory=list)
    ends: list[Released] = field(default_factory=list)
    pull_soon: bool = False

    @property
    def state(self) -> Path:
        """Where the demo's dock keeps everything."""
        return self.folder / "state"

    @property
    def image(self) -> Path:
        """The card that is in the recorder."""
        return self.folder / "card.img"

    @property
    def whole(self) -> Path:
        """The same card, while it is out of the bay."""
        return self.folder / "card.whole.img"

    def settings(self) -> Loaded:
        """Return the demo dock's configuration, from files as on a real one."""
        return load(self.folder / "etc", env={}, overrides={"storage.state": str(self.state)})

    def heard(self, _bay: str, event: Event) -> None:
        """Hear a docking in its own thread, and pull the card out when it is time.

        After an unplug Linux answers reads with no bytes and no error: a file that
        ends early answers the same.
        """
        match event:
            case Progress():
                time.sleep(_CHUNK_S)
                if self.pull_soon and len(self.sealed) >= _SEALED_BEFORE_PULL:
                    self.pull_soon = False
                    os.truncate(self.image, _LEFT_BYTES)
            case ClipSealed():
                self.sealed.append(event)
            case FindingMade():
                self.findings.append(event)
            case Checked():
                self.checks.append(event)
            case Released():
                self.ends.append(event)
            case Identified() | Planned() | ClipKnown() | ClipUnread():
                return
