"""What the dock has lost and the copy still holds is brought back.

The core names what it lost, by hash, and takes nothing on our word: a copy is fetched to
STATE/sync/offers, hashed here, so that a copy that rotted too is named as that, and the core is
told where it lies. It hashes it again itself, while it copies it into a file of its own.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from dock_daemon import control
from dock_daemon.errors import StoppedError
from dock_daemon.sync import holding
from dock_daemon.sync.core import Core, Damaged
from dock_daemon.sync.replica.target import Target
from hashing.errors import FileTroubleError
from hashing.evidence_files import digest_file

log = logging.getLogger(__name__)

Came: TypeAlias = Literal["replaced", "not-damaged", "not-there", "differs", "failed", "waits"]

_ASK_AGAIN: Final = 600


class _Stop(Protocol):
    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of one lost content."""

    room: str
    sha256: str
    came: Came


def mend(
    state: Path, target: Target, core: Core, *, stop: _Stop, pause: Callable[[], object]
) -> list[Mended]:
    """Bring back from `target` what the core says it lost; `pause` waits a moment for the core.

    Raises ReplicaError, CoreAwayError, DaemonUnreachableError, StoppedError or OSError.
    """
    lost = core.damaged()
    if not lost:
        return []
    offers = state / control.OFFERS
    holding.folder(state)
    offers.mkdir(mode=0o750, exist_ok=True)
    done: list[Mended] = []
    for one in lost:
        if stop.is_set():
            raise StoppedError
        place = offers / one.sha256
        try:
            came = _mended(one, place, target, core, stop=stop, pause=pause)
        finally:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
        level = logging.WARNING if came == "replaced" else logging.ERROR
        log.log(level, "%s/%s from %s: %s", one.room, one.sha256, target.name, came)
        done.append(Mended(one.room, one.sha256, came))
    return done


def _mended(
    one: Damaged,
    place: Path,
    target: Target,
    core: Core,
    *,
    stop: _Stop,
    pause: Callable[[], object],
) -> Came:
    place.unlink(missing_ok=True)
    try:
        target.fetch(f"store/{one.room}", f"{one.sha256[:2]}/{one.sha256}", place)
    except FileNotFoundError:
        return "not-there"
    if os.geteuid() == 0:
        # The core is no root: what root fetched by hand must be the core's to read.
        owner = place.parent.parent.stat()
        os.chown(place.parent, owner.st_uid, owner.st_gid)
        os.chown(place, owner.st_uid, owner.st_gid)
    place.chmod(0o640)
    if _hash_of(place) != one.sha256:
        return "differs"
    for _ in range(_ASK_AGAIN):
        if stop.is_set():
            raise StoppedError
        came = core.offer(one.sha256)
        if came != "taken":
            return came
        pause()
    return "waits"


def _hash_of(place: Path) -> str:
    try:
        return digest_file(str(place), lambda _count: None)[1].hex()
    except FileTroubleError:
        return ""
