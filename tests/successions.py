"""Logs whose key changes, made with the product's own rules, for tests to spoil."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashing import note, succession
from hashing.canonical import JSON
from hashing.checkpoint import Checkpoint
from hashing.entry import leaf_hash, parse
from hashing.errors import SuccessionError
from hashing.keys import SignerKey, VerifierKey
from hashing.merkle import Frontier
from tests.sealed import KEY, ORIGIN, Disk, Sealed

SECOND = SignerKey.generate(ORIGIN, hashlib.sha256(b"a test log's second seed").digest())
THIRD = SignerKey.generate(ORIGIN, hashlib.sha256(b"a test log's third seed").digest())
STRANGER = SignerKey.generate(ORIGIN, hashlib.sha256(b"a stranger's seed").digest())


@dataclass(slots=True)
class Changing(Sealed):
    """A log that says itself which keys sign it."""

    signers: dict[VerifierKey, SignerKey] = field(
        default_factory=lambda: {key.verifier(): key for key in (KEY, SECOND, THIRD)}
    )

    def turn(self, kind: str, old: SignerKey, new: SignerKey, **spoilt: JSON) -> int:
        """Append an entry that changes or retires a key, with members put in place of its own."""
        seq, prev = len(self.entries), leaf_hash(self.entries[-1])
        body = succession.body(kind, seq=seq, prev=prev, old=old, new=new)
        return self.add(kind, **{**body, **spoilt})

    def checkpoint(self, size: int) -> bytes:
        """Return the checkpoint over the first `size` entries, signed by all who must."""
        frontier = Frontier()
        for data in self.entries[:size]:
            frontier.append(leaf_hash(data))
        text = Checkpoint(self.origin, size, frontier.root()).encode()
        return note.sign(text, [self.signers[key] for key in self.keys_at(size)])

    def keys_at(self, size: int) -> tuple[VerifierKey, ...]:
        """Return the keys that sign a checkpoint of `size`; those of the entries that hold."""
        keys = succession.Succession(self.key.verifier())
        for data in self.entries:
            try:
                keys.take(parse(data))
            except SuccessionError:
                break
        return keys.keys_at(size)

    def write(self, root: Path, *, sizes: Sequence[int] = ()) -> Disk:
        """Write log and store; the log's own copy of its key is the newest."""
        disk = Sealed.write(self, root, sizes=sizes)
        disk.put("log/vkey", f"{self.keys_at(len(self.entries))[-1]}\n".encode())
        return disk


def changed(*, retired: bool = False, more: int = 0) -> Changing:
    """Return a log of a docking whose key changed after it; and whose old key left, if wanted."""
    sealed = Changing()
    sealed.genesis()
    sealed.docking(1, [b"first clip", b"second clip, longer"])
    sealed.turn(succession.CHANGE, KEY, SECOND)
    sealed.docking(2, [b"third clip"])
    if retired:
        sealed.turn(succession.RETIRED, KEY, SECOND)
        sealed.docking(3, [b"fourth clip"])
    for _ in range(more):
        sealed.add("heartbeat")
    return sealed
