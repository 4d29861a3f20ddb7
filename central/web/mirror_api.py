"""The mirror over HTTP: C2SP tlog-mirror below /mirror.

POST /mirror/add-checkpoint
POST /mirror/add-entries
GET  /mirror/<SHA-256 of the origin>/checkpoint, /tile/...
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from central.centre import Centre
from central.cosigning.outcomes import Inconsistent, Malformed, Sender
from central.mirror.mirror import Mirror
from central.mirror.outcomes import More, Stale, UploadOutcome
from central.mirror.standing import Pending
from central.mirror.upload import Upload
from central.web.answers import NOT_KEPT, answer_to, demand_reader, guarded, sender_of
from central.web.unpacking import unpacked
from hashing.errors import SubmissionError, TileError
from hashing.submission import (
    MAX_HEAD,
    MIRROR_INFO_TYPE,
    TEXT_TYPE,
    UPLOAD_TYPE,
    PackageReader,
    UploadHead,
)
from hashing.tiles import parse_path
from transport.asgi import Receive, Scope, Send
from transport.files import IMMUTABLE, Answer, open_below
from transport.problems import ProblemError

UPLOADS: Final = "/mirror/add-entries"
"""The one path whose bodies are long; they are streamed, and kept package by package."""

_FRESH: Final = {"cache-control": "max-age=5"}


def routes(centre: Centre) -> Sequence[BaseRoute]:
    """Return the mirror's routes but that for uploads; none where the centre has no mirror."""
    mirror = centre.mirror
    if mirror is None:
        return ()
    api = _MirrorApi(centre, mirror)
    return (
        Route("/mirror/add-checkpoint", guarded(api.add_checkpoint), methods=["POST"]),
        Route("/mirror/{name}/checkpoint", guarded(api.checkpoint), methods=["GET"]),
        Route("/mirror/{name}/tile/{tail:path}", _TileFile(centre, mirror), methods=["GET"]),
    )


def upload_routes(centre: Centre) -> Sequence[BaseRoute]:
    """Return the route for uploads."""
    mirror = centre.mirror
    if mirror is None:
        return ()
    return (Route(UPLOADS, guarded(_MirrorApi(centre, mirror).add_entries), methods=["POST"]),)


class _MirrorApi:
    def __init__(self, centre: Centre, mirror: Mirror) -> None:
        self._centre = centre
        self._mirror = mirror
        self._certificates = bool(centre.loaded.settings.web.client_ca)

    async def add_checkpoint(self, request: Request) -> Response:
        sender = sender_of(request, certificates=self._certificates)
        body = await request.body()
        return answer_to(await self._centre.call(self._mirror.add_checkpoint, body, sender))

    async def checkpoint(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = await self._centre.call(self._mirror.checkpoint, name)
        if found is None:
            raise ProblemError(404, "no-checkpoint")
        return Response(found, media_type=TEXT_TYPE, headers=_FRESH)

    async def add_entries(self, request: Request) -> Response:
        sender = sender_of(request, certificates=self._certificates)
        if request.headers.get("content-type", "").partition(";")[0].strip() != UPLOAD_TYPE:
            raise ProblemError(400, "malformed", detail=f"the content type is not {UPLOAD_TYPE}")
        pieces = unpacked(request.stream(), request.headers.get("content-encoding", ""))
        return _answer_to(await self._take(pieces, sender))

    async def _take(self, pieces: AsyncIterator[bytes], sender: Sender) -> UploadOutcome:
        """Read the head, and say at once if nothing can follow it; else package after package."""
        try:
            head, rest = await _head(pieces)
        except SubmissionError as error:
            return Malformed(str(error))
        aim = await self._centre.call(self._mirror.admit, head, sender)
        if not isinstance(aim, Pending):
            return aim
        upload = Upload(self._mirror, head, aim)
        refused = await self._feed(upload, PackageReader(head.start, head.end), rest, pieces)
        # What was proved is kept, whatever came after it.
        outcome = await self._centre.call(upload.finish)
        return refused or outcome

    async def _feed(
        self, upload: Upload, reader: PackageReader, rest: bytes, pieces: AsyncIterator[bytes]
    ) -> Inconsistent | Malformed | None:
        piece = rest
        try:
            while True:
                for parcel in reader.feed(piece):
                    refused = await self._centre.call(upload.take, parcel)
                    if refused is not None:
                        return refused
                piece = await anext(pieces)
        except StopAsyncIteration:
            return None
        except (SubmissionError, zlib.error, ClientDisconnect) as error:
            # A body that breaks off leaves what came whole; behind the last package there is
            # nothing that could be meant.
            return Malformed(str(error)) if upload.complete else None


async def _head(pieces: AsyncIterator[bytes]) -> tuple[UploadHead, bytes]:
    """Return an upload's head and what came after it; raise SubmissionError."""
    data = b""
    try:
        async for piece in pieces:
            data += piece
            found = UploadHead.read(data[:MAX_HEAD])
            if found is not None:
                return found[0], data[found[1] :]
    except zlib.error as error:
        raise SubmissionError(str(error)) from None
    raise SubmissionError("the upload ends within its head")


def _answer_to(outcome: UploadOutcome) -> Response:
    match outcome:
        case More(info) | Stale(info):
            status = 202 if isinstance(outcome, More) else 409
            headers = {**NOT_KEPT, "content-type": MIRROR_INFO_TYPE, "accept-encoding": "gzip"}
            return Response(info.encode(), status_code=status, headers=headers)
        case _:
            return answer_to(outcome)


class _TileFile:
    """Tiles and bundles as files that never change; a partial one may go once it is full."""

    def __init__(self, centre: Centre, mirror: Mirror) -> None:
        self._centre = centre
        self._mirror = mirror
        self._certificates = bool(centre.loaded.settings.web.client_ca)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        params = scope["path_params"]
        path = f"tile/{params['tail']}"
        try:
            parse_path(path)
            dock = await self._centre.call(self._centre.register.find, params["name"])
            if dock is None:
                raise ProblemError(404, "not-found")
            demand_reader(scope, dock.origin, certificates=self._certificates)
            root = self._mirror.folder(dock.origin)
            file = await self._centre.call(open_below, root, path)
        except (TileError, FileNotFoundError) as error:
            raise ProblemError(404, "not-found") from error
        answer = Answer(
            body=file,
            media_type=UPLOAD_TYPE,
            etag=file.stamp,
            cache=IMMUTABLE,
            aside=self._centre.call,
        )
        await answer(scope, receive, send)
