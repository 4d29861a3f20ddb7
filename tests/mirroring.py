"""A log that a mirror is to hold: its heads, and its entries in packages, honest or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hashing import growth, proofs
from hashing.submission import (
    Package,
    Submission,
    UploadHead,
    pack_package,
    packages,
)
from tests.sealed import Sealed, long

Change = Callable[[Package, list[bytes], list[bytes]], tuple[list[bytes], list[bytes]]]


def _unchanged(
    _package: Package, entries: list[bytes], proof: list[bytes]
) -> tuple[list[bytes], list[bytes]]:
    return entries, proof


@dataclass(slots=True)
class Uploader:
    """Uploads a sealed log, whose files at each size are made in memory when they are needed."""

    sealed: Sealed = field(default_factory=lambda: long(700))
    _files: dict[int, dict[str, bytes]] = field(default_factory=dict)

    def files(self, size: int) -> dict[str, bytes]:
        """Return the files of the log at a size."""
        if size not in self._files:
            made: dict[str, bytes] = {}
            made.update(growth.grow(0, self.sealed.entries[:size], made.__getitem__))
            self._files[size] = made
        return self._files[size]

    def submission(self, old: int, size: int) -> bytes:
        """Return the body of an honest add-checkpoint."""
        proof: Sequence[bytes] = ()
        if 0 < old < size:
            proof = proofs.consistency(old, size, self.files(size).__getitem__)
        return Submission(old, tuple(proof), self.sealed.checkpoint(size)).encode()

    def packages(self, start: int, end: int, change: Change = _unchanged) -> list[bytes]:
        """Return the packages for [start, end), each as bytes; `change` may spoil them."""
        made: list[bytes] = []
        for package in packages(start, end):
            entries = self.sealed.entries[package.start : package.end]
            proof = proofs.subtree_consistency(
                package.subtree_start, package.end, end, self.files(end).__getitem__
            )
            made.append(pack_package(*change(package, list(entries), proof)))
        return made

    def upload(self, start: int, end: int, change: Change = _unchanged) -> bytes:
        """Return the whole body of an add-entries."""
        head = UploadHead(self.sealed.origin, start, end)
        return b"".join([head.encode(), *self.packages(start, end, change)])
