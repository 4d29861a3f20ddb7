"""Threads for what blocks: a few of one kind, so that what is stuck holds up no other kind.

asyncio's own pool, and the interpreter at its end, wait for every thread that was begun. These
are waited for by nobody: a read in the kernel, from a disk that is dying, may outlive the process.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `most` threads, begun as they are needed; what comes when all are busy waits."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._begun = 0
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, or raise what it raises, without holding up the loop.

        What comes out after nobody waits for it any more is closed, if it can be. Raises
        RuntimeError once closed.
        """
        if self._closed:
            raise RuntimeError(f"the threads for {self._name} are closed")
        future: Future[T] = Future()
        self._jobs.put(partial(_settle, future, partial(work, *args, **kwargs)))
        if self._begun < self._most:
            self._begun += 1
            name = f"{self._name}-{self._begun}"
            threading.Thread(target=self._go_on, name=name, daemon=True).start()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(_let_go)
            raise

    def close(self) -> None:
        """Have every thread end once it has nothing to do, and wait for none of them."""
        self._closed = True
        for _ in range(self._begun):
            self._jobs.put(None)

    def _go_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  whatever it is, it is told to whoever asked
        future.set_exception(error)


def _let_go(future: Future[T]) -> None:
    """Close what a thread opened for somebody who has gone."""
    if future.cancelled() or future.exception() is not None:
        return
    told = future.result()
    for one in told if isinstance(told, tuple) else (told,):
        close = getattr(one, "close", None)
        if close is not None:
            close()
