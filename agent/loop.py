"""The companion's one loop: the line to the dock, the kernel's log, the clips, the clock.

One thread waits for descriptors and due times. What a part can't do is said, remembered as a
fault, and tried again; the journal goes on whatever the line does.
"""

import logging
import selectors
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from agent import answers, cable, notify
from agent.answers import Recorder
from agent.errors import AgentError, LineNotOpenedError, StateUnusableError
from agent.faults import KernelLog, open_kernel_log
from agent.line import Line, LineLostError, Lines
from agent.server import Server
from agent.signals import Signals
from agent.timers import Timers
from firmware_bridge.wire import companion
from firmware_bridge.wire.smp import Message

SIGNAL: Final = "signal"
RESET: Final = "reset"
JOURNAL: Final = "journal"

_REOPEN_S: Final = 1.0
_LOOK_S: Final = 1.0  # at the cable, while the volume is out
_CLIPS_S: Final = 5.0
_AGAIN_S: Final = 30.0  # with a new start, once the journal could not be written
_FEED_S: Final = 20.0  # the watchdog

_log: Final = logging.getLogger(__name__)


class _Descriptor(Protocol):
    """Something to wait for."""

    def fileno(self) -> int:
        """Return its descriptor."""


class Loop:
    """Serves until it is told to stop, or to start again."""

    def __init__(self, recorder: Recorder, lines: Lines) -> None:
        self._recorder = recorder
        self._lines = lines
        self._selector = selectors.DefaultSelector()
        self._timers = Timers(time.monotonic)
        self._line: Line | None = None
        self._server = Server(self._answer)
        self._waiting = b""  # said, and not yet taken by the line
        self._stop = ""
        self._out_since_s: float | None = None  # of the cable
        self._watching: int | None = None
        self._reason = "start"

    def run(self, ready: Callable[[], None]) -> str:
        """Serve; return why it ended: SIGNAL, RESET if the host wants a new start, or JOURNAL."""
        with Signals() as signals:
            self._watch(signals, lambda: self._end(SIGNAL) if signals.drain() else None)
            self._begin()
            ready()
            try:
                while not self._stop:
                    self._turn()
            finally:
                if self._line is not None:
                    self._lines.keep(self._line)
                self._selector.close()
        return self._stop

    def _begin(self) -> None:
        recorder = self._recorder
        told = recorder.settings.faults.kernel_log
        log = open_kernel_log(told, recorder.known, recorder.troubles, recorder.now_ms())
        if log is not None:
            self._watch(log, lambda: self._drain(log))
        self._timers.every(recorder.settings.journal.alive_s, self._alive)
        if notify.is_heard():
            self._timers.every(_FEED_S, lambda: notify.tell("WATCHDOG=1"))
        self._timers.every(_CLIPS_S, self._look_for_clips)
        self._look_for_clips()
        self._mind_cable()
        self._reopen()

    def _turn(self) -> None:
        """Wait once; do what is there to be done, and of the clips one small piece."""
        self._mind_watch()
        for key, _events in self._selector.select(self._wait_s()):
            key.data()
        self._timers.fire()
        if self._recorder.watch.wait_s() == 0.0:
            self._do("journal-failed", self._recorder.watch.step)
        if self._recorder.restart and not self._waiting:
            self._end(RESET)

    def _end(self, why: str) -> None:
        self._stop = why

    def _watch(self, what: _Descriptor, act: Callable[[], None]) -> None:
        self._selector.register(what, selectors.EVENT_READ, act)

    # -- the line -----------------------------------------------------------------------

    def _reopen(self) -> None:
        """Open the line, now or later: without it the journal goes on."""
        try:
            self._line = self._lines.open()
        except LineNotOpenedError as error:
            if not self._timers.has(self._reopen):
                _log.warning("%s", error)
                self._timers.every(_REOPEN_S, self._reopen)
            return
        self._timers.stop(self._reopen)
        # What the last host said in half a sentence, this one does not end.
        self._server, self._waiting = Server(self._answer), b""
        self._watch(self._line, self._serve)

    def _serve(self) -> None:
        """Read and answer; or send on what the line would not take at once."""
        line = self._line
        if line is None:
            return
        try:
            if not self._waiting:
                self._waiting = self._server.take(line.read())
                self._mind_cable()
            self._waiting = self._waiting[line.write(self._waiting) :] if self._waiting else b""
        except LineLostError as error:
            _log.info("the host hung up: %s", error)
            self._lose_line()
            self._timers.every(_REOPEN_S, self._reopen)
            return
        # Who does not listen is not listened to: what we keep for him stays bounded.
        wanted = selectors.EVENT_WRITE if self._waiting else selectors.EVENT_READ
        self._selector.modify(line, wanted, self._serve)

    def _lose_line(self) -> None:
        if self._line is not None:
            self._selector.unregister(self._line)
            self._line.close()
            self._line = None
            self._waiting = b""

    def _answer(self, question: Message) -> Message | None:
        try:
            return answers.answer(self._recorder, question)
        except Exception:  # noqa: BLE001  a bug: what a host sends ends nothing but its own question
            _log.exception("group %d, command %d", question.group, question.command)
            self._remember("companion-failed", "see the log")
            return companion.refuse(question, companion.Rc.UNKNOWN)

    # -- the clips -----------------------------------------------------------------------

    def _wait_s(self) -> float | None:
        waits = [self._timers.wait_s(), self._recorder.watch.wait_s()]
        return min((each for each in waits if each is not None), default=None)

    def _mind_watch(self) -> None:
        """Wait for the descriptor that the watch has now: a new one may have the old number."""
        watch = self._recorder.watch
        if self._watching is not None:
            self._selector.unregister(self._watching)
        self._watching = watch.fileno() if watch.watches else None
        if watch.watches:
            self._watch(watch, lambda: self._do("journal-failed", watch.read))

    def _look_for_clips(self) -> None:
        """Go through the clips once their folder is there; let go of it when it went away."""
        recorder = self._recorder
        there = recorder.has_clips()
        if there and not recorder.watch.watches:
            recorder.known.forget("clip-unread")
            self._do("journal-failed", lambda: recorder.watch.resume(self._reason))
            self._reason = "returned"
        elif recorder.watch.watches and not there:
            recorder.watch.suspend()

    # -- the kernel's log ----------------------------------------------------------------

    def _drain(self, log: KernelLog) -> None:
        if not log.drain(self._recorder.troubles):
            self._selector.unregister(log)
            log.close()

    # -- what falls due ------------------------------------------------------------------

    def _alive(self) -> None:
        self._do("journal-failed", lambda: self._recorder.journal.append("alive", {}))

    def _have_back(self) -> None:
        self._recorder.take_back()
        self._recorder.known.forget("volume-busy")

    def _again(self) -> None:
        """Start again: opening the journal looks at what the disk really holds."""
        self._end(JOURNAL)

    def _mind_cable(self) -> None:
        """Look at the cable while the volume is out, and only then."""
        if not self._recorder.is_out():
            self._timers.stop(self._look_at_cable)
            self._out_since_s = None
        elif not self._timers.has(self._look_at_cable):
            self._timers.every(_LOOK_S, self._look_at_cable)

    def _look_at_cable(self) -> None:
        """Have the volume back once the cable has been out for so long."""
        recorder = self._recorder
        now_s = time.monotonic()
        if not recorder.is_shown():  # half-way back, as a mount that failed leaves it
            self._do("volume-busy", self._have_back)
        elif cable.is_in(Path(recorder.settings.export.controllers)) is not False:
            self._out_since_s = None
        elif self._out_since_s is None:
            self._out_since_s = now_s
        elif now_s - self._out_since_s >= recorder.settings.export.back_after_s:
            self._do("volume-busy", self._have_back)
        self._mind_cable()

    def _do(self, code: str, act: Callable[[], object]) -> None:
        """Do something that may fail; then it is a fault, and comes again at its time.

        Where the journal can't be written, or a part broke, all begins anew a little later.
        """
        try:
            act()
        except StateUnusableError as error:
            _log.warning("%s", error)
            self._remember(code, str(error))
            self._start_again()
        except AgentError as error:
            _log.warning("%s", error)
            self._remember(code, str(error))
        except Exception:  # noqa: BLE001  a bug in one part: the others go on, all begins anew
            _log.exception("%s", code)
            self._remember("companion-failed", "see the log")
            self._start_again()

    def _remember(self, code: str, detail: str) -> None:
        self._recorder.known.remember(code, detail, self._recorder.now_ms())

    def _start_again(self) -> None:
        if not self._timers.has(self._again):
            self._timers.every(_AGAIN_S, self._again)
