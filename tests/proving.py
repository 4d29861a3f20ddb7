"""Logs in memory, their heads, cosigners and proofs, for tests to verify and to spoil."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from hashing import growth, mldsa, note, proofs
from hashing.checkpoint import Checkpoint
from hashing.cosignature import CosignerSigner
from hashing.cosigners import AnyCosignerSigner
from hashing.entry import leaf_hash
from hashing.growth import frontier
from hashing.heads import Trust
from hashing.kept import Named
from hashing.keys import SignerKey
from hashing.policy import Policy
from hashing.tlog_proof import TlogProof
from tests.sealed import KEY, ORIGIN, Sealed

TIME_S = 1_767_225_900


def seed(name: str) -> bytes:
    """Return the seed of a test key."""
    return hashlib.sha256(f"a test key: {name}".encode()).digest()


def witness(name: str) -> CosignerSigner:
    """Return a witness of type 04."""
    return CosignerSigner.generate(f"witness.example/{name}", seed(name))


W1, W2, W3 = witness("1"), witness("2"), witness("3")
QUANTUM = mldsa.MldsaSigner.generate("witness.example/q", seed("q"))
LOG_QUANTUM = mldsa.MldsaSigner.generate(ORIGIN, seed("log, second line"))


def policy_text(
    *lines: str,
    logs: Sequence[SignerKey | mldsa.MldsaSigner] = (KEY,),
    witnesses: Sequence[AnyCosignerSigner] = (W1, W2, W3),
    quorum: str = "two",
) -> str:
    """Return a policy: by default, two of three witnesses."""
    named = {f"w{at}": key.verifier() for at, key in enumerate(witnesses, 1)}
    threshold = {"two": "2", "any": "any", "all": "all"}.get(quorum)
    group = [] if threshold is None else [f"group {quorum} {threshold} {' '.join(named)}"]
    return "\n".join(
        [
            *(f"log {key.verifier()}" for key in logs),
            *(f"witness {name} {key}" for name, key in named.items()),
            *lines,
            *group,
            f"quorum {quorum}",
            "",
        ]
    )


def trust(text: str | None = None) -> Trust:
    """Return whom a policy believes."""
    policy = Policy.parse(policy_text() if text is None else text)
    return Trust(logs=tuple(each.key for each in policy.logs), policy=policy)


@dataclass(slots=True)
class Kept:
    """A log's entries and the files that they make, in memory."""

    entries: list[bytes]
    files: dict[str, bytes] = field(default_factory=dict)
    key: SignerKey = KEY

    def __post_init__(self) -> None:
        self.files.update(growth.grow(0, self.entries, self.read))

    @classmethod
    def of(cls, sealed: Sealed) -> "Kept":
        """Return what a small dock sealed."""
        return cls(list(sealed.entries), key=sealed.key)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self.files[path]

    def at(self, size: int) -> "Kept":
        """Return the log as it was at `size`."""
        return Kept(self.entries[:size], key=self.key)

    @property
    def head(self) -> Checkpoint:
        """The head over all entries."""
        size = len(self.entries)
        return Checkpoint(self.key.name, size, frontier(size, self.read).root())

    def note(
        self,
        cosigners: Sequence[AnyCosignerSigner] = (W1, W2),
        *,
        time_s: int = TIME_S,
        text: str | None = None,
    ) -> bytes:
        """Return the signed and cosigned head, or another text in its place."""
        text = self.head.encode() if text is None else text
        signed = note.sign(text, [self.key])
        return note.with_lines(signed, [each.cosign(text, time_s) for each in cosigners])

    def proof(self, index: int, checkpoint: bytes | None = None) -> TlogProof:
        """Return the proof of an entry under a checkpoint, by default one of two witnesses."""
        hashes = proofs.inclusion(index, len(self.entries), self.read)
        return TlogProof(index, tuple(hashes), self.note() if checkpoint is None else checkpoint)

    def leaf(self, index: int) -> bytes:
        """Return the hash of an entry."""
        return leaf_hash(self.entries[index])


def named(data: bytes, where: str = "file") -> Named:
    """Return bytes as if they were read from a file."""
    return Named(where, data)
