"""The overview over HTTP: pages for people, JSON for programs, and two words for watchdogs.

GET /                              the fleet, as a page
GET /docks/<hash>                  one dock, as a page
GET /static/<name>                 style and icon of the pages
GET /v1/docks[?late=1]             the fleet, as JSON
GET /v1/docks/<hash>               one dock
GET /v1/docks/<hash>/manifests     its dockings that ended last, and their manifests
GET /v1/docks/<hash>/forks         evidence that it signed what it should not have
GET /healthz, /readyz              the process answers; its database does, too

<hash> is SHA-256 of the origin, in hexadecimal. Where clients have certificates, what names
docks is for those with a role; the watchdogs' words are for all.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from central.centre import Centre
from central.fleet import told
from central.fleet.assembly import fleet_of
from central.fleet.fleet import Fleet
from central.fleet.own import Ending, endings
from central.fleet.view import DockView
from central.web.answers import guarded
from central.web.dock_page import dock_page
from central.web.frame import HEADERS, STATIC, Scene, static
from central.web.overview import overview
from config.json_lines import SCHEMA
from config.messages import LANGUAGES
from transport.callers import AUDITOR, CENTRAL, OPERATOR, caller_of
from transport.problems import ProblemError, language

Handler = Callable[[Request], Awaitable[Response]]

_NEWEST: Final = 50  # dockings on a dock's page
_MOST: Final = 500
_NOT_KEPT: Final = {"cache-control": "no-store"}
_STYLE_KEPT: Final = {"cache-control": "max-age=86400", "x-content-type-options": "nosniff"}


def routes(centre: Centre) -> Sequence[BaseRoute]:
    """Return the routes of the overview."""
    api = _FleetApi(centre, fleet_of(centre.loaded, centre.database, centre.clock))
    shown: tuple[tuple[str, Handler], ...] = (
        ("/", api.overview),
        ("/docks/{name}", api.dock_page),
        ("/v1/docks", api.docks),
        ("/v1/docks/{name}", api.dock),
        ("/v1/docks/{name}/manifests", api.manifests),
        ("/v1/docks/{name}/forks", api.forks),
    )
    open_to_all: tuple[tuple[str, Handler], ...] = (
        ("/static/{name}", api.static),
        ("/healthz", api.healthy),
        ("/readyz", api.ready),
    )
    named = [(path, api.known(handler)) for path, handler in shown]
    every = [*named, *open_to_all]
    return [Route(path, guarded(handler), methods=["GET"]) for path, handler in every]


class _FleetApi:
    def __init__(self, centre: Centre, fleet: Fleet) -> None:
        self._centre = centre
        self._fleet = fleet
        self._certificates = bool(centre.loaded.settings.web.client_ca)

    def known(self, handler: Handler) -> Handler:
        """Return `handler` for callers whose certificate has a role that may look."""

        async def demand(request: Request) -> Response:
            caller = caller_of(request.scope)
            if self._certificates and not caller.may(AUDITOR, OPERATOR, CENTRAL):
                raise ProblemError(403, "role", name=caller.name)
            return await handler(request)

        return demand

    async def overview(self, request: Request) -> Response:
        views = await self._centre.call(self._fleet.views)
        own = await self._centre.call(self._own)
        asked = request.query_params
        number = asked.get("page", "1")
        page = overview(
            views,
            self._scene(request),
            own=own,
            only_late=asked.get("only") == "late",
            number=int(number) if number.isdecimal() and len(number) < 6 else 1,  # noqa: PLR2004  digits
        )
        return _page(page)

    async def dock_page(self, request: Request) -> Response:
        view = await self._view(request)
        forks = await self._centre.call(self._fleet.forks, view.origin)
        ended = await self._centre.call(self._fleet.manifests, view.origin, newest=_NEWEST)
        return _page(dock_page(view, forks, ended, self._scene(request)))

    async def docks(self, request: Request) -> Response:
        views = await self._centre.call(self._fleet.views)
        late = request.query_params.get("late", "") not in {"", "0"}
        docks = [told.dock(view) for view in views if view.late or not late]
        return _json({"as_of_ms": self._centre.clock(), "docks": docks})

    async def dock(self, request: Request) -> Response:
        return _json(told.dock(await self._view(request)))

    async def manifests(self, request: Request) -> Response:
        view = await self._view(request)
        ended = await self._centre.call(self._fleet.manifests, view.origin, newest=_MOST)
        return _json({"origin": view.origin, "dockings": [told.manifest(one) for one in ended]})

    async def forks(self, request: Request) -> Response:
        view = await self._view(request)
        forks = await self._centre.call(self._fleet.forks, view.origin)
        return _json({"origin": view.origin, "forks": [told.fork(one) for one in forks]})

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise ProblemError(404, "not-found")
        return Response(static(name), media_type=STATIC[name], headers=_STYLE_KEPT)

    async def healthy(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_NOT_KEPT)

    async def ready(self, _request: Request) -> Response:
        """Ask the database: without it nothing is cosigned."""
        await self._centre.call(lambda: self._centre.database.id)
        return PlainTextResponse("ok\n", headers=_NOT_KEPT)

    def _own(self) -> list[Ending]:
        settings = self._centre.loaded.settings
        days = settings.fleet.certificate_days
        return list(endings(settings, days=days, now_ms=self._centre.clock()))

    async def _view(self, request: Request) -> DockView:
        found = await self._centre.call(self._fleet.view, request.path_params["name"])
        if found is None:
            raise ProblemError(404, "no-such-dock")
        return found

    def _scene(self, request: Request) -> Scene:
        centre = self._centre.loaded.settings.centre
        languages = (centre.language, *(each for each in LANGUAGES if each != centre.language))
        wanted = request.query_params.get("lang", "")
        accepted = request.headers.get("accept-language", "")
        return Scene(
            centre=centre.name,
            lang=wanted if wanted in LANGUAGES else language(accepted, languages),
            zone=self._centre.loaded.zone,
            now_ms=self._centre.clock(),
            path=request.url.path,
        )


def _page(page: str) -> Response:
    media_type = "text/html; charset=utf-8"
    return Response(page.encode("utf-8"), media_type=media_type, headers=HEADERS)


def _json(body: dict[str, object]) -> Response:
    return JSONResponse({"schema": SCHEMA, **body}, headers=_NOT_KEPT)
