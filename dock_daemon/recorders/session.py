"""A recorder at the other end of a control worker, asked as if its driver were here.

The worker speaks with hostile hardware, so it counts as taken over: each answer must come in
its time, be of the kind that was asked for, and keep to docs/formats/control-wire.md; else
the worker is ended, and every later question is answered with ControlFailedError.
"""

import select
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from dock_daemon.recorders.passwords import Key, PasswordMemory
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
from firmware_bridge.control import spawn, wire
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.control.shapes import broken
from firmware_bridge.errors import (
    ControlFailedError,
    MissingCapabilityError,
    WrongPasswordError,
)

T = TypeVar("T")

_RECEIVE: Final = 1 << 16
_WAKE_MS: Final = 100
# What a recorder needs longer for than for an answer: it reads a whole clip, or lets go of a
# volume. Seconds; they count where they are longer than the configured time.
_LONGER: Final[Mapping[str, float]] = {
    "erase": 300.0,
    "switch-to-storage": 60.0,
    "take-storage-back": 60.0,
}
# The dock's clock may be stepped while it is asked; more than this is not the same clock.
_CLOCK_SLACK_US: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where control workers come from, and the time that one answer of theirs may take."""

    usual: spawn.Connector = spawn.child
    scsi: spawn.Connector = spawn.child
    timeout_s: float = 30.0

    @classmethod
    def at(cls, socket_path: str, scsi_path: str, *, timeout_s: float) -> Self:
        """Return those behind two sockets; where a path is empty, children of this process."""
        return cls(
            usual=spawn.at(Path(socket_path)) if socket_path else spawn.child,
            scsi=spawn.at(Path(scsi_path)) if scsi_path else spawn.child,
            timeout_s=timeout_s,
        )


class Session:
    """A Driver: one recorder over one worker. Close it, or use it as a context manager."""

    def __init__(
        self,
        request: wire.Open,
        *,
        workers: Workers,
        stop: threading.Event,
        memory: PasswordMemory | None = None,
        clock: HostClock | None = None,
    ) -> None:
        self.name = request.driver
        self._request = request
        self._workers = workers
        self._stop = stop
        self._memory = memory
        self._clock = clock or RealClock()
        self._line: _Line | None = None
        self._capabilities: frozenset[Capability] = frozenset()

    def open(self) -> Self:
        """Start a worker and let it open the channel; return the session.

        Raises ChannelNotOpenedError, ControlFailedError, or what the driver says at once.
        """
        scsi = self._request.channel.kind == "scsi"
        worker = (self._workers.scsi if scsi else self._workers.usual)()
        self._line = _Line(worker, self._stop, self._password_tries())
        salt = bytes(wire.SALT_BYTES)
        if self._memory is not None and self._request.password:
            salt = self._memory.salt()
        try:
            self._learn(self._ask(replace(self._request, salt=salt), wire.Opened))
        except BaseException:
            self.close()
            raise
        return self

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this model can do, as far as its driver knows by now."""
        return self._capabilities

    def identity(self) -> Identity:
        """Return who it is. A driver may know only then what its recorder can do."""
        found = self._ask(wire.Question("identity"), Identity)
        self._learn(self._ask(wire.Question("capabilities"), wire.Opened))
        return found

    def holder(self) -> Holder:
        """Return whom it names as its holder."""
        return self._ask(wire.Question("holder"), Holder)

    def write_holder(self, holder: Holder) -> None:
        """Let it name another holder."""
        self._ask(wire.WriteHolder(holder), wire.Done)

    def battery(self) -> Battery:
        """Return how full its battery is."""
        return self._ask(wire.Question("battery"), Battery)

    def read_clock(self) -> ClockExchange:
        """Ask for the time, once."""
        watch = _Watch(self._clock)
        exchange = self._ask(wire.Question("read-clock"), ClockExchange)
        self._hold(watch, exchange)
        return exchange

    def set_clock(self) -> ClockSetting:
        """Tell it the dock's time."""
        watch = _Watch(self._clock)
        setting = self._ask(wire.Question("set-clock"), ClockSetting)
        self._hold(watch, setting)
        if setting.echo is not None:
            self._hold(watch, setting.echo)
        return setting

    def storage(self) -> Storage:
        """Return the room that it has."""
        return self._ask(wire.Question("storage"), Storage)

    def faults(self) -> tuple[Fault, ...]:
        """Return what it says is wrong with it."""
        return self._ask(wire.Question("faults"), wire.Faults).faults

    def switch_to_storage(self) -> None:
        """Let it show its storage as a disk."""
        self._ask(wire.Question("switch-to-storage"), wire.Done)

    def take_storage_back(self) -> None:
        """Let it have its storage for itself again."""
        self._ask(wire.Question("take-storage-back"), wire.Done)

    def journal(self, first: int) -> JournalPiece:
        """Return a piece of its journal from record `first` on."""
        return self._ask(wire.AskJournal(first), JournalPiece)

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Let it erase one clip that it finds to have this content."""
        self._ask(wire.Erase(path=path, sha256=sha256, size=size), wire.Done)

    def reset(self) -> None:
        """Let it start again."""
        self._ask(wire.Question("reset"), wire.Done)

    def close(self) -> None:
        """End the worker. May be called twice."""
        if self._line is not None:
            self._line.end()
            self._line = None

    def __enter__(self) -> Self:
        return self if self._line is not None else self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _learn(self, opened: wire.Opened) -> None:
        if opened.name != self._request.driver:
            self.close()
            raise broken("another driver than was asked for")
        self._capabilities = opened.capabilities

    def _ask(self, request: wire.Request, wanted: type[T]) -> T:
        """Return the answer of the kind that was asked for, or raise what the worker told.

        A worker that breaks its protocol or its time is ended before ControlFailedError.
        """
        if self._line is None:
            raise ControlFailedError("it has ended")
        within_s = max(self._workers.timeout_s, _LONGER.get(_name(request), 0.0))
        try:
            answer = self._line.ask(request, within_s=within_s)
            if isinstance(answer, wire.Failed):
                raise answer.error
            if not isinstance(answer, wanted):
                raise broken("an answer to something else")
        except MissingCapabilityError as error:
            self._capabilities -= {one for one in Capability if one == error.capability}
            raise
        except ControlFailedError:
            self.close()
            raise
        return answer

    def _hold(self, watch: "_Watch", exchange: ClockExchange | ClockSetting) -> None:
        """End the worker over an exchange that can't be the one just made."""
        if not watch.allows(exchange.sent_us, exchange.round_trip_us):
            self.close()
            raise broken("an exchange at another time than it was asked for")

    def _password_tries(self) -> "_Tries":
        key = Key(self._request.password, self._request.channel.serial)
        return _Tries(self._memory, key)


