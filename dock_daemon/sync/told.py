"""What became of one visit to a cosigner, as a stable word and facts.

`sync.told.<code>` says it to people, `sync.remedy.<code>` what to do about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """How a visit ended."""

    COSIGNED = "cosigned"  # the newest head bears their signature
    BEHIND = "behind"  # a mirror has taken what a round may bring; more follows

    STOPPED = "stopped"  # the core has stopped signing: nothing is brought anywhere
    NOTHING_YET = "nothing-yet"  # there is no head to bring
    CORE_AWAY = "core-away"  # they cosigned, and nobody was there to keep it
    NOT_KEPT = "not-kept"  # they cosigned, and the core does not believe it
    LOG_UNREADABLE = "log-unreadable"  # our own published files are not as they must be

    UNKNOWN_LOG = "unknown-log"  # 404
    NOT_TRUSTED = "not-trusted"  # 403
    NOT_ADMITTED = "not-admitted"  # 403, and it is our certificate that may not speak for this log
    AHEAD = "ahead"  # they know more of our log than we do
    INCONSISTENT = "inconsistent"  # 422
    CONFLICT = "conflict"  # 409 that leads nowhere
    BAD_SIGNATURE = "bad-signature"  # 200 with lines that are not by their keys
    BAD_ANSWER = "bad-answer"  # what no witness or mirror says
    BUSY = "busy"  # 429, 503
    FAILED = "failed"  # any other 5xx
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    TLS = "tls"


class Wait(StrEnum):
    """When the next visit makes sense."""

    NEWS = "news"  # when there is a newer head, or it has been long
    SOON = "soon"  # at the next round
    RETRY = "retry"  # after a doubling pause
    REST = "rest"  # rarely: a person has to do something


_RETRY: Final = frozenset(
    {
        Code.CORE_AWAY,
        Code.LOG_UNREADABLE,
        Code.BAD_ANSWER,
        Code.BUSY,
        Code.FAILED,
        Code.UNREACHABLE,
        Code.TIMED_OUT,
        Code.TLS,
    }
)
_NEWS: Final = frozenset({Code.COSIGNED})
_SOON: Final = frozenset({Code.BEHIND, Code.NOTHING_YET, Code.STOPPED})

REACHED: Final = frozenset({Code.COSIGNED, Code.BEHIND})
"""The cosigner did what it is there for."""

ALARMS: Final = frozenset({Code.AHEAD, Code.INCONSISTENT, Code.CONFLICT})
"""Two histories may exist: the core is told, and a person must look."""

WANT_A_PERSON: Final = frozenset(
    {
        *ALARMS,
        Code.UNKNOWN_LOG,
        Code.NOT_TRUSTED,
        Code.NOT_ADMITTED,
        Code.BAD_SIGNATURE,
        Code.NOT_KEPT,
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """How a visit ended, and the facts that its sentence takes."""

    code: Code
    facts: Mapping[str, object] = field(default_factory=dict)
    at_least_s: float = 0.0
    """How long the cosigner asked not to be bothered."""

    @property
    def wait(self) -> Wait:
        """When the next visit makes sense."""
        if self.code in _NEWS:
            return Wait.NEWS
        if self.code in _SOON:
            return Wait.SOON
        return Wait.RETRY if self.code in _RETRY else Wait.REST
