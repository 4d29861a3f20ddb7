"""An open recorder at the end of a fake serial line: it speaks SMP, and misbehaves when told to.

No time passes here but that of a clock which the line itself moves on.
"""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import ChannelLostError, RecorderSilentError, WireError
from firmware_bridge.wire import companion, smp, smp_lines, smp_os
from firmware_bridge.wire.cbor import Map

START_US = 1_790_000_000_000_000


class Wire(StrEnum):
    """What is wrong with the line, if anything."""

    SOUND = "sound"
    BYTE_BY_BYTE = "byte by byte"
    LOSSY = "lossy"  # every other answer is lost, the first of all too
    LATE = "late"  # answers come when the question has been given up
    NOISY = "noisy"  # log lines, stray bytes, false delimiters and damaged copies in between
    CHATTERING = "chattering"  # endless noise, and nothing else
    SILENT = "silent"
    HALF = "half"  # every answer stops in its middle
    VANISHING = "vanishing"  # gone in the middle of the first answer
    GONE = "gone"


class FakeHostClock:
    """The dock's clocks, moved by hand; the wall clock may be set, the other never is."""

    def __init__(self, utc_us: int = START_US) -> None:
        self._monotonic_us = 7_000_000
        self._offset_us = utc_us - self._monotonic_us

    def utc_us(self) -> int:
        """Return the dock's UTC."""
        return self._monotonic_us + self._offset_us

    def monotonic_us(self) -> int:
        """Return the clock that never steps."""
        return self._monotonic_us

    def advance(self, us: int) -> None:
        """Let time pass."""
        self._monotonic_us += us


