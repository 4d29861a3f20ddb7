"""The dock's own socket: questions in, answers out, one JSON line each.

    STATE/control.sock   a stream socket; a request is one line, its answer runs to the end

The path of a socket may be 107 bytes long and a state directory may lie deeper, so both
ends go through a descriptor of the directory.
"""

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from dock_daemon.errors import DaemonUnreachableError, DockError

log = logging.getLogger(__name__)

NAME: Final = "control.sock"
OFFERS: Final = "sync/offers"
"""Where a copy lies that the core is told of, below the state directory, by its SHA-256."""
AT_ONCE: Final = 16
# A checkpoint with a dozen ML-DSA lines, as JSON spells it, is 50 kB.
_LONGEST_REQUEST: Final = 256 << 10
_UCRED: Final = struct.Struct("iII")  # process, user, group: unix(7)
_ASK_WITHIN_S: Final = 5.0
_ANSWER_WITHIN_S: Final = 30.0

Request: TypeAlias = Mapping[str, object]
Answer: TypeAlias = Callable[[Request], Awaitable[object]]
May: TypeAlias = Callable[[Request, int], bool]
"""Tells whether a user, by number, may make a request."""


def _anybody(_request: Request, _user: int) -> bool:
    """Leave it to the socket's mode."""
    return True


@asynccontextmanager
async def serving(state: Path, answer: Answer, may: May = _anybody) -> AsyncIterator[None]:
    """Answer on the state directory's socket while the block runs, whoever `may` ask."""
    clients = 0

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal clients
        clients += 1
        try:
            async with asyncio.timeout(_ASK_WITHIN_S):
                line = await reader.readline()
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                user = _user_at(writer)
                writer.write(_BUSY if clients > AT_ONCE else await _reply(line, answer, may, user))
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            return  # whoever asked has gone, or asked for more than a line
        finally:
            clients -= 1
            writer.close()

    link = _listening(state)
    server = await asyncio.start_unix_server(client, sock=link, limit=_LONGEST_REQUEST)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        _take_away(state)


def _listening(state: Path) -> socket.socket:
    _take_away(state)  # a killed dock leaves its socket behind
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short_path(state) as path:
        link.bind(path)
        Path(path).chmod(0o660)
    return link


def _take_away(state: Path) -> None:
    (state / NAME).unlink(missing_ok=True)


def _user_at(writer: asyncio.StreamWriter) -> int:
    """Return the user, by number, at the other end: the kernel knows."""
    link = writer.get_extra_info("socket")
    told = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _process, user, _group = _UCRED.unpack(told)
    return int(user)


async def _reply(line: bytes, answer: Answer, may: May, user: int) -> bytes:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            return _refusal("a request is an object")
        if not may(request, user):
            return _refusal(f"user {user} may not tell that")
        return _line({"answer": await answer(request)})
    except (DockError, ValueError, RecursionError) as error:
        return _refusal(str(error))
    except Exception as error:  # whatever was asked, it must not cost the dock anything
        log.exception("a question was not answered")
        return _refusal(f"{type(error).__name__}: {error}")


def _refusal(why: str) -> bytes:
    return _line({"error": why})


def _line(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


_BUSY: Final = _refusal(f"{AT_ONCE} others are asking")


def ask(state: Path, request: Request) -> object | None:
    """Ask the daemon that holds `state`; return None when no daemon listens there.

    Raises DaemonUnreachableError when one listens and does not answer, PermissionError
    when it is not for us to ask.
    """
    try:
        with _short_path(state) as path, socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_ANSWER_WITHIN_S)
            try:
                link.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            link.sendall(json.dumps(request).encode() + b"\n")
            link.shutdown(socket.SHUT_WR)
            told = _read_all(link)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except OSError as error:
        raise DaemonUnreachableError(state / NAME, error.strerror or str(error)) from error
    try:
        reply = json.loads(told)
        if "error" in reply:
            raise DaemonUnreachableError(state / NAME, str(reply["error"]))
        return reply["answer"]  # type: ignore[no-any-return]  # JSON; each command knows its own
    except (ValueError, KeyError, TypeError) as error:
        raise DaemonUnreachableError(state / NAME, "its answer makes no sense") from error


def _read_all(link: socket.socket) -> bytes:
    told = bytearray()
    while part := link.recv(1 << 16):
        told += part
    return bytes(told)


@contextmanager
def _short_path(state: Path) -> Iterator[str]:
    handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)
