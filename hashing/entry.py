"""One entry: one thing that happened, as the log keeps it.

docs/formats/entry.md fixes the bytes; the section numbers below are its.
"""

from dataclasses import dataclass
from typing import Final

from hashing import canonical, merkle
from hashing.bodies import KINDS, check_body
from hashing.canonical import JSON
from hashing.errors import EntryError
from hashing.hexes import digest_of

__all__ = [
    "GENESIS_PREV",
    "KINDS",
    "MAX_ENTRY",
    "SYNC",
    "VERSION",
    "At",
    "Entry",
    "leaf_hash",
    "parse",
]

VERSION: Final = 1
MAX_ENTRY: Final = 65_535  # section 1: a bundle writes the length in two bytes
GENESIS_PREV: Final = bytes(32)  # section 3.4: what the first entry follows
SYNC: Final = frozenset({"synchronized", "unsynchronized", "unknown"})

_MEMBERS: Final = frozenset({"v", "kind", "seq", "prev", "at", "body"})
_AT_MEMBERS: Final = frozenset({"utc_ms", "sync", "source", "boot", "boot_ms"})

leaf_hash = merkle.leaf_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """When, and how well the dock knew (section 3.5)."""

    utc_ms: int
    sync: str
    source: str
    boot: str
    boot_ms: int

    def as_json(self) -> dict[str, JSON]:
        """Return the members as they stand in an entry."""
        return {
            "utc_ms": self.utc_ms,
            "sync": self.sync,
            "source": self.source,
            "boot": self.boot,
            "boot_ms": self.boot_ms,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, with its place in the chain."""

    seq: int
    prev: bytes
    kind: str
    at: At
    body: dict[str, JSON]

    def encode(self) -> bytes:
        """Return the bytes that are stored and hashed; raise EntryError or CanonicalError.

        What this returns, `parse` takes.
        """
        value: dict[str, JSON] = {
            "v": VERSION,
            "kind": self.kind,
            "seq": self.seq,
            "prev": self.prev.hex(),
            "at": self.at.as_json(),
            "body": self.body,
        }
        data = canonical.encode(value)
        _read(value, len(data))
        return data


def parse(data: bytes) -> Entry:
    """Return the entry that `data` is; raise EntryError or CanonicalError if it is none."""
    if len(data) > MAX_ENTRY:
        raise EntryError(f"{len(data)} bytes are more than an entry holds")
    return _read(canonical.decode(data), len(data))


def _read(value: dict[str, JSON], length: int) -> Entry:
    """Check every rule of section 3, in its order."""
    if length > MAX_ENTRY:
        raise EntryError(f"{length} bytes are more than an entry holds")
    if value.keys() != _MEMBERS:
        raise EntryError(f"its members are {_names(value)}")
    if type(value["v"]) is not int or value["v"] != VERSION:
        raise EntryError("its version is not 1")
    kind, body = value["kind"], value["body"]
    if type(kind) is not str or kind not in KINDS:
        raise EntryError("its kind is not known")
    if type(body) is not dict:
        raise EntryError("its body is not an object")
    check_body(kind, body)
    return Entry(
        seq=_count(value["seq"], "seq"),
        prev=digest_of(value["prev"], "prev", EntryError),
        kind=kind,
        at=_at(value["at"]),
        body=body,
    )


def _at(value: JSON) -> At:
    if type(value) is not dict or value.keys() != _AT_MEMBERS:
        raise EntryError("at does not hold what it must")
    sync, source, boot = value["sync"], value["source"], value["boot"]
    if type(sync) is not str or sync not in SYNC:
        raise EntryError("at.sync is none of its three words")
    if type(source) is not str or type(boot) is not str:
        raise EntryError("at.source or at.boot is not text")
    return At(
        utc_ms=_count(value["utc_ms"], "at.utc_ms"),
        sync=sync,
        source=source,
        boot=boot,
        boot_ms=_count(value["boot_ms"], "at.boot_ms"),
    )


def _count(value: JSON, name: str) -> int:
    if type(value) is not int or value < 0:
        raise EntryError(f"{name} is not a number of zero or more")
    return value


def _names(value: dict[str, JSON]) -> str:
    return ", ".join(sorted(value))[:200]
