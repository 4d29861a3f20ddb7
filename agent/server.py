"""The SMP server: received bytes in, bytes to send out.

docs/formats/smp.md. A write that is repeated (the same bytes, its answer lost) is answered
again and not done again; a read is simply read again, so that a repeated question for the
time is told the time of now.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import WireError
from firmware_bridge.wire import companion, smp, smp_lines
from firmware_bridge.wire.companion import Rc
from firmware_bridge.wire.smp import Op

REPEATED_WITHIN_S: Final = 300
"""After this long the same bytes are a new question: 256 sequence numbers come round."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Done:
    """The last deed that was asked for, and what was said of it."""

    asked: bytes
    said: bytes
    at_s: float


class Server:
    """One side of one wire, from its opening to its loss."""

    def __init__(
        self,
        answer: Callable[[smp.Message], smp.Message | None],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answer = answer
        self._monotonic_s = monotonic_s
        self._deframer = smp_lines.Deframer()
        self._done: _Done | None = None

    def take(self, data: bytes) -> bytes:
        """Take received bytes; return what is to be sent. Never raises for what they are."""
        said: list[bytes] = []
        for item in self._deframer.feed(data):
            if isinstance(item, smp_lines.Noise):
                _log.debug("ignored: %s", item.reason)
            else:
                said.append(self._asked(item))
        return b"".join(said)

    def _asked(self, body: bytes) -> bytes:
        try:
            question = smp.decode(body)
        except WireError as error:
            _log.debug("ignored: %s", error.reason)
            return b""
        now_s = self._monotonic_s()
        done = self._done
        if done is not None and body == done.asked and now_s - done.at_s < REPEATED_WITHIN_S:
            return done.said
        answer = self._answer(question)
        if answer is None:
            return b""
        said = _framed(question, answer)
        # Only what comes right behind its like is a repetition: any other question ends that.
        self._done = _Done(body, said, self._monotonic_s()) if question.op == Op.WRITE else None
        return said


def _framed(question: smp.Message, answer: smp.Message) -> bytes:
    try:
        return smp_lines.encode(answer.encode())
    except WireError:  # more to say than a message holds
        return smp_lines.encode(companion.refuse(question, Rc.NOT_NOW).encode())
