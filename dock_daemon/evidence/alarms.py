"""What somebody showed us that cannot be true of our log: kept as evidence, for good.

    STATE/alarms/<UTC>-<origin hash>/ours.note     the newest head that we remember signing
                                     theirs.note   what contradicts it, signed by our own key
                                     alarm.json    who showed it, when, what is wrong
                                     resolved.json why it stands no longer, once it does not

A note that nobody signed for us, only a size that somebody named, has no `theirs.note`.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from dock_daemon.evidence import durable
from hashing.submission import origin_hash

FOLDER: Final = "alarms"
_MOST: Final = 64
"""More alarms than these say nothing that the first ones did not."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A head as an alarm tells it: entries, and the root in hex where one is known."""

    size: int
    root: str | None


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is signed any more."""

    why: str
    witness: str
    """Who showed it: a configured witness, or `head-copy`."""
    ours: Head | None
    theirs: Head
    seen_ms: int
    where: str
    """The folder that holds the evidence."""

    @property
    def proved(self) -> bool:
        """Whether our own signature proves it, or somebody's word alone states it."""
        return self.theirs.root is not None


def keep(state: Path, origin: str, alarm: Alarm, notes: Mapping[str, bytes]) -> Alarm:
    """Make an alarm and its notes durable; return it with the folder that it has.

    Raises OSError. What says the same as an alarm that stands is not kept twice.
    """
    standing = load(state)
    for old in standing:
        if (old.why, old.theirs, old.ours) == (alarm.why, alarm.theirs, alarm.ours):
            return old
    root = state / FOLDER
    if not root.is_dir():
        root.mkdir(mode=0o750)
        durable.sync_path(state)
    if len(standing) >= _MOST:
        return standing[-1]
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(alarm.seen_ms / 1000))
    name = f"{stamp}.{alarm.seen_ms % 1000:03d}Z-{origin_hash(origin)[:8]}"
    while (root / name).exists():
        name += "x"
    kept = msgspec.structs.replace(alarm, where=str(root / name))
    _put(root, name, {**notes, "alarm.json": msgspec.json.encode(kept)})
    return kept


def load(state: Path) -> list[Alarm]:
    """Return the alarms that stand, the oldest first; raise OSError or ValueError.

    A folder that cannot be read is no reason to sign: whoever asks must treat it as one
    that stands.
    """
    root = state / FOLDER
    if not root.is_dir():
        return []
    folders = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    return [
        msgspec.structs.replace(
            msgspec.json.decode((folder / "alarm.json").read_bytes(), type=Alarm),
            where=str(folder),
        )
        for folder in folders
        if not (folder / "resolved.json").exists()
    ]


def theirs(alarm: Alarm) -> bytes | None:
    """Return the note that contradicts ours, or None where there is only somebody's word."""
    path = Path(alarm.where) / "theirs.note"
    return path.read_bytes() if path.exists() else None


def resolve(alarm: Alarm, reason: str, at_ms: int) -> None:
    """Say for good why an alarm stands no longer; its evidence stays."""
    told = json.dumps({"reason": reason, "at_ms": at_ms}, ensure_ascii=False).encode()
    durable.replace(Path(alarm.where) / "resolved.json", told)


def _put(root: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Make a folder of files, whole or not at all."""
    aside = root / f".{name}.{os.getpid()}.new"
    aside.mkdir(mode=0o750)
    for file, content in files.items():
        durable.write_new(aside / file, content)
        durable.sync_path(aside / file)
    durable.sync_path(aside)
    aside.rename(root / name)
    durable.sync_path(root)


def as_json(alarm: Alarm) -> dict[str, object]:
    """Return an alarm as the control socket tells it."""
    told: dict[str, object] = msgspec.to_builtins(alarm)
    return told
