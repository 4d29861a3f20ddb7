"""Clips that were closed, on their way to being hashed, one chunk at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clip_hash import ClipHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A file that is hashed once it is left alone. `late`: it was found closed.

    `end_ms` is when it was seen being closed, by the journal's clock.
    """

    due_s: float
    end_ms: int | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """A file that was read whole, and stayed as it was meanwhile. `stamp_ms` by its volume."""

    path: bytes
    closing: Closing
    sha256: str
    size: int
    stamp_ms: int


class ClipQueue:
    """The closed files, by path below the clip folder; at most one of them is open.

    `at` says where a path is, `cannot` is told of what can't be read.
    """

    def __init__(
        self,
        at: Callable[[bytes], bytes],
        cannot: Callable[[bytes, OSError], None],
        *,
        settle_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at = at
        self._cannot = cannot
        self._settle_s = settle_s
        self._monotonic_s = monotonic_s
        self._waiting: dict[bytes, Closing] = {}
        self._reading: tuple[bytes, Closing, ClipHash] | None = None

    def add(self, path: bytes, *, end_ms: int | None, late: bool) -> None:
        """Take a file that was closed, or closed again: it is left alone for a while from now."""
        self.drop(path)
        due_s = self._monotonic_s() + self._settle_s
        self._waiting[path] = Closing(due_s=due_s, end_ms=end_ms, late=late)

    def drop(self, path: bytes) -> Closing | None:
        """Let go of a file; return what was to become of it."""
        if self._reading is not None and self._reading[0] == path:
            closing = self._reading[1]
            self._let_go()
            return closing
        return self._waiting.pop(path, None)

    def put(self, path: bytes, closing: Closing) -> None:
        """Take a file back that was dropped under another name."""
        self._waiting[path] = closing

    def has(self, path: bytes) -> bool:
        """Tell whether a file is on its way already."""
        return path in self._waiting or (self._reading is not None and self._reading[0] == path)

    def wait_s(self) -> float | None:
        """Return how long until `step` has something to do; None where nothing waits."""
        if self._reading is not None:
            return 0.0
        due = min((one.due_s for one in self._waiting.values()), default=None)
        return None if due is None else max(due - self._monotonic_s(), 0.0)

    def hurry(self, hurried: set[bytes]) -> bool:
        """Let each file that waits be due, but those `hurried` already; tell whether there was one.

        Once each: who is written to on and on must not hold up the others.
        """
        fresh = self._waiting.keys() - hurried
        for path in fresh:
            self._waiting[path] = replace(self._waiting[path], due_s=0.0)
        hurried |= fresh
        return bool(fresh)

    def step(self) -> Hashed | bool:
        """Open the next file, or read its next chunk; return whether there was anything to do.

        Returns what a file holds once it is known.
        """
        if self._reading is None:
            return self._begin()
        path, closing, content = self._reading
        try:
            if content.step():
                return True
            unchanged = content.is_unchanged()
        except OSError as error:
            self._let_go()
            self._cannot(path, error)
            return True
        self._let_go()
        if not unchanged:
            self.add(path, end_ms=closing.end_ms, late=closing.late)
            return True
        return Hashed(
            path=path,
            closing=closing,
            sha256=content.sha256(),
            size=content.size,
            stamp_ms=content.stamp_ms,
        )

    def clear(self) -> None:
        """Let go of all of them."""
        self._let_go()
        self._waiting.clear()

    def _begin(self) -> bool:
        now_s = self._monotonic_s()
        path = next((path for path, one in self._waiting.items() if one.due_s <= now_s), None)
        if path is None:
            return False
        closing = self._waiting.pop(path)
        try:
            content = ClipHash.open(self._at(path))
        except FileNotFoundError:
            return True
        except OSError as error:
            self._cannot(path, error)
            return True
        if content.is_written():
            content.close()  # that it is closed will be news again
        else:
            self._reading = (path, closing, content)
        return True

    def _let_go(self) -> None:
        if self._reading is not None:
            self._reading[2].close()
        self._reading = None
