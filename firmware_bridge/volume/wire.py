"""What the core and its reader worker say to each other: docs/formats/reader-wire.md.

A frame is four bytes of length, big-endian, and that many bytes of JSON. Writing
and reading are pure; sockets and descriptors belong to worker.py and client.py.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from firmware_bridge import frames as frames_of
from firmware_bridge.errors import (
    BridgeError,
    MediumGoneError,
    MediumReadError,
    NotOpenedError,
    ReaderFailedError,
    UnknownFilesystemError,
)
from firmware_bridge.volume import codec
from firmware_bridge.volume.listing import Entry, Extent, Medium, Volume
from firmware_bridge.volume.strict import U64, Fields, Json, broken, load

VERSION: Final = 1
MAX_FRAME: Final = 1 << 20
# A batch is closed once its entries hold this much, so that it never nears MAX_FRAME.
_BATCH_BYTES: Final = 256 * 1024
_MAX_PATH: Final = 4096
_MAX_REASON: Final = 512


@dataclass(frozen=True, slots=True)
class Open:
    """The core asks: list what `path` (bytes, as the kernel takes them) leads to."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The worker has it open; the descriptor itself travels with this frame."""

    size: int
    sector_size: int
    block_device: bool


@dataclass(frozen=True, slots=True)
class MediumFound:
    """The partition table has been read."""

    medium: Medium


@dataclass(frozen=True, slots=True)
class ExtentsAhead:
    """The first extents of the entry that comes next, where they are too many for a frame."""

    extents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A batch of entries of the volume whose summary will follow."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class VolumeRead:
    """A volume is done: its summary, which closes its entries."""

    volume: Volume


@dataclass(frozen=True, slots=True)
class End:
    """All is said. `present`: the medium still answered, with the same first sector."""

    present: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker gives up, and why."""

    error: BridgeError


Answer: TypeAlias = Opened | MediumFound | ExtentsAhead | Entries | VolumeRead | End | Failed
Frame: TypeAlias = Open | Answer


def encode(frame: Frame) -> bytes:
    """Return a frame's bytes, length first; raise ReaderFailedError if it is too long."""
    return frames_of.put(_members(frame), most=MAX_FRAME, fail=broken)


def frames(found: Iterable[Medium | Entry | Volume]) -> Iterator[Answer]:
    """Turn what the reader finds into frames, entries in batches well below MAX_FRAME."""
    batch: list[Entry] = []
    weight = 0
    for one in found:
        if batch and (not isinstance(one, Entry) or weight + _weight(one) > _BATCH_BYTES):
            yield Entries(tuple(batch))
            batch, weight = [], 0
        match one:
            case Medium():
                yield MediumFound(one)
            case Volume():
                yield VolumeRead(one)
            case Entry(extents=extents) if len(extents) > codec.MAX_EXTENTS:
                ahead, last = _split(extents)
                yield from map(ExtentsAhead, ahead)
                yield Entries((replace(one, extents=last),))
            case Entry():
                batch.append(one)
                weight += _weight(one)
    if batch:
        yield Entries(tuple(batch))


class Decoder:
    """Cut the worker's byte stream, however it is sliced, into its answers."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._entries = codec.EntryReader()

    def feed(self, data: bytes) -> Iterator[Answer]:
        """Take newly received bytes; yield what they complete; raise ReaderFailedError."""
        for payload in self._cut(data):
            yield self._answer(payload)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while (payload := next_frame(self._rest)) is not None:
            yield payload

    def _answer(self, payload: bytes) -> Answer:
        fields = Fields(load(payload), "frame")
        answer = self._read(fields.take("kind"), fields)
        fields.done()
        return answer

    def _read(  # noqa: PLR0911  one return per kind of frame
        self, kind: Json, fields: Fields
    ) -> Answer:
        match kind:
            case "opened":
                return Opened(
                    size=fields.integer("size", high=U64),
                    sector_size=fields.integer("sector_size", low=1, high=1 << 16),
                    block_device=fields.boolean("block_device"),
                )
            case "medium":
                return MediumFound(codec.medium_from(fields.take("medium")))
            case "extents":
                return ExtentsAhead(
                    fields.many("extents", codec.extent_from, most=codec.MAX_EXTENTS)
                )
            case "entries":
                return Entries(fields.many("entries", self._entries.read, most=codec.MAX_BATCH))
            case "volume":
                return VolumeRead(codec.volume_from(fields.take("volume")))
            case "end":
                return End(fields.boolean("present"))
            case "failed":
                return Failed(_error_from(fields))
            case _:
                raise broken("a frame of no known kind")


def next_frame(buffer: bytearray) -> bytes | None:
    """Take one whole frame's JSON off the front of `buffer`; None while it is not complete."""
    return frames_of.take(buffer, most=MAX_FRAME, fail=broken)


