"""A dock's log as its own server gives it: bounded, and nothing of it believed.

The dock may be slow, may lie, and may never stop answering: each answer has a longest
length, each round a budget of bytes.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from central.pull.errors import PullError, of_link
from hashing.growth import Read
from hashing.merkle import HASH_SIZE
from hashing.note import MAX_NOTE
from hashing.tiles import MAX_BUNDLE, WIDTH, Bundle, entries_path, parse_path, unpack_bundle
from transport.client import Answer, Link
from transport.errors import LinkError

T = TypeVar("T")

_OK: Final = 200
_NOT_FOUND: Final = 404
_MOST_TILES: Final = 4096  # that are held at once: 32 MiB; a round needs far fewer
_TILE: Final = WIDTH * HASH_SIZE


class _NeededError(Exception):
    """A file is needed before work can go on."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Source:
    """One dock's server, for one round. Every method may raise PullError."""

    def __init__(self, link: Link, *, budget: int) -> None:
        """Take at most about `budget` bytes; the answer that goes beyond it is the last."""
        self._link = link
        self._left = budget
        self._held: dict[str, bytes | None] = {}

    @property
    def spent(self) -> bool:
        """Tell whether this round has had its share."""
        return self._left <= 0

    async def checkpoint(self) -> bytes:
        """Return the newest checkpoint; nothing of it is checked."""
        return await self.get("/checkpoint", at_most=MAX_NOTE)

    async def get(self, path: str, *, at_most: int, within_s: float | None = None) -> bytes:
        """Return what is at `path`; raise PullError where there is nothing."""
        answer = await self._answer(path, at_most, within_s)
        if answer.status == _NOT_FOUND:
            raise PullError("not-found", path)
        if answer.status != _OK:
            raise PullError("bad-answer", f"{path}: {answer.status}")
        return answer.body

    async def with_tiles(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, fetching each tile that it asks `read` for.

        `work` is begun anew for each: it must be cheap until the first tile that is missing.
        """
        while True:
            try:
                return work()
            except _NeededError as needed:
                if len(self._held) >= _MOST_TILES:
                    raise PullError("too-much", "tiles") from None
                self._held[needed.path] = await self._file(needed.path, at_most=_TILE)

    @property
    def read(self) -> Read:
        """What gives tiles to the work of `with_tiles`, as far as they have been fetched."""
        return self._read

    async def bundle(self, index: int, width: int) -> list[bytes]:
        """Return the first `width` entries of a bundle; nothing of them is checked."""
        data = await self._file(entries_path(index, width), at_most=MAX_BUNDLE)
        if data is not None:
            return unpack_bundle(data, width)
        if width == WIDTH:
            raise PullError("not-found", entries_path(index))
        # The log has grown since, and the full bundle has taken this one's place.
        whole = await self.get(f"/{entries_path(index)}", at_most=MAX_BUNDLE)
        return unpack_bundle(whole, WIDTH)[:width]

    def _read(self, path: str) -> bytes:
        if path not in self._held:
            raise _NeededError(path)
        data = self._held[path]
        if data is None:
            raise FileNotFoundError(path)
        return data

    async def _file(self, path: str, *, at_most: int) -> bytes | None:
        """Return a file of the log; None where there is none."""
        place = parse_path(path)
        wanted = MAX_BUNDLE if isinstance(place, Bundle) else place.width * HASH_SIZE
        answer = await self._answer(f"/{path}", min(at_most, wanted), None)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise PullError("bad-answer", f"{path}: {answer.status}")
        return answer.body

    async def _answer(self, path: str, at_most: int, within_s: float | None) -> Answer:
        try:
            answer = await self._link.get(path, at_most=at_most, within_s=within_s)
        except LinkError as error:
            raise of_link(error) from error
        self._left -= len(answer.body)
        return answer
