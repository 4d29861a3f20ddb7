"""What stands between the network and an application: the same for every face of the house.

A request comes in under one spelling of its path and without a body that nobody wants. Whatever
goes wrong goes out as a problem document. Each answer says that it is to be taken for nothing but
what it says it is, and is one line in the log, without an address, a query or a name of a person.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Router

from transport.asgi import App, Message, Receive, Scope, Send
from transport.callers import caller_of
from transport.problems import ProblemError, Titles, answer, language

log = logging.getLogger(__name__)

_SAFE: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}
# RFC 3986's unreserved characters, "/", and what names of ours may hold: nothing that would have
# a second spelling.
_PATH: Final = re.compile(rb"(?:/[A-Za-z0-9._~!@$&'()*,;=:-]*)+")
_ABSOLUTE: Final = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_SPELT_TWICE: Final = re.compile(rb"//|/\.{1,2}(?:/|\Z)")
_LONGEST_LOGGED: Final = 160


_VERSIONS: Final = frozenset({"1.0", "1.1"})
_CODES: Final = {404: "not-found", 405: "method"}


class Door:
    """An ASGI application around a room's routes.

    What a route raises as ProblemError is what the client is told; every other exception is a
    fault of ours, is logged, and told as "internal". The titles must know the codes not-found,
    method, path, too-large, refused and internal.
    """

    def __init__(  # noqa: PLR0913  what a door is made of comes in by name
        self,
        routes: Sequence[BaseRoute],
        titles: Titles,
        languages: Sequence[str],
        *,
        body_bytes: int = 0,
        bodies: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Let in bodies of `body_bytes` at most, or as `bodies` says for a path.

        `headers` replace or join the usual ones.
        """
        self._app: App = Router(routes, redirect_slashes=False)
        self._titles = titles
        self._languages = languages
        self._body_bytes = body_bytes
        self._bodies = bodies or {}
        more = {name.lower().encode(): text.encode() for name, text in (headers or {}).items()}
        self._headers = {**_SAFE, **more}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        said = _Said(send, self._headers)
        try:
            scope["path"] = _path(scope)
            scope["app"] = self  # so that the router raises what it cannot find
            await self._app(scope, self._bounded(scope, receive), said)
        except ProblemError as problem:
            await self._tell(problem, said, scope, receive)
        except HTTPException as error:
            code = _CODES.get(error.status_code, "refused")
            found = ProblemError(error.status_code, code, headers=error.headers)
            await self._tell(found, said, scope, receive)
        except ClientDisconnect:
            log.info("%s: the client left", _line(scope))
            return
        except Exception:
            log.exception("%s: failed", _line(scope))
            await self._tell(ProblemError(500, "internal"), said, scope, receive)
        level = logging.DEBUG if said.status < 400 else logging.INFO  # noqa: PLR2004  HTTP's own
        log.log(level, "%s: %d, %d bytes", _line(scope), said.status, said.sent)

    async def _tell(
        self, problem: ProblemError, said: "_Said", scope: Scope, receive: Receive
    ) -> None:
        if said.status:
            raise problem  # the answer has begun: the connection ends within it
        wishes = b",".join(text for name, text in scope["headers"] if name == b"accept-language")
        lang = language(wishes.decode("latin-1"), self._languages)
        await answer(problem, lang, self._titles)(scope, receive, said)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return `receive` that ends with a 413 where a body is longer than it may be."""
        length = next((text for name, text in scope["headers"] if name == b"content-length"), b"0")
        most = self._bodies.get(scope["path"], self._body_bytes)
        if int(length) > most:
            raise ProblemError(413, "too-large", at_most=most)
        got = 0

        async def bounded() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > most:
                raise ProblemError(413, "too-large", at_most=most)
            return message

        return bounded


class _Said:
    """Sends, and remembers what was sent."""

    def __init__(self, send: Send, headers: Mapping[bytes, bytes]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0
        self.sent = 0

    async def __call__(self, message: Message) -> None:
        """Send one message of an answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message.get("headers", [])}
            more = [item for item in self._headers.items() if item[0] not in own]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        self.sent += len(message.get("body", b""))
        await self._send(message)


def _path(scope: Scope) -> str:
    """Return the path of a request, as it was sent; raise ProblemError unless it has one spelling.

    The absolute form that RFC 9112 3.2.2 has every server take is brought to the other.
    """
    if scope["http_version"] not in _VERSIONS:
        raise ProblemError(505, "refused")
    raw: bytes = scope["raw_path"]
    if not raw.startswith(b"/"):
        raw = _ABSOLUTE.sub(b"", raw, count=1) or b"/"
    if _PATH.fullmatch(raw) is None or _SPELT_TWICE.search(raw) is not None:
        raise ProblemError(400, "path")
    return raw.decode("ascii")


def _line(scope: Scope) -> str:
    """Return a request for the log: who, by certificate, and what."""
    who = caller_of(scope)
    path = scope["raw_path"].decode("ascii", "replace")[:_LONGEST_LOGGED]
    return f"{who.name or '-'} {scope['method']} {path}"
