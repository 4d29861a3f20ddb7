"""What waits for the one thread: put by any thread, taken in groups, refused after the end."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dock_daemon.errors import DockError, StoppedError

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue at which nobody waits in vain: what will not be looked at is refused at once."""

    def __init__(
        self,
        *,
        refuse: Callable[[Item, DockError], None],
        weigh: Callable[[Item], int],
        group_items: int,
        group_weight: int,
    ) -> None:
        self._refuse = refuse
        self._weigh = weigh
        self._group_items = group_items
        self._group_weight = group_weight
        self._queue: queue.Queue[Item | None] = queue.Queue()
        # Under the lock, so that nothing is put where nobody will look again.
        self._over: DockError | None = None
        self._door = threading.Lock()

    def put(self, item: Item) -> None:
        """Hand an item over, or have it refused."""
        with self._door:
            if self._over is None:
                self._queue.put(item)
                return
        self._refuse(item, self._over)

    def close(self) -> None:
        """Let the group that holds the last item so far be the last."""
        self._queue.put(None)

    def end(self, reason: DockError) -> None:
        """Take nothing more, because of `reason`; the first one counts."""
        with self._door:
            self._over = self._over or reason

    def next_group(self, wait_s: float | None) -> list[Item] | None:
        """Wait for an item, then take whatever has gathered, up to the bounds.

        Returns None once it is closed and empty; raises queue.Empty after `wait_s` seconds.
        """
        first = self._queue.get(timeout=wait_s)
        if first is None:
            return None
        items = [first]
        weight = self._weigh(first)
        while len(items) < self._group_items and weight < self._group_weight:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            items.append(item)
            weight += self._weigh(item)
        return items

    def refuse(self, in_hand: list[Item]) -> None:
        """End, and refuse what was taken and not done, and what still waits."""
        self.end(StoppedError())
        over = self._over or StoppedError()
        items = list(in_hand)
        while not self._queue.empty():
            if (item := self._queue.get()) is not None:
                items.append(item)
        for item in items:
            self._refuse(item, over)
