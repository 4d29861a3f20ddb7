"""One upload of entries, package by package: proved, gathered, kept.

C2SP tlog-mirror, add-entries. A package is proved against the pending head before anything of it
is kept; packages that are proved are gathered up to a bound, so that a long upload costs few syncs.
"""

from collections.abc import Sequence
from typing import Final

from central.cosigning.outcomes import Inconsistent, Malformed
from central.mirror.mirror import Mirror
from central.mirror.outcomes import More, UploadOutcome
from central.mirror.standing import Pending
from hashing.errors import ProofError
from hashing.merkle import Frontier, leaf_hash
from hashing.proofs import check_subtree
from hashing.submission import Parcel, UploadHead

_BATCH_ENTRIES: Final = 8192
_BATCH_BYTES: Final = 8 << 20


class Upload:
    """Takes the packages of one request, in order. It belongs to one thread at a time."""

    def __init__(self, mirror: Mirror, head: UploadHead, aim: Pending) -> None:
        """Expect entries from `head.start` up to the pending head `aim`."""
        self._mirror = mirror
        self._head = head
        self._aim = aim
        self._proved = head.start
        self._batch: list[bytes] = []
        self._bytes = 0

    @property
    def complete(self) -> bool:
        """Tell whether every package has come and was proved."""
        return self._proved == self._head.end

    def take(self, parcel: Parcel) -> Inconsistent | None:
        """Prove a package and keep it; an answer where it is not part of the head."""
        package = parcel.package
        leaves = self._mirror.leaves(self._head.origin, package.subtree_start, package.start)
        root = _root([*leaves, *map(leaf_hash, parcel.entries)])
        try:
            check_subtree(
                package.subtree_start,
                package.end,
                self._aim.size,
                root,
                parcel.proof,
                self._aim.root,
            )
        except ProofError as error:
            self._flush()
            # Before a client is blamed: the leaves of ours in it must be what they were.
            self._mirror.demand_sound(self._head.origin)
            return Inconsistent(f"entries {package.start} to {package.end}: {error}")
        self._batch += parcel.entries
        self._bytes += sum(map(len, parcel.entries))
        self._proved = package.end
        if len(self._batch) >= _BATCH_ENTRIES or self._bytes >= _BATCH_BYTES:
            self._flush()
        return None

    def finish(self) -> UploadOutcome:
        """Return what the upload deserves, once its body has ended."""
        self._flush()
        if self.complete:
            return self._mirror.commit(self._head.origin, self._head.end)
        if self._proved == self._head.start:
            return Malformed("no package of entries came whole")
        known = self._mirror.standing(self._head.origin)
        return More(self._mirror.info(known, self._head.end))

    def _flush(self) -> None:
        if self._batch:
            start = self._proved - len(self._batch)
            self._mirror.append(self._head.origin, start, self._batch)
            self._batch, self._bytes = [], 0


def _root(leaves: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()
