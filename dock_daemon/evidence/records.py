"""What the dock writes down: an entry's body, and the rows that index it.

Bodies carry no name, path or officer's number (docs/formats/entry.md): those
stand in the document whose digest the body names, and in the local index.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from dock_daemon.evidence.holes import Holes
from hashing.canonical import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingRow:
    """A docking as the index keeps it."""

    number: int
    bay: str
    source: str
    place: str
    recorder: str
    holder: str
    volumes: tuple[str, ...]
    quarantine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """A clip as the index keeps it: how to know it again on its card."""

    volume: str
    path_key: str
    path: str
    listed_size: int
    stamps: str
    extents: str
    first_offset: int
    sha256: str
    size: int
    media_class: str
    marks: tuple[str, ...]
    verified: str
    quarantine: bool
    rule: str
    base: str
    base_ms: int
    due_ms: int
    done_ms: int
    late: bool
    holes: Holes = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The newest sealed clip under one path of one volume."""

    seq: int
    volume: str
    path_key: str
    path: str
    listed_size: int
    stamps: str
    extents: str
    first_offset: int
    sha256: str
    size: int
    media_class: str
    holes: Holes = ()
    erasing: str = ""
    """How far erasing it on its recorder is (entry `erased`); empty where it is not at stake."""

    @property
    def erased(self) -> bool:
        """Whether it was erased because the dock said so."""
        return self.erasing in {"done", "gone"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding as the index keeps it. `key` is equal for the same fact seen again."""

    finding: str
    key: str
    volume: str
    path: str
    clip: int | None
    facts: Mapping[str, JSON]
    found_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """How a docking ended."""

    number: int
    result: str
    clips: int
    findings: int
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignatureRow:
    """A cosignature as the index keeps it; its key is size, name and key id."""

    size: int
    name: str
    key_id: str
    role: str
    time_s: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """A line of one of the index's smaller tables (schema.FACT_TABLES).

    `values` are its columns but `seq`, `docking`, `at_ms` and `document`: the entry gives them.
    """

    table: str
    values: Mapping[str, str | int | None]


Row: TypeAlias = DockingRow | ClipRow | FindingRow | ReleaseRow | CosignatureRow | FactRow

RIDERS: Final = frozenset({"cosigned"})
"""Kinds that never cause a checkpoint: they ride with the next (or signing would never end)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry to be: what the ledger adds are `seq`, `prev` and the time.

    A record with `closes` set gets the count and digest of its docking's entries
    from the ledger, which alone knows their leaf hashes.
    """

    kind: str
    docking: int | None
    body: dict[str, JSON]
    row: Row | None = None
    document: str = ""
    closes: bool = False


def healed(sha256: str) -> Record:
    """Return the entry to be that tells of rotten content that a good copy has replaced."""
    # Documents are salted: what arrives a second time is a clip.
    told = {"sha256": sha256, "room": "clips", "how": "arrived-again"}
    body: dict[str, JSON] = {"recovered": "content-replaced", **told}
    row = FactRow(table="content", values={**told, "event": "replaced"})
    return Record(kind="recovery", docking=None, body=body, row=row)


def cosigned(row: CosignatureRow) -> Record:
    """Return the entry to be that says who cosigned which head, and when."""
    body: dict[str, JSON] = {
        "size": row.size,
        "name": row.name,
        "key_id": row.key_id,
        "role": row.role,
        "time_s": row.time_s,
        "line_sha256": hashlib.sha256(row.line.encode()).hexdigest(),
    }
    return Record(kind="cosigned", docking=None, body=body, row=row)


def jumped(*, by_ms: int, rebooted: bool) -> Record:
    """Return the entry to be that tells of the dock's clock having been set."""
    body: dict[str, JSON] = {"by_ms": by_ms, "rebooted": rebooted}
    return Record(kind="clock-step", docking=None, body=body)
