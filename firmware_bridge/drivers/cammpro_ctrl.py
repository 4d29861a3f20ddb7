"""Cammpro recorders, asked by control transfers on their own USB id.

docs/formats/vendor-recorders.md, section 3. Tried against our fake only, never on hardware.

Its USB id belongs to the chip's maker, and other cameras bear it too: only a ping that is
answered makes it this recorder. It cannot tell its room or its faults, and its time only in
the answer to being told the time.
"""

from datetime import tzinfo
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
)
from firmware_bridge.drivers.lacking import Lacking
from firmware_bridge.drivers.one_try import OneTry
from firmware_bridge.drivers.timing import SECOND_US, Stopwatch, local_time, utc_of
from firmware_bridge.errors import (
    BadAnswerError,
    ChannelLostError,
    NoPasswordError,
    NotThisRecorderError,
    RefusedError,
)
from firmware_bridge.transports.ports import UsbLink
from firmware_bridge.wire import cammpro, holder_text
from firmware_bridge.wire.cammpro import Command

# Of each of the two transfers of a command. The maker's limit is not known.
WITHIN_MS: Final = 2_000
# No method takes longer: write_holder, which logs in, reads twice and writes once.
LONGEST_MS: Final = 4 * 2 * WITHIN_MS

CAPABILITIES: Final = frozenset(
    {
        Capability.IDENTITY,
        Capability.HOLDER,
        Capability.WRITE_HOLDER,
        Capability.BATTERY,
        Capability.SET_CLOCK,
        Capability.SWITCH_TO_STORAGE,
    }
)


class CammproCtrl(Lacking):
    """One recorder. The password is the administrator's, or with `admin` false the user's."""

    name = "cammpro-ctrl"

    def __init__(
        self,
        link: UsbLink,
        clock: HostClock,
        *,
        zone: tzinfo,
        password: PasswordSource,
        admin: bool = True,
    ) -> None:
        self._link = link
        self._clock = clock
        self._zone = zone
        self._password = OneTry(password)
        self._login = cammpro.ADMIN_LOGIN if admin else cammpro.USER_LOGIN

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this model can do."""
        return CAPABILITIES

    def identity(self) -> Identity:
        """Return who it is; NotThisRecorderError if it does not answer a ping as one would."""
        try:
            maker = cammpro.parse_ping(self._ask(cammpro.PING))
        except (BadAnswerError, RefusedError) as error:
            raise NotThisRecorderError("it does not answer the ping") from error
        record = self._record()
        return Identity(number=record.serial, maker=maker, raw=record.raw)

    def holder(self) -> Holder:
        """Return whom it names as its holder."""
        return self._record().holder

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder, and read that back."""
        record = holder_text.build(self._record().serial, holder, cammpro.ID_RECORD)
        self._ask(cammpro.WRITE_ID, record)
        if self._record().raw != record:
            raise BadAnswerError(
                command=cammpro.WRITE_ID.name, reason="what was written reads otherwise"
            )

    def battery(self) -> Battery:
        """Return how full its battery is."""
        self._log_in()
        return Battery(percent=cammpro.parse_battery(self._ask(cammpro.BATTERY)))

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time of its zone.

        It answers with a time. Whether that is its own or the one that it was told is not known.
        """
        self._log_in()
        watch = Stopwatch(self._clock)
        told = cammpro.pack_time(local_time(watch.sent_us, self._zone))
        answer = self._ask(cammpro.SYNC_TIME, told)
        took_us = watch.elapsed_us
        echo = ClockExchange(
            sent_us=watch.sent_us,
            round_trip_us=took_us,
            recorder_us=utc_of(cammpro.unpack_time(answer), self._zone),
            resolution_us=SECOND_US,
        )
        return ClockSetting(
            sent_us=watch.sent_us, round_trip_us=took_us, resolution_us=SECOND_US, echo=echo
        )

    def switch_to_storage(self) -> None:
        """Let it show its card. Once it was told, leaving the port is an answer too."""
        self._log_in()
        self._tell(cammpro.STORAGE_MODE)
        try:
            self._hear(cammpro.STORAGE_MODE)
        except ChannelLostError:
            return

    def close(self) -> None:
        """Let go of the channel."""
        self._link.close()

    def _log_in(self) -> None:
        if self._password.is_accepted:
            return
        word = self._password.word()
        try:
            payload = cammpro.pack_password(word)
        except NoPasswordError:
            self._password.unsent()
            raise
        try:
            self._ask(self._login, payload)
        except RefusedError:
            # Neither the refusal's context nor its text holds the password.
            raise self._password.refused() from None
        self._password.accepted()

    def _record(self) -> holder_text.Record:
        self._log_in()
        return cammpro.parse_id(self._ask(cammpro.READ_ID))

    def _ask(self, command: Command, payload: bytes = b"") -> bytes:
        self._tell(command, payload)
        return self._hear(command)

    def _tell(self, command: Command, payload: bytes = b"") -> None:
        data = cammpro.build(command, payload)
        self._link.control_out(*cammpro.OUT, data, within_ms=WITHIN_MS)

    def _hear(self, command: Command) -> bytes:
        data = self._link.control_in(*cammpro.IN, command.size, within_ms=WITHIN_MS)
        return cammpro.parse_reply(command, data)
