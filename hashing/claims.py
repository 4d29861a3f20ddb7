"""What entries say lies in the store: for each digest, the entries that name it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Claim: TypeAlias = tuple[int, int]  # (seq, size); a document's size is not stated: 0


@dataclass(slots=True)
class Room:
    """The claims on one of the store's rooms. Most digests are named once."""

    _first: dict[bytes, Claim] = field(default_factory=dict)
    _again: dict[bytes, list[Claim]] = field(default_factory=dict)

    def add(self, digest: bytes, seq: int, size: int = 0) -> Claim:
        """Take a claim; return the first one on this digest."""
        first = self._first.setdefault(digest, (seq, size))
        if first[0] != seq:
            self._again.setdefault(digest, []).append((seq, size))
        return first

    def drop(self, doubts: Callable[[int], bool]) -> None:
        """Forget what entries claim that are not what was sealed."""
        for digest, first in list(self._first.items()):
            if not doubts(first[0]):
                continue
            others = [claim for claim in self._again.get(digest, []) if not doubts(claim[0])]
            if others:
                self._first[digest] = others[0]
            else:
                del self._first[digest]

    def get(self, digest: bytes) -> Claim | None:
        """Return the first claim on `digest`, if there is one."""
        return self._first.get(digest)

    def all(self, digest: bytes) -> Iterator[Claim]:
        """Yield every claim on `digest`."""
        first = self._first.get(digest)
        if first is not None:
            yield first
            yield from (claim for claim in self._again.get(digest, []) if claim != first)

    def pending(self) -> dict[bytes, int]:
        """Return every digest with the first entry that names it."""
        return {digest: seq for digest, (seq, _) in self._first.items()}

    @property
    def total(self) -> int:
        """The bytes that are claimed."""
        return sum(size for _, size in self._first.values())


@dataclass(slots=True)
class Claims:
    """The claims on all of the store."""

    clips: Room = field(default_factory=Room)
    documents: Room = field(default_factory=Room)
    elsewhere: dict[int, int] = field(default_factory=dict)  # stated seq -> where it stands

    def drop(self, doubts: Callable[[int], bool]) -> None:
        """Forget what entries claim that are not what was sealed, whatever seq they state."""

        def doubted(seq: int) -> bool:
            return doubts(seq) or doubts(self.elsewhere.get(seq, seq))

        self.clips.drop(doubted)
        self.documents.drop(doubted)
