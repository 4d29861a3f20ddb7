"""One cosigner, as this process speaks to it: its addresses, its keys, its requests."""

import ssl
from collections.abc import AsyncIterator
from typing import Final

from config.settings import Cosigner
from dock_daemon.sync.told import Code, Told
from hashing.cosigners import AnyCosigner, parse_cosigner
from hashing.note import MAX_NOTE
from hashing.submission import (
    MAX_INFO,
    TEXT_TYPE,
    UPLOAD_TYPE,
    Submission,
    origin_hash,
)
from transport.client import Answer, Link
from transport.errors import LinkError, TimedOutError, TlsRefusedError, UnreachableError

# An upload of some MiB may take longer than a question: so many times the time of one.
_UPLOAD_TIMES: Final = 15
_MAX_LINES: Final = 1 << 16  # bytes of cosignature lines, or of what is said instead


class Party:
    """A witness or mirror of the settings. Its methods raise LinkError."""

    def __init__(
        self,
        cosigner: Cosigner,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        *,
        language: str = "en",
    ) -> None:
        """Raise KeyFormatError where a configured key is none, LinkError for a bad address.

        `language` is that of the sentences in which a refusal is explained.
        """
        self.name = cosigner.name
        self.role = cosigner.role
        self.keys: tuple[AnyCosigner, ...] = tuple(map(parse_cosigner, cosigner.keys))
        self._timeout_s = timeout_s
        self._headers = {"accept-language": language}
        self._submission = Link(cosigner.url, tls, timeout_s)
        self._monitoring = Link(cosigner.monitor or cosigner.url, tls, timeout_s)

    @property
    def host(self) -> str:
        """Where heads are brought."""
        return self._submission.host

    async def close(self) -> None:
        """Let go of its connections."""
        await self._submission.close()
        await self._monitoring.close()

    async def submit(self, submission: Submission) -> Answer:
        """Ask for a cosignature: add-checkpoint."""
        return await self._submission.post(
            "add-checkpoint",
            submission.encode(),
            headers={**self._headers, "content-type": TEXT_TYPE},
            at_most=_MAX_LINES,
        )

    async def upload(self, body: AsyncIterator[bytes]) -> Answer:
        """Send entries, packed by gzip: add-entries."""
        return await self._submission.post(
            "add-entries",
            body,
            headers={
                **self._headers,
                "content-type": UPLOAD_TYPE,
                "content-encoding": "gzip",
            },
            at_most=max(_MAX_LINES, MAX_INFO),
            within_s=self._timeout_s * _UPLOAD_TIMES,
        )

    async def head(self, origin: str) -> Answer:
        """Ask which head of a log it has cosigned last."""
        path = f"{origin_hash(origin)}/checkpoint"
        return await self._monitoring.get(path, at_most=MAX_NOTE, headers=self._headers)


def told_of(error: LinkError) -> Told:
    """Return a failed request as the end of a visit."""
    facts = {"host": error.host, "detail": error.reason}
    match error:
        case TimedOutError():
            return Told(Code.TIMED_OUT, facts)
        case TlsRefusedError():
            return Told(Code.TLS, facts)
        case UnreachableError():
            return Told(Code.UNREACHABLE, facts)
        case _:
            return Told(Code.BAD_ANSWER, facts)
