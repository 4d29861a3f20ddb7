"""The dock's socket: answers, refusals, and state directories that lie deep."""

import asyncio
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dock_daemon import control
from dock_daemon.answering import may
from dock_daemon.errors import DaemonUnreachableError


async def echo(request: control.Request) -> object:
    """Answer with the question, or refuse it."""
    if request.get("ask") == "nothing":
        raise ValueError("nothing is known of nothing")
    return {"asked": dict(request), "text": "执法"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state directory whose path is longer than a socket's may be."""
    path = tmp_path / ("deep" * 20) / ("deeper" * 10)
    path.mkdir(parents=True)
    assert len(os.fsencode(path / control.NAME)) > 107
    return path


async def ask(state: Path, **request: object) -> object:
    """Ask from another thread, as a command would from another process."""
    return await asyncio.to_thread(control.ask, state, request)


async def test_an_answer_comes_back(state: Path) -> None:
    """A question and its answer may hold any text."""
    async with control.serving(state, echo):
        assert await ask(state, ask="é\n") == {"asked": {"ask": "é\n"}, "text": "执法"}
    assert not (state / control.NAME).exists()


async def test_many_at_once(state: Path) -> None:
    """Each gets its own answer."""
    async with control.serving(state, echo):
        numbers = range(control.AT_ONCE)
        answers = await asyncio.gather(*(ask(state, number=number) for number in numbers))
    assert [one["asked"]["number"] for one in answers] == list(numbers)  # type: ignore[index]  # as echo answers


async def test_too_many_at_once(state: Path) -> None:
    """One more than the dock listens to is told so, and may come again."""
    waiting, over = asyncio.Semaphore(0), asyncio.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(control.AT_ONCE + 1))

    async def slow(request: control.Request) -> object:
        waiting.release()
        await over.wait()
        return await echo(request)

    async with control.serving(state, slow), asyncio.TaskGroup() as group:
        for number in range(control.AT_ONCE):
            group.create_task(ask(state, number=number))
        for _ in range(control.AT_ONCE):
            await waiting.acquire()
        with pytest.raises(DaemonUnreachableError, match="others are asking"):
            await ask(state, number=0)
        over.set()
        assert await ask(state, number=1) is not None


async def test_an_answer_that_fails_is_told(state: Path) -> None:
    """A bug in one answer costs that answer, and not the dock."""

    async def broken(_request: control.Request) -> object:
        raise ZeroDivisionError

    async with control.serving(state, broken):
        with pytest.raises(DaemonUnreachableError, match="ZeroDivisionError"):
            await ask(state, ask="x")


async def test_a_text_that_is_no_text_comes_back(state: Path) -> None:
    """Names on cards may hold half of a surrogate pair."""
    async with control.serving(state, echo):
        assert await ask(state, ask="\udc80") == {"asked": {"ask": "\udc80"}, "text": "执法"}


async def test_a_refusal_is_told(state: Path) -> None:
    """What cannot be answered is an error, and the dock goes on."""
    async with control.serving(state, echo):
        with pytest.raises(DaemonUnreachableError):
            await ask(state, ask="nothing")
        assert await ask(state, ask="again") is not None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"nonsense\n",
        b"[1]\n",
        b"[[1, 2]]\n",
        b"5\n",
        b'"x"\n',
        b"null\n",
        b"[" * 60_000 + b"\n",
        b'{"ask":' * 8_000 + b"\n",
        b"9" * 5000 + b"\n",
        b"x" * 70_000,
        b"\xff\n",
    ],
)
async def test_nonsense_on_the_socket(state: Path, line: bytes) -> None:
    """Whatever is said to it, it answers the next one."""

    def say() -> bytes:
        with socket.socket(socket.AF_UNIX) as link:
            folder = os.open(state, os.O_RDONLY)
            try:
                link.connect(f"/proc/self/fd/{folder}/{control.NAME}")
                link.sendall(line)
                link.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: link.recv(4096), b""))
            except (BrokenPipeError, ConnectionResetError):
                return b""
            finally:
                os.close(folder)

    async with control.serving(state, echo):
        told = await asyncio.to_thread(say)
        assert told == b"" or "error" in json.loads(told)
        assert await ask(state, ask="again") is not None


async def test_nobody_listens(state: Path) -> None:
    """No socket, a socket that a killed dock left, and no state directory are all no daemon."""
    assert await ask(state, ask="x") is None
    async with control.serving(state, echo):
        os.link(state / control.NAME, state / "left")
    (state / "left").rename(state / control.NAME)
    assert await ask(state, ask="x") is None
    async with control.serving(state, echo):
        assert await ask(state, ask="x") is not None
    assert control.ask(state / "nowhere", {"ask": "x"}) is None


async def test_only_the_docks_own_people_may_ask(state: Path) -> None:
    """The socket is for its owner and group."""
    async with control.serving(state, echo):
        assert (state / control.NAME).stat().st_mode & 0o777 == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_whoever_may_not_ask_is_told_that(state: Path) -> None:
    """A socket that is not for us is no dock that fails to answer."""
    async with control.serving(state, echo):
        os.seteuid(65534)
        try:
            with pytest.raises(PermissionError):
                control.ask(state, {"ask": "x"})
        finally:
            os.seteuid(0)


async def test_who_may_not_tell_is_refused(state: Path) -> None:
    """The kernel names the user at the other end, and what he may not say is not heard."""
    heard: list[control.Request] = []

    async def hear(request: control.Request) -> object:
        heard.append(request)
        return "heard"

    def only_asks(request: control.Request, user: int) -> bool:
        return user == os.geteuid() and "ask" in request

    async with control.serving(state, hear, only_asks):
        assert await asyncio.to_thread(control.ask, state, {"ask": "x"}) == "heard"
        with pytest.raises(DaemonUnreachableError, match=f"user {os.geteuid()} may not tell that"):
            await asyncio.to_thread(control.ask, state, {"tell": "x"})
    assert heard == [{"ask": "x"}]


@pytest.mark.parametrize("what", ["witness", "cosigned", "access", "anything"])
def test_only_its_own_process_tells_the_core_something(what: str) -> None:
    """Asking is free for whoever reaches the socket; telling is not."""
    stranger = 2_000_000_000
    assert may({"ask": "status"}, stranger)
    assert not may({"tell": what}, stranger)
    assert may({"tell": what}, 0)
    assert may({"tell": what}, os.geteuid())
