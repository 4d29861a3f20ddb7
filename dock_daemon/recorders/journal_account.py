"""What a recorder's journal says must be on its card: an account that is carried on. Pure.

Each docking brings the records since the last one. What they open and close is folded into
the account; what a docking could not judge stays in it for the next (docs/formats/journal.md
section 8).
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from hashing.canonical import JSON
from hashing.journal import Moment, Record
from hashing.journal_bodies import closed, read_path

MOST_OPEN: Final = 50_000
"""Clips, and files, that stay in an account at most: of a journal that has more, the newest."""

_QUIET_FACTOR: Final = 3
_QUIET_SLACK_MS: Final = 60_000

_Natural = Annotated[int, msgspec.Meta(ge=0)]


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that the recorder closed. Times in ms UTC by its clock, None where it had none.

    `record` is the number of the record that says so. `whole` is false where `path` is only
    the end of the real one. `removed_ms` tells when the recorder saw it go, `rewritten` by
    which record it closed other content under the same name.
    """

    record: _Natural
    path: str
    whole: bool
    sha256: str
    size: _Natural
    start_ms: int | None
    end_ms: int | None
    late: bool
    removed_ms: int | None = None
    rewritten: int | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that the recorder opened and has not closed yet."""

    record: _Natural
    path: str
    whole: bool
    opened_ms: int
    removed_ms: int | None = None


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch within one start of the recorder without a record. Times by its clock.

    `record` is the one before it. `told` says that the companion had stopped in order.
    """

    record: _Natural
    from_ms: int
    to_ms: int
    lasted_ms: int
    told: bool


class Pulse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last record, against which the next one is held."""

    record: _Natural
    utc_ms: int
    boot: str
    boot_ms: int
    alive_s: int
    stopped: bool


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is open after some records: clips in the order of their records.

    `scanned`: the recorder has gone through its volume since it started, or had it back.
    """

    clips: tuple[Expected, ...] = ()
    opened: tuple[Opened, ...] = ()
    watched: tuple[str, ...] = ()
    scanned: bool = False
    pulse: Pulse | None = None


EMPTY: Final = Account()


@dataclass(frozen=True, slots=True)
class Folded:
    """The account after some more records, and the stretches without one among them."""

    account: Account
    quiet: tuple[Quiet, ...]


def fold(account: Account, records: Iterable[Record]) -> Folded:
    """Return the account after `records`, which follow those that it was made of."""
    folding = _Folding(account)
    for record in records:
        folding.take(record)
    return folding.done()


def without(account: Account, sealed: AbstractSet[str]) -> Account:
    """Return the account without the clips whose content is sealed: they are accounted for."""
    clips = tuple(clip for clip in account.clips if clip.sha256 not in sealed)
    return msgspec.structs.replace(account, clips=clips)


def encode(account: Account) -> str:
    """Return the account as the index keeps it."""
    return msgspec.json.encode(account).decode()


def decode(text: str) -> Account:
    """Return the account that `encode` wrote."""
    return msgspec.json.decode(text, type=Account)


def path_key(path: str) -> str:
    """Return what is equal for two spellings of one name: a card's file system has no case."""
    return path.casefold()


