"""Threads of one kind: bounded, and waited for by nobody."""

import asyncio
import subprocess
import sys
import threading

import pytest

from transport.threads import Threads


async def test_what_is_done_in_a_thread_is_told_to_whoever_asked() -> None:
    """Its value, or its error; the loop's own thread does none of it."""
    threads = Threads(2, "test")
    assert await threads.run(divmod, 7, 2) == (3, 1)
    assert await threads.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    threads.close()
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(divmod, 7, 2)


async def test_no_more_than_so_many_are_begun() -> None:
    """What comes when all are busy waits, and one that was given up is never begun."""
    threads, free = Threads(2, "bounded"), threading.Event()
    stuck = [asyncio.ensure_future(threads.run(free.wait)) for _ in range(2)]
    waiting = asyncio.ensure_future(threads.run(threading.current_thread))
    given_up = asyncio.ensure_future(threads.run(pytest.fail))
    await asyncio.sleep(0)
    given_up.cancel()
    assert not waiting.done()
    free.set()
    assert await asyncio.gather(*stuck) == [True, True]
    assert (await waiting).name in {"bounded-1", "bounded-2"}
    threads.close()


def test_a_stuck_thread_keeps_no_process_from_ending() -> None:
    """As a read from a dying disk would be: neither the loop nor the interpreter waits for it."""
    program = """
import asyncio, threading
from transport.threads import Threads

async def main():
    threads, begun = Threads(1, "stuck"), threading.Event()
    def hang():
        begun.set()
        threading.Event().wait()
    asyncio.ensure_future(threads.run(hang))
    while not begun.is_set():
        await asyncio.sleep(0)
    threads.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 0


async def test_what_was_opened_for_somebody_who_has_gone_is_closed() -> None:
    """Whoever is cancelled while a thread opens something leaves nothing open."""
    threads = Threads(1, "test")
    begun, may, closed = threading.Event(), threading.Event(), threading.Event()

    class Opened:
        """Something that has to be closed."""

        def close(self) -> None:
            """Say that it was done."""
            closed.set()

    def work() -> tuple[Opened, str]:
        begun.set()
        may.wait(30)
        return Opened(), "and a name"

    waiting = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    may.set()
    assert await asyncio.to_thread(closed.wait, 30)
    threads.close()
