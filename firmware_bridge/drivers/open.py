"""The open recorder: a companion program, or any SMP server, at the end of a serial line.

docs/formats/smp.md. What it can do it tells itself, all at once with its identity, or one by one
as it calls a command unsupported. A server without the companion's group still has a
clock that can be compared and set.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Fault,
    Holder,
    HostClock,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.drivers.smp_client import Answered, Ask, Patience, SmpClient
from firmware_bridge.errors import (
    BadAnswerError,
    MissingCapabilityError,
    NotThisRecorderError,
    RecorderBusyError,
    RecorderError,
    RefusedError,
    TextTooLongError,
    UnwritableTextError,
    WireError,
)
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.wire import companion, smp, smp_os
from firmware_bridge.wire.cbor import Map
from firmware_bridge.wire.holder_text import unset
from firmware_bridge.wire.members import is_plain

T = TypeVar("T")

# Section 6.2: what takes no work, what unmounts a volume, and what reads a whole clip first.
_SOON: Final = Patience(within_ms=1_000, attempts=3)
_LATER: Final = Patience(within_ms=20_000, attempts=2)
_MUCH_LATER: Final = Patience(within_ms=120_000, attempts=2)
# Asked once: a recorder that has started again knows nothing of the question before.
_ONCE: Final = Patience(within_ms=3_000, attempts=1)
LONGEST_MS: Final = _MUCH_LATER.within_ms * _MUCH_LATER.attempts
"""No method takes longer, whatever the recorder does."""

# What a server's account of itself is cut to, as the longest that others of ours hold.
_MOST_FIRMWARE: Final = 128

_SERVER: Final = frozenset(
    {Capability.IDENTITY, Capability.READ_CLOCK, Capability.SET_CLOCK, Capability.RESET}
)
_COMPANION: Final = frozenset(
    {
        Capability.HOLDER,
        Capability.WRITE_HOLDER,
        Capability.BATTERY,
        Capability.STORAGE,
        Capability.FAULTS,
        Capability.SWITCH_TO_STORAGE,
        Capability.JOURNAL,
        Capability.ERASE,
    }
)
_WORDS: Final = {str(capability): capability for capability in _SERVER | _COMPANION}


def _os(command: smp_os.Command, op: smp.Op, patience: Patience = _SOON) -> Ask:
    name = command.name.lower().replace("_", "-")
    return Ask(name=name, op=op, group=smp_os.GROUP, command=command, patience=patience)


def _own(command: companion.Command, op: smp.Op, patience: Patience = _SOON) -> Ask:
    name = command.name.lower().replace("_", "-")
    return Ask(name=name, op=op, group=companion.GROUP, command=command, patience=patience)


_ECHO: Final = _os(smp_os.Command.ECHO, smp.Op.WRITE)
_APP_INFO: Final = _os(smp_os.Command.APP_INFO, smp.Op.READ)
_READ_CLOCK: Final = _os(smp_os.Command.DATETIME, smp.Op.READ)
_SET_CLOCK: Final = _os(smp_os.Command.DATETIME, smp.Op.WRITE)
_RESET: Final = _os(smp_os.Command.RESET, smp.Op.WRITE, _ONCE)
_IDENTITY: Final = _own(companion.Command.IDENTITY, smp.Op.READ)
_HOLDER: Final = _own(companion.Command.HOLDER, smp.Op.READ)
_WRITE_HOLDER: Final = _own(companion.Command.HOLDER, smp.Op.WRITE)
_BATTERY: Final = _own(companion.Command.BATTERY, smp.Op.READ)
_STORAGE: Final = _own(companion.Command.STORAGE, smp.Op.READ)
_FAULTS: Final = _own(companion.Command.FAULTS, smp.Op.READ)
_JOURNAL: Final = _own(companion.Command.JOURNAL, smp.Op.READ)
_ERASE: Final = _own(companion.Command.ERASE, smp.Op.WRITE, _MUCH_LATER)
_STORAGE_MODE: Final = _own(companion.Command.STORAGE_MODE, smp.Op.WRITE, _LATER)


class OpenDriver:
    """One open recorder. As Driver has it: every method but `close` raises RecorderErrors only."""

    name = "open"

    def __init__(self, link: ByteLink, clock: HostClock) -> None:
        self._link = link
        self._clock = clock
        self._client = SmpClient(link, clock)
        self._capabilities = _SERVER | _COMPANION
        # The step in which it last told its time; until then nothing better is known.
        self._resolution_us = 1

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this recorder can do, as far as it has said; more than that before it is asked."""
        return self._capabilities

    def identity(self) -> Identity:
        """Return who it is; NotThisRecorderError if what answers is no SMP server."""
        self._probe()
        answer = self._client.ask(_IDENTITY, {})
        if answer.refusal is not None and _unsupported(answer.refusal):
            return self._identity_of_a_server()
        identity = self._read(_IDENTITY, Capability.IDENTITY, answer, companion.Identity.parse)
        if identity.can is not None:
            told = {_WORDS[word] for word in identity.can if word in _WORDS}
            self._capabilities = frozenset(told | {Capability.IDENTITY})
        return Identity(
            number="" if unset(identity.number) else identity.number,
            model=identity.model,
            firmware=identity.firmware,
            vkey=identity.vkey,
            raw=answer.message.payload,
        )

    def holder(self) -> Holder:
        """Return whom it names as its holder."""
        answer = self._ask(Capability.HOLDER, _HOLDER)
        holder = self._read(_HOLDER, Capability.HOLDER, answer, companion.Holder.parse)
        return Holder(
            user_no=holder.user_no,
            user_name=holder.user_name,
            unit_no=holder.unit_no,
            unit_name=holder.unit_name,
            raw=answer.message.payload,
        )

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder."""
        self._need(Capability.WRITE_HOLDER)
        for field, longest in companion.HOLDER_FIELDS.items():
            _check_writable(field, getattr(holder, field), longest)
        question = companion.Holder(
            user_no=holder.user_no,
            user_name=holder.user_name,
            unit_no=holder.unit_no,
            unit_name=holder.unit_name,
        )
        self._do(Capability.WRITE_HOLDER, _WRITE_HOLDER, question)

    def battery(self) -> Battery:
        """Return how full its battery is."""
        answer = self._ask(Capability.BATTERY, _BATTERY)
        battery = self._read(_BATTERY, Capability.BATTERY, answer, companion.Battery.parse)
        return Battery(
            percent=battery.percent,
            charging=battery.charging,
            health_percent=battery.health,
            cycles=battery.cycles,
        )

    def read_clock(self) -> ClockExchange:
        """Ask for the time; of several questions the one that was answered counts."""
        self._need(Capability.READ_CLOCK)
        answer = self._client.ask_now(_READ_CLOCK, lambda _sent_us: {})
        told = self._read(_READ_CLOCK, Capability.READ_CLOCK, answer, smp_os.DateTime.parse)
        self._resolution_us = told.resolution_us
        return ClockExchange(
            sent_us=answer.sent_us,
            round_trip_us=answer.round_trip_us,
            recorder_us=told.utc_us,
            resolution_us=told.resolution_us,
        )

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time as of the moment at which the question leaves."""
        self._need(Capability.SET_CLOCK)
        answer = self._client.ask_now(_SET_CLOCK, lambda sent_us: smp_os.DateTime(sent_us).build())
        self._read(_SET_CLOCK, Capability.SET_CLOCK, answer, smp_os.Nothing.parse)
        return ClockSetting(
            sent_us=answer.sent_us,
            round_trip_us=answer.round_trip_us,
            resolution_us=self._resolution_us,
        )

    def storage(self) -> Storage:
        """Return the room of its clip volume."""
        answer = self._ask(Capability.STORAGE, _STORAGE)
        storage = self._read(_STORAGE, Capability.STORAGE, answer, companion.Storage.parse)
        return Storage(total_bytes=storage.total, free_bytes=storage.free)

    def faults(self) -> tuple[Fault, ...]:
        """Return what it says is wrong with it."""
        answer = self._ask(Capability.FAULTS, _FAULTS)
        told = self._read(_FAULTS, Capability.FAULTS, answer, companion.Faults.parse)
        return tuple(
            Fault(code=fault.code, detail=fault.detail, at_ms=fault.at_ms) for fault in told.faults
        )

    def switch_to_storage(self) -> None:
        """Let it export its clip volume; a channel that goes with that is no failure."""
        mode = companion.StorageMode(export=True)
        self._do_last(Capability.SWITCH_TO_STORAGE, _STORAGE_MODE, mode)

    def take_storage_back(self) -> None:
        """Let it take its clip volume back; it does so even from a host that holds on to it."""
        mode = companion.StorageMode(export=False)
        self._do(Capability.SWITCH_TO_STORAGE, _STORAGE_MODE, mode)

    def journal(self, first: int) -> JournalPiece:
        """Return the next piece of its journal from record `first` on; never one without end."""
        question = companion.JournalQuestion(first=first)
        answer = self._ask(Capability.JOURNAL, _JOURNAL, question)
        piece = self._read(_JOURNAL, Capability.JOURNAL, answer, companion.JournalAnswer.parse)
        if piece.first != first:
            raise _bad(_JOURNAL, f"record {piece.first} for {first}")
        if piece.next == first < piece.size:
            raise _bad(_JOURNAL, f"no record from {first} on, of {piece.size}")
        return JournalPiece(first=first, next=piece.next, size=piece.size, data=piece.data)

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Let it erase one clip that it finds to have this content; `sha256` is hexadecimal."""
        self._need(Capability.ERASE)
        _check_writable("path", path, companion.MAX_PATH)
        if not companion.stays_inside(path):
            raise UnwritableTextError("path")
        question = companion.Erase(path=path, sha256=bytes.fromhex(sha256), size=size)
        self._do(Capability.ERASE, _ERASE, question)

    def reset(self) -> None:
        """Let it start again; a channel that goes with that is no failure."""
        self._do_last(Capability.RESET, _RESET, smp_os.Nothing())

    def close(self) -> None:
        """Let go of the channel."""
        self._link.close()

    def _probe(self) -> None:
        """Let it say back what nobody has said before, to know that it speaks SMP, and to us."""
        text = f"sealdock {self._clock.monotonic_us()}"
        answer = self._client.ask(_ECHO, smp_os.EchoQuestion(text).build())
        # A server that has no echo has still answered in SMP, under our sequence number.
        if answer.refusal is None and answer.members.get("r") != text:
            raise NotThisRecorderError("its echo says something else")

    def _identity_of_a_server(self) -> Identity:
        """Return what a server without our group says of itself: its program, no number."""
        self._capabilities = self._capabilities & _SERVER
        answer = self._client.ask(_APP_INFO, {})
        if answer.refusal is not None:
            return Identity(number="", raw=answer.message.payload)
        told = self._read(_APP_INFO, Capability.IDENTITY, answer, smp_os.AppInfoAnswer.parse)
        return Identity(
            number="", firmware=told.output[:_MOST_FIRMWARE], raw=answer.message.payload
        )

    def _ask(
        self, capability: Capability, ask: Ask, question: companion.Part | None = None
    ) -> Answered:
        self._need(capability)
        return self._client.ask(ask, {} if question is None else question.build())

    def _do(self, capability: Capability, ask: Ask, question: companion.Part) -> None:
        answer = self._ask(capability, ask, question)
        self._read(ask, capability, answer, smp_os.Nothing.parse)

    def _do_last(self, capability: Capability, ask: Ask, question: companion.Part) -> None:
        self._need(capability)
        answer = self._client.ask_last(ask, question.build())
        if answer is not None:
            self._read(ask, capability, answer, smp_os.Nothing.parse)

    def _need(self, capability: Capability) -> None:
        if capability not in self._capabilities:
            raise MissingCapabilityError(capability.value)

    def _read(
        self, ask: Ask, capability: Capability, answer: Answered, parse: Callable[[Map], T]
    ) -> T:
        """Return the answer's value, or raise what its refusal or its shape is."""
        if answer.refusal is not None:
            if _unsupported(answer.refusal):
                self._capabilities = self._capabilities - {capability}
            raise _refused(ask, capability, answer.refusal)
        try:
            return parse(answer.members)
        except WireError as error:
            raise _bad(ask, error.reason) from None


def _unsupported(refusal: smp.Refusal) -> bool:
    return companion.reason_of(refusal) == companion.Rc.UNSUPPORTED


def _refused(ask: Ask, capability: Capability, refusal: smp.Refusal) -> RecorderError:
    match companion.reason_of(refusal):
        case companion.Rc.UNSUPPORTED:
            return MissingCapabilityError(capability.value)
        case companion.Rc.NOT_NOW:
            return RecorderBusyError(command=ask.name)
        case _:
            return RefusedError(command=ask.name, status=refusal.rc)


def _check_writable(field: str, text: str, longest: int) -> None:
    got = len(text.encode("utf-8", "surrogatepass"))
    if got > longest:
        raise TextTooLongError(field=field, limit=longest, got=got)
    if not is_plain(text):
        raise UnwritableTextError(field)


def _bad(ask: Ask, reason: str) -> BadAnswerError:
    return BadAnswerError(command=ask.name, reason=reason)
