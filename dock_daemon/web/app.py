"""The dock's web application: rooms joined to one set of routes."""

from collections.abc import Mapping
from pathlib import Path

from config.messages import LANGUAGES, say
from dock_daemon.web.clips import Clips
from dock_daemon.web.core import Core
from dock_daemon.web.dock import DockFace
from dock_daemon.web.manifests import Manifests
from dock_daemon.web.proofs import Proofs
from dock_daemon.web.published import Published
from transport.door import Door
from transport.threads import Threads


def application(state: Path, core: Core, lang: str, *, files: Threads) -> Door:
    """Return what serves the dock whose state directory this is; errors in `lang` by default.

    `files` are the threads that read what it serves.
    """
    published = Published(state / "log", files)
    rooms = (
        published,
        Proofs(published, files),
        DockFace(core),
        Manifests(core, published, state / "store" / "documents", files),
        Clips(core, state / "store" / "clips", files),
    )
    routes = [route for room in rooms for route in room.routes]
    languages = [lang, *(other for other in LANGUAGES if other != lang)]
    return Door(routes, title, languages)


def title(code: str, lang: str, facts: Mapping[str, object]) -> str:
    """Return the sentence for people about a problem."""
    return say(f"http-problem.{code}", lang, **facts)