@dataclass
class OpenFake:
    """The recorder itself: what it holds, and how it answers."""

    clock: FakeHostClock = field(default_factory=FakeHostClock)
    number: str = "ZF-0007"
    vkey: str = "recorder.example/ZF-0007+0ed53e11+AXk="
    can: tuple[str, ...] | None = None
    holder: companion.Holder = field(
        default_factory=lambda: companion.Holder(
            user_no="012345", user_name="王小明", unit_no="210100", unit_name="市应急局"
        )
    )
    battery: companion.Battery = field(
        default_factory=lambda: companion.Battery(percent=52, charging=True, health=91, cycles=140)
    )
    faults: companion.Faults = field(
        default_factory=lambda: companion.Faults((companion.Fault(code="io-error", at_ms=5),))
    )
    storage: companion.Storage = field(
        default_factory=lambda: companion.Storage(total=32_000_000_000, free=16_000_000_000)
    )
    clips: dict[str, bytes] = field(default_factory=lambda: {"DCIM/A.MP4": b"clip"})
    journal: list[bytes] = field(default_factory=lambda: [b"line %d\n" % n for n in range(900)])
    clock_error_us: int = 42_000_000
    busy: bool = False
    unsupported: set[tuple[int, int]] = field(default_factory=set)
    exported: bool = False
    done: list[str] = field(default_factory=list)

    def link(self, wire: Wire = Wire.SOUND, *, seed: int = 0) -> "FakeLine":
        """Return a line to it."""
        return FakeLine(self, wire, random.Random(seed))  # noqa: S311  repeatable, not secret

    def driver(self, wire: Wire = Wire.SOUND, *, seed: int = 0) -> OpenDriver:
        """Return the product's driver at the other end of such a line."""
        return OpenDriver(self.link(wire, seed=seed), self.clock)

    def answer(self, question: smp.Message, now_us: int) -> smp.Message:
        """Return the answer; `now_us` is the true time at which the question arrived."""
        handler = _HANDLERS.get((question.op, question.group, question.command))
        if handler is None or (question.group, question.command) in self.unsupported:
            return companion.refuse(question, companion.Rc.UNSUPPORTED)
        try:
            return smp.answer(question, handler(self, question.members(), now_us))
        except _No as no:
            return companion.refuse(question, no.rc)
        except WireError:
            return companion.refuse(question, companion.Rc.BAD_REQUEST)

    def read_journal(self, members: Map, _now_us: int) -> Map:
        """Give as many whole records as were asked for, and fit."""
        asked = companion.JournalQuestion.parse(members)
        sizes = itertools.accumulate(len(line) for line in self.journal[asked.first :])
        count = sum(1 for _ in itertools.takewhile(lambda size: size <= asked.max_bytes, sizes))
        after = asked.first + count
        data = b"".join(self.journal[asked.first : after])
        whole = companion.JournalAnswer(
            first=asked.first, next=after, size=len(self.journal), data=data
        )
        return whole.build()

    def erase(self, members: Map, _now_us: int) -> Map:
        """Erase a clip, if it is the one that is meant."""
        asked = companion.Erase.parse(members)
        if self.exported or self.busy:
            raise _No(companion.Rc.NOT_NOW)
        if asked.path not in self.clips:
            raise _No(companion.Rc.NOT_FOUND)
        data = self.clips[asked.path]
        if (hashlib.sha256(data).digest(), len(data)) != (asked.sha256, asked.size):
            raise _No(companion.Rc.DIFFERS)
        del self.clips[asked.path]
        self.done.append(f"erased {asked.path}")
        return {}

    def write_holder(self, members: Map, _now_us: int) -> Map:
        """Be somebody else's."""
        self.holder = companion.Holder.parse(members)
        self.done.append("holder")
        return {}

    def set_clock(self, members: Map, now_us: int) -> Map:
        """Take the time that is told."""
        self.clock_error_us = smp_os.DateTime.parse(members).utc_us - now_us
        self.done.append("clock")
        return {}

    def tell_clock(self, _members: Map, now_us: int) -> Map:
        """Tell the time that it has."""
        return smp_os.DateTime(now_us + self.clock_error_us).build()

    def set_mode(self, members: Map, _now_us: int) -> Map:
        """Show the clip volume, or take it back."""
        if self.busy:
            raise _No(companion.Rc.NOT_NOW)
        self.exported = companion.StorageMode.parse(members).export
        self.done.append("exported")
        return {}

    def reset(self, _members: Map, _now_us: int) -> Map:
        """Start again."""
        self.done.append("reset")
        return {}

    def identity(self, _members: Map, _now_us: int) -> Map:
        """Tell who it is."""
        who = companion.Identity(
            number=self.number, model="PZ2-CAM", firmware="1.4.0", vkey=self.vkey, can=self.can
        )
        return who.build()


class _No(Exception):  # noqa: N818  a refusal, not an error
    def __init__(self, rc: companion.Rc) -> None:
        super().__init__(rc)
        self.rc = rc


Handler = Callable[[OpenFake, Map, int], Map]
READ, WRITE = smp.Op.READ, smp.Op.WRITE
_HANDLERS: Mapping[tuple[int, int, int], Handler] = {
    (WRITE, 0, 0): lambda _, members, __: smp_os.EchoAnswer(
        smp_os.EchoQuestion.parse(members).text
    ).build(),
    (READ, 0, 4): OpenFake.tell_clock,
    (WRITE, 0, 4): OpenFake.set_clock,
    (WRITE, 0, 5): OpenFake.reset,
    (READ, 0, 6): lambda _, __, ___: smp_os.Parameters().build(),
    (READ, 0, 7): lambda _, __, ___: smp_os.AppInfoAnswer("fake 1").build(),
    (READ, 65, 0): lambda fake, _, __: fake.battery.build(),
    (READ, 65, 1): lambda fake, _, __: fake.storage.build(),
    (READ, 65, 2): lambda fake, _, __: fake.faults.build(),
    (READ, 65, 3): lambda fake, _, __: fake.holder.build(),
    (WRITE, 65, 3): OpenFake.write_holder,
    (READ, 65, 4): OpenFake.read_journal,
    (WRITE, 65, 5): OpenFake.erase,
    (READ, 65, 6): OpenFake.identity,
    (WRITE, 65, 7): OpenFake.set_mode,
}


