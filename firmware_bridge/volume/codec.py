"""A listing's values as JSON, and back: docs/formats/reader-wire.md section 4.

Writing takes what the reader built. Reading believes nothing: see strict.py.
What depends on the medium's size is checked by the client, which knows it.
"""

from functools import partial
from typing import Final

from firmware_bridge.volume.listing import (
    Entry,
    Extent,
    Medium,
    Name,
    Problem,
    Refused,
    Stamp,
    Volume,
)
from firmware_bridge.volume.problems import CODES
from firmware_bridge.volume.strict import (
    U16,
    U32,
    U64,
    Fields,
    Json,
    array,
    broken,
    integer,
    octets,
    text,
)

# Bounds of section 5. The reader's own are narrower; these keep a reader that
# was taken over from filling the core's memory.
MAX_NAME_BYTES: Final = 1024
MAX_TEXT: Final = 1024
MAX_DEPTH: Final = 128
MAX_RECORD: Final = 64 * 1024
MAX_PROBLEMS: Final = 4096
MAX_REFUSED: Final = 256
# What fits a frame many times over; longer runs of extents travel ahead of their entry.
MAX_EXTENTS: Final = 8_192
MAX_BATCH: Final = 4096

TABLES: Final = frozenset({"mbr", "gpt", "none"})
FILESYSTEMS: Final = frozenset({"fat12", "fat16", "fat32", "exfat"})


def problem_to(problem: Problem) -> Json:
    """Write a problem as [code, detail]."""
    return [problem.code, problem.detail[:MAX_TEXT]]


def problem_from(value: Json) -> Problem:
    """Read [code, detail]."""
    code, detail = _row(value, 2, "problem")
    word = text(code, longest=64, what="problem code")
    if word not in CODES:
        raise broken("a problem code that is none")
    return Problem(
        word,
        text(detail, longest=MAX_TEXT, what="problem detail"),
    )


def extent_to(extent: Extent) -> Json:
    """Write an extent as [offset, length]."""
    return [extent.offset, extent.length]


def extent_from(value: Json) -> Extent:
    """Read [offset, length]; an extent of no bytes is refused."""
    offset, length = _row(value, 2, "extent")
    return Extent(
        integer(offset, low=0, high=U64, what="extent offset"),
        integer(length, low=1, high=U64, what="extent length"),
    )


def medium_to(medium: Medium) -> dict[str, Json]:
    """Write a medium."""
    return {
        "size": medium.size,
        "sector_size": medium.sector_size,
        "table": medium.table,
        "refused": [_refused_to(part) for part in medium.refused],
        "problems": [problem_to(problem) for problem in medium.problems],
    }


def medium_from(value: Json) -> Medium:
    """Read a medium."""
    fields = Fields(value, "medium")
    medium = Medium(
        size=fields.integer("size", high=U64),
        sector_size=fields.integer("sector_size", low=1, high=U16 + 1),
        table=fields.word("table", TABLES),
        refused=fields.many("refused", _refused_from, most=MAX_REFUSED),
        problems=fields.many("problems", problem_from, most=MAX_PROBLEMS),
    )
    fields.done()
    return medium


def volume_to(volume: Volume) -> dict[str, Json]:
    """Write a volume's summary."""
    return {
        "index": volume.index,
        "offset": volume.offset,
        "length": volume.length,
        "filesystem": volume.filesystem,
        "serial": volume.serial,
        "label": volume.label,
        "dirty": volume.dirty,
        "cluster_size": volume.cluster_size,
        "total_bytes": volume.total_bytes,
        "free_bytes": volume.free_bytes,
        "problems": [problem_to(problem) for problem in volume.problems],
        "sound": volume.sound,
    }


def volume_from(value: Json) -> Volume:
    """Read a volume's summary."""
    fields = Fields(value, "volume")
    volume = Volume(
        index=fields.integer("index", high=MAX_REFUSED),
        offset=fields.integer("offset", high=U64),
        length=fields.integer("length", high=U64),
        filesystem=fields.word("filesystem", FILESYSTEMS),
        serial=fields.integer("serial", high=U32),
        label=fields.text("label", longest=MAX_TEXT),
        dirty=fields.boolean("dirty"),
        cluster_size=fields.integer("cluster_size", low=1, high=U32),
        total_bytes=fields.integer("total_bytes", high=U64),
        free_bytes=fields.integer("free_bytes", high=U64),
        problems=fields.many("problems", problem_from, most=MAX_PROBLEMS),
        sound=fields.boolean("sound"),
    )
    fields.done()
    return volume