class _Tries:
    """What a worker may try of its password, and how that ended."""

    def __init__(self, memory: PasswordMemory | None, key: Key) -> None:
        self._memory = memory
        self._key = key
        self._open = False
        self._used = False

    def may_try(self, digest: bytes) -> bool:
        """Return whether it may, once in a session."""
        if self._memory is None or self._used or not self._key.password:
            return False
        self._used = True
        self._open = self._memory.may_try(self._key, digest)
        return self._open

    def settle(self, *, accepted: bool | None) -> None:
        """Note how a try ended that is still open."""
        if self._open and self._memory is not None:
            self._open = False
            self._memory.settle(self._key, accepted=accepted)


class _Line:
    """The socket to a worker: one request, one answer, within a time."""

    def __init__(self, worker: spawn.Worker, stop: threading.Event, tries: _Tries) -> None:
        self._worker = worker
        self._stop = stop
        self._tries = tries
        self._buffer = bytearray()
        worker.link.settimeout(0)

    def ask(self, request: wire.Request, *, within_s: float) -> wire.Answer:
        """Return what the worker answers; raise ControlFailedError when it does not."""
        until = time.monotonic() + within_s
        accepted: bool | None = None
        try:
            self._send(wire.encode(request), until)
            answer = self._answer(until)
            accepted = _judged(answer)
        finally:
            # Whatever became of the request, a try is over with it.
            self._tries.settle(accepted=accepted)
        if self._buffer:
            raise broken("more than one answer")
        return answer

    def end(self) -> None:
        """End the worker."""
        self._worker.end()

    def _answer(self, until: float) -> wire.Answer:
        while True:
            match self._next(until):
                case wire.Trying(digest):
                    granted = self._tries.may_try(digest)
                    self._send(wire.encode(wire.MayTry(granted)), until)
                case wire.PasswordRefused():
                    self._tries.settle(accepted=False)
                case answer:
                    return answer

    def _next(self, until: float) -> wire.Answering:
        while (payload := wire.next_frame(self._buffer)) is None:
            self._wait(select.POLLIN, until)
            try:
                data = self._worker.link.recv(_RECEIVE)
            except OSError as error:
                raise ControlFailedError(f"it hung up: {error.strerror}") from error
            if not data:
                raise ControlFailedError("it ended before it answered")
            self._buffer += data
        return wire.read_answer(payload)

    def _send(self, data: bytes, until: float) -> None:
        while data:
            self._wait(select.POLLOUT, until)
            try:
                data = data[self._worker.link.send(data) :]
            except OSError as error:
                raise ControlFailedError(f"it hung up: {error.strerror}") from error

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._worker.link, event)
        while True:
            if self._stop.is_set():
                raise ControlFailedError("stopped on request")
            if time.monotonic() > until:
                raise ControlFailedError("it did not answer in time")
            if poll.poll(_WAKE_MS):
                return


class _Watch:
    """Our own view of an exchange, which the worker's must fit into."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock
        self._wall_us = clock.utc_us()
        self._began_us = clock.monotonic_us()

    def allows(self, sent_us: int, round_trip_us: int) -> bool:
        """Return whether these can be the times of what was just asked, in microseconds."""
        took_us = self._clock.monotonic_us() - self._began_us
        late_us = sent_us - self._wall_us
        at_once = -_CLOCK_SLACK_US <= late_us <= took_us + _CLOCK_SLACK_US
        return round_trip_us <= took_us and at_once


def _judged(answer: wire.Answer) -> bool | None:
    """Return whether an answer shows that a password was taken, refused, or neither."""
    match answer:
        case wire.Failed(WrongPasswordError()):
            return False
        case wire.Failed():
            return None
        case _:
            return True


def _name(request: wire.Request) -> str:
    match request:
        case wire.Question(name):
            return name
        case wire.Erase():
            return "erase"
        case _:
            return ""
