"""A small dock's log and store on disk, made with the product's own rules, for tests to spoil."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashing import document, growth, note
from hashing.canonical import JSON
from hashing.checkpoint import Checkpoint
from hashing.entry import GENESIS_PREV, At, Entry, leaf_hash
from hashing.keys import SignerKey
from hashing.merkle import Frontier
from hashing.report import Report
from hashing.verify import verify_log

ORIGIN = "dock.example/0001"
KEY = SignerKey.generate(ORIGIN, hashlib.sha256(b"a test log's seed").digest())
AT = At(utc_ms=1_767_225_600_000, sync="synchronized", source="ntp", boot="b" * 32, boot_ms=5_000)


@dataclass(slots=True)
class Sealed:
    """The entries of a log, as bytes, and what they seal."""

    origin: str = ORIGIN
    key: SignerKey = KEY
    entries: list[bytes] = field(default_factory=list)
    clips: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def add(self, kind: str, **body: JSON) -> int:
        """Append an entry that follows from the last; return its seq."""
        seq = len(self.entries)
        prev = leaf_hash(self.entries[-1]) if self.entries else GENESIS_PREV
        entry = Entry(seq=seq, prev=prev, kind=kind, at=AT, body=body)
        self.entries.append(entry.encode())
        return seq

    def document(self, **facts: JSON) -> str:
        """Keep a document; return its digest."""
        salt = hashlib.sha256(b"salt %d" % len(self.documents)).digest()
        data = document.seal(facts, salt)
        self.documents[document.digest(data)] = data
        return document.digest(data)

    def genesis(self) -> None:
        """Append the first entry."""
        vkey = str(self.key.verifier())
        self.add("genesis", origin=self.origin, vkey=vkey, software="test", profile=1)

    def docking(self, number: int, clips: Sequence[bytes]) -> None:
        """Append what a whole docking produces."""
        first = len(self.entries)
        common: dict[str, JSON] = {"docking": number}
        self.add("docked", **common, bay="1", document=self.document(holder="甲"))
        self.add("checked", **common, verdict="good", document=self.document(free=1))
        for at, content in enumerate(clips):
            digest = hashlib.sha256(content).hexdigest()
            self.clips[digest] = content
            paper = self.document(path=f"DCIM/{number}-{at}.MP4")
            self.add("clip", **common, sha256=digest, size=len(content), document=paper)
        leaves = b"".join(map(leaf_hash, self.entries[first:]))
        closing = hashlib.sha256(leaves).hexdigest()
        count = len(self.entries) - first
        self.add("released", **common, result="complete", entries=count, digest=closing)

    def checkpoint(self, size: int) -> bytes:
        """Return the signed checkpoint over the first `size` entries."""
        frontier = Frontier()
        for entry in self.entries[:size]:
            frontier.append(leaf_hash(entry))
        return note.sign(Checkpoint(self.origin, size, frontier.root()).encode(), [self.key])

    def write(self, root: Path, *, sizes: Sequence[int] = ()) -> "Disk":
        """Write log and store below `root`, published at each of `sizes` and at the end."""
        disk = Disk(root)
        published = 0
        for size in [*sizes, len(self.entries)]:
            for path, data in growth.grow(published, self.entries[published:size], disk.read):
                disk.put(f"log/{path}", data)
            published = size
        disk.put("log/vkey", f"{self.key.verifier()}\n".encode())
        disk.put("log/checkpoint", self.checkpoint(len(self.entries)))
        for room, files in (("clips", self.clips), ("documents", self.documents)):
            for digest, data in files.items():
                disk.put(f"store/{room}/{digest[:2]}/{digest}", data)
        disk.put("store/id", b"0" * 32 + b"\n")
        for folder in ("store/incoming", "store/damaged"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        return disk


@dataclass(frozen=True, slots=True)
class Disk:
    """A log and a store below one directory."""

    root: Path

    @property
    def log(self) -> Path:
        """The log directory."""
        return self.root / "log"

    @property
    def store(self) -> Path:
        """The store."""
        return self.root / "store"

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the log."""
        return (self.log / path).read_bytes()

    def put(self, path: str, data: bytes) -> None:
        """Write a file, whatever was there."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def change(self, path: str, how: Callable[[bytes], bytes]) -> Path:
        """Change a file's bytes; return its path."""
        target = self.root / path
        target.write_bytes(how(target.read_bytes()))
        return target

    def verify(self, *, clips: Sequence[Path] = ()) -> Report:
        """Return what the verifier says of all of it under the test key."""
        return verify_log(self.log, KEY.verifier(), store=self.store, clips=clips)


def small() -> Sealed:
    """Return a log of one docking with three clips: 7 entries."""
    sealed = Sealed()
    sealed.genesis()
    sealed.docking(1, [b"first clip", b"second clip, longer", b""])
    return sealed


def long(entries: int = 300) -> Sealed:
    """Return a log of `entries`: after the first, dockings of five each."""
    sealed = Sealed()
    sealed.genesis()
    number = 0
    while len(sealed.entries) + 5 <= entries:
        number += 1
        sealed.docking(number, [b"clip %d.1" % number, b"clip %d.2" % number])
    while len(sealed.entries) < entries:
        sealed.add("heartbeat")
    return sealed
