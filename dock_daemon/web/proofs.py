"""Proofs of the log, made from its published tiles."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.routing import Route

from dock_daemon.web.published import Published
from dock_daemon.web.requests import number, parameters
from hashing import proofs
from hashing.errors import EvidenceError, TileError
from hashing.growth import Read
from transport import files
from transport.files import Answer, Bytes
from transport.problems import ProblemError
from transport.threads import Threads


class Proofs:
    """What proves an entry, or that one log is the beginning of another."""

    def __init__(self, published: Published, threads: Threads) -> None:
        self._published = published
        self._threads = threads

    @property
    def routes(self) -> list[Route]:
        """The paths of proofs."""
        return [
            Route("/v1/proofs/inclusion", self._inclusion, methods=["GET"]),
            Route("/v1/proofs/consistency", self._consistency, methods=["GET"]),
        ]

    async def _inclusion(self, request: Request) -> Answer:
        told = parameters(request, "index", "size")
        size = number(told, "size", least=1)
        index = number(told, "index", most=size - 1)
        hashes = await self._made(size, lambda read: proofs.inclusion(index, size, read))
        return immutable({"index": index, "size": size, "proof": hashes})

    async def _consistency(self, request: Request) -> Answer:
        told = parameters(request, "from", "to")
        new = number(told, "to")
        old = number(told, "from", most=new)
        hashes = await self._made(new, lambda read: proofs.consistency(old, new, read))
        return immutable({"from": old, "to": new, "proof": hashes})

    async def _made(self, size: int, make: Callable[[Read], list[bytes]]) -> list[str]:
        try:
            published, read = await self._threads.run(self._published.reader)
            if size > published:
                raise ProblemError(404, "beyond", published=published)
            hashes = await self._threads.run(_from_tiles, make, read)
        except FileNotFoundError as error:
            raise ProblemError(404, "no-log") from error
        except (EvidenceError, OSError) as error:
            raise ProblemError(500, "log-damaged") from error
        return [base64.b64encode(each).decode("ascii") for each in hashes]


def _from_tiles(make: Callable[[Read], list[bytes]], read: Read) -> list[bytes]:
    try:
        return make(read)
    except FileNotFoundError as error:  # of what is published every tile is there
        raise TileError(f"{error.filename} is missing") from error


def immutable(told: Mapping[str, object]) -> Answer:
    """Return a JSON answer that will never be another."""
    return as_json(told, cache=files.IMMUTABLE)


def as_json(told: Mapping[str, object], *, cache: str = files.NOT_KEPT) -> Answer:
    """Return a JSON answer."""
    data = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    etag = hashlib.sha256(data).hexdigest()
    return Answer(body=Bytes(data), media_type="application/json", etag=etag, cache=cache)
