"""Channels whose recorder says the same to whatever it is asked: one frame, then nothing."""

from collections.abc import Callable, Iterable

from firmware_bridge.capabilities import Driver
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.drivers.jieli_scsi import JieliScsi
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.drivers.zzx_adb import ZzxAdb
from firmware_bridge.errors import RecorderError, RecorderSilentError
from firmware_bridge.wire import smp, smp_lines
from tests.recorders.mischief import SHANGHAI, FakeClock, FakePassword
from tests.recorders.rigs import CALLS, PORT


class Pipe:
    """A ByteLink; every question is answered with what `says` makes of it."""

    def __init__(self, clock: FakeClock, says: Callable[[bytes], Iterable[bytes]]) -> None:
        self._clock = clock
        self._says = says
        self._due: list[bytes] = []

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Hear a question."""
        assert within_ms > 0
        self._due += self._says(data)

    def receive(self, *, within_ms: int) -> bytes:
        """Give the next piece of an answer, or let the time pass."""
        if self._due and self._due[0]:
            self._clock.pass_ms(1)
            return self._due.pop(0)
        self._clock.pass_ms(within_ms)
        raise RecorderSilentError(command="listening", waited_ms=within_ms)

    def close(self) -> None:
        """Hang up."""
        self._due.clear()


class Said:
    """A ScsiLink, a UsbLink and an AdbLink that know one frame."""

    def __init__(self, frame: bytes, clock: FakeClock) -> None:
        self._frame = frame
        self._clock = clock

    def read(self, cdb: bytes, length: int, *, within_ms: int) -> bytes:
        """Say it, as far as there is room."""
        assert cdb
        self._clock.pass_ms(min(1, within_ms))
        return self._frame[:length]

    def write(self, cdb: bytes, data: bytes, *, within_ms: int) -> None:
        """Take anything."""
        assert len(cdb) + len(data) > 0
        self._clock.pass_ms(min(1, within_ms))

    def control_in(  # noqa: PLR0913  as the port has it
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        length: int,
        *,
        within_ms: int,
    ) -> bytes:
        """Say it, as far as there is room."""
        assert request_type + request + value + index
        return self.read(b"in", length, within_ms=within_ms)

    def control_out(  # noqa: PLR0913  as the port has it
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: bytes,
        *,
        within_ms: int,
    ) -> None:
        """Take anything."""
        assert request_type + request + value + index
        self.write(b"out", data, within_ms=within_ms)

    def shell(self, command: str, *, within_ms: int) -> bytes:
        """Print it."""
        return self.read(command.encode(), len(self._frame), within_ms=within_ms)

    def connect(self, port: int, *, within_ms: int) -> Pipe:
        """Say it on a line of its own, to each question."""
        assert port + within_ms
        return Pipe(self._clock, lambda _question: [self._frame + b"\r\n"])

    def close(self) -> None:
        """Let go of it."""


def ask_everything(driver: Driver) -> None:
    """Ask for all that the driver can; a RecorderError is an answer."""
    for capability in driver.capabilities & CALLS.keys():
        try:
            CALLS[capability](driver)
        except RecorderError:
            continue
    driver.close()


def ask_open(frame: bytes) -> None:
    """Let every question to an open recorder be answered with `frame` as its CBOR."""
    clock = FakeClock()
    deframer = smp_lines.Deframer()

    def says(data: bytes) -> Iterable[bytes]:
        for body in deframer.feed(data):
            if isinstance(body, bytes):
                question = smp.decode(body)
                answer = smp.Message(
                    op=smp.Op(question.op + 1),
                    group=question.group,
                    command=question.command,
                    seq=question.seq,
                    payload=frame[: smp.MAX_PAYLOAD],
                )
                yield smp_lines.encode(answer.encode())

    ask_everything(OpenDriver(Pipe(clock, says), clock))


def ask_open_line(frame: bytes) -> None:
    """Let every question to an open recorder be answered with `frame` as it comes."""
    clock = FakeClock()
    ask_everything(OpenDriver(Pipe(clock, lambda _question: [frame]), clock))


def ask_jieli(frame: bytes) -> None:
    """Let a Jieli recorder say `frame` to everything."""
    clock = FakeClock()
    word = FakePassword("123456")
    ask_everything(JieliScsi(Said(frame, clock), clock, zone=SHANGHAI, password=word))


def ask_cammpro(frame: bytes) -> None:
    """Let a Cammpro recorder say `frame` to everything."""
    clock = FakeClock()
    word = FakePassword("123456")
    ask_everything(CammproCtrl(Said(frame, clock), clock, zone=SHANGHAI, password=word))


def ask_zzx(frame: bytes) -> None:
    """Let a ZZX recorder say `frame` to everything."""
    clock = FakeClock()
    word = FakePassword("123456")
    ask_everything(ZzxAdb(Said(frame, clock), clock, port=PORT, password=word))
