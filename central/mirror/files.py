"""One mirrored log on disk: the very directory that `sealdock verify` reads.

    checkpoint, vkey, tile/...     docs/formats/log.md section 4

What is half-made lies in a directory of its own, so that nothing but a log lies here.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from central import durable
from central.errors import MirrorDoubtError
from hashing import growth
from hashing.errors import EvidenceError
from hashing.merkle import HASH_SIZE
from hashing.submission import origin_hash
from hashing.tiles import (
    WIDTH,
    Bundle,
    Tile,
    pack_bundle,
    parse_path,
    shape,
    unpack_bundle,
    unpack_tile,
)


def logs_of(state: Path) -> Path:
    """Return where the mirrored logs lie."""
    return state / "mirror"


def aside_of(state: Path) -> Path:
    """Return where their half-made files lie: on the same file system."""
    return state / "mirror-aside"


class LogCopy:
    """The files of one log. Methods raise OSError, or MirrorDoubtError where they do not fit."""

    def __init__(self, state: Path, origin: str) -> None:
        """Be the copy of a log below a centre's state directory; it need not exist."""
        self.folder = logs_of(state) / origin_hash(origin)
        self._aside = aside_of(state)
        self._origin = origin

    def grow(self, size: int, entries: Sequence[bytes]) -> None:
        """Make the files that `entries` add to `size` durable; the same again does no harm."""
        try:
            files = dict(growth.grow(size, entries, self.read))
        except EvidenceError as error:
            raise self._doubt(str(error)) from error
        durable.put({self.folder / path: data for path, data in files.items()}, aside=self._aside)

    def root(self, size: int) -> bytes:
        """Return the root over the first `size` entries, out of the tiles' right edge."""
        try:
            return growth.frontier(size, self.read).root()
        except EvidenceError as error:
            raise self._doubt(str(error)) from error

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of [start, end), which lie in one tile."""
        if start == end:
            return []
        index, slot = divmod(start, WIDTH)
        data = self.read(Tile(0, index, slot + end - start).path)
        return unpack_tile(data, slot + end - start)[slot:]

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the entries [start, end)."""
        while start < end:
            index, slot = divmod(start, WIDTH)
            stop = min(WIDTH, slot + end - start)
            try:
                found = unpack_bundle(self.read(Bundle(index, stop).path), stop)
            except EvidenceError as error:
                raise self._doubt(str(error)) from error
            yield from found[slot:]
            start += stop - slot

    def read(self, path: str) -> bytes:
        """Return a tile or bundle of the width that its path says.

        Where only a wider one is left, it is the beginning of that.
        """
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            which = parse_path(path)
            wider = self._wider(which)
            if wider is None:
                raise self._doubt(f"{path} is missing") from None
        data = (self.folder / wider.path).read_bytes()
        if isinstance(which, Tile):
            return data[: which.width * HASH_SIZE]
        try:
            return pack_bundle(unpack_bundle(data, wider.width)[: which.width])
        except EvidenceError as error:
            raise self._doubt(f"{wider.path}: {error}") from error

    def shows(self, checkpoint: bytes) -> bool:
        """Tell whether this is the checkpoint in place."""
        try:
            return (self.folder / "checkpoint").read_bytes() == checkpoint
        except FileNotFoundError:
            return False

    def publish(self, checkpoint: bytes, vkey: str) -> None:
        """Put the newest cosigned checkpoint, and the log's own key, in place."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, data in (("vkey", f"{vkey}\n".encode()), ("checkpoint", checkpoint)):
            path = self.folder / name
            if not path.exists() or path.read_bytes() != data:
                durable.replace(path, data)

    def sweep(self, old: int, size: int) -> None:
        """Take away partial files that a full one has replaced, from one size to the next."""
        for level in range(9):
            first, _ = shape(old, level)
            full, _ = shape(size, level)
            for index in range(first, full):
                wide: list[Tile | Bundle] = [Tile(level, index)]
                if level == 0:
                    wide.append(Bundle(index))
                for which in wide:
                    self._clear(self.folder / f"{which.path}.p")

    def _wider(self, which: Tile | Bundle) -> Tile | Bundle | None:
        """Return the narrowest file that holds all that `which` does."""
        full = Tile(which.level, which.index) if isinstance(which, Tile) else Bundle(which.index)
        there = sorted(_widths(self.folder / f"{full.path}.p"))
        if (self.folder / full.path).exists():
            there.append(WIDTH)
        width = next((width for width in there if width >= which.width), None)
        if width is None:
            return None
        if isinstance(which, Tile):
            return Tile(which.level, which.index, width)
        return Bundle(which.index, width)

    def _clear(self, folder: Path) -> None:
        for width in _widths(folder):
            (folder / str(width)).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()

    def _doubt(self, detail: str) -> MirrorDoubtError:
        return MirrorDoubtError(origin=self._origin, detail=detail)


def _widths(folder: Path) -> Iterable[int]:
    try:
        return [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    except FileNotFoundError:
        return []
