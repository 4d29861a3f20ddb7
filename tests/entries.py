"""Directory records as the reader tells them, made by hand."""

from firmware_bridge.volume.listing import Entry, Extent, Name, Problem, Stamp, Volume

DATE = (2026 - 1980) << 9 | 3 << 5 | 14
TIME = 9 << 11 | 26 << 5 | 26
RECORDED = Stamp(DATE, TIME)


def volume(
    *, sound: bool = True, serial: int = 0x1A2B3C4D, problems: tuple[str, ...] = ()
) -> Volume:
    """Return a FAT32 volume of 64 MiB, half of it free."""
    return Volume(
        index=0,
        offset=0,
        length=64 << 20,
        filesystem="fat32",
        serial=serial,
        label="RECORDER",
        dirty=False,
        cluster_size=4096,
        total_bytes=64 << 20,
        free_bytes=32 << 20,
        problems=tuple(Problem(code) for code in problems),
        sound=sound,
    )


def record(  # noqa: PLR0913  each is a field of a directory record
    path: str,
    *,
    at: int = 4096,
    size: int = 1000,
    reach: int | None = None,
    valid: int | None = None,
    deleted: bool = False,
    directory: bool = False,
    modified: Stamp | None = RECORDED,
    problems: tuple[str, ...] = (),
    record_offset: int | None = None,
    short: bool = False,
) -> Entry:
    """Return an entry whose content lies at `at`; `reach` bytes of it can be had."""
    length = size if reach is None else reach
    return Entry(
        path=tuple(name(part, short=short) for part in path.split("/")),
        deleted=deleted,
        directory=directory,
        size=size,
        valid_size=size if valid is None else valid,
        attributes=0x10 if directory else 0x20,
        created=None,
        modified=modified,
        accessed=None,
        first_cluster=at // 512,
        extents=(Extent(at, length),) if length else (),
        unallocated=True if deleted else None,
        problems=tuple(Problem(code) for code in problems),
        record_offset=at + 7 if record_offset is None else record_offset,
        record=b"",
    )


def name(text: str, *, short: bool = False) -> Name:
    """Return a path component, long (UTF-16) or short (11 bytes)."""
    if not short:
        return Name(raw=text.encode("utf-16-le", "surrogatepass"), text=text)
    base, _, ending = text.partition(".")
    raw = base.encode("latin-1").ljust(8) + ending.encode("latin-1").ljust(3)
    return Name(raw=raw, text=text, short=raw)
