"""The witness over HTTP: C2SP tlog-witness below /witness.

POST /witness/add-checkpoint
GET  /witness/<SHA-256 of the origin>/checkpoint
"""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from central.centre import Centre
from central.web.answers import answer_to, guarded, sender_of
from central.witness.witness import Witness
from hashing.submission import TEXT_TYPE
from transport.problems import ProblemError

_FRESH: Final = {"cache-control": "max-age=5"}


def routes(centre: Centre) -> Sequence[BaseRoute]:
    """Return the witness's routes; none where the centre has no witness."""
    witness = centre.witness
    if witness is None:
        return ()
    api = _WitnessApi(centre, witness)
    return (
        Route("/witness/add-checkpoint", guarded(api.add_checkpoint), methods=["POST"]),
        Route("/witness/{name}/checkpoint", guarded(api.checkpoint), methods=["GET"]),
    )


class _WitnessApi:
    def __init__(self, centre: Centre, witness: Witness) -> None:
        self._centre = centre
        self._witness = witness
        self._certificates = bool(centre.loaded.settings.web.client_ca)

    async def add_checkpoint(self, request: Request) -> Response:
        sender = sender_of(request, certificates=self._certificates)
        body = await request.body()
        return answer_to(await self._centre.call(self._witness.add_checkpoint, body, sender))

    async def checkpoint(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = await self._centre.call(self._witness.checkpoint, name)
        if found is None:
            raise ProblemError(404, "no-checkpoint")
        return Response(found, media_type=TEXT_TYPE, headers=_FRESH)
