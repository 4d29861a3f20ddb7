"""Proofs of the log, made from its published tiles."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.routing import Route

from dock_daemon.web.published import Published
from dock_daemon.web.requests import number, parameters
from hashing import checkpoint, note, proofs
from hashing.errors import EvidenceError
from transport import files
from transport.files import Answer, Bytes
from transport.problems import ProblemError


class Proofs:
    """What proves an entry, or that one log is the beginning of another."""

    def __init__(self, published: Published) -> None:
        self._published = published

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
        hashes = await self._made(size, lambda: proofs.inclusion(index, size, self._published.read))
        return immutable({"index": index, "size": size, "proof": hashes})

    async def _consistency(self, request: Request) -> Answer:
        told = parameters(request, "from", "to")
        new = number(told, "to")
        old = number(told, "from", most=new)
        hashes = await self._made(new, lambda: proofs.consistency(old, new, self._published.read))
        return immutable({"from": old, "to": new, "proof": hashes})

    async def _made(self, size: int, make: Callable[[], list[bytes]]) -> list[str]:
        signed = await self._published.checkpoint()
        published = checkpoint.parse(note.parse(signed)[0]).size
        if size > published:
            raise ProblemError(404, "beyond", published=published)
        try:
            hashes = await asyncio.to_thread(make)
        except (EvidenceError, OSError) as error:
            # Tiles of what is published are there and are whole: else the log is damaged.
            raise ProblemError(500, "log-damaged") from error
        return [base64.b64encode(each).decode("ascii") for each in hashes]


def immutable(told: Mapping[str, object]) -> Answer:
    """Return a JSON answer that will never be another."""
    return as_json(told, cache=files.IMMUTABLE)


def as_json(told: Mapping[str, object], *, cache: str = files.NOT_KEPT) -> Answer:
    """Return a JSON answer."""
    data = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    etag = hashlib.sha256(data).hexdigest()
    return Answer(body=Bytes(data), media_type="application/json", etag=etag, cache=cache)
