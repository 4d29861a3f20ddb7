"""The published log: `checkpoint`, `vkey` and tiles, as C2SP tlog-tiles has them served.

Only the files of docs/formats/log.md, section 4, each under its one path. A partial tile that
its full one has replaced is answered from the full one, which begins with it: who has just read a
checkpoint still finds the tiles that belong to it.
"""

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from hashing import checkpoint, note
from hashing.errors import TileError
from hashing.growth import Read
from hashing.merkle import HASH_SIZE
from hashing.tiles import (
    MAX_BUNDLE,
    WIDTH,
    Bundle,
    Tile,
    entries_path,
    parse_path,
    shape,
    tile_path,
)
from transport import files
from transport.files import Answer, Bytes, File
from transport.problems import ProblemError
from transport.threads import Threads

TEXT: Final = "text/plain; charset=utf-8"
OCTETS: Final = "application/octet-stream"
ASK_AGAIN: Final = "no-cache"
"""It may be kept, and is asked for again each time: If-None-Match makes that cheap."""
_LENGTH: Final = 2  # bytes before each entry of a bundle


class Published:
    """The log directory of a dock; it need not exist yet."""

    def __init__(self, log: Path, threads: Threads) -> None:
        self._log = log
        self._threads = threads

    @property
    def routes(self) -> list[Route]:
        """The log's own paths."""
        return [
            Route("/checkpoint", self._text, methods=["GET"]),
            Route("/vkey", self._text, methods=["GET"]),
            Route("/vkey-mldsa", self._text, methods=["GET"]),
            Route("/tile/{tail:path}", self._tile, methods=["GET"]),
        ]

    def read(self, path: str) -> bytes:
        """Return a file of the log, whole; raise FileNotFoundError, or OSError. It blocks."""
        file = files.open_below(self._log, path)
        try:
            return file.read(0, min(file.size, MAX_BUNDLE))
        finally:
            file.close()

    async def _text(self, request: Request) -> Answer:
        try:
            data = await self._threads.run(self.read, request.scope["path"].removeprefix("/"))
        except FileNotFoundError as error:
            raise ProblemError(404, "no-log") from error
        digest = hashlib.sha256(data).hexdigest()
        return Answer(
            body=Bytes(data), media_type=TEXT, etag=digest, sha256=digest, cache=ASK_AGAIN
        )

    async def _tile(self, request: Request) -> Answer:
        try:
            place = parse_path(request.scope["path"].removeprefix("/"))
        except TileError as error:
            raise ProblemError(400, "tile-path") from error
        try:
            body, etag = await self._threads.run(self._find, place)
        except FileNotFoundError as error:
            raise ProblemError(404, "no-tile") from error
        aside = self._threads.run
        return Answer(body=body, media_type=OCTETS, etag=etag, cache=files.IMMUTABLE, aside=aside)

    def reader(self) -> tuple[int, Read]:
        """Return the published size, and what reads tiles of any size up to it.

        A partial tile that was never written, or has gone, is how a wider one begins. It
        blocks. Raises FileNotFoundError before the first checkpoint, EvidenceError if that is none.
        """
        size = checkpoint.parse(note.parse(self.read("checkpoint"))[0]).size

        def read(path: str) -> bytes:
            try:
                return self.read(path)
            except FileNotFoundError:
                place = parse_path(path)
                full, partial = shape(size, 0 if isinstance(place, Bundle) else place.level)
                width = WIDTH if place.index < full else partial
                if place.width >= width:
                    raise
                return self._cut(place, width)

        return size, read

    def _find(self, place: Tile | Bundle) -> tuple[File | Bytes, str]:
        try:
            file = files.open_below(self._log, place.path)
        except FileNotFoundError:
            if place.width == WIDTH:
                raise
            body = Bytes(self._cut(place, WIDTH))
            return body, hashlib.sha256(body.data).hexdigest()
        return file, file.stamp

    def _cut(self, place: Tile | Bundle, width: int) -> bytes:
        """Return what a partial file held, from the wider one; raise FileNotFoundError."""
        if isinstance(place, Tile):
            return self.read(tile_path(place.level, place.index, width))[: place.width * HASH_SIZE]
        whole = self.read(entries_path(place.index, width))
        end = 0
        for _ in range(place.width):
            end += _LENGTH + int.from_bytes(whole[end : end + _LENGTH], "big")
        return whole[:end]
