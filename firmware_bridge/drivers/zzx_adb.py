"""ZZX recorders, which run Android: a server in them is woken through adb, and asked in JSON.

docs/formats/vendor-recorders.md, section 4. Tried against our fake only, never on hardware.

Each question but the first brings the password, and each answer says whether it was right. A
pipe on which anything went wrong is left: the next question gets a new one, so that no late
answer is ever taken for another's, least of all one that tells the time.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Holder,
    HostClock,
    Identity,
    PasswordSource,
    Storage,
)
from firmware_bridge.drivers.lacking import Lacking
from firmware_bridge.drivers.one_try import OneTry
from firmware_bridge.drivers.timing import SECOND_US, Stopwatch
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    ChannelNotOpenedError,
    RecorderBusyError,
    RecorderError,
    RecorderSilentError,
    RefusedError,
)
from firmware_bridge.transports.ports import AdbLink, ByteLink
from firmware_bridge.wire import holder_text, zzx
from firmware_bridge.wire.zzx import Answer, Command

ANSWER_WITHIN_MS: Final = 3_000
WAKE_WITHIN_MS: Final = 5_000
PAUSE_WITHIN_MS: Final = 3_000
CONNECT_WITHIN_MS: Final = 1_000
# The server's thread starts after the broadcast is through: a refusal means "not yet".
CONNECT_TRIES: Final = 3
# No method takes longer: write_holder, which asks three times, over a pipe that it opens first.
LONGEST_MS: Final = (
    WAKE_WITHIN_MS
    + CONNECT_TRIES * CONNECT_WITHIN_MS
    + (CONNECT_TRIES - 1) * PAUSE_WITHIN_MS
    + 3 * ANSWER_WITHIN_MS
)
# What a holder's field may hold here; the recorder itself states no limit.
_MAX_FIELD: Final = 64
_MILLISECOND_US: Final = 1_000
# Years from 1970 to about 2242, in seconds: beyond it is no time.
_MAX_TIME_S: Final = 2**33
_MAX_MIB: Final = 2**32
_PERCENT: Final = 100

CAPABILITIES: Final = frozenset(
    {
        Capability.IDENTITY,
        Capability.HOLDER,
        Capability.WRITE_HOLDER,
        Capability.BATTERY,
        Capability.READ_CLOCK,
        Capability.SET_CLOCK,
        Capability.STORAGE,
        Capability.SWITCH_TO_STORAGE,
    }
)


class ZzxAdb(Lacking):
    """One recorder, its server on TCP `port` of the recorder itself."""

    name = "zzx-adb"

    def __init__(
        self, link: AdbLink, clock: HostClock, *, port: int, password: PasswordSource
    ) -> None:
        self._link = link
        self._clock = clock
        self._port = port
        self._password = OneTry(password)
        self._pipe: ByteLink | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this model can do."""
        return CAPABILITIES

    def identity(self) -> Identity:
        """Return who it is. Its number is told for the password only."""
        maker = self._ask(Command.GET_ID_CODE, {}).text("IDCode")
        info = self._ask_with_password(Command.GET_ZFY_INFO)
        return Identity(number=info.text("serial"), maker=maker, raw=info.line)

    def holder(self) -> Holder:
        """Return whom it names as its holder."""
        info = self._ask_with_password(Command.GET_ZFY_INFO)
        return Holder(**_holder(info), raw=info.line)

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder, and read that back."""
        wanted = {
            "user_no": holder.user_no,
            "user_name": holder.user_name,
            "unit_no": holder.unit_no,
            "unit_name": holder.unit_name,
        }
        for name, text in wanted.items():
            holder_text.encode(name, text, limit=_MAX_FIELD)
        serial = self._ask_with_password(Command.GET_ZFY_INFO).text("serial")
        self._ask_with_password(
            Command.WRITE_ZFY_INFO,
            serial=serial or "0000000",
            policeNo=holder.user_no or "000000",
            policeName=holder.user_name,
            groupNo=holder.unit_no,
            groupName=holder.unit_name,
        )
        if _holder(self._ask_with_password(Command.GET_ZFY_INFO)) != wanted:
            raise BadAnswerError(
                command=Command.WRITE_ZFY_INFO.name, reason="what was written reads otherwise"
            )

    def battery(self) -> Battery:
        """Return how full its battery is."""
        answer = self._ask_with_password(Command.READ_BATTERY)
        return Battery(percent=answer.number("battery", high=_PERCENT))

    def read_clock(self) -> ClockExchange:
        """Ask for the time, which it tells in whole seconds of UTC."""
        self._connected()  # finding the way is no part of the exchange
        watch = Stopwatch(self._clock)
        answer = self._ask_with_password(Command.GET_DEV_TIME)
        took_us = watch.elapsed_us
        return ClockExchange(
            sent_us=watch.sent_us,
            round_trip_us=took_us,
            recorder_us=answer.number("Time", high=_MAX_TIME_S) * SECOND_US,
            resolution_us=SECOND_US,
        )

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time, in milliseconds of UTC."""
        self._connected()
        watch = Stopwatch(self._clock)
        answer = self._ask_with_password(
            Command.SYNC_DEV_TIME, Time=watch.sent_us // _MILLISECOND_US
        )
        took_us = watch.elapsed_us
        if not answer.flag("Result"):
            raise RefusedError(command=Command.SYNC_DEV_TIME.name, status=0)
        return ClockSetting(
            sent_us=watch.sent_us, round_trip_us=took_us, resolution_us=_MILLISECOND_US
        )

    def storage(self) -> Storage:
        """Return the room that it has, which it tells in whole MiB."""
        answer = self._ask_with_password(Command.GET_DISK_STORAGE)
        total = answer.number("total", high=_MAX_MIB)
        return Storage(
            total_bytes=total * zzx.MIB, free_bytes=answer.number("free", high=total) * zzx.MIB
        )

    def switch_to_storage(self) -> None:
        """Let it show its card; RecorderBusyError while it records.

        Once it was told, leaving the port is an answer too.
        """
        try:
            answer = self._ask_with_password(Command.SET_MSDC)
        except ChannelLostError:
            if self._password.is_accepted:
                return
            raise
        if not answer.flag("Result"):
            raise RecorderBusyError(command=Command.SET_MSDC.name)

    def close(self) -> None:
        """Let go of the channel."""
        self._leave_pipe()
        self._link.close()

    def _ask_with_password(self, command: Command, **body: str | int) -> Answer:
        self._connected()  # else the one try could be spent on a way that is not there
        answer = self._ask(command, {"password": self._password.word(), **body})
        if not answer.flag("password"):
            raise self._password.refused()
        self._password.accepted()
        return answer

    def _ask(self, command: Command, body: Mapping[str, str | int]) -> Answer:
        pipe = self._connected()
        watch = Stopwatch(self._clock)
        try:
            pipe.send(zzx.build(command, body), within_ms=ANSWER_WITHIN_MS)
            return self._answer(pipe, command, watch)
        except RecorderError:
            self._leave_pipe()
            raise

    def _answer(self, pipe: ByteLink, command: Command, watch: Stopwatch) -> Answer:
        lines = zzx.Lines()
        while (left_ms := watch.left_ms(ANSWER_WITHIN_MS)) > 0:
            for line in lines.feed(pipe.receive(within_ms=left_ms)):
                if (answer := zzx.parse(line, asked=command)) is not None:
                    return answer
        raise RecorderSilentError(command=command.name, waited_ms=ANSWER_WITHIN_MS)

    def _connected(self) -> ByteLink:
        if self._pipe is None:
            self._pipe = self._wake()
        return self._pipe

    def _wake(self) -> ByteLink:
        """Start the recorder's server, and return a pipe to it."""
        self._link.shell(
            f"am broadcast -a com.zzx.sdk --ei port {self._port}", within_ms=WAKE_WITHIN_MS
        )
        for _attempt in range(CONNECT_TRIES - 1):
            with suppress(ChannelNotOpenedError):
                return self._link.connect(self._port, within_ms=CONNECT_WITHIN_MS)
            # The recorder's own shell waits: a driver has no clock to wait by.
            self._link.shell("sleep 1", within_ms=PAUSE_WITHIN_MS)
        return self._link.connect(self._port, within_ms=CONNECT_WITHIN_MS)

    def _leave_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _holder(info: Answer) -> dict[str, str]:
    return {
        "user_no": info.text("policeNo"),
        "user_name": info.text("policeName"),
        "unit_no": info.text("groupNo"),
        "unit_name": info.text("groupName"),
    }
