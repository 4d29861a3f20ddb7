"""Whose turn it is: every dock in its own time, none at the expense of another. Pure.

Who was asked waits the interval; who took long waits longer, who failed longer still, and
who has more to give comes again once all others that were due have had their turn.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from transport import backoff
from transport.backoff import Bounds, Pause

SLOW: Final = 4
"""Who takes a second of our time waits at least so many."""

_JITTER: Final = 0.1  # of the interval, so that a fleet does not come all at one moment


@dataclass(slots=True)
class _Turn:
    due_s: float
    pause: Pause = backoff.NONE
    busy: bool = False


class Turns:
    """The turns of all docks, by origin. Times are seconds of any steady clock."""

    def __init__(self, *, interval_s: float, longest_s: float, chance: Callable[[], float]) -> None:
        """`chance` gives numbers in [0, 1)."""
        self._interval_s = interval_s
        self._bounds = Bounds(first_s=interval_s, longest_s=max(longest_s, interval_s))
        self._chance = chance
        self._turns: dict[str, _Turn] = {}

    def take(self, origins: Iterable[str], now_s: float) -> list[str]:
        """Return whose turn it is, who waits longest first; each is busy until `ended`.

        `origins` are all docks that there are now: others are forgotten.
        """
        known = dict.fromkeys(origins)
        for gone in [it for it, turn in self._turns.items() if it not in known and not turn.busy]:
            del self._turns[gone]
        for origin in known:
            self._turns.setdefault(origin, _Turn(due_s=now_s))
        due = [
            origin
            for origin in known
            if not self._turns[origin].busy
            and self._turns[origin].due_s <= now_s
            and self._turns[origin].pause.over(now_s)
        ]
        for origin in due:
            self._turns[origin].busy = True
        return sorted(due, key=lambda origin: self._turns[origin].due_s)

    def ended(self, origin: str, *, began_s: float, now_s: float, good: bool, more: bool) -> None:
        """Note how a turn went, and when the next one is."""
        turn = self._turns[origin]
        turn.busy = False
        if not good:
            turn.pause = backoff.failed(turn.pause, now_s, self._bounds, self._chance)
            turn.due_s = now_s
            return
        turn.pause = backoff.NONE
        if more:
            turn.due_s = now_s
            return
        wait_s = self._interval_s * (1 + _JITTER * self._chance())
        turn.due_s = now_s + max(wait_s, SLOW * (now_s - began_s))
