"""The holes of a clip that could not be read whole: which bytes of it are not its own. Pure.

They lie in the clip's stored copy as zeros; docs/adr/0025-partial-clips.md says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Hole:
    """`length` bytes of a clip from `offset` that did not come over. In bytes of the clip."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the clip goes on."""
        return self.offset + self.length


# In order, none touching the next.
Holes: TypeAlias = tuple[Hole, ...]


def joined(found: Iterable[Hole]) -> Holes:
    """Return holes as they are kept: those that touch are one. They come in order."""
    whole: list[Hole] = []
    for hole in found:
        if whole and whole[-1].end >= hole.offset:
            last = whole.pop()
            hole = Hole(last.offset, max(last.end, hole.end) - last.offset)  # noqa: PLW2901  the two are one from here on
        whole.append(hole)
    return tuple(whole)


def missing(holes: Holes) -> int:
    """Return how many bytes did not come over."""
    return sum(hole.length for hole in holes)


def gained(now: Holes, before: Holes) -> bool:
    """Tell whether anything that was missing before is there now."""
    return any(not any(_within(then, hole) for hole in now) for then in before)


def spell(holes: Holes) -> str:
    """Return holes as the index keeps them: "offset+length", joined by ","."""
    return ",".join(f"{hole.offset}+{hole.length}" for hole in holes)


def parse(text: str) -> Holes:
    """Return what `spell` wrote; raise ValueError where it did not."""
    pairs = (part.split("+") for part in text.split(",") if part)
    return tuple(Hole(int(offset), int(length)) for offset, length in pairs)


def _within(inner: Hole, outer: Hole) -> bool:
    return outer.offset <= inner.offset and inner.end <= outer.end
