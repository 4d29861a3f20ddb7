"""The control worker: one recorder, one driver, one question at a time.

One process per recorder that is spoken with, on the socket that is its descriptor 0:
systemd starts it for a connection (systemd/sealdock-control@.service), or the core spawns
it. A recorder is hostile, so the worker gives up what it can before it opens the channel,
and it holds nothing worth having but the one password that the recorder asks for.
"""

import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import Final

from firmware_bridge import confinement
from firmware_bridge.capabilities import Driver, HostClock, PasswordSource
from firmware_bridge.control import wire
from firmware_bridge.control.drivers import open_driver
from firmware_bridge.control.host_clock import RealClock
from firmware_bridge.control.passwords import OncePassword
from firmware_bridge.errors import BadAnswerError, ControlFailedError, RecorderError

MEMORY_BYTES: Final = 512 << 20
CPU_S: Final = 300
DESCRIPTORS: Final = 32
# The wall-clock bound of one request. The core's own is shorter, and hangs up.
REQUEST_S: Final = 600
CLOSE_S: Final = 0.5
_RECEIVE: Final = 1 << 16


class HungUpError(Exception):
    """The core has hung up: the one regular end of a worker."""


class Conversation:
    """The core at the other end of the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = bytearray()

    def request(self) -> wire.Request:
        """Wait for what the core wants next; raise HungUpError when it wants nothing more."""
        while (payload := wire.next_frame(self._buffer)) is None:
            try:
                data = self._link.recv(_RECEIVE)
            except OSError:
                raise HungUpError from None
            if not data:
                raise HungUpError
            self._buffer += data
        return wire.read_request(payload)

    def say(self, answer: wire.Answering) -> None:
        """Send one frame."""
        try:
            self._link.sendall(wire.encode(answer))
        except OSError:
            raise HungUpError from None

    def may_try(self, digest: bytes) -> bool:
        """Ask whether the password of this digest may be tried."""
        self.say(wire.Trying(digest))
        match self.request():
            case wire.MayTry(granted):
                return granted
            case _:
                raise ControlFailedError("protocol: no answer to a question")

    def refused(self) -> None:
        """Tell at once that the recorder refused it: nothing later may hide that."""
        self.say(wire.PasswordRefused())


def serve(
    link: socket.socket,
    clock: HostClock,
    *,
    open_with: Callable[..., Driver] = open_driver,
    begin: Callable[[], None] = lambda: None,
    end: Callable[[], None] = lambda: None,
) -> None:
    """Answer the requests that come over `link` until the core hangs up.

    `begin` is called as each request has come, `end` before the channel is closed. What fails
    is told, not raised.
    """
    core = Conversation(link)
    driver: Driver | None = None
    try:
        driver = _opened(core, clock, open_with, begin)
        while driver is not None:
            request = core.request()
            begin()
            core.say(_answer(driver, request))
    except HungUpError:
        return
    except Exception as error:  # noqa: BLE001  the process boundary: a bug becomes a sentence
        _last_word(core, _as_error(error))
    finally:
        if driver is not None:
            end()
            driver.close()


def _opened(
    core: Conversation,
    clock: HostClock,
    open_with: Callable[..., Driver],
    begin: Callable[[], None],
) -> Driver | None:
    request = core.request()
    begin()
    if not isinstance(request, wire.Open):
        raise ControlFailedError("protocol: the first frame opens nothing")
    password: PasswordSource = OncePassword(request.password, request.passwords, request.salt, core)
    try:
        driver = open_with(request, clock=clock, password=password)
    except RecorderError as error:
        core.say(wire.Failed(error))
        return None
    core.say(wire.Opened(name=driver.name, capabilities=driver.capabilities))
    return driver


def _answer(driver: Driver, request: wire.Request) -> wire.Answer:
    """Return what the recorder says; what does not fit the wire is no answer of a recorder."""
    try:
        answer = _ask(driver, request)
    except HungUpError:
        raise
    except RecorderError as error:
        return wire.Failed(error)
    except Exception as error:  # noqa: BLE001  a bug in a driver fails what was asked, not all
        return wire.Failed(_as_error(error))
    try:
        wire.read_answer(wire.encode(answer)[4:])
    except ControlFailedError as error:
        return wire.Failed(BadAnswerError(command=_name(request), reason=error.reason))
    return answer


def _ask(  # noqa: PLR0911  one return per kind of request
    driver: Driver, request: wire.Request
) -> wire.Answer:
    match request:
        case wire.Question("identity"):
            return driver.identity()
        case wire.Question("capabilities"):
            return wire.Opened(name=driver.name, capabilities=driver.capabilities)
        case wire.Question("holder"):
            return driver.holder()
        case wire.Question("battery"):
            return driver.battery()
        case wire.Question("read-clock"):
            return driver.read_clock()
        case wire.Question("set-clock"):
            return driver.set_clock()
        case wire.Question("storage"):
            return driver.storage()
        case wire.Question("faults"):
            return wire.Faults(driver.faults())
        case wire.AskJournal(first):
            return driver.journal(first)
        case _:
            _do(driver, request)
            return wire.Done()


def _do(driver: Driver, request: wire.Request) -> None:
    match request:
        case wire.WriteHolder(holder):
            driver.write_holder(holder)
        case wire.Erase(path=path, sha256=sha256, size=size):
            driver.erase(path, sha256, size)
        case wire.Question("switch-to-storage"):
            driver.switch_to_storage()
        case wire.Question("take-storage-back"):
            driver.take_storage_back()
        case wire.Question("reset"):
            driver.reset()
        case _:
            raise ControlFailedError("protocol: asked out of turn")


def _name(request: wire.Request) -> str:
    match request:
        case wire.Question(name):
            return name
        case _:
            return type(request).__name__.lower()


def _as_error(error: Exception) -> RecorderError:
    """Return what the core is told of an exception: never its text, which may quote secrets."""
    if isinstance(error, RecorderError):
        return error
    return ControlFailedError(f"{type(error).__name__} in the worker")


def _last_word(core: Conversation, error: RecorderError) -> None:
    try:
        core.say(wire.Failed(error))
    except HungUpError:
        return


def confine() -> None:
    """Give up what a worker never needs. Called before a hostile byte is read."""
    confinement.bound(
        {
            resource.RLIMIT_AS: MEMORY_BYTES,
            resource.RLIMIT_CPU: CPU_S,
            resource.RLIMIT_NOFILE: DESCRIPTORS,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
        }
    )
    confinement.gain_nothing()
    os.umask(0o777)


def main() -> None:
    """Serve the socket on descriptor 0, then leave."""
    confine()
    with socket.socket(fileno=os.dup(0)) as link:
        serve(link, RealClock(), begin=_limit, end=_let_go)


def _limit() -> None:
    """Bound the request that begins: SIGALRM ends the process, and the core sees that."""
    signal.alarm(REQUEST_S)


def _let_go() -> None:
    """Keep the kernel from holding the close of a serial port that nobody reads from.

    It waits half a minute (`closing_wait`) for what was sent to leave, and no flush takes that
    back from a USB port. A signal ends the wait; the port is closed all the same.
    """
    signal.signal(signal.SIGALRM, lambda _signal, _frame: None)
    signal.setitimer(signal.ITIMER_REAL, CLOSE_S, CLOSE_S)


if __name__ == "__main__":
    main()
