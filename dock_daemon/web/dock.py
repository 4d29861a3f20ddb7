"""Who the dock is, and how its log stands."""

from starlette.requests import Request
from starlette.routing import Route

from dock_daemon.version import VERSION
from dock_daemon.web.core import Core
from dock_daemon.web.proofs import as_json
from dock_daemon.web.published import ASK_AGAIN
from dock_daemon.web.requests import parameters
from transport.files import Answer


class DockFace:
    """`/v1/dock`: public, like the log that it speaks of."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def routes(self) -> list[Route]:
        """The path."""
        return [Route("/v1/dock", self._dock, methods=["GET"])]

    async def _dock(self, request: Request) -> Answer:
        parameters(request)
        told = await self._core.row({"ask": "signing"}, missing="no-log")
        return as_json(
            {
                "origin": told["origin"],
                "vkeys": told["vkeys"],
                "version": VERSION,
                "signing": {"state": told["state"], "why": told["why"]},
                "entries": told["entries"],
                "signed": told["signed"],
                "published": told["published"],
                "head": told["head"],
                "cosigners": told["cosigners"],
            },
            cache=ASK_AGAIN,
        )
