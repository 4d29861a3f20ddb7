"""Read a card image the way the tests like to look at it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from firmware_bridge.volume.listing import Entry, Extent, Medium, Volume
from firmware_bridge.volume.medium import Limits
from firmware_bridge.volume.reader import read_medium


@dataclass(slots=True)
class Listed:
    """What the reader said of one medium."""

    medium: Medium
    volumes: list[tuple[Volume, list[Entry]]] = field(default_factory=list)

    @property
    def volume(self) -> Volume:
        """Return the only volume."""
        ((volume, _entries),) = self.volumes
        return volume

    @property
    def entries(self) -> list[Entry]:
        """Return the entries of all volumes."""
        return [entry for _volume, entries in self.volumes for entry in entries]

    def live(self, path: str) -> Entry:
        """Return the one live entry with this path."""
        (entry,) = [e for e in self.entries if e.text == path and not e.deleted]
        return entry

    def gone(self, path: str) -> Entry:
        """Return the one deleted entry with this path."""
        (entry,) = [e for e in self.entries if e.text == path and e.deleted]
        return entry


def listed(found: Iterable[Medium | Entry | Volume]) -> Listed:
    """Sort what the reader yields into volumes; fail where the order is not as promised."""
    result: Listed | None = None
    waiting: list[Entry] = []
    for one in found:
        match one:
            case Medium():
                assert result is None
                result = Listed(one)
            case Entry():
                assert result is not None
                waiting.append(one)
            case Volume():
                assert result is not None
                result.volumes.append((one, waiting))
                waiting = []
    assert result is not None
    assert not waiting
    return result


def read_image(path: Path, limits: Limits | None = None, sector_size: int = 512) -> Listed:
    """List a card image, sparse or not, without loading it."""
    with path.open("rb") as card:

        def pread(offset: int, length: int) -> bytes:
            card.seek(offset)
            return card.read(length)

        return listed(read_medium(pread, path.stat().st_size, sector_size, limits))


def read_bytes(
    image: bytes | bytearray, limits: Limits | None = None, sector_size: int = 512
) -> Listed:
    """List a card image that is in memory."""

    def pread(offset: int, length: int) -> bytes:
        return bytes(image[offset : offset + length])

    return listed(read_medium(pread, len(image), sector_size, limits))


def codes(entry: Entry | Volume | Medium) -> set[str]:
    """Return the problem codes of an entry, a volume or a medium."""
    return {problem.code for problem in entry.problems}


def content(image: bytes | bytearray, extents: Iterable[Extent]) -> bytes:
    """Return the bytes that the extents name."""
    return b"".join(image[at.offset : at.offset + at.length] for at in extents)
