"""The Jieli DV16 family, asked by SCSI commands of its maker beside the disk that it is.

docs/formats/vendor-recorders.md, section 2. Tried against our fake only, never on hardware.

It cannot tell its time, its room or its faults. Its password stands in the recorder in clear:
the maker's own tool reads it and compares. So do we, before anything is changed, since whoever
set it wants that; but nothing is believed because of it, ours is never sent, and the
recorder's is forgotten at once. Reading is not held up by it: the recorder asks for none.
"""

from datetime import tzinfo
from typing import Final

from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockSetting,
    Holder,
    HostClock,
    Identity,
    PasswordSource,
)
from firmware_bridge.drivers.lacking import Lacking
from firmware_bridge.drivers.one_try import OneTry
from firmware_bridge.drivers.timing import SECOND_US, Stopwatch, local_time
from firmware_bridge.errors import BadAnswerError, NotThisRecorderError, RecorderError, RefusedError
from firmware_bridge.transports.ports import ScsiLink
from firmware_bridge.wire import holder_text, jieli
from firmware_bridge.wire.jieli import Command

READ_WITHIN_MS: Final = 2_000
WRITE_WITHIN_MS: Final = 10_000
# No method takes longer: write_holder, which reads six times and writes once.
LONGEST_MS: Final = 6 * READ_WITHIN_MS + WRITE_WITHIN_MS

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


class JieliScsi(Lacking):
    """One recorder of the family."""

    name = "jieli-scsi"

    def __init__(
        self, link: ScsiLink, clock: HostClock, *, zone: tzinfo, password: PasswordSource
    ) -> None:
        self._link = link
        self._clock = clock
        self._zone = zone
        self._password = OneTry(password)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this model can do."""
        return CAPABILITIES

    def identity(self) -> Identity:
        """Return who it is; NotThisRecorderError if its INQUIRY names something else."""
        inquiry = self._link.read(jieli.INQUIRY, jieli.INQUIRY_SIZE, within_ms=READ_WITHIN_MS)
        model = jieli.parse_inquiry(inquiry)
        if model is None:
            raise NotThisRecorderError("its INQUIRY does not name a DV16 device")
        self._order(Command.INIT)
        maker = jieli.parse_id_code(self._ask(Command.GET_ID_CODE))
        record = self._record()
        return Identity(number=record.serial, maker=maker, model=model, raw=record.raw)

    def holder(self) -> Holder:
        """Return whom it names as its holder."""
        return self._record().holder

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder, and read that back."""
        record = holder_text.build(self._record().serial, holder, holder_text.ZFY_INFO)
        self._compare_passwords()
        self._order(Command.WRITE_DEV_INFO, record)
        if self._record().raw != record:
            raise BadAnswerError(
                command=Command.WRITE_DEV_INFO.name, reason="what was written reads otherwise"
            )

    def battery(self) -> Battery:
        """Return how full its battery is."""
        return Battery(percent=jieli.parse_battery(self._ask(Command.READ_BATTERY)))

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time of its zone; it cannot be read back."""
        self._compare_passwords()
        watch = Stopwatch(self._clock)
        self._write(Command.SYNC_DEV_TIME, jieli.pack_time(local_time(watch.sent_us, self._zone)))
        took_us = watch.elapsed_us
        self._expect_done(Command.SYNC_DEV_TIME)
        return ClockSetting(sent_us=watch.sent_us, round_trip_us=took_us, resolution_us=SECOND_US)

    def switch_to_storage(self) -> None:
        """Let it show its card.

        How that went is not asked for, as the maker's tool does not: the recorder may be
        leaving the port already, and a command that it no longer answers would reset it.
        """
        self._compare_passwords()
        if not jieli.parse_card(self._read(Command.GET_SD_STATUS)):
            raise RefusedError(command=f"{Command.SET_MSDC.name}, for want of a card,", status=0)
        self._write(Command.SET_MSDC)

    def close(self) -> None:
        """Let go of the channel."""
        self._link.close()

    def _compare_passwords(self) -> None:
        if self._password.is_accepted:
            return
        ours = self._password.word().encode("utf-8", "surrogatepass")
        try:
            kept = jieli.parse_password(self._read(Command.GET_JL_PASSWORD))
        except RecorderError:
            self._password.unsent()
            raise
        if ours != kept:
            raise self._password.refused()
        self._password.accepted()

    def _record(self) -> holder_text.Record:
        return jieli.parse_info(self._ask(Command.GET_DEV_INFO))

    def _ask(self, command: Command) -> bytes:
        data = self._read(command)
        self._expect_done(command)
        return data

    def _order(self, command: Command, data: bytes = b"") -> None:
        self._write(command, data)
        self._expect_done(command)

    def _expect_done(self, command: Command) -> None:
        status = jieli.parse_status(self._read(Command.GET_RETURN_STATUS))
        if status:
            raise RefusedError(command=command.name, status=status)

    def _read(self, command: Command) -> bytes:
        data = self._link.read(
            jieli.read_cdb(command), jieli.SIZES[command], within_ms=READ_WITHIN_MS
        )
        return jieli.sized(command, data)

    def _write(self, command: Command, data: bytes = b"") -> None:
        self._link.write(jieli.write_cdb(command), data, within_ms=WRITE_WITHIN_MS)
