"""What can go wrong when a dock is pulled: one error, whose problem is a stable word."""

from typing import Final

from hashing.errors import (
    BadSignatureError,
    DoubleSignatureError,
    EvidenceError,
    UnknownSignersError,
)
from transport.errors import (
    BadAnswerError,
    LinkError,
    TimedOutError,
    TlsRefusedError,
    TooLargeError,
)

_LINKS: Final = (
    (TlsRefusedError, "tls"),
    (TimedOutError, "timeout"),
    (TooLargeError, "too-much"),
    (BadAnswerError, "bad-answer"),
)


class PullError(Exception):
    """A dock could not be pulled. `problem` is one of the words in messages, `pull-problem`."""

    def __init__(self, problem: str, detail: str = "") -> None:
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem = problem
        self.detail = detail


def of_link(error: LinkError) -> PullError:
    """Return what an error on the way to a dock means."""
    for kind, problem in _LINKS:
        if isinstance(error, kind):
            return PullError(problem, error.reason)
    return PullError("unreachable", error.reason)


def of_note(error: EvidenceError) -> PullError:
    """Return what is wrong with a note that should be a checkpoint of this dock."""
    if isinstance(error, BadSignatureError | DoubleSignatureError | UnknownSignersError):
        return PullError("signature", str(error))
    return PullError("no-checkpoint", str(error))
