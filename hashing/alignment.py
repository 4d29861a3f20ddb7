"""Entries that were sealed against entries that are found: who is gone, new, changed, moved.

Pure. The tree gives the leaf hashes that must be there, in order; the bundles
give those that are. One deletion shifts all that follows, so the two are lined
up with a window of lookahead instead of compared place by place.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_LOOKAHEAD: Final = 256


@dataclass(frozen=True, slots=True)
class Found:
    """An entry in a bundle on disk."""

    leaf: bytes
    sealed_at: int | None  # the entry that it is, by the tree; None: no sealed one
    where: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry that is not as it was sealed."""

    code: str
    seq: int
    where: str
    detail: str
    concerns: tuple[int, ...]  # every sealed entry that this fault touches
    shifts: bool = False  # whether all that follows stands elsewhere than sealed


class Alignment:
    """Lines up one unbroken run, fed a bundle at a time."""

    def __init__(self) -> None:
        self._sealed: deque[tuple[int, bytes]] = deque()
        self._found: deque[Found] = deque()
        self._where = ""
        self._next = 0  # the place after the last sealed entry that was fed

    def feed(
        self, sealed: Iterable[tuple[int, bytes]], found: Iterable[Found], where: str
    ) -> Iterator[Fault]:
        """Take what one bundle, at `where`, must hold and what it holds."""
        self._sealed.extend(sealed)
        if self._sealed:
            self._next = self._sealed[-1][0] + 1
        self._found.extend(found)
        self._where = where
        yield from self._line_up(_LOOKAHEAD)

    def finish(self) -> Iterator[Fault]:
        """Judge what is left at the end of the run."""
        yield from self._line_up(0)
        for seq, _ in self._sealed:
            yield Fault("entry-deleted", seq, self._where, "it is not there", (seq,))
        for entry in self._found:
            yield self._inserted(entry, None)
        self._sealed.clear()
        self._found.clear()

    def _line_up(self, keep: int) -> Iterator[Fault]:
        sealed, found = self._sealed, self._found
        while len(sealed) > keep and len(found) > keep:
            if sealed[0][1] == found[0].leaf:
                sealed.popleft()
                found.popleft()
            else:
                yield self._judge()

    def _judge(self) -> Fault:
        """Say what is wrong with the two at the front, and take away what that settles."""
        (seq, leaf), entry = self._sealed[0], self._found[0]
        leaf_at = next((at for at, it in enumerate(self._found) if it.leaf == leaf), None)
        entry_at = next((at for at, it in enumerate(self._sealed) if it[1] == entry.leaf), None)
        if leaf_at is not None and entry_at is not None:
            return self._reordered(leaf_at, entry_at)
        if entry_at is not None:
            self._sealed.popleft()
            detail = f"entry {entry.sealed_at} stands in its place"
            return Fault("entry-deleted", seq, entry.where, detail, (seq,), shifts=True)
        if leaf_at is not None:
            self._found.popleft()
            return self._inserted(entry, seq)
        self._sealed.popleft()
        self._found.popleft()
        if entry.sealed_at is None:
            return Fault("entry-edited", seq, entry.where, "it is not what was sealed", (seq,))
        detail = f"entry {entry.sealed_at} stands in its place"
        return Fault("entry-reordered", seq, entry.where, detail, (seq, entry.sealed_at))

    def _inserted(self, entry: Found, seq: int | None) -> Fault:
        at = seq if seq is not None else self._next
        detail = (
            "before the entry sealed here" if seq is not None else "after the last sealed entry"
        )
        return Fault("entry-inserted", at, entry.where, f"it stands {detail}", (), shifts=True)

    def _reordered(self, leaf_at: int, entry_at: int) -> Fault:
        """Two changed places, or one moved; which one, the neighbours tell."""
        sealed, found = self._sealed, self._found
        seq, other = sealed[0][0], sealed[entry_at][0]
        where = found[0].where
        if leaf_at == entry_at:
            for queue in (sealed, found):
                del queue[entry_at]
                queue.popleft()
            detail = f"entries {seq} and {other} stand in each other's place"
            return Fault("entry-reordered", seq, where, detail, (seq, other))
        if found[1].leaf == sealed[0][1]:
            del sealed[entry_at]
            found.popleft()
            detail = f"it stands before entry {seq}"
            return Fault("entry-reordered", other, where, detail, (seq, other), shifts=True)
        del found[leaf_at]
        sealed.popleft()
        detail = f"it stands after entry {other}"
        return Fault("entry-reordered", seq, where, detail, (seq, other), shifts=True)
