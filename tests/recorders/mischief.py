"""What can go wrong on the way to a recorder, on command and by a clock that nobody waits for.

Fakes speak the wire at the transport's port: they answer as the recorder would, count what they
are asked, and from a chosen exchange on misbehave in one way.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    NoPasswordError,
    RecorderSilentError,
    RefusedError,
)

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TRIES_UNTIL_LOCKED: Final = 3


class Mischief(StrEnum):
    """One way to misbehave."""

    LOSS = "loss"  # the question never arrives
    SILENCE = "silence"  # it is done, and the answer never arrives
    DELAY = "delay"  # the answer comes at the last moment
    GARBAGE = "garbage"  # the answer has its size, and no sense
    HALF = "half"  # the answer breaks off
    BYTE_BY_BYTE = "byte-by-byte"  # where the way is a pipe; elsewhere, as if nothing were wrong
    WRONG_STATUS = "wrong-status"  # the recorder says no
    VANISH = "vanish"  # the recorder is pulled out


@dataclass(frozen=True, slots=True)
class Trouble:
    """Misbehave from exchange `at` on, counted from 0; or in that one alone."""

    kind: Mischief
    at: int = 0
    once: bool = False
    seed: int = 0


@dataclass(slots=True)
class FakeClock:
    """The dock's clocks, in microseconds: they move when something takes time, and never else."""

    utc: int = 1_795_316_400_250_000  # 2026-11-22 03:00:00.25 UTC
    monotonic: int = 5_000_000

    def utc_us(self) -> int:
        """Return the time as UTC since 1970."""
        return self.utc

    def monotonic_us(self) -> int:
        """Return a time that never steps."""
        return self.monotonic

    def pass_ms(self, passed: float) -> None:
        """Let time go by."""
        self.utc += round(passed * 1000)
        self.monotonic += round(passed * 1000)


@dataclass(slots=True)
class FakePassword:
    """A source of one password, or of none; it remembers what became of it."""

    word: str | None
    taken: int = 0
    refusals: int = 0

    def take(self) -> str:
        """Return the password once, as the real source does."""
        if self.word is None or self.taken:
            raise NoPasswordError("none is configured" if self.word is None else "taken already")
        self.taken += 1
        return self.word

    def refused(self) -> None:
        """Count the refusal."""
        self.refusals += 1


@dataclass(slots=True)
class Recorder:
    """What a recorder is and knows, whatever it speaks."""

    clock: FakeClock
    serial: str = "8888888"
    maker: str = "HACH8"
    user_no: str = "012345"
    user_name: str = "张警官"
    unit_no: str = "310100000000"
    unit_name: str = "上海市公安局交警总队"
    battery: int = 47
    password: str = "123456"  # noqa: S105  a factory's own, as everybody knows
    ahead_us: int = 90_000_000
    zone: tzinfo = SHANGHAI
    total_mib: int = 30_000
    free_mib: int = 12_345
    has_card: bool = True
    is_recording: bool = False
    is_forgetful: bool = False  # says that it wrote, and did not
    shows_storage: bool = False
    wrong_tries: int = 0
    presented: list[str] = field(default_factory=list)

    @property
    def utc_us(self) -> int:
        """What its clock says, as UTC."""
        return self.clock.utc + self.ahead_us

    def set_utc_us(self, utc_us: int) -> None:
        """Set its clock."""
        self.ahead_us = utc_us - self.clock.utc

    def set_local(self, shown: datetime) -> None:
        """Set its clock by the wall clock of its zone."""
        self.set_utc_us((shown.replace(tzinfo=self.zone) - EPOCH) // timedelta(microseconds=1))

    @property
    def local(self) -> datetime:
        """What its clock shows."""
        return (EPOCH + timedelta(microseconds=self.utc_us)).astimezone(self.zone)

    @property
    def is_locked(self) -> bool:
        """Whether it takes no password any more, not even the right one."""
        return self.wrong_tries >= TRIES_UNTIL_LOCKED

    def lets_in(self, word: str) -> bool:
        """Take one try of a password, and say whether it was right."""
        self.presented.append(word)
        if word == self.password and not self.is_locked:
            self.wrong_tries = 0
            return True
        self.wrong_tries += 1
        return False


class Way:
    """A way to a recorder on which exchanges take time, are counted, and go wrong on command."""

    def __init__(self, clock: FakeClock, trouble: Trouble | None) -> None:
        self.clock = clock
        self.trouble = trouble
        self.exchanges = 0
        self.is_gone = False
        self.is_closed = False
        self._random = random.Random(trouble.seed if trouble else 0)  # noqa: S311  no secret

    def next(self) -> Mischief | None:
        """Begin an exchange; return how it goes wrong, if it does."""
        number, self.exchanges = self.exchanges, self.exchanges + 1
        if self.is_closed or self.is_gone:
            raise ChannelLostError("no such device")
        if self.trouble is None or number < self.trouble.at:
            return None
        if self.trouble.once and number > self.trouble.at:
            return None
        if self.trouble.kind is Mischief.VANISH:
            self.is_gone = True
            raise ChannelLostError("no such device")
        return self.trouble.kind

    def carry(self, act: Callable[[], bytes], *, within_ms: int) -> bytes:
        """Carry one exchange of messages out, or let it go wrong."""
        match self.next():
            case Mischief.LOSS:
                raise self.silence(within_ms)
            case Mischief.SILENCE:
                act()
                raise self.silence(within_ms)
            case Mischief.DELAY:
                self.clock.pass_ms(within_ms - 1)
                return act()
            case Mischief.GARBAGE:
                return self.garbage(len(act()))
            case Mischief.HALF:
                answer = act()
                if not answer:
                    raise BadAnswerError(command="fake", reason="half of it was taken")
                return answer[: len(answer) // 2]
            case Mischief.WRONG_STATUS:
                raise RefusedError(command="fake", status=2)
            case _:
                self.clock.pass_ms(1)
                return act()

    def silence(self, within_ms: int) -> RecorderSilentError:
        """Let the whole wait go by; return the error of it."""
        self.clock.pass_ms(within_ms)
        return RecorderSilentError(command="fake", waited_ms=within_ms)

    def garbage(self, size: int) -> bytes:
        """Return bytes that mean nothing."""
        return self._random.randbytes(size)

    def close(self) -> None:
        """Let go of it."""
        self.is_closed = True
