"""The place that a copy goes to: what every kind of it can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class Brought:
    """What became of some files: those that went, by the digest that was read, and the rest."""

    went: dict[str, str] = field(default_factory=dict)
    spoilt: list[str] = field(default_factory=list)
    """What the dock itself no longer has as its name says, or cannot read: not copied."""


class Target(Protocol):
    """A directory or a remote. A room is a folder of it, a path lies below a room.

    Every method raises ReplicaTargetError or ReplicaFullError.
    """

    @property
    def name(self) -> str:
        """How its owner calls it."""
        ...

    def open(self) -> None:
        """See that it is there, and sweep what an earlier copy left half-made."""
        ...

    def sizes(self, room: str) -> dict[str, int]:
        """Return every file of a room with its size in bytes."""
        ...

    def read(self, path: str, at_most: int) -> bytes:
        """Return the content of a small file that is there."""
        ...

    def bring(
        self,
        room: str,
        wanted: Mapping[str, str | None],
        *,
        over: bool,
        going_on: Callable[[], None],
    ) -> Brought:
        """Copy files; one whose digest is stated goes only if it still has that digest.

        `over` allows to replace what is there. `going_on` is called often, and raises when
        it is time to stop.
        """
        ...

    def digests(
        self, room: str, paths: Mapping[str, int], going_on: Callable[[], None]
    ) -> dict[str, str]:
        """Return the SHA-256 (hex) of files as the place gives them back.

        `paths` states sizes, in bytes; what is missing there is missing in the answer.
        """
        ...

    def fetch(self, room: str, path: str, to: Path) -> None:
        """Copy a file to a new one of this machine; raise FileNotFoundError if it is not there.

        What comes is what the place gives: whoever wants it judges it.
        """
        ...

    def write(self, path: str, data: bytes) -> None:
        """Put a small file in place of the old one."""
        ...
