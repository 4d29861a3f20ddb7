"""One machine that is spoken to over HTTP, and all the bounds that holds it to.

HTTP/1.1, kept alive. No redirect is followed and no proxy is taken from the
environment: an address that was configured is the address that is used. An answer has
a length that it may not exceed, and a time after which it is no longer waited for, in
whatever drops it comes.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

import httpx2

from transport.errors import (
    BadAnswerError,
    LinkError,
    TimedOutError,
    TlsRefusedError,
    TooLargeError,
    UnreachableError,
)

Body: TypeAlias = bytes | AsyncIterable[bytes]

MAX_ANSWER: Final = 1 << 20  # bytes, unless a caller says otherwise
_USER_AGENT: Final = "sealdock"
_IDLE_S: Final = 75.0
# No errors: asyncio's TLS asks for more bytes by them, and they stay behind as context.
_UNFINISHED: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_FEW: Final = httpx2.Limits(
    max_connections=4, max_keepalive_connections=2, keepalive_expiry=_IDLE_S
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters; empty if none is stated."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Link:
    """A machine, by the address that all its paths begin with.

    `tls` is who we are and whom we trust; None takes the system's authorities. A Link
    belongs to the event loop that first used it, and is to be closed.
    """

    def __init__(self, base_url: str, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        self._base = base_url.rstrip("/")
        self._timeout_s = timeout_s
        try:
            url = httpx2.URL(self._base)
            self.host = url.netloc.decode("ascii")
        except (httpx2.InvalidURL, UnicodeDecodeError) as error:
            raise UnreachableError(base_url, str(error)) from error
        secure = url.scheme == "https"
        # Over TLS 1.3 a client learns only after the handshake that its certificate is not
        # accepted, and most servers just hang up then.
        self._doubtful = secure
        self._client = httpx2.AsyncClient(
            verify=(tls or _system_tls()) if secure else False,
            trust_env=False,
            follow_redirects=False,
            limits=_FEW,
            # The whole exchange has one deadline, below. To connect, and to agree on TLS, may
            # take half of it each: the library's own timeout closes what it gives up, and
            # being cancelled from outside in the middle of a handshake would leave it open.
            timeout=httpx2.Timeout(None, connect=timeout_s / 2),
            headers={"user-agent": _USER_AGENT, "accept-encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def get(
        self,
        path: str,
        *,
        at_most: int = MAX_ANSWER,
        headers: Mapping[str, str] | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """Return what is at `path`, whatever the status; raise LinkError."""
        return await self._exchange(self._request("GET", path, headers), at_most, within_s)

    async def post(
        self,
        path: str,
        body: Body,
        *,
        headers: Mapping[str, str],
        at_most: int = MAX_ANSWER,
        within_s: float | None = None,
    ) -> Answer:
        """Send `body`, in one piece or as it comes, and return the answer; raise LinkError.

        `headers` say its content type. What a streamed body raises comes through as it is.
        """
        request = self._request("POST", path, headers, body)
        return await self._exchange(request, at_most, within_s)

    @asynccontextmanager
    async def streaming(
        self, path: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[Answer, Callable[[], AsyncIterator[bytes]]]]:
        """Open what is at `path`; yield status and headers, and what iterates over the body.

        For content too long for memory: its reader bounds its length. No piece is waited
        for longer than the link's time. Raises LinkError, also while iterating.
        """
        request = self._request("GET", path, headers)
        async with self._told(self._timeout_s), asyncio.timeout(self._timeout_s):
            response = await self._client.send(request, stream=True)
        try:
            self._demand_plain(response)
            yield _head(response), lambda: self._pieces(response)
        finally:
            await response.aclose()

    async def _exchange(
        self, request: httpx2.Request, at_most: int, within_s: float | None
    ) -> Answer:
        limit_s = self._timeout_s if within_s is None else within_s
        async with self._told(limit_s), asyncio.timeout(limit_s):
            response = await self._client.send(request, stream=True)
            try:
                return await self._whole(response, at_most)
            finally:
                await response.aclose()

    async def _whole(self, response: httpx2.Response, at_most: int) -> Answer:
        self._demand_plain(response)
        stated = response.headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > at_most:
            raise TooLargeError(self.host, at_most)
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > at_most:
                raise TooLargeError(self.host, at_most)
        return Answer(response.status_code, dict(response.headers), bytes(body))

    async def _pieces(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        pieces = response.aiter_raw()
        while True:
            async with self._told(self._timeout_s), asyncio.timeout(self._timeout_s):
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield piece

    @asynccontextmanager
    async def _told(self, limit_s: float) -> AsyncIterator[None]:
        """Turn what the HTTP library raises into what the house says."""
        try:
            yield
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise TimedOutError(self.host, limit_s) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            trouble = _trouble(self.host, error)
            if self._doubtful and isinstance(trouble, UnreachableError) and _after_hello(error):
                reason = f"{trouble.reason} It may not accept our certificate."
                raise TlsRefusedError(self.host, reason) from error
            raise trouble from error
        self._doubtful = False

    def _demand_plain(self, response: httpx2.Response) -> None:
        """Refuse what would unpack into more than came in: nobody asked for it."""
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise BadAnswerError(self.host, f"the answer is encoded: {encoding[:40]}")

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: Body | None = None,
    ) -> httpx2.Request:
        url = f"{self._base}/{path.lstrip('/')}"
        try:
            return self._client.build_request(method, url, content=body, headers=headers)
        except httpx2.InvalidURL as error:
            raise UnreachableError(self.host, str(error)) from error


def _head(response: httpx2.Response) -> Answer:
    return Answer(response.status_code, dict(response.headers), b"")


def _system_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _trouble(host: str, error: Exception) -> LinkError:
    """Return what the HTTP library ran into, as the house says it."""
    causes = [one for one in _causes(error) if not isinstance(one, _UNFINISHED)]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TlsRefusedError(host, cause.verify_message or str(cause))
        if isinstance(cause, ssl.SSLError):
            return TlsRefusedError(host, cause.reason or str(cause))
    if isinstance(error, httpx2.RemoteProtocolError) and not _hung_up(error):
        return BadAnswerError(host, str(error))
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return UnreachableError(host, cause.strerror)
    return UnreachableError(host, str(error) or type(error).__name__)


def _after_hello(error: Exception) -> bool:
    """Tell whether the connection stood when it broke off."""
    return not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def _hung_up(error: Exception) -> bool:
    """Tell a server that went away from one that speaks something else."""
    return any(word in str(error) for word in ("disconnected", "peer closed"))


def _causes(error: BaseException) -> Iterable[BaseException]:
    """Yield the error and all that lies behind it, also within groups."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or one in seen:
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
