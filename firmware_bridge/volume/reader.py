"""What is on a medium: partitions, volumes, and every record, live and deleted.

Pure: bytes come through the `pread` that is given, values go out, and neither a
clock nor a file is touched. Hostile media end early and say so; nothing but
MediumGoneError leaves here (docs/formats/volume-listing.md sections 1 to 5).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from firmware_bridge.volume import exfat_volume, fat, fat_volume, names, partitions, probe
from firmware_bridge.volume.listing import Entry, Medium, Problem, Refused, Volume
from firmware_bridge.volume.medium import BoundReachedError, Limits, PRead, Source
from firmware_bridge.volume.partitions import Found, Partition

__all__ = ["Limits", "read_medium"]

_Opened = exfat_volume.Opened | fat_volume.Opened


@dataclass(frozen=True, slots=True)
class _Plan:
    """What will be walked, and what will not."""

    medium: Medium
    volumes: tuple[tuple[int, _Opened], ...]


def read_medium(
    pread: PRead,
    size: int,
    sector_size: int = 512,
    limits: Limits | None = None,
    *,
    encoding: str = names.CODE_PAGE,
) -> Iterator[Medium | Entry | Volume]:
    """Yield the Medium, then for each volume its entries and last the Volume itself.

    `pread(offset, length)` may return less only where nothing is left, or raise
    OSError for an unreadable range. The entries of a volume come once its walk
    has ended. Raises MediumGoneError when the medium is pulled out meanwhile.
    """
    source = Source(pread, size, limits or Limits())
    try:
        plan = _plan(source, sector_size)
    except BoundReachedError as bound:
        yield Medium(
            size=size,
            sector_size=sector_size,
            table="none",
            problems=(Problem("bound", bound.what),),
        )
        return
    yield plan.medium
    for index, opened in plan.volumes:
        yield from opened.read(source, index, encoding)


def _plan(source: Source, sector_size: int) -> _Plan:
    """Find the partitions and look at the first sector of each."""
    found, inside = _partitions(source, sector_size)
    problems = list(found.problems)
    volumes: list[tuple[int, _Opened]] = []
    refused: list[Refused] = []
    known = any(opened for _part, opened in inside)
    # Beside partitions that are volumes, an old spare boot sector means nothing.
    whole = _open(source, 0, spare=not known)
    if whole is not None and not known:
        # A volume without partitions: its boot code only looks like a table.
        found, inside, problems = Found("none"), [], []
    if whole is not None:
        if inside:
            problems.append(Problem("table-and-volume"))
        volumes.append((0, whole))
    for part, opened in inside:
        if opened is not None:
            volumes.append((part.index + (whole is not None), opened))
        else:
            what = probe.foreign(source, part.offset, part.length)
            refused.append(Refused(part.index, part.offset, part.length, what))
    if not volumes and not refused:
        refused.append(Refused(0, 0, source.size, probe.foreign(source, 0, source.size)))
    medium = Medium(
        size=source.size,
        sector_size=sector_size,
        table=found.table,
        refused=tuple(refused),
        problems=tuple(problems[: source.limits.problems]),
    )
    return _Plan(medium, tuple(volumes))


def _partitions(
    source: Source, sector_size: int
) -> tuple[Found, list[tuple[Partition, _Opened | None]]]:
    """Return the partitions and the volumes in them.

    A card image may come from a medium of larger sectors than the image is said to
    have: where no partition holds a volume, its numbers are tried in other sectors.
    """
    as_said: tuple[Found, list[tuple[Partition, _Opened | None]]] | None = None
    for size in dict.fromkeys((sector_size, *fat.SECTOR_SIZES)):
        found = partitions.find(source, size)
        inside = [(part, _open(source, part.offset)) for part in found.partitions]
        if any(opened for _part, opened in inside):
            if size != sector_size:
                wrong = Problem("table-sector-size", str(size))
                found = replace(found, problems=(*found.problems, wrong))
            return found, inside
        as_said = as_said or (found, inside)
        if not found.partitions:
            break
    return as_said or (Found("none"), [])


def _open(source: Source, offset: int, *, spare: bool = True) -> _Opened | None:
    """Return the volume at `offset`, if it is of a kind that is walked."""
    exfat = exfat_volume.open_volume(source, offset, spare=spare)
    return exfat or fat_volume.open_volume(source, offset, spare=spare)
