"""Manifests of dockings, for pulling: which there are, and the exact bytes of each.

Their documents name people and paths: whoever shows no certificate with a role for them gets
manifests without, which say no more than the log itself. A manifest is made anew for each
request, of the first checkpoint that covered it: so its bytes stay the same for as long as its
documents are there, and a document that was removed lies in no cache of ours.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.routing import Route

from dock_daemon.web.core import Core, Row
from dock_daemon.web.proofs import as_json
from dock_daemon.web.published import Published
from dock_daemon.web.requests import demand, is_digest, may, number, parameters, place
from hashing import manifest
from hashing.errors import EvidenceError
from transport import files
from transport.callers import AUDITOR, CENTRAL
from transport.files import Answer, Bytes
from transport.problems import ProblemError
from transport.threads import Threads

MEDIA_TYPE: Final = "application/vnd.sealdock.manifest"
MOST_ITEMS: Final = 500
_ITEMS: Final = 100
_PRIVATE: Final = "private, no-cache"
_WITHHELD: Final = "withheld"
_HEADS: Final = {"first": "note", "newest": "newest", "cosigned": "cosigned"}
_LONGEST_DOCUMENT: Final = 1 << 24

T = TypeVar("T")


class Manifests:
    """`/v1/manifests`."""

    def __init__(self, core: Core, published: Published, documents: Path, threads: Threads) -> None:
        self._core = core
        self._threads = threads
        self._published = published
        self._documents = documents
        self._one = asyncio.Lock()  # a large one fills memory: one at a time

    @property
    def routes(self) -> list[Route]:
        """The paths of manifests."""
        return [
            Route("/v1/manifests", self._list, methods=["GET"]),
            Route("/v1/manifests/{docking}", self._get, methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Answer:
        told = parameters(request, "after", "limit")
        # Seq 0 is genesis, which closes no docking: so 0 means from the beginning.
        after = number(told, "after", default=0)
        limit = number(told, "limit", least=1, most=MOST_ITEMS, default=_ITEMS)
        items = await self._core.rows({"ask": "manifests", "after": after, "limit": limit})
        more = items[-1]["seq"] if len(items) == limit else None
        return as_json({"items": items, "next": more}, cache=_PRIVATE)

    async def _get(self, request: Request) -> Answer:
        told = parameters(request, "documents", "head")
        usual = "sealed" if may(request, CENTRAL, AUDITOR) else _WITHHELD
        withheld = _one_of(told, "documents", {"sealed": False, _WITHHELD: True}, usual)
        if not withheld:
            demand(request, CENTRAL, AUDITOR)
        head = _one_of(told, "head", _HEADS, "first")
        docking = place(request, "docking")
        row = await self._core.row({"ask": "manifest", "docking": docking}, missing="no-manifest")
        if row[head] is None:
            raise ProblemError(404, "no-cosigned")
        async with self._one:
            data = await self._threads.run(self._assembled, row, row[head], withheld=withheld)
        digest = hashlib.sha256(data).hexdigest()
        return Answer(
            body=Bytes(data), media_type=MEDIA_TYPE, etag=digest, sha256=digest, cache=_PRIVATE
        )

    def _assembled(self, row: Row, head: str, *, withheld: bool) -> bytes:
        seqs = [seq for first, last in row["ranges"] for seq in range(first, last + 1)]
        try:
            _, read = self._published.reader()
            return manifest.assemble(
                row["docking"],
                seqs,
                read,
                head.encode("utf-8"),
                None if withheld else self._document,
                row["keys"],
            )
        except (EvidenceError, OSError) as error:
            raise ProblemError(500, "log-damaged") from error

    def _document(self, digest: str) -> bytes | None:
        if not is_digest(digest):
            return None
        try:
            file = files.open_below(self._documents, f"{digest[:2]}/{digest}")
        except FileNotFoundError:
            return None
        try:
            return file.read(0, _LONGEST_DOCUMENT)
        finally:
            file.close()


def _one_of(told: dict[str, str], name: str, choices: Mapping[str, T], default: str) -> T:
    """Return what a parameter means; raise ProblemError (400) where it means nothing."""
    word = told.get(name, default)
    if word not in choices:
        raise ProblemError(400, "query", parameter=name)
    return choices[word]