def read_open(payload: bytes) -> Open:
    """Read the core's request; raise ReaderFailedError."""
    fields = Fields(load(payload), "frame")
    if fields.take("kind") != "open":
        raise broken("the first frame asks for nothing")
    fields.integer("version", low=VERSION, high=VERSION)
    request = Open(fields.octets("path", longest=_MAX_PATH))
    fields.done()
    return request


def _members(  # noqa: PLR0911  one return per kind of frame
    frame: Frame,
) -> dict[str, Json]:
    match frame:
        case Open(path):
            return {"kind": "open", "version": VERSION, "path": path.hex()}
        case Opened(size, sector_size, block_device):
            return {
                "kind": "opened",
                "size": size,
                "sector_size": sector_size,
                "block_device": block_device,
            }
        case MediumFound(medium):
            return {"kind": "medium", "medium": codec.medium_to(medium)}
        case ExtentsAhead(extents):
            return {"kind": "extents", "extents": [codec.extent_to(one) for one in extents]}
        case Entries(entries):
            return {"kind": "entries", "entries": [codec.entry_to(entry) for entry in entries]}
        case VolumeRead(volume):
            return {"kind": "volume", "volume": codec.volume_to(volume)}
        case End(present):
            return {"kind": "end", "present": present}
        case Failed(error):
            return {"kind": "failed", **_error_to(error)}


def _error_to(error: BridgeError) -> dict[str, Json]:
    match error:
        case NotOpenedError():
            return {
                "code": "not-opened",
                "path": os.fsencode(error.path)[:_MAX_PATH].hex(),
                "reason": _plain(error.reason),
            }
        case MediumGoneError():
            return {
                "code": "gone",
                "offset": error.offset,
                "wanted": error.wanted,
                "got": error.got,
            }
        case MediumReadError():
            return {
                "code": "unread",
                "offset": error.offset,
                "length": error.length,
                "reason": _plain(error.reason),
            }
        case UnknownFilesystemError():
            return {"code": "unknown-filesystem", "found": _plain(error.found)}
        case _:
            return {"code": "reader-failed", "reason": _plain(str(error))}


def _error_from(fields: Fields) -> BridgeError:
    match fields.take("code"):
        case "not-opened":
            return NotOpenedError(
                path=os.fsdecode(fields.octets("path", longest=_MAX_PATH)),
                reason=fields.text("reason", longest=_MAX_REASON),
            )
        case "gone":
            return MediumGoneError(
                offset=fields.integer("offset", high=U64),
                wanted=fields.integer("wanted", high=U64),
                got=fields.integer("got", high=U64),
            )
        case "unread":
            return MediumReadError(
                offset=fields.integer("offset", high=U64),
                length=fields.integer("length", high=U64),
                reason=fields.text("reason", longest=_MAX_REASON),
            )
        case "unknown-filesystem":
            return UnknownFilesystemError(found=fields.text("found", longest=_MAX_REASON))
        case "reader-failed":
            return ReaderFailedError(fields.text("reason", longest=_MAX_REASON))
        case _:
            raise broken("a failure of no known code")


def _plain(reason: str) -> str:
    """Return `reason` short, and without surrogates, which the wire refuses."""
    return reason.encode("utf-8", "replace").decode("utf-8")[:_MAX_REASON]


def _weight(entry: Entry) -> int:
    """Return at least the bytes that an entry takes on the wire (one code point: 12)."""
    names = sum(2 * len(one.raw) + 12 * len(one.text) + 40 for one in entry.path)
    problems = sum(12 * len(one.detail) + 80 for one in entry.problems)
    return 512 + names + problems + 44 * len(entry.extents) + 2 * len(entry.record)


def _split(extents: tuple[Extent, ...]) -> tuple[list[tuple[Extent, ...]], tuple[Extent, ...]]:
    step = codec.MAX_EXTENTS
    parts = [extents[at : at + step] for at in range(0, len(extents), step)]
    return parts[:-1], parts[-1]