def entry_to(entry: Entry) -> dict[str, Json]:
    """Write an entry; its extents must be few enough for one frame (section 4.4)."""
    return {
        "path": [[name.raw.hex(), name.text, name.short.hex()] for name in entry.path],
        "deleted": entry.deleted,
        "directory": entry.directory,
        "size": entry.size,
        "valid_size": entry.valid_size,
        "attributes": entry.attributes,
        "created": _stamp_to(entry.created),
        "modified": _stamp_to(entry.modified),
        "accessed": _stamp_to(entry.accessed),
        "first_cluster": entry.first_cluster,
        "extents": [extent_to(extent) for extent in entry.extents],
        "unallocated": entry.unallocated,
        "problems": [problem_to(problem) for problem in entry.problems],
        "record_offset": entry.record_offset,
        "record": entry.record.hex(),
    }


class EntryReader:
    """Reads entries, keeping one copy of each name: a folder's stands in every path below it."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str, str], Name] = {}

    def read(self, value: Json) -> Entry:
        """Read one entry."""
        fields = Fields(value, "entry")
        entry = Entry(
            path=fields.many("path", self._name, most=MAX_DEPTH),
            deleted=fields.boolean("deleted"),
            directory=fields.boolean("directory"),
            size=fields.integer("size", high=U64),
            valid_size=fields.integer("valid_size", high=U64),
            attributes=fields.integer("attributes", high=U16),
            created=_stamp_from(fields.take("created")),
            modified=_stamp_from(fields.take("modified")),
            accessed=_stamp_from(fields.take("accessed")),
            first_cluster=fields.integer("first_cluster", high=U32),
            extents=fields.many("extents", extent_from, most=MAX_EXTENTS),
            unallocated=fields.boolean_or_none("unallocated"),
            problems=fields.many("problems", problem_from, most=MAX_PROBLEMS),
            record_offset=fields.integer("record_offset", high=U64),
            record=fields.octets("record", longest=MAX_RECORD),
        )
        fields.done()
        if not entry.path:
            raise broken("entry without a path")
        return entry

    def _name(self, value: Json) -> Name:
        raw, shown, short = _row(value, 3, "name")
        match raw, shown, short:
            case str(), str(), str():
                key = (raw, shown, short)
            case _:
                raise broken("name is not made of text")
        if key not in self._names:
            self._names[key] = Name(
                octets(raw, longest=MAX_NAME_BYTES, what="raw name"),
                text(shown, longest=MAX_TEXT, what="name"),
                octets(short, longest=11, what="short name"),
            )
        return self._names[key]


def _refused_to(part: Refused) -> Json:
    return {
        "index": part.index,
        "offset": part.offset,
        "length": part.length,
        "found": part.found,
    }


def _refused_from(value: Json) -> Refused:
    fields = Fields(value, "refused")
    part = Refused(
        index=fields.integer("index", high=MAX_REFUSED),
        offset=fields.integer("offset", high=U64),
        length=fields.integer("length", high=U64),
        found=fields.text("found", longest=64),
    )
    fields.done()
    return part


def _stamp_to(stamp: Stamp | None) -> Json:
    return None if stamp is None else [stamp.date, stamp.time, stamp.tens_ms, stamp.zone]


def _stamp_from(value: Json) -> Stamp | None:
    if value is None:
        return None
    date, time, tens_ms, zone = _row(value, 4, "stamp")
    octet = partial(integer, low=0, high=255)
    return Stamp(
        integer(date, low=0, high=U16, what="stamp date"),
        integer(time, low=0, high=U16, what="stamp time"),
        octet(tens_ms, what="stamp tens_ms"),
        None if zone is None else octet(zone, what="stamp zone"),
    )


def _row(value: Json, width: int, what: str) -> list[Json]:
    row = array(value, most=width, what=what)
    if len(row) != width:
        raise broken(f"{what} is no row of {width}")
    return row
