"""Partitions of a medium: MBR with logical ones, GPT, or none.

Type bytes are not believed, only places: what a partition holds is asked of its
first sector. Numbers in a table are sectors of the medium.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from firmware_bridge.errors import MediumReadError
from firmware_bridge.volume import gpt
from firmware_bridge.volume.listing import Problem
from firmware_bridge.volume.medium import Source

_SIGNATURE: Final = b"\x55\xaa"
_TABLE_AT: Final = 446
_SLOT: Final = 16
_SLOTS: Final = 4
_EXTENDED: Final = frozenset({0x05, 0x0F, 0x85})
_PROTECTIVE: Final = 0xEE
_STATUS: Final = frozenset({0x00, 0x80})

Table = Literal["mbr", "gpt", "none"]


@dataclass(frozen=True, slots=True)
class Partition:
    """A stretch of the medium, in bytes, cut to what the medium holds."""

    index: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Found:
    """The table of a medium, its partitions, and what is wrong with them."""

    table: Table
    partitions: tuple[Partition, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Slot:
    kind: int
    start: int
    count: int


def find(source: Source, sector_size: int) -> Found:
    """Return the partitions. Raises MediumGoneError; an unreadable table is a problem."""
    try:
        first = source.read(0, 512)
    except MediumReadError:
        return Found("none", (), (Problem("table-unreadable"),))
    problems: list[Problem] = []
    slots = _slots(first)
    protected = any(slot.kind == _PROTECTIVE for slot in slots)
    spans = gpt.spans(source, sector_size, problems) if protected or not slots else None
    table: Table = "none"
    if spans is not None:
        table = "gpt"
        if any(slot.kind != _PROTECTIVE for slot in slots):
            problems.append(Problem("gpt-hybrid"))
    elif slots:
        table = "mbr"
        if protected:
            problems.append(Problem("gpt-missing"))
    extra = _mbr(source, slots, sector_size, problems)
    known = set(spans or ())
    every = [*(spans or ()), *(span for span in extra if span not in known)]
    return Found(table, _placed(source, every, problems), tuple(problems))


def _slots(sector: bytes) -> list[_Slot]:
    """Return the used slots of a table sector; none if it is no table."""
    if sector[510:512] != _SIGNATURE:
        return []
    raw = [sector[at : at + _SLOT] for at in range(_TABLE_AT, _TABLE_AT + _SLOT * _SLOTS, _SLOT)]
    if any(slot[0] not in _STATUS for slot in raw):
        return []  # boot code stands there: no table
    found = [
        _Slot(slot[4], int.from_bytes(slot[8:12], "little"), int.from_bytes(slot[12:16], "little"))
        for slot in raw
    ]
    return [slot for slot in found if slot.count and slot.start]


def _mbr(
    source: Source, slots: list[_Slot], sector_size: int, problems: list[Problem]
) -> list[tuple[int, int]]:
    spans = []
    for slot in slots:
        if slot.kind in _EXTENDED:
            spans += list(_logical(source, slot.start, sector_size, problems))
        elif slot.kind != _PROTECTIVE:
            spans.append((slot.start * sector_size, slot.count * sector_size))
    return spans


def _logical(
    source: Source, base: int, sector_size: int, problems: list[Problem]
) -> Iterator[tuple[int, int]]:
    """Yield the logical partitions of an extended one: a linked list of tables."""
    at, seen = base, set[int]()
    while at not in seen and len(seen) < source.limits.partitions:
        seen.add(at)
        try:
            slots = _slots(source.read(at * sector_size, 512))
        except MediumReadError:
            problems.append(Problem("table-unreadable", f"extended, at sector {at}"))
            return
        following = None
        for slot in slots:
            if slot.kind in _EXTENDED:
                following = base + slot.start
            else:
                yield (at + slot.start) * sector_size, slot.count * sector_size
        if following is None:
            return
        at = following
    problems.append(Problem("table-loop", f"extended, at sector {at}"))


def _placed(
    source: Source, spans: list[tuple[int, int]], problems: list[Problem]
) -> tuple[Partition, ...]:
    """Return the partitions numbered, cut to the medium; report where they collide."""
    placed: list[Partition] = []
    for index, (offset, length) in enumerate(spans[: source.limits.partitions]):
        if offset >= source.size or length <= 0:
            problems.append(Problem("partition-outside", f"{index} at {offset}"))
            continue
        if offset + length > source.size:
            problems.append(Problem("partition-cut", f"{index}: {length} bytes at {offset}"))
            length = source.size - offset  # noqa: PLW2901  cut to the medium
        problems += [
            Problem("partition-overlap", f"{other.index} and {index}")
            for other in placed
            if offset < other.offset + other.length and other.offset < offset + length
        ]
        placed.append(Partition(index, offset, length))
    if len(spans) > source.limits.partitions:
        problems.append(Problem("bound", "partitions"))
    return tuple(placed)
