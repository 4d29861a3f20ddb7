"""Our SMP against another's: the smp package reads what we write, and the other way round."""

import os
import pty
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import smp.error
import smp.header
import smp.message
import smp.os_management as foreign
import smp.packet
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.capabilities import Capability
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.errors import MissingCapabilityError
from firmware_bridge.transports.serial_port import open_serial
from firmware_bridge.wire import companion, smp_lines, smp_os
from firmware_bridge.wire import smp as ours

SAFE = 2**53 - 1


class BatteryRead(smp.message.ReadRequest):
    """The companion's battery, as somebody would write it who has only the format."""

    _GROUP_ID = 65
    _COMMAND_ID = 0


class BatteryAnswer(smp.message.ReadResponse):
    """The answer to that."""

    _GROUP_ID = 65
    _COMMAND_ID = 0

    percent: int
    charging: bool | None = None
    health: int | None = None
    cycles: int | None = None


class JournalAnswer(smp.message.ReadResponse):
    """The answer to that."""

    _GROUP_ID = 65
    _COMMAND_ID = 4

    first: int
    next: int
    size: int
    data: bytes


class IdentityAnswer(smp.message.ReadResponse):
    """Who the recorder is."""

    _GROUP_ID = 65
    _COMMAND_ID = 6

    number: str
    model: str
    firmware: str
    vkey: str


def foreign_lines(data: bytes) -> bytes:
    """Return the lines in which the package sends `data`, as long as it makes them by default."""
    return b"".join(smp.packet.encode(data))


def foreign_body(lines: bytes) -> bytes:
    """Return what the package makes of lines."""
    decoder = smp.packet.decode()
    next(decoder)
    for line in lines.splitlines(keepends=True):
        try:
            decoder.send(line)
        except StopIteration as done:
            return bytes(done.value)
    raise AssertionError("the package still waits for more")


@given(body=st.binary(min_size=1, max_size=ours.MAX_MESSAGE))
@settings(max_examples=50)
def test_lines_mean_the_same_to_both(body: bytes) -> None:
    """Each side takes the other's lines for what was put into them."""
    assert foreign_body(smp_lines.encode(body)) == body
    assert smp_lines.Deframer().feed(foreign_lines(body)) == [body]


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_echo_means_the_same_to_both(text: str) -> None:
    """Question and answer have the same bytes, whoever makes them."""
    theirs = foreign.EchoWriteRequest(d=text, sequence=9)
    mine = ours.question(ours.Op.WRITE, 0, 0, 9, smp_os.EchoQuestion(text).build())
    assert mine.encode() == bytes(theirs)
    answer = ours.answer(ours.decode(bytes(theirs)), smp_os.EchoAnswer(text).build())
    assert foreign.EchoWriteResponse.loads(answer.encode()).r == text


@given(
    percent=st.integers(0, 100),
    charging=st.none() | st.booleans(),
    cycles=st.none() | st.integers(0, 10**6),
)
def test_companions_messages_are_plain_smp(
    percent: int, *, charging: bool | None, cycles: int | None
) -> None:
    """Our own group's maps have the same bytes when the package makes them."""
    theirs = BatteryAnswer(percent=percent, charging=charging, cycles=cycles, sequence=3)
    part = companion.Battery(percent=percent, charging=charging, cycles=cycles)
    question = ours.Message(op=ours.Op.READ, group=65, command=0, seq=3)
    assert ours.answer(question, part.build()).encode() == bytes(theirs)
    assert companion.Battery.parse(ours.decode(bytes(theirs)).members()) == part


def test_journals_bytes_are_plain_smp() -> None:
    """A piece of a journal at its longest passes between both, in lines and all."""
    data = b"x" * (companion.MAX_JOURNAL_BYTES - 1) + b"\n"
    part = companion.JournalAnswer(first=SAFE - 1, next=SAFE, size=SAFE, data=data)
    question = ours.Message(op=ours.Op.READ, group=65, command=4, seq=255)
    lines = smp_lines.encode(ours.answer(question, part.build()).encode())
    assert JournalAnswer.loads(foreign_body(lines)).data == data


def test_refusals_mean_the_same_to_both() -> None:
    """Both versions' refusals are read by the package as what they are."""
    second = ours.Message(op=ours.Op.READ, group=0, command=4, seq=1)
    refusal = ours.refuse(second, ours.Refusal(0, smp_os.Rc.CLOCK_NOT_SET))
    theirs = foreign.OSManagementErrorV2.loads(refusal.encode())
    assert theirs.err.rc is foreign.OS_MGMT_RET_RC.RTC_NOT_SET
    first = ours.Message(op=ours.Op.READ, group=0, command=2, seq=1, version=1)
    unsupported = companion.refuse(first, companion.Rc.UNSUPPORTED)
    told = foreign.OSManagementErrorV1.loads(unsupported.encode())
    assert told.rc is smp.error.MGMT_ERR.ENOTSUP


