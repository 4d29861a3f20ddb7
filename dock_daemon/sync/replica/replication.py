"""Makes a copy of store and log what the dock's own are, and says what it found.

    (1) the head is fixed: what is copied is at least what it covers
    (2) the place is looked at: nothing there may be another dock's, or know more than we
    (3) clips and documents: what is missing there, or has another size
    (4) the files of the log
    (5) everything that was brought is read back and hashed
    (6) the checkpoint, last: so the copy verifies whenever the power goes

A file of the store is named by its hash, so a copy is right or damaged by itself; a damaged
one gives way only to content that has its name's hash. A file of the log is held against
the dock's own, and gives way only if the dock's own log verifies.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from dock_daemon.errors import (
    ReplicaAheadError,
    ReplicaOtherError,
    ReplicaTargetError,
    StoppedError,
)
from dock_daemon.sync.published import head_of
from dock_daemon.sync.replica.source import CHECKPOINT, LOG, MAX_KEY, STORE, VKEY, Fixed, Source
from dock_daemon.sync.replica.target import Target
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from hashing.note import MAX_NOTE
from hashing.verify import verify_log

_BATCH_FILES: Final = 1000
_BATCH_BYTES: Final = 1 << 30
_TRIES: Final = 3
_HEAD: Final = f"{LOG}/{CHECKPOINT}"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a copy is."""

    room: str
    done: int
    of: int


@dataclass(slots=True)
class Report:
    """What a copy did. Paths begin with their room."""

    target: str
    entries: int
    """How many entries the copied checkpoint covers."""
    copied: int = 0
    copied_bytes: int = 0
    verified: int = 0
    """How many files were read back there and are right."""
    there: dict[str, int] = field(default_factory=dict)
    """How many were there before, with the right size; by room."""
    damaged: list[str] = field(default_factory=list)
    """What was there and was not right; `repaired` are those that are by now."""
    repaired: list[str] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)
    """What the dock itself does not have as its name says: not copied."""
    failed: list[str] = field(default_factory=list)
    """What was brought and did not come back as it went."""

    @property
    def complete(self) -> bool:
        """Tell whether the copy holds all that the dock can give, and all of it is right."""
        return not self.failed and set(self.damaged) <= set(self.repaired)

    def as_json(self) -> dict[str, object]:
        """Return it as one JSON object."""
        return {
            "target": self.target,
            "entries": self.entries,
            "copied": self.copied,
            "copied_bytes": self.copied_bytes,
            "verified": self.verified,
            "there": sum(self.there.values()),
            "damaged": self.damaged,
            "repaired": self.repaired,
            "spoilt": self.spoilt,
            "failed": self.failed,
            "complete": self.complete,
        }


class _Stop(Protocol):
    def is_set(self) -> bool: ...


def replicate(
    source: Source,
    target: Target,
    *,
    check: bool,
    expect: bool,
    stop: _Stop,
    tell: Callable[[Step], None] = lambda _step: None,
) -> Report:
    """Bring the copy up to date; with `check`, hash everything that is there as well.

    `expect` tells that a copy was there before: an empty place is then a disk that is not
    mounted. Raises NothingPublishedError, ReplicaError, StoppedError, EvidenceError where
    our own log cannot be read, or OSError.
    """
    return _Replication(source, target, check=check, stop=stop, tell=tell).run(expect=expect)


