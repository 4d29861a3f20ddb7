"""What falls due at its time, in a loop that waits for other things besides."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Timer:
    every_s: float
    due_s: float
    action: Callable[[], None]


class Timers:
    """Actions that come again and again. Times are seconds of a clock that never steps."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._timers: list[_Timer] = []

    def every(self, seconds: float, action: Callable[[], None]) -> None:
        """Let `action` come each `seconds` from now on, the first time after so long."""
        self._timers.append(_Timer(seconds, self._monotonic_s() + seconds, action))

    def stop(self, action: Callable[[], None]) -> None:
        """Let `action` come no more."""
        self._timers = [timer for timer in self._timers if timer.action != action]

    def has(self, action: Callable[[], None]) -> bool:
        """Tell whether `action` is to come."""
        return any(timer.action == action for timer in self._timers)

    def wait_s(self) -> float | None:
        """Return how long nothing falls due; None where nothing ever will."""
        due = min((timer.due_s for timer in self._timers), default=None)
        return None if due is None else max(due - self._monotonic_s(), 0.0)

    def fire(self) -> None:
        """Do what has fallen due, each once, however long nobody looked."""
        now_s = self._monotonic_s()
        for timer in list(self._timers):
            if timer.due_s <= now_s and timer in self._timers:
                timer.due_s = now_s + timer.every_s
                timer.action()