class ForeignServer:
    """An SMP server made of the package, on the master's side of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.time = "2000-01-01T00:00:00.5"
        self.resets = 0

    def serve(self) -> None:
        """Answer until nobody holds the other side any more."""
        rest = b""
        while True:
            try:
                rest += os.read(self._master, 4096)
            except OSError:  # EIO: the last one has closed the slave
                return
            *lines, rest = rest.split(b"\n")
            for body in self._bodies(lines):
                os.write(self._master, b"".join(smp.packet.encode(self._answer(body))))

    def _bodies(self, lines: list[bytes]) -> Iterator[bytes]:
        # Each question of these tests is one line or a few that come at once.
        whole = b"".join(line + b"\n" for line in lines)
        for part in whole.split(smp.packet.START_DELIMITER)[1:]:
            yield foreign_body(smp.packet.START_DELIMITER + part)

    def _answer(self, body: bytes) -> bytes:
        header = smp.header.Header.loads(body[: smp.header.Header.SIZE])
        told: dict[str, Any] = {"sequence": header.sequence, "version": header.version}
        answer: smp.message.Response
        match header.op, header.group_id, header.command_id:
            case smp.header.OP.WRITE, 0, 0:
                echo = foreign.EchoWriteRequest.loads(body)
                answer = foreign.EchoWriteResponse(r=echo.d, **told)
            case smp.header.OP.READ, 0, 4:
                answer = foreign.DateTimeReadResponse(datetime=self.time, **told)
            case smp.header.OP.WRITE, 0, 4:
                self.time = foreign.DateTimeWriteRequest.loads(body).datetime
                answer = foreign.DateTimeWriteResponse(**told)
            case smp.header.OP.WRITE, 0, 5:
                self.resets += 1
                answer = foreign.ResetWriteResponse(**told)
            case smp.header.OP.READ, 65, 0:
                answer = BatteryAnswer(percent=77, charging=False, **told)
            case smp.header.OP.READ, 65, 6:
                answer = IdentityAnswer(
                    number="F-1", model="foreign", firmware="9", vkey="", **told
                )
            case _:
                answer = unsupported(header)
        return bytes(answer)


def unsupported(header: smp.header.Header) -> smp.error.ErrorV1:
    """Return the refusal that any server gives to what it does not know."""
    answer = smp.header.Header(
        op=smp.header.OP(header.op + 1),
        version=header.version,
        flags=smp.header.Flag(0),
        length=len(b"\xa1\x62rc\x08"),
        group_id=header.group_id,
        sequence=header.sequence,
        command_id=header.command_id,
    )
    return smp.error.ErrorV1(header=answer, rc=smp.error.MGMT_ERR.ENOTSUP)


@contextmanager
def foreign_server() -> Iterator[tuple[ForeignServer, OpenDriver]]:
    """Run such a server; yield it, and our driver at the other end of the line."""
    master, slave = pty.openpty()
    server = ForeignServer(master)
    thread = threading.Thread(target=server.serve)
    driver = OpenDriver(open_serial(os.ttyname(slave)), RealClock())
    thread.start()
    try:
        yield server, driver
    finally:
        driver.close()
        os.close(slave)
        thread.join()
        os.close(master)


def test_foreign_server_is_asked_for_all_that_it_knows() -> None:
    """Over a real line a server that we did not write is identified, timed, set and reset."""
    with foreign_server() as (server, driver):
        assert driver.identity().number == "F-1"
        exchange = driver.read_clock()
        assert (exchange.recorder_us, exchange.resolution_us) == (946_684_800_500_000, 100_000)
        setting = driver.set_clock()
        told = smp_os.DateTime.parse({"datetime": server.time})
        assert told.utc_us == setting.sent_us
        assert setting.resolution_us == 100_000
        assert driver.battery().percent == 77
        driver.reset()
        assert server.resets == 1


def test_foreign_servers_unknown_commands_are_missing_capabilities() -> None:
    """What another server refuses in its own way is something that the recorder cannot do."""
    with foreign_server() as (_server, driver):
        asks: list[tuple[Callable[[], object], Capability]] = [
            (driver.holder, Capability.HOLDER),
            (driver.storage, Capability.STORAGE),
            (driver.faults, Capability.FAULTS),
            (driver.switch_to_storage, Capability.SWITCH_TO_STORAGE),
        ]
        for ask, capability in asks:
            with pytest.raises(MissingCapabilityError):
                ask()
            assert capability not in driver.capabilities