class _Replication:
    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        check: bool,
        stop: _Stop,
        tell: Callable[[Step], None],
    ) -> None:
        self._source = source
        self._target = target
        self._check = check
        self._stop = stop
        self._tell = tell
        self._report = Report(target.name, 0)

    def run(self, *, expect: bool) -> Report:
        self._target.open()
        fixed = self._source.fix()
        self._refuse_others(fixed, expect=expect)
        for room in STORE:
            self._room(room, self._source.stored(room), by_name=True)
        fixed, files = self._published(fixed)
        self._room(LOG, files, by_name=False)
        self._report.entries = fixed.head.size
        if self._log_arrived():
            self._conclude(fixed)
        return self._report

    def _log_arrived(self) -> bool:
        """Tell whether the copied log holds: a clip that both have lost must not hold it up."""
        report = self._report
        wrong = {*report.failed, *report.damaged} - {*report.repaired, _HEAD}
        return not any(path.startswith(f"{LOG}/") for path in wrong)

    def _refuse_others(self, fixed: Fixed, *, expect: bool) -> None:
        """Step (2); a checkpoint there that is none is damage, and will be written anew."""
        held = self._target.sizes(LOG)
        if VKEY in held:
            origin = self._read(VKEY, MAX_KEY).decode("utf-8", "replace").partition("+")[0]
            if origin != fixed.head.origin:
                raise ReplicaOtherError(self._target.name, found=origin, wanted=fixed.head.origin)
        elif expect:
            raise ReplicaTargetError(self._target.name, "the copy that was there is gone")
        if CHECKPOINT not in held:
            return
        try:
            theirs = head_of(self._read(CHECKPOINT, MAX_NOTE)).checkpoint
        except EvidenceError:
            self._report.damaged.append(_HEAD)
            return
        if theirs.origin != fixed.head.origin:
            raise ReplicaOtherError(
                self._target.name, found=theirs.origin, wanted=fixed.head.origin
            )
        if not self._source.begins_with(theirs, fixed.head.checkpoint):
            raise ReplicaAheadError(self._target.name, held=theirs.size, ours=fixed.head.size)

    def _published(self, fixed: Fixed) -> tuple[Fixed, Mapping[str, int]]:
        """Return the files of the log, of a newer head if the log has moved on meanwhile.

        Its clips may have come after we looked at the store: so the store is looked at again.
        """
        for _ in range(_TRIES - 1):
            try:
                return fixed, self._source.published(fixed.head.size)
            except FileNotFoundError:
                fixed = self._source.fix()
                for room in STORE:
                    self._room(room, self._source.stored(room), by_name=True)
        return fixed, self._source.published(fixed.head.size)

    def _room(self, room: str, wanted: Mapping[str, int], *, by_name: bool) -> None:
        """Do steps (3) to (5) for one room; `by_name`: a file's name ends in its SHA-256."""
        held = self._target.sizes(room)
        damaged = [path for path, size in wanted.items() if held.get(path, size) != size]
        missing = [path for path in wanted if path not in held]
        self._report.there[room] = len(wanted) - len(missing) - len(damaged)
        if self._check:
            same = {path: size for path, size in wanted.items() if held.get(path) == size}
            damaged += self._rehash(room, same, by_name=by_name)
        self._report.damaged += [f"{room}/{path}" for path in damaged]
        self._carry(room, {path: wanted[path] for path in missing}, by_name=by_name, over=False)
        if damaged and (by_name or self._log_is_sound()):
            self._carry(room, {path: wanted[path] for path in damaged}, by_name=by_name, over=True)

    def _rehash(self, room: str, held: Mapping[str, int], *, by_name: bool) -> list[str]:
        """Return what is there and is not what it should be."""
        wrong: list[str] = []
        done = 0
        for batch in _batches(held):
            found = self._target.digests(room, batch, self._going_on)
            for path in batch:
                right = _named(path) if by_name else self._source.digest(room, path)
                if found.get(path) == right:
                    self._report.verified += 1
                else:
                    wrong.append(path)
            done += len(batch)
            self._tell(Step(room, done, len(held)))
        return wrong

    def _carry(self, room: str, wanted: Mapping[str, int], *, by_name: bool, over: bool) -> None:
        """Copy files, read them back, and count how it went."""
        report, done = self._report, 0
        for batch in _batches(wanted):
            asked = {path: _named(path) if by_name else None for path in batch}
            brought = self._target.bring(room, asked, over=over, going_on=self._going_on)
            went = {path: batch[path] for path in brought.went}
            found = self._target.digests(room, went, self._going_on)
            for path, digest in brought.went.items():
                where = f"{room}/{path}"
                if found.get(path) != digest:
                    report.failed.append(where)
                    continue
                report.copied += 1
                report.copied_bytes += batch[path]
                report.verified += 1
                if over:
                    report.repaired.append(where)
            report.spoilt += [f"{room}/{path}" for path in brought.spoilt]
            done += len(batch)
            self._tell(Step(room, done, len(wanted)))

    def _conclude(self, fixed: Fixed) -> None:
        """Do step (6), the keys before the checkpoint: both are small and change."""
        held = self._target.sizes(LOG)
        for name, data in self._source.keys().items():
            if name not in held or self._read(name, MAX_KEY) != data:
                self._target.write(f"{LOG}/{name}", data)
        self._target.write(_HEAD, fixed.note)
        if self._read(CHECKPOINT, MAX_NOTE) != fixed.note:
            self._report.failed.append(_HEAD)
        elif _HEAD in self._report.damaged:
            self._report.repaired.append(_HEAD)

    def _log_is_sound(self) -> bool:
        key = VerifierKey.parse(self._source.path(LOG, VKEY).read_text("ascii").strip())
        return verify_log(self._source.root / LOG, key).ok

    def _read(self, name: str, at_most: int) -> bytes:
        return self._target.read(f"{LOG}/{name}", at_most)

    def _going_on(self) -> None:
        if self._stop.is_set():
            raise StoppedError("the copy was stopped; it goes on where it stopped")


def _named(path: str) -> str:
    return path.rpartition("/")[2]


def _batches(wanted: Mapping[str, int]) -> Iterator[dict[str, int]]:
    batch: dict[str, int] = {}
    room = _BATCH_BYTES
    for path, size in wanted.items():
        if batch and (len(batch) == _BATCH_FILES or size > room):
            yield batch
            batch, room = {}, _BATCH_BYTES
        batch[path] = size
        room -= size
    if batch:
        yield batch
