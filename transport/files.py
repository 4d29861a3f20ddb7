"""Answers whose bytes never change: conditions, ranges, digests, and long caching (RFC 9110).

A file is opened below a root, link by link, and none of them may be a symbolic link: what is
served lies where it seems to lie. It is read from its descriptor in bounded pieces, in a
thread of those that whoever opened it names, so that a slow disk holds up nobody else.
"""

import asyncio
import base64
import errno
import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from transport.asgi import Receive, Scope, Send

CHUNK: Final = 128 << 10
IMMUTABLE: Final = "public, max-age=31536000, immutable"
PRIVATE: Final = "private, max-age=31536000, immutable"
"""For what not everybody may have: no shared cache keeps it."""
NOT_KEPT: Final = "no-store"

# A part that is a file, a symbolic link, too long a name: nothing of ours lies there.
_NO_SUCH: Final = frozenset({errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_RANGE: Final = re.compile(r"bytes=[ \t]*(?:([0-9]{1,999})-([0-9]{1,999})?|-([0-9]{1,999}))[ \t]*")
_TAG: Final = re.compile(r'(?:W/)?"[!#-~]*"')


class Aside(Protocol):
    """Does what blocks in a thread."""

    def __call__(
        self, work: Callable[[int, int], bytes], at: int, count: int, /
    ) -> Awaitable[bytes]:
        """Return what `work` returns."""


class Body(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, at: int, count: int, /) -> bytes:
        """Return `count` bytes from `at`, fewer at the end only; it may block."""

    def close(self) -> None:
        """Let go of them."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """A body in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.data)

    def read(self, at: int, count: int) -> bytes:
        """Return `count` bytes from `at`."""
        return self.data[at : at + count]

    def close(self) -> None:
        """Let go of them: there is nothing to do."""


@dataclass(frozen=True, slots=True)
class File:
    """An open file."""

    handle: int
    size: int
    stamp: str
    """Differs for a file of other bytes under the same name: inode, size, time of change."""

    def read(self, at: int, count: int) -> bytes:
        """Return `count` bytes from `at`."""
        return os.pread(self.handle, count, at)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.handle)


def open_below(root: Path, path: str) -> File:
    """Open the regular file at `path` ("a/b/c") below `root`; the caller closes it. It blocks.

    Raises FileNotFoundError where there is none: no part may be empty, "." or "..", or a
    symbolic link; any other OSError where it cannot be opened.
    """
    try:
        return _open_below(root, path)
    except OSError as error:
        if error.errno in _NO_SUCH:
            raise FileNotFoundError(error.errno, error.strerror, path) from error
        raise


def _open_below(root: Path, path: str) -> File:
    *folders, name = path.split("/")
    if not all(part not in {"", ".", ".."} and "\0" not in part for part in (*folders, name)):
        raise FileNotFoundError(path)
    handle = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        # A pipe that lies there must not hold us: O_NONBLOCK.
        return _regular(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle))
    finally:
        os.close(handle)


