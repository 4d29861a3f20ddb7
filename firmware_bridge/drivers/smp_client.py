"""Asks a recorder questions over SMP, one at a time: docs/formats/smp.md, section 6.

Pure but for its link and clock. Two ways of asking, and the difference matters: what does
something is repeated under its own sequence number, so that a recorder whose answer was lost
does not do it twice; what is about *now* is asked anew under another number, so that a late
answer is never measured against a later question.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.capabilities import HostClock
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    RecorderSilentError,
    WireError,
)
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.wire import smp, smp_lines
from firmware_bridge.wire.cbor import Map, Value

# A line that never falls silent must not keep the dock listening; the longest answer takes
# less than 6 KiB on the wire.
_MAX_HEARD: Final = 1 << 20
_SEQS: Final = 256


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer, and how often to ask."""

    within_ms: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question; `name` is for people."""

    name: str
    op: smp.Op
    group: int
    command: int
    patience: Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, and when its question left: in microseconds, as of ClockExchange."""

    message: smp.Message
    members: dict[str, Value]
    refusal: smp.Refusal | None
    sent_us: int
    round_trip_us: int


class SmpClient:
    """One end of a link; the recorder is at the other."""

    def __init__(self, link: ByteLink, clock: HostClock) -> None:
        self._link = link
        self._clock = clock
        self._deframer = smp_lines.Deframer()
        # Not from 0 each time: a recorder may still hold its answer to the last caller.
        self._seq = clock.monotonic_us() % _SEQS
        self._left = 0  # how many questions have gone out whole

    def ask(self, ask: Ask, members: Map) -> Answered:
        """Ask until it is answered, repeating the very same bytes.

        Raises RecorderSilentError, BadAnswerError, ChannelLostError. A refusal is an answer.
        """
        question = self._question(ask, members)
        return self._persist(ask, lambda _sent_us: question)

    def ask_now(self, ask: Ask, members: Callable[[int], Map]) -> Answered:
        """Ask until it is answered, each time anew; `members` is given the UTC of its leaving."""
        return self._persist(ask, lambda sent_us: self._question(ask, members(sent_us)))

    def ask_last(self, ask: Ask, members: Map) -> Answered | None:
        """Ask as `ask` does; None where the channel went once the question had left."""
        left = self._left
        try:
            return self.ask(ask, members)
        except ChannelLostError:
            if self._left == left:
                raise
            return None

    def _question(self, ask: Ask, members: Map) -> smp.Message:
        self._seq = (self._seq + 1) % _SEQS
        return smp.question(ask.op, ask.group, ask.command, self._seq, members)

    def _persist(self, ask: Ask, question_at: Callable[[int], smp.Message]) -> Answered:
        began_us = self._clock.monotonic_us()
        for _attempt in range(ask.patience.attempts):
            # In this order the answer's true time lies within sent_us and the round trip.
            left_us = self._clock.monotonic_us()
            sent_us = self._clock.utc_us()
            question = question_at(sent_us)
            lines = smp_lines.encode(question.encode())
            try:
                self._link.send(lines, within_ms=ask.patience.within_ms)
                self._left += 1
                message, heard_us = self._await(ask, question, left_us)
            except RecorderSilentError:
                continue
            return _answered(ask, message, sent_us, heard_us - left_us)
        waited_us = self._clock.monotonic_us() - began_us
        raise RecorderSilentError(command=ask.name, waited_ms=waited_us // 1000)

    def _await(self, ask: Ask, question: smp.Message, left_us: int) -> tuple[smp.Message, int]:
        heard_bytes = 0
        while True:
            spent_us = self._clock.monotonic_us() - left_us
            within_ms = ask.patience.within_ms + -spent_us // 1000
            if within_ms <= 0:
                raise RecorderSilentError(command=ask.name, waited_ms=ask.patience.within_ms)
            data = self._link.receive(within_ms=within_ms)
            heard_us = self._clock.monotonic_us()
            heard_bytes += len(data)
            for message in _messages(self._deframer.feed(data)):
                if message.answers(question):
                    return message, heard_us
            if heard_bytes > _MAX_HEARD:
                raise BadAnswerError(command=ask.name, reason=f"{heard_bytes} bytes of noise")


def _messages(items: list[bytes | smp_lines.Noise]) -> Iterator[smp.Message]:
    """Yield what is a message; the rest is other people's text, or damaged."""
    for item in items:
        if isinstance(item, bytes):
            try:
                yield smp.decode(item)
            except WireError:
                continue


def _answered(ask: Ask, message: smp.Message, sent_us: int, round_trip_us: int) -> Answered:
    try:
        members = message.members()
        refusal = smp.refusal_in(members)
    except WireError as error:
        raise BadAnswerError(command=ask.name, reason=error.reason) from None
    return Answered(
        message=message,
        members=members,
        refusal=refusal,
        sent_us=sent_us,
        round_trip_us=round_trip_us,
    )
