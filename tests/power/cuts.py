"""Where power is cut, and what a disk has kept by then.

What was written before a disk's last flush is kept: that is the promise. Of what came after it
each write is kept or lost, whole or torn at a sector, for a disk is free to carry out its writes
in any order. (A loop device has no writes through the cache: what a file system asks for as such
comes as a write and a flush.)
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.power.devices import copy_sparse
from tests.power.recording import Recording
from tests.power.scene import chance
from tests.power.tape import Kind, Record

_TORN: Final = 0.2
_NEAR: Final = 12  # records
_AFTER_A_FLUSH, _NEAR_CLIPS, _NEAR_HEADS = 2, 3, 4  # 0 and 1: anywhere


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut of a recorded run: before which record each disk stopped, and what it kept."""

    number: int
    places: tuple[int, ...]
    keep: float
    """With which probability a write that nobody flushed is there afterwards."""
    torn: bool
    seed: str

    @property
    def known(self) -> int:
        """Return up to where what was told had been told for certain."""
        return min(self.places)

    @property
    def store_is_behind(self) -> bool:
        """Tell whether the store's disk lost what its flush had promised to the ledger."""
        return self.places[-1] < self.places[0]

    def __str__(self) -> str:
        """Return it for people."""
        places = "/".join(map(str, self.places))
        return f"cut {self.number} before record {places}, kept {self.keep}, torn {self.torn}"


def draw(
    recording: Recording, number: int, seed: str, *, apart: bool = False, near_heads: bool = False
) -> Cut:
    """Return the cut of this number.

    `apart`, the disks stop one after the other; `near_heads`, about where a head was seen.
    """
    seed = f"{seed}/{number}"
    rng = chance(seed)
    how = _NEAR_HEADS if near_heads else rng.randrange(_NEAR_HEADS + 1)
    places = [_place(recording, rng, how)] * len(recording.images)
    if apart and len(places) > 1:
        places[rng.randrange(2)] = _place(recording, rng, 0)
    keep, torn = rng.choice(((1.0, False), (0.0, False), (0.5, False), (0.5, True), (0.8, True)))
    return Cut(number, tuple(places), keep, torn, seed)


def _place(recording: Recording, rng: Random, how: int) -> int:
    """Return a record: any one, the first after a flush, or one near to what was told."""
    records = recording.records
    at = rng.randint(1, len(records))
    if how == _AFTER_A_FLUSH:
        while at < len(records) and records[at - 1].kind is not Kind.FLUSH:
            at += 1
    if how in {_NEAR_CLIPS, _NEAR_HEADS}:
        heads = [when for when, told in recording.told if "head" in told]
        sealed = [when for when, told in recording.told if told.get("state") == "sealed"]
        near = heads if how == _NEAR_HEADS else sealed
        at = rng.choice(near or [at]) + rng.randint(-_NEAR, _NEAR)
    return min(max(1, at), len(records))


def disks_after(
    records: Sequence[Record], images: Sequence[Path], sectors: Sequence[int], cut: Cut
) -> Iterator[int]:
    """Yield each disk as it is after the cut, as the descriptor of a file in memory."""
    rng = chance(f"{cut.seed}/kept")
    for disk, (image, sector, place) in enumerate(zip(images, sectors, cut.places, strict=True)):
        handle = _copy(image)
        mine = [one for one in records[:place] if one.disk == disk and one.kind is not Kind.TOLD]
        flushes = [at for at, one in enumerate(mine) if one.kind is Kind.FLUSH]
        flushed = flushes[-1] if flushes else 0
        for one in mine[:flushed]:
            os.pwrite(handle, one.content, one.offset)
        for one in mine[flushed:]:
            if one.kind is not Kind.FLUSH and rng.random() < cut.keep:
                torn = cut.torn and rng.random() < _TORN
                _keep(handle, one, sector if torn else 0, rng)
        yield handle


def _keep(handle: int, record: Record, sector: int, rng: Random) -> None:
    """Write what was kept of one write: torn, its beginning, its end, or sectors of it."""
    content = record.content
    if not sector:
        os.pwrite(handle, content, record.offset)
        return
    count = -(-len(content) // sector)
    edge = rng.randint(0, count)
    how = rng.randrange(3)
    for at in range(count):
        if (at < edge, at >= edge, rng.random() < 0.5)[how]:
            part = content[at * sector : (at + 1) * sector]
            os.pwrite(handle, part, record.offset + at * sector)


def _copy(image: Path) -> int:
    """Return a copy of a disk as a file in memory."""
    handle = os.memfd_create(image.name, os.MFD_CLOEXEC)
    with image.open("rb", buffering=0) as file:
        copy_sparse(file.fileno(), handle)
    return handle