def _regular(handle: int) -> File:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise FileNotFoundError("it is no regular file")
    stamp = f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
    return File(handle, found.st_size, stamp)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a request for something immutable is answered: a status, and which of its bytes."""

    status: int
    first: int = 0
    end: int = 0


def judge(method: str, fields: Mapping[str, str], size: int, etag: str) -> Verdict:
    """Return how to answer; `fields` by lower-case name, `etag` in its quotes (RFC 9110 13.2.2).

    One range is given; a request for several, or for what is no range, gets everything.
    """
    wanted, known = fields.get("if-match"), fields.get("if-none-match")
    if wanted is not None and wanted.strip() != "*" and etag not in _TAG.findall(wanted):
        return Verdict(412)
    if known is not None and (known.strip() == "*" or etag in _weakly(known)):
        return Verdict(304)
    asked = fields.get("range")
    # A condition that is no tag is a date, and we have none to compare.
    if method != "GET" or asked is None or fields.get("if-range", etag).strip() != etag:
        return Verdict(200, 0, size)
    found = _RANGE.fullmatch(asked.lower())
    return Verdict(200, 0, size) if found is None else _ranged(found, size)


def _ranged(found: re.Match[str], size: int) -> Verdict:
    """Return how a well-formed range is answered (RFC 9110 14.1.2)."""
    first, last, suffix = (None if text is None else int(text) for text in found.groups())
    if first is None:
        if not suffix:
            return Verdict(416)
        first = max(0, size - suffix)
    elif first >= size:
        return Verdict(416)
    elif last is not None and last < first:
        return Verdict(200, 0, size)
    end = size if last is None else min(size, last + 1)
    return Verdict(206, first, end) if end else Verdict(200, 0, size)


def _weakly(tags: str) -> set[str]:
    return {tag.removeprefix("W/") for tag in _TAG.findall(tags)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An ASGI answer to GET or HEAD whose bytes never change under its tag."""

    body: Body
    media_type: str
    etag: str
    """Without quotes; what is visible ASCII, and no quote."""
    cache: str
    sha256: str = ""
    """Of the whole, hexadecimal, where it is known: told as Repr-Digest (RFC 9530)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Awaitable[None]] | None = None
    """Awaited before the first byte of the body leaves, and only then; it may raise."""
    aside: Aside | None = None
    """Reads the body where that may block; None for one that lies in memory."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and close the body."""
        try:
            fields = _fields(scope)
            verdict = judge(scope["method"], fields, self.body.size, f'"{self.etag}"')
            gives = scope["method"] != "HEAD" and verdict.status in {200, 206}
            if gives and self.before is not None:
                await self.before()
            start = {"type": "http.response.start", "status": verdict.status}
            await send({**start, "headers": self._headers(verdict)})
            if gives:
                await self._stream(verdict, receive, send)
            else:
                await send({"type": "http.response.body"})
        finally:
            self.body.close()

    def _headers(self, verdict: Verdict) -> list[tuple[bytes, bytes]]:
        told = {"etag": f'"{self.etag}"', "cache-control": self.cache, **self.headers}
        if verdict.status in {200, 206}:
            told |= {
                "content-type": self.media_type,
                "content-length": str(verdict.end - verdict.first),
                "accept-ranges": "bytes",
            }
            if self.sha256:
                digest = base64.b64encode(bytes.fromhex(self.sha256)).decode("ascii")
                told["repr-digest"] = f"sha-256=:{digest}:"
        elif verdict.status != 304:  # noqa: PLR2004  which has no body, and says no length
            told |= {"content-length": "0", "cache-control": NOT_KEPT}
        if verdict.status == 206:  # noqa: PLR2004
            told["content-range"] = f"bytes {verdict.first}-{verdict.end - 1}/{self.body.size}"
        if verdict.status == 416:  # noqa: PLR2004
            told["content-range"] = f"bytes */{self.body.size}"
        return [(name.encode("latin-1"), text.encode("latin-1")) for name, text in told.items()]

    async def _stream(self, verdict: Verdict, receive: Receive, send: Send) -> None:
        leaving = asyncio.create_task(_left(receive))
        at = verdict.first
        try:
            while at < verdict.end and not leaving.done():
                count = min(CHUNK, verdict.end - at)
                if self.aside is None:
                    data = self.body.read(at, count)
                    await asyncio.sleep(0)  # who has gone is noticed in between
                else:
                    data = await self.aside(self.body.read, at, count)
                if not data:
                    raise OSError(f"it ends at {at} of {self.body.size} bytes")
                at += len(data)
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            leaving.cancel()


async def _left(receive: Receive) -> None:
    """Return once the client has gone: what is sent then is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _fields(scope: Scope) -> dict[str, str]:
    """Return the request's fields by lower-case name; those given twice are joined."""
    told: dict[str, str] = {}
    for raw, text in scope["headers"]:
        name, value = raw.decode("latin-1").lower(), text.decode("latin-1")
        told[name] = f"{told[name]}, {value}" if name in told else value
    return told
