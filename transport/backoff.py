"""How long to wait after a failure: doubling, with full jitter, never longer than a bound.

Pure: the time (seconds, of any steady clock) and the randomness come in.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

# Doubling any further than this has long met every bound.
_MOST_DOUBLINGS: Final = 32
_SECONDS: Final = re.compile("[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first wait is at most `first_s`, none is longer than `longest_s`."""

    first_s: float
    longest_s: float

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.longest_s < math.inf:
            raise ValueError(f"no bounds: {self.first_s} s to {self.longest_s} s")


@dataclass(frozen=True, slots=True)
class Pause:
    """How often it failed in a row, and until when nothing is tried."""

    failures: int = 0
    until_s: float = -math.inf

    def over(self, now_s: float) -> bool:
        """Tell whether it may be tried again."""
        return now_s >= self.until_s


NONE: Final = Pause()


def failed(
    pause: Pause,
    now_s: float,
    bounds: Bounds,
    random: Callable[[], float],
    *,
    at_least_s: float = 0.0,
) -> Pause:
    """Return the pause after one more failure; `random` gives numbers in [0, 1).

    `at_least_s` is what the other side asked for (Retry-After): it is kept to, and the
    jitter comes on top, but never beyond the longest wait.
    """
    doubled = bounds.first_s * 2.0 ** min(pause.failures, _MOST_DOUBLINGS)
    jitter = random() * min(bounds.longest_s, doubled)
    wait_s = min(bounds.longest_s, max(0.0, at_least_s) + jitter)
    return Pause(pause.failures + 1, now_s + wait_s)


def rest(pause: Pause, now_s: float, bounds: Bounds, random: Callable[[], float]) -> Pause:
    """Return the pause after what only a person can change: near the longest wait at once.

    Half of it is random, so that a fleet that was refused at one moment does not return
    at one moment.
    """
    wait_s = bounds.longest_s * (1 + random()) / 2
    return Pause(pause.failures + 1, now_s + wait_s)


def retry_after_s(text: str, utc_s: float) -> float:
    """Return the wait that a Retry-After header asks for (RFC 9110 section 10.2.3); 0 if none.

    A date is taken against `utc_s`, seconds since 1970; what is neither asks for nothing.
    """
    bare = text.strip()
    if _SECONDS.fullmatch(bare):
        return float(bare)
    try:
        at = parsedate_to_datetime(bare)
        stamp = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0.0
    return max(0.0, stamp - utc_s)
