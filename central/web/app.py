"""All that a centre serves, behind its doors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.routing import BaseRoute

from central.centre import Centre
from central.web import fleet_api, mirror_api, witness_api
from config.messages import LANGUAGES, say
from hashing.submission import MAX_SUBMISSION, MAX_UPLOAD
from transport.asgi import App, Receive, Scope, Send
from transport.door import Door

Routes = Callable[[Centre], Sequence[BaseRoute]]

PARTS: Final[tuple[Routes, ...]] = (witness_api.routes, mirror_api.routes, fleet_api.routes)
"""What is served; a further page is a module and a name here."""

BODIES: Final[Mapping[str, int]] = {
    "/witness/add-checkpoint": MAX_SUBMISSION,
    "/mirror/add-checkpoint": MAX_SUBMISSION,
}
"""What a body may hold, by path (docs/formats/witness.md section 6); elsewhere there is none."""


def app(centre: Centre) -> App:
    """Return the centre's application."""
    lang = centre.loaded.settings.centre.language
    # Who does not say what he reads gets the centre's own language.
    languages = (lang, *(each for each in LANGUAGES if each != lang))
    routes = [route for part in PARTS for route in part(centre)]
    door = Door(routes, title, languages, bodies=BODIES)
    uploads = Door(mirror_api.upload_routes(centre), title, languages, body_bytes=MAX_UPLOAD)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        chosen = uploads if scope["path"] == mirror_api.UPLOADS else door
        await chosen(scope, receive, send)

    return served


def title(code: str, lang: str, facts: Mapping[str, object]) -> str:
    """Return a problem as a sentence for people."""
    return say(f"central-problem.{code}", lang, **facts)