class _Folding:
    """The account while records go in."""

    def __init__(self, account: Account) -> None:
        self._clips = {clip.record: clip for clip in account.clips}
        self._holding: dict[str, set[int]] = {}  # the clips of each content
        for clip in account.clips:
            self._holding.setdefault(clip.sha256, set()).add(clip.record)
        self._newest = {
            path_key(clip.path): clip.record
            for clip in account.clips
            if clip.whole and clip.removed_ms is None and clip.rewritten is None
        }
        self._opened = {path_key(one.path): one for one in account.opened}
        self._watched = account.watched
        self._scanned = account.scanned
        self._pulse = account.pulse
        self._quiet: list[Quiet] = []

    def take(self, record: Record) -> None:
        """Take the next record."""
        self._beat(record)
        body = record.body
        match record.kind:
            case "start":
                self._watched, self._scanned = _texts(body["watched"]), False
            case "returned":
                self._scanned = False
            case "rescanned":
                self._scanned = True
            case "opened":
                self._open(record)
            case "clip":
                self._close(record)
            case "renamed":
                self._rename(record)
            case "removed":
                self._remove(record)
            case "overwritten":
                self._forget(path_key(read_path(body["path"]).text))
            case "erased":
                self._erase(str(body["sha256"]))
            case _:  # nothing that has to do with clips
                return

    def done(self) -> Folded:
        """Return the account."""
        clips = tuple(self._clips[number] for number in sorted(self._clips)[-MOST_OPEN:])
        opened = tuple(sorted(self._opened.values(), key=lambda one: one.record)[-MOST_OPEN:])
        account = Account(
            clips=clips,
            opened=opened,
            watched=self._watched,
            scanned=self._scanned,
            pulse=self._pulse,
        )
        return Folded(account, tuple(self._quiet))

    def _beat(self, record: Record) -> None:
        before, at = self._pulse, record.at
        if before is not None and _too_long(before, at):
            self._quiet.append(
                Quiet(
                    record=before.record,
                    from_ms=before.utc_ms,
                    to_ms=at.utc_ms,
                    lasted_ms=at.boot_ms - before.boot_ms,
                    told=before.stopped,
                )
            )
        alive = record.body["alive_s"] if record.kind == "start" else None
        self._pulse = Pulse(
            record=record.seq,
            utc_ms=at.utc_ms,
            boot=at.boot,
            boot_ms=at.boot_ms,
            alive_s=alive if type(alive) is int else before.alive_s if before else 0,
            stopped=record.kind == "stop",
        )

    def _open(self, record: Record) -> None:
        place = read_path(record.body["path"])
        self._opened[path_key(place.text)] = Opened(
            record=record.seq, path=place.text, whole=place.whole, opened_ms=record.at.utc_ms
        )

    def _close(self, record: Record) -> None:
        told = closed(record.body)
        key = path_key(told.place.text)
        self._opened.pop(key, None)
        clip = Expected(
            record=record.seq,
            path=told.place.text,
            whole=told.place.whole,
            sha256=told.sha256,
            size=told.size,
            start_ms=told.start_ms,
            end_ms=told.end_ms,
            late=told.late,
        )
        self._supersede(key, told.sha256, record.seq)
        self._clips[record.seq] = clip
        self._holding.setdefault(clip.sha256, set()).add(record.seq)
        if clip.whole:
            self._newest[key] = record.seq

    def _rename(self, record: Record) -> None:
        was = path_key(read_path(record.body["path"]).text)
        now = read_path(record.body["now"])
        key = path_key(now.text)
        if was in self._opened:
            opened = self._opened.pop(was)
            self._opened[key] = msgspec.structs.replace(opened, path=now.text, whole=now.whole)
        number = self._newest.pop(was, None)
        if number is None:
            return
        clip = self._clips[number]
        self._supersede(key, clip.sha256, record.seq)
        self._clips[number] = msgspec.structs.replace(clip, path=now.text, whole=now.whole)
        if now.whole:
            self._newest[key] = number

    def _supersede(self, key: str, sha256: str, by: int) -> None:
        """Let go of what stood under a name that holds something else, or the same, from now on."""
        number = self._newest.pop(key, None)
        if number is None:
            return
        if self._clips[number].sha256 == sha256:
            self._drop(number)
        else:
            self._clips[number] = msgspec.structs.replace(self._clips[number], rewritten=by)

    def _remove(self, record: Record) -> None:
        key, at = path_key(read_path(record.body["path"]).text), record.at.utc_ms
        number = self._newest.pop(key, None)
        if number is not None:
            self._clips[number] = msgspec.structs.replace(self._clips[number], removed_ms=at)
        if key in self._opened:
            self._opened[key] = msgspec.structs.replace(self._opened[key], removed_ms=at)

    def _forget(self, key: str) -> None:
        number = self._newest.pop(key, None)
        if number is not None:
            self._drop(number)
        self._opened.pop(key, None)

    def _erase(self, sha256: str) -> None:
        for number in self._holding.pop(sha256, ()):
            key = path_key(self._clips.pop(number).path)
            if self._newest.get(key) == number:
                del self._newest[key]

    def _drop(self, number: int) -> None:
        self._holding[self._clips.pop(number).sha256].discard(number)


def _too_long(before: Pulse, now: Moment) -> bool:
    if before.boot != now.boot or not before.alive_s:
        return False
    limit_ms = _QUIET_FACTOR * before.alive_s * 1000 + _QUIET_SLACK_MS
    return now.boot_ms - before.boot_ms > limit_ms


def _texts(value: JSON) -> tuple[str, ...]:
    return tuple(one for one in value if type(one) is str) if type(value) is list else ()
