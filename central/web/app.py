"""All that a centre serves, behind one door."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.routing import BaseRoute

from central.centre import Centre
from central.web import witness_api
from config.messages import LANGUAGES, say
from transport.asgi import App
from transport.door import Door

Routes = Callable[[Centre], Sequence[BaseRoute]]

PARTS: Final[tuple[Routes, ...]] = (witness_api.routes,)
"""What is served; a further page is a module and a name here."""

BODY_BYTES: Final = 64 << 10
"""A submission with 63 hashes and sixteen signatures, ML-DSA-44 among them, is shorter."""


def app(centre: Centre) -> App:
    """Return the centre's application."""
    routes = [route for part in PARTS for route in part(centre)]
    lang = centre.loaded.settings.centre.language
    # Who does not say what he reads gets the centre's own language.
    languages = (lang, *(each for each in LANGUAGES if each != lang))
    return Door(routes, title, languages, body_bytes=BODY_BYTES)


def title(code: str, lang: str, facts: Mapping[str, object]) -> str:
    """Return a problem as a sentence for people."""
    return say(f"central-problem.{code}", lang, **facts)
