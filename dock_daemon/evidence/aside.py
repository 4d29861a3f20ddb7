"""One thread for what may never come back: a hung mount, a stick that is dying.

Whoever asks waits no longer than he likes, and the process ends all the same.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """Does one thing after the other, for one caller's thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._begun = False
        self._last: Future[object] | None = None

    def run(self, work: Callable[[], T], within_s: float) -> T:
        """Return what `work` returns, or raise what it raises.

        TimeoutError where that takes longer, or where something earlier still has not come
        back: then `work` is not begun at all.
        """
        if self._last is not None and not self._last.done():
            raise TimeoutError(f"{self._name}: what was begun earlier has not come back")
        if not self._begun:
            # The interpreter waits for no daemon thread: a read in the kernel may outlive us.
            threading.Thread(target=self._go_on, name=self._name, daemon=True).start()
            self._begun = True
        future: Future[T] = Future()
        self._last = future  # type: ignore[assignment]  # only whether it is done is asked of it
        self._jobs.put(lambda: _settle(future, work))
        try:
            return future.result(within_s)
        except NotYetError:
            if future.done():  # it is the work's own
                raise
            raise TimeoutError(f"{self._name}: no answer within {within_s:g} s") from None

    def _go_on(self) -> None:
        while True:
            self._jobs.get()()


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001  whatever it is, it is told to whoever asked
        future.set_exception(error)