class FakeLine:
    """A ByteLink to a fake; every wait moves the fake's clock."""

    def __init__(self, fake: OpenFake, wire: Wire, chance: random.Random) -> None:
        self._fake = fake
        self._wire = wire
        self._chance = chance
        self._deframer = smp_lines.Deframer()
        self._due: list[tuple[int, int, bytes]] = []
        self._order = itertools.count()
        self._last: tuple[bytes, bytes] | None = None
        self._answers = 0
        self._gone = wire is Wire.GONE
        self.closed = False
        self.there_us = 200
        self.back_us = 300
        self.sent: list[bytes] = []

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Carry a question over; the recorder answers when it has arrived."""
        assert within_ms > 0
        self._check_open()
        self.sent.append(data)
        for body in self._deframer.feed(data):
            if isinstance(body, bytes):
                self._hear(body)

    def receive(self, *, within_ms: int) -> bytes:
        """Give what has come, or let the time pass."""
        assert within_ms > 0
        self._check_open()
        now_us = self._fake.clock.monotonic_us()
        if self._wire is Wire.CHATTERING:
            self._fake.clock.advance(100)
            return self._chance.randbytes(8192)
        if not self._due or self._due[0][0] > now_us + within_ms * 1000:
            self._fake.clock.advance(within_ms * 1000)
            raise RecorderSilentError(command="listening", waited_ms=within_ms)
        due_us, _, data = heapq.heappop(self._due)
        self._fake.clock.advance(max(0, due_us - now_us))
        if self._wire is Wire.VANISHING:
            self._gone = True
        return data

    def close(self) -> None:
        """Hang up."""
        self.closed = True

    def _check_open(self) -> None:
        assert not self.closed
        if self._gone:
            raise ChannelLostError("unplugged")

    def _hear(self, body: bytes) -> None:
        arrived_us = self._fake.clock.monotonic_us() + self.there_us
        if self._wire is Wire.SILENT:
            return
        # As the real companion does: the very same question again is answered, not done again.
        if self._last is None or self._last[0] != body:
            true_us = self._fake.clock.utc_us() + self.there_us
            message = self._fake.answer(smp.decode(body), true_us)
            self._last = body, message.encode()
        leaves_us = arrived_us + self.back_us
        if self._wire is Wire.LATE:
            leaves_us += 1_500_000
        for at_us, data in enumerate(self._spoilt(self._last[1])):
            heapq.heappush(self._due, (leaves_us + at_us, next(self._order), data))

    def _spoilt(self, answer: bytes) -> Iterator[bytes]:
        lines = smp_lines.encode(answer)
        self._answers += 1
        match self._wire:
            case Wire.BYTE_BY_BYTE:
                yield from (lines[at : at + 1] for at in range(len(lines)))
            case Wire.LOSSY if self._answers % 2:
                yield from lines.splitlines(keepends=True)[1:]
            case Wire.HALF | Wire.VANISHING:
                yield lines[: len(lines) // 2]
            case Wire.NOISY:
                yield from self._noise(answer, lines)
            case _:
                yield lines

    def _noise(self, answer: bytes, lines: bytes) -> Iterator[bytes]:
        """Yield a damaged copy, the answer to a question nobody asked, text, then the answer."""
        damaged = bytearray(lines)
        damaged[len(lines) // 2] ^= 0x11
        yield bytes(damaged) + b"\n"
        stray = bytearray(answer)
        stray[6] ^= 0x55  # another sequence number
        yield smp_lines.encode(bytes(stray))
        yield b"[00:01] <inf> camera: \x06 \x09 \x04\x14\xff\n"
        yield self._chance.randbytes(300).replace(b"\n", b"")
        for line in lines.splitlines(keepends=True):
            yield b"<dbg> " + line
