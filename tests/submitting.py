"""A log that submits its heads, honest or not, and a centre to submit them to."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from central.centre import Centre
from central.cosigning.outcomes import Sender
from config.central_loader import LoadedCentral, load_central
from hashing import note
from hashing.checkpoint import Checkpoint
from hashing.keys import SignerKey
from hashing.merkle import EMPTY_ROOT, leaf_hash, node_hash

ORIGIN = "dock.example/0001"
KEY = SignerKey.generate(ORIGIN, hashlib.sha256(b"a submitting log's seed").digest())
SENDER = Sender("a test")
START_MS = 1_767_225_600_000


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, as RFC 6962 section 2.1 says it: MTH."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


def consistency_of(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Return the proof that the tree begins with its first `old` leaves (section 2.1.2)."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= half:
        return [*consistency_of(old, leaves[:half], whole=whole), root_of(leaves[half:])]
    return [*consistency_of(old - half, leaves[half:], whole=False), root_of(leaves[:half])]


@dataclass(slots=True)
class Submitter:
    """A log: its leaf hashes, and what it says of them."""

    leaves: list[bytes] = field(default_factory=list)
    key: SignerKey = KEY
    origin: str = ORIGIN

    @classmethod
    def of(cls, size: int, *, branch: str = "", common: int = 0) -> "Submitter":
        """Return a log of `size`; after `common` leaves those of another branch are others."""
        names = [f"{i}" if i < common else f"{branch}{i}" for i in range(size)]
        return cls([leaf_hash(name.encode()) for name in names])

    def head(self, size: int) -> Checkpoint:
        """Return the head at a size."""
        return Checkpoint(self.origin, size, root_of(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        """Return the signed head at a size."""
        return note.sign(self.head(size).encode(), [self.key])

    def proof(self, old: int, size: int) -> list[bytes]:
        """Return the proof from one size to another; nothing where nothing is to be proved."""
        return consistency_of(old, self.leaves[:size]) if 0 < old < size else []

    def body(self, old: int, size: int) -> bytes:
        """Return the body of an honest add-checkpoint."""
        return body(old, self.proof(old, size), self.note(size))


def body(old: int | str, proof: Sequence[bytes], signed: bytes) -> bytes:
    """Return the body of an add-checkpoint, written out here once more: the bytes are C2SP's."""
    hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in proof)
    return f"old {old}\n{hashes}\n".encode() + signed


@dataclass(slots=True)
class Ticking:
    """A clock that stands until it is told to go on, or back."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        """Return milliseconds since 1970."""
        return self.now_ms


def loaded(folder: Path, database_url: str = "", **settings: str) -> LoadedCentral:
    """Return the settings of a centre in `folder`; more by dotted name with __ for the dot."""
    tables = {"centre": {"origin": "central.example/c1"}, "database": {"url": database_url}}
    lines = [
        f"[{section}]\n" + "\n".join(f"{name} = {json.dumps(text)}" for name, text in table.items())
        for section, table in tables.items()
    ]
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "central.toml").write_text("\n".join(lines) + "\n")
    overrides = {name.replace("__", "."): text for name, text in settings.items()}
    overrides["storage.state"] = str(folder / "state")
    return load_central(config, overrides=overrides, host="test")


def open_centre(
    folder: Path, database_url: str = "", *, clock: Ticking | None = None, **settings: str
) -> Centre:
    """Return an opened centre in `folder`."""
    return Centre.open(
        loaded(folder, database_url, **settings), signs=True, clock=clock or Ticking()
    )


def enrol(centre: Centre, log: Submitter | None = None) -> None:
    """Enrol a log at a centre."""
    log = log or Submitter()
    centre.register.enrol(log.origin, [str(log.key.verifier())], now_ms=START_MS)
