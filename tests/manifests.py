"""Manifests of made-up dockings, and ways to spoil them, for the tests of their judge."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hashing import growth, manifest, multiproof, note
from hashing.checkpoint import Checkpoint
from hashing.entry import leaf_hash, parse
from hashing.heads import Trust
from hashing.kept import Named
from hashing.keys import SignerKey
from hashing.manifest import Manifest
from hashing.manifest_check import ManifestReport, check_manifest
from hashing.merkle import Frontier
from hashing.proof_check import Asked
from tests.sealed import KEY, Sealed, long

TRUST = Trust(logs=(KEY.verifier(),))


class Files:
    """A log's files in memory."""

    def __init__(self, entries: Sequence[bytes], *sizes: int) -> None:
        """Publish the log at each of `sizes` and at its end."""
        self._files: dict[str, bytes] = {}
        published = 0
        for size in [*sizes, len(entries)]:
            self._files |= dict(growth.grow(published, entries[published:size], self.read))
            published = size

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raise KeyError where there is none."""
        return self._files[path]

    def drop(self, path: str) -> None:
        """Take a file away."""
        del self._files[path]

    def change(self, path: str, how: Callable[[bytes], bytes]) -> None:
        """Change a file's bytes."""
        self._files[path] = how(self._files[path])


@dataclass(frozen=True, slots=True)
class Made:
    """A log, and how the manifest of one of its dockings is made."""

    log: Sealed
    docking: int

    @property
    def seqs(self) -> list[int]:
        """The docking's entries."""
        return [
            seq
            for seq, data in enumerate(self.log.entries)
            if parse(data).body.get("docking") == self.docking
        ]

    def bytes(self, *, size: int | None = None, documents: bool = True) -> bytes:
        """Return the manifest."""
        size = len(self.log.entries) if size is None else size
        paper = self.log.documents.get if documents else None
        read = Files(self.log.entries[:size]).read
        keys = [
            seq for seq, data in enumerate(self.log.entries) if parse(data).kind.startswith("key-")
        ]
        signed = self.log.checkpoint(size)
        return manifest.assemble(self.docking, self.seqs, read, signed, paper, keys)


def made(docking: int = 2, entries: int = 300) -> Made:
    """Return a docking of two clips in a log of some hundred entries."""
    return Made(long(entries), docking)


def judged(data: bytes, trust: Trust = TRUST, asked: Asked | None = None) -> ManifestReport:
    """Return what the judge says of a manifest."""
    return check_manifest(Named("m", data), trust, asked or Asked())


def codes(data: bytes, trust: Trust = TRUST) -> list[tuple[str, int | None]]:
    """Return code and entry of each problem of a manifest."""
    return [(problem.code, problem.seq) for problem in judged(data, trust).problems]


def spoilt(data: bytes, how: Callable[[Manifest], Manifest]) -> bytes:
    """Return a manifest with its parts changed and its form kept."""
    return how(manifest.parse(data)).encode()


def proved_anew(found: Manifest, log: Sealed, key: SignerKey = KEY) -> Manifest:
    """Return a manifest under a checkpoint that somebody signed over a log of his own."""
    frontier = Frontier()
    for data in log.entries:
        frontier.append(leaf_hash(data))
    size = len(log.entries)
    seqs = sorted(parse(data).seq for data in (*found.keys, *found.entries))
    proof = multiproof.make(seqs, size, Files(log.entries).read)
    text = Checkpoint(log.origin, size, frontier.root()).encode()
    return replace(found, proof=tuple(proof), note=note.sign(text, [key]))


def digest_of(entries: Sequence[bytes]) -> str:
    """Return what a closing entry says of the entries before it."""
    return hashlib.sha256(b"".join(map(leaf_hash, entries))).hexdigest()
