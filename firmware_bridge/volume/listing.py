"""What the volume reader found on a medium, as plain values.

Everything here crosses a process boundary from a reader that parsed hostile
bytes, so nothing in it is believed: the core checks every extent against the
medium it holds. Offsets and lengths are bytes from the start of the medium.
docs/formats/volume-listing.md fixes how these values are written on the wire.
"""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

DIRECTORY: Final = 0x10  # the attribute bit of a folder, on FAT and exFAT


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes on the medium: `length` bytes from `offset`."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time exactly as the directory record stores it: local, in steps of 2 s.

    `date` and `time` are the 16-bit FAT words, `tens_ms` the extra count of
    10 ms (0 to 199) where the record has one, `zone` exFAT's offset byte where
    its valid bit is set. FAT knows no time zone: which one the recorder meant
    is never guessed here.
    """

    date: int
    time: int
    tens_ms: int = 0
    zone: int | None = None

    def local(self) -> datetime | None:
        """Return the stored time, without or with its zone; None if it names no date."""
        return _local(self.date, self.time, self.tens_ms, self.zone)


# Asked many times over of each clip, whose three times are often one.
@functools.lru_cache(maxsize=4096)
def _local(date: int, time: int, tens_ms: int, zone: int | None) -> datetime | None:
    try:
        at = datetime(  # noqa: DTZ001  the stored time has no zone; see Stamp
            1980 + (date >> 9),
            (date >> 5) & 0x0F,
            date & 0x1F,
            time >> 11,
            (time >> 5) & 0x3F,
            (time & 0x1F) * 2,
        ) + timedelta(milliseconds=10 * min(tens_ms, 199))
    except ValueError:
        return None
    if zone is None:
        return at
    quarters = zone & 0x7F
    if quarters >= 0x40:  # noqa: PLR2004  seven-bit two's complement (exFAT 7.4.10)
        quarters -= 0x80
    return at.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that makes no sense, said in one stable word and its facts.

    `code` is one of docs/formats/volume-listing.md section 5, for example
    `chain-loop`, `chain-short`, `size-zero-with-chain`, `cluster-out-of-range`.
    """

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """One path component: the raw bytes are the truth, the text is for people.

    `raw` is UTF-16LE for a long FAT name or an exFAT name, else the 11 bytes of
    the short name; `short` the 11 bytes of a FAT record (empty on exFAT). `text`
    holds no unpaired surrogate (each becomes U+FFFD); it may hold anything else.
    """

    raw: bytes
    text: str
    short: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One directory record of a file or folder, live or deleted."""

    path: tuple[Name, ...]
    deleted: bool
    directory: bool
    size: int
    valid_size: int
    attributes: int
    created: Stamp | None
    modified: Stamp | None
    accessed: Stamp | None
    first_cluster: int
    # In reading order, cut to what the file holds. For size 0 with a chain (power
    # lost while recording): the whole chain. For a deleted entry: where the bytes
    # would be if its clusters had been one run, or exFAT's contiguous run.
    extents: tuple[Extent, ...]
    # Deleted entries: True when every cluster of `extents` is still unallocated,
    # False when at least one is in use again, None when that can't be told.
    unallocated: bool | None
    problems: tuple[Problem, ...]
    record_offset: int
    # The directory record verbatim (long-name slots or secondary records included)
    # for deleted entries and for entries with problems; else empty.
    record: bytes

    @property
    def text(self) -> str:
        """Return the path for people, components joined by "/"."""
        return "/".join([name.text for name in self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One file system on the medium."""

    index: int
    offset: int
    length: int
    filesystem: str  # "fat12" | "fat16" | "fat32" | "exfat"
    serial: int
    label: str
    dirty: bool
    cluster_size: int
    total_bytes: int
    free_bytes: int
    problems: tuple[Problem, ...] = ()
    # Every directory was read to its end, nothing was cut by a bound, and the
    # medium still answered afterwards: only then may a clip be called missing.
    sound: bool = False
    # The core counts volumes of one medium that would have one key; never on the wire.
    twin: int = 0

    @property
    def key(self) -> str:
        """Return the name under which the ledger knows this volume, e.g. fat32-1A2B3C4D."""
        name = f"{self.filesystem}-{self.serial:08X}"
        return f"{name}.{self.twin}" if self.twin else name


@dataclass(frozen=True, slots=True)
class Refused:
    """A partition that the reader does not walk, and what it seems to hold."""

    index: int
    offset: int
    length: int
    found: str  # e.g. "NTFS", "ext4", "ISO 9660", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A block device or card image."""

    size: int
    sector_size: int
    table: str  # "mbr" | "gpt" | "none"
    refused: tuple[Refused, ...] = ()
    problems: tuple[Problem, ...] = ()
