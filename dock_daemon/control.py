"""The dock's own socket: questions in, answers out, one JSON line each.

    STATE/control.sock   a stream socket; a request is one line, its answer runs to the end

The path of a socket may be 107 bytes long and a state directory may lie deeper, so both
ends go through a descriptor of the directory.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from dock_daemon.errors import DaemonUnreachableError

NAME: Final = "control.sock"
_LONGEST_REQUEST: Final = 64 << 10
_ANSWER_WITHIN_S: Final = 30.0

Request: TypeAlias = Mapping[str, object]
Answer: TypeAlias = Callable[[Request], Awaitable[object]]


@asynccontextmanager
async def serving(state: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer on the state directory's socket while the block runs."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                writer.write(await _reply(await reader.readline(), answer))
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            return  # whoever asked has gone, or asked for more than a line
        finally:
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


async def _reply(line: bytes, answer: Answer) -> bytes:
    try:
        told: object = {"answer": await answer(dict(json.loads(line)))}
    except (ValueError, TypeError, KeyError) as error:
        told = {"error": str(error)}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def ask(state: Path, request: Request) -> object | None:
    """Ask the daemon that holds `state`; return None when no daemon listens there.

    Raises DaemonUnreachableError when one listens and does not answer.
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
    except OSError as error:
        raise DaemonUnreachableError(state / NAME, error.strerror or str(error)) from error
    try:
        reply = json.loads(told)
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
